/* Results: one JSON object a line, appended and synced as soon as it is known. docs/measuring.md
 * defines the fields. */
#ifndef SSMBENCH_RESULTS_H
#define SSMBENCH_RESULTS_H

#include "trial.h"
#include <jansson.h>

enum { SCHEMA = 1 };

struct results {
    const char *path;
    int file; /* -1: rows are not kept */
};

/* Opens `path` for appending, making its folders. NULL keeps nothing. */
bool results_open(struct results *results, const char *path, struct message *message);

/* Appends the row in one write and waits until it is on the disk. */
bool results_append(struct results *results, const json_t *row, struct message *message);

/* The file beside `path` that has the samples of its rows: .samples in the place of .jsonl. */
void results_samples_path(const char *path, char *samples, size_t size);

/* Appends the samples of a row to the file beside. */
bool results_append_samples(const struct results *results, const json_t *row,
                            const struct timing *timing, struct message *message);

void results_close(struct results *results);

/* What all rows of one backend in one run share: machine, build and, when they are to be
 * `measured` and can be, roofs. */
json_t *results_machine(const struct backend *backend, bool measured);

/* The row of an outcome. `verb` is the word of the command that repeats it. */
json_t *results_row(const char *verb, const struct test_case *item, const struct entry *entry,
                    const json_t *machine, const struct outcome *outcome);

/* The `time` of a row, and all samples with their clocks in a line of the file beside. */
json_t *results_time(const struct timing *timing);
void results_samples(json_t *line, const struct timing *timing);

/* A number, or null when it is not finite; and a member with one, unless that is 0 or less. */
json_t *results_json(double value);
void results_set_known(json_t *object, const char *key, double value);

/* Sets the compulsory work of a case in its row. */
void results_cost(json_t *row, const struct test_case *item);

/* The keys of a case as an object: what distinguishes its rows. */
json_t *results_keys(const struct test_case *item);

/* Appends the rows of the files, in order, to an array. A last line that was cut off is left out
 * with a warning; anything else that is not a row is refused with file and line. */
bool results_read(json_t *rows, const char *path, struct message *message);

/* A member at a dotted path ("time.median_ms"); NULL when it is not there. */
json_t *results_get(const json_t *row, const char *path);
const char *results_text(const json_t *row, const char *path); /* "" when absent */
double results_number(const json_t *row, const char *path);    /* NaN when absent */

/* True when the members at all of the NULL-terminated paths are equal, or absent in both. */
bool results_same(const json_t *a, const json_t *b, const char *const path[]);

/* True when the variant of this row has no sources any more, or other ones. */
bool results_stale(const json_t *row);

#endif
