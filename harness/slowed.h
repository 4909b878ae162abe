/* A launch made slower by a known time: a wait on the backend's clock follows it, and is timed with
 * it. A wait of 0 ticks costs what the longer one does beside its length (on a GPU, a launch), so
 * that of two launches with waits only the difference of these tells. */
#ifndef SSMBENCH_SLOWED_H
#define SSMBENCH_SLOWED_H

#include "backend.h"

struct slowed {
    const struct backend *backend;
    struct launch launch; /* without a variant, the wait alone */
    int64_t ticks;
};

/* The launch of both; `slowed` has to stay as long as it is used. */
struct launch slowed_launch(const struct slowed *slowed);

/* How long a tick is, from the shortest of waits alone of none and of many ticks. Returns 0 or the
 * error of a run. */
int slowed_tick_ms(const struct backend *backend, double *tick_ms);

#endif
