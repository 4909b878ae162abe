/* A campaign: every matching variant on every matching case, checked and, for `bench`, timed. */
#ifndef SSMBENCH_CAMPAIGN_H
#define SSMBENCH_CAMPAIGN_H

#include "backend.h"
#include "cases.h"
#include "registry.h"

struct campaign_options {
    char *const *suites;             /* names or paths, NULL-terminated; without any: `quick` */
    const char *op, *variant, *item; /* POSIX extended regular expressions, or NULL for all */
    const char *backends;            /* comma-separated, or NULL for all that can run */
    const char *out;                 /* rows are appended here, or NULL */
    const char *junit;               /* a file for what build servers read, or NULL */
    bool bench;                      /* time what is correct */
    bool fail_fast;                  /* end after the first row that fails */
    bool resume;                     /* rows that `out` has already are not done again */
    bool in_process;                 /* rows run in this process, for debuggers */
    bool dry_run;                    /* list what would be done, and do nothing */
    int shard, shards;               /* the first of `shards` parts is 1; 0, 0: all rows */
    double timeout_s;                /* of a row; 0: by its work */
    double budget_s; /* leave out and name what does not fit in this time or in memory; 0: no */
};

/* Reads the cases of the suites; false with a sentence. */
bool campaign_cases(char *const *suites, struct case_list *list, struct message *message);

/* Runs it and returns the exit status of the process. */
int campaign_run(const struct campaign_options *options);

#endif
