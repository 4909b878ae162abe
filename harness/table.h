/* Tables generated from result rows, and from nothing else. */
#ifndef SSMBENCH_TABLE_H
#define SSMBENCH_TABLE_H

#include "grid.h"

/* Prints table `kind` (a word of `ssmbench table --help`) of the NULL-terminated files and returns
 * the exit status. Where a row of the same machine, case, variant and backend stands twice, the
 * later one counts. Rows whose variant's sources have changed since are marked. */
int table_print(const char *kind, char *const *files, enum grid_format format);

/* Prints a line for every row that counts and whose variant's sources have changed since; returns
 * the exit status, which stale rows do not change. */
int table_stale(char *const *files);

#endif
