/* The least time that a run can take, whatever it does, and whether it took less. */
#ifndef SSMBENCH_LEAST_H
#define SSMBENCH_LEAST_H

#include "trial.h"

/* A time, and in a clause what takes it; 0 where nothing is known that would. */
struct least {
    double time_ms;
    char why[128];
};

/* The least time of a cold run of the case: its inputs at the peak of main memory, or its flops at
 * that of the fused multiply-add, whichever is longer. Outputs as large as the last-level cache may
 * still be there when the run ends, and do not count. Where a peak is not known, it is
 * LEAST_MARGIN times the measured roof; for memory, the faster of copy and cache. */
struct least least_of(const struct test_case *item, const struct roofs *roofs, double cache_bytes);

enum { LEAST_MARGIN = 4 };

/* Makes an outcome whose shortest sample is under that IMPOSSIBLE, without a time. */
void least_judge(const struct least *least, struct outcome *outcome);

#endif
