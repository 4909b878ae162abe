/* Rows of two files against each other. */
#ifndef SSMBENCH_COMPARE_FILES_H
#define SSMBENCH_COMPARE_FILES_H

/* The kind of machine, as set up: NULL-terminated paths of members of a row. */
extern const char *const COMPARE_MACHINE[];

/* Compares the times of rows that stand in both files, of the same case and variant. The weaker
 * way, and says so: what changed between the two runs is in the difference, too. Rows of machines
 * that differ are INCOMPARABLE. Returns the exit status: EXIT_CHECK_FAILED when a row of `after` is
 * slower. */
int compare_files(const char *before, const char *after);

#endif
