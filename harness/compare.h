/* Two variants against each other, in turns, in one process. */
#ifndef SSMBENCH_COMPARE_H
#define SSMBENCH_COMPARE_H

#include "campaign.h"
#include "paired.h"

/* Rounds of A B B A, unless told otherwise. */
enum { COMPARE_ROUNDS = 52, COMPARE_ROUNDS_MAX = 100000 };

/* Compares the variants `names`, op/name@backend or a part of it that names one, on every case of
 * the options' suites that matches and that both accept; prints a line for each as soon as it is
 * known. Returns the exit status: EXIT_CHECK_FAILED when the second one is slower somewhere, or one
 * of them is not correct. */
int compare_variants(const struct campaign_options *options, const char *const names[2],
                     int rounds);

/* Warms up both launches of a comparison; returns 0 or the error of a run. */
int compare_warm_up(const struct backend *backend, const struct launch launch[2]);

/* Times both in turns, each time with a cold cache, and compares them, as one of `comparisons` of a
 * table. Returns 0 or the error of a run. When interrupted, the rounds before count. */
int compare_launches(const struct backend *backend, const struct launch launch[2], int rounds,
                     int comparisons, struct comparison *result);

#endif
