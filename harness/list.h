/* `ssmbench list`: what there is. */
#ifndef SSMBENCH_LIST_H
#define SSMBENCH_LIST_H

#include <stdbool.h>

/* Prints "ops", "variants", "cases" or "suites" (cases: those of the NULL-terminated suites, or of
 * all there are) and returns the exit status. */
int list_print(const char *what, char *const *suites, bool json);

/* Prints this machine, its backends and their copy bandwidth; with `slug` only the name of the
 * machine's folder below results/. */
int info_print(bool json, bool slug);

#endif
