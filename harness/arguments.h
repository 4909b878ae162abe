/* The options of all verbs. */
#ifndef SSMBENCH_ARGUMENTS_H
#define SSMBENCH_ARGUMENTS_H

#include "campaign.h"
#include "grid.h"
#include <argp.h>

enum { MAX_ARGUMENTS = 256 };

/* What the options of all verbs are kept in; a verb names those it takes. */
struct arguments {
    struct campaign_options campaign;
    enum grid_format format;
    const char *tensors, *keys; /* of run */
    const char *check;          /* of choices: the file to be held against rows */
    bool json, slug;
    const char *tool; /* that profiles: see profile.h */
    int64_t launches;
    int rounds, trials;            /* of compare and selftest-aa */
    double within;                 /* of merge: a share of the time; 0: not given */
    char *word[MAX_ARGUMENTS + 1]; /* NULL-terminated */
    int words;
};

/* Those that each kind of verb takes. */
extern const struct argp_option CAMPAIGN_OPTIONS[], COMPARE_OPTIONS[], SELFTEST_OPTIONS[],
    MERGE_OPTIONS[], EXPORT_OPTIONS[], RUN_OPTIONS[], PROFILE_OPTIONS[], TABLE_OPTIONS[],
    CHOICES_OPTIONS[], LIST_OPTIONS[], INFO_OPTIONS[], NO_OPTIONS[];

/* The parser of all of them: its input is a struct arguments. */
error_t arguments_parse(int key, char *text, struct argp_state *state);

#endif
