/* Variants on tensors that the user brings. */
#ifndef SSMBENCH_RUN_H
#define SSMBENCH_RUN_H

#include "campaign.h"

/* Runs the reference and the variants that the options' variant and backends match on the tensors
 * of the file `tensors`, prints each one's errors, and writes all outputs to the options' `out`, if
 * it has one. The options' op names the operation, unless the file's metadata does; `keys` is
 * "key = value, key = value", or null, and wins over metadata and shapes. Returns the exit status.
 */
int run_tensors(const struct campaign_options *options, const char *tensors, const char *keys);

#endif
