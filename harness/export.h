/* A case's inputs and reference outputs in a file, for others to test against. */
#ifndef SSMBENCH_EXPORT_H
#define SSMBENCH_EXPORT_H

#include "campaign.h"

/* Writes the one case that suites, op and item of the options match to their `out`, in the format
 * of safetensors.h. Returns the exit status. */
int export_case(const struct campaign_options *options);

#endif
