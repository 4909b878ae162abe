/* One variant on one case, for a profiler. */
#ifndef SSMBENCH_PROFILE_H
#define SSMBENCH_PROFILE_H

#include "campaign.h"

enum { MAX_LAUNCHES = 1000000 };

/* Checks the one variant and case that the options match, then runs it `launches` times for a
 * profiler to watch, with nothing between the launches; 0: as many as suit the profiler. `tool` is
 * "none", or the name of a profiler that this program is to be run again within; NULL takes the
 * first that is found for a variant on the GPU, and none elsewhere. `out` of the options is for the
 * profiler's report. Returns the exit status, if at all. */
int profile_case(const struct campaign_options *options, const char *tool, int64_t launches);

#endif
