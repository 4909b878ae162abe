/* The tables by which OP/auto chooses, kernels/OP/choices.inc (kernels/choose.h): made of result
 * rows, and held against them. */
#ifndef SSMBENCH_CHOICES_H
#define SSMBENCH_CHOICES_H

#include "message.h"

/* How many times as slow as the fastest variant the one chosen may be on a measured problem. */
#define CHOICES_LIMIT 1.05

/* Prints the table of an operation, or, with `check` not NULL, holds the file of that name against
 * the rows: it has to have every measured problem, and to choose within CHOICES_LIMIT on each. Rows
 * of exact variants on cuda count that passed and have a time, those of `auto` apart, whether or
 * not the variant's sources have changed since. Returns the exit status. */
int choices_print(const char *op, char *const *files, const char *check);

#endif
