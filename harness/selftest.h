/* How far `compare` can be believed: variants against themselves, and against themselves slowed. */
#ifndef SSMBENCH_SELFTEST_H
#define SSMBENCH_SELFTEST_H

#include "campaign.h"

/* Trials of each slow-down, unless told otherwise. */
enum { SELFTEST_TRIALS = 100, SELFTEST_TRIALS_MAX = 10000 };

/* Compares every matching variant with itself on every matching case that it accepts, and with
 * itself made slower by 1 % and 5 %, `trials` times each, by the functions of compare.h; on the
 * last of the options' backends, so on a GPU where there is one. Without suites, on `selftest`.
 * Appends a row a trial to the options' file and prints the rates (table_rows.h). Returns the exit
 * status: EXIT_CHECK_FAILED when false alarms are more frequent than compare promises, beyond
 * doubt, or a variant is not correct. */
int selftest_run(const struct campaign_options *options, int rounds, int trials);

/* Whether so many tables with a false alarm are beyond doubt (95 %) more than compare promises. */
bool selftest_alarming(int alarms, int tables);

#endif
