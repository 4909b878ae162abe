/* Rows that were measured before, by what they are of. */
#ifndef SSMBENCH_HISTORY_H
#define SSMBENCH_HISTORY_H

#include "results.h"

enum { HISTORY_NAME = 1024 };

/* Writes "op/variant@backend suite/case" of a row: rows of one name are of one thing. */
void history_name(const json_t *row, char name[HISTORY_NAME]);

/* An object with the latest row of each name, in the order in which the names come. */
json_t *history_index(const json_t *rows);

/* The row of variant `full` on the case in such an object, or NULL. */
json_t *history_find(const json_t *index, const char *full, const struct test_case *item);

#endif
