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

/* The ticks of a wait: a number, whatever a machine that does other things makes of a tick. */
int64_t slowed_ticks(double wait_ms, double tick_ms);

/* How much of a wait behind the launch does not arrive, whatever its length: on a GPU it begins
 * while the launch ends. From cold runs in turns with a wait and without, which the two are set to;
 * 0 when it does not differ from 0. Returns 0 or the error of a run. */
int slowed_lost_ms(struct slowed slowed[2], double tick_ms, double *lost_ms);

#endif
