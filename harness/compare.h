/* Two variants against each other, in turns, in one process. */
#ifndef SSMBENCH_COMPARE_H
#define SSMBENCH_COMPARE_H

#include "campaign.h"

/* Rounds of A B B A, unless told otherwise. */
enum { COMPARE_ROUNDS = 52, COMPARE_ROUNDS_MAX = 100000 };

/* Compares the variants `names`, op/name@backend or a part of it that names one, on every case of
 * the options' suites that matches and that both accept; prints a line for each as soon as it is
 * known. Returns the exit status: EXIT_CHECK_FAILED when the second one is slower somewhere, or one
 * of them is not correct. */
int compare_variants(const struct campaign_options *options, const char *const names[2],
                     int rounds);

#endif
