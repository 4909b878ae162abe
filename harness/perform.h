/* The rows of a campaign, in the process that may be lost with them. */
#ifndef SSMBENCH_PERFORM_H
#define SSMBENCH_PERFORM_H

#include "campaign.h"
#include "filter.h"
#include "forecast.h"
#include "junit.h"
#include "results.h"
#include "supervise.h"
#include <assert.h>

/* What is known of one variant's pace, to foresee what a budget leaves room for. */
struct pace {
    double s_per_flop; /* of the latest run; 0 before the first */
};

struct row {
    const struct test_case *item;
    const struct entry *entry;
    const struct backend *backend;
};

/* What the process that does a row tells of it. */
struct report {
    enum status status;
    bool lacks_memory, write_failed, compared;
    double difference, run_s, s_per_flop, prepare_s, spent_s, timing_s; /* 0 where there are none */
    int detail;                  /* where in the line it begins */
    char line[REPORT_SIZE - 80]; /* that is printed */
};
static_assert(sizeof(struct report) <= REPORT_SIZE, "a report fits");

struct campaign {
    const struct campaign_options *options;
    struct filter filter;
    struct case_list cases;
    struct results results;
    struct junit junit;
    json_t *machine[MAX_BACKENDS];
    struct pace *pace; /* one an entry of ENTRIES */
    struct prepared prepared;
    bool is_prepared;
    struct row *row;
    struct forecast forecast;                          /* of `row` */
    double begin_s, start_s, row_start_s, row_limit_s; /* begin: of the command, start: of rows */
    double spent_s, timing_s;                          /* of all rows, on what they ask for */
    int count[STATUS_COUNT], rows, rows_all, verified_only;
    int kept;          /* of `rows`: those that the file had before */
    double difference; /* the largest between two backends of a variant */
    bool compared;
    bool lacks_memory, write_failed, lost_at_end;
};

/* The rows from `first` on: supervise()'s `work`, with a struct campaign as context. */
enum child_end perform_rows(void *context, int first);

/* Longest sampling of a row, in seconds; 0: it is not timed. */
double perform_limit_s(const struct campaign *c, const struct row *row);

/* What rows say of the machine on that backend. */
const json_t *perform_machine(const struct campaign *c, const struct backend *backend);

/* Writes the row of an outcome to the file, and what the parent has to know to `report`. */
void perform_tell(struct campaign *c, const struct row *row, const struct outcome *outcome,
                  struct report *report);

/* Whether no row is to follow one of that status. */
bool perform_last(const struct campaign *c, enum status status, bool write_failed);

#endif
