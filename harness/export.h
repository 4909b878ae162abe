/* A case's inputs and reference outputs in a file, for others to test against. */
#ifndef SSMBENCH_EXPORT_H
#define SSMBENCH_EXPORT_H

#include "campaign.h"

/* What follows the name of an output that ends rows in the name of the tensor that holds max |ref|
 * of each of its rows. */
extern const char *const EXPORT_SCALE;

/* Writes the one case that suites, op and item of the options match to their `out`, in the format
 * of safetensors.h. Returns the exit status. */
int export_case(const struct campaign_options *options);

#endif
