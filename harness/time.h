/* How long a launch takes: warm-up until the clock is steady, cold samples, median. */
#ifndef SSMBENCH_TIME_H
#define SSMBENCH_TIME_H

#include "backend.h"
#include "stats.h"
#include <signal.h>

struct timing {
    struct summary summary; /* of the samples, in ms */
    double *sample_ms;      /* summary.count of them, in the order they were taken */
    const char *warmup;     /* "steady", or "limit" when the clock never settled */
    const char *stop;       /* "interval", or "limit" when time ran out first */
};

/* Runs without pause until the mean times of five windows agree within 0.5 %, or `limit_s` seconds
 * have passed; *how says which, as timing.warmup does. Returns 0, or the error of a run, or -1 when
 * *interrupted was set. */
int warm_up(const struct backend *backend, const struct launch *launch, double limit_s,
            const volatile sig_atomic_t *interrupted, const char **how);

/* Times `launch`, at most `limit_s` seconds of sampling. Returns 0, or the error of a run, or -1
 * when *interrupted was set; then there is no timing. */
int time_launch(const struct backend *backend, const struct launch *launch, double limit_s,
                const volatile sig_atomic_t *interrupted, struct timing *timing);

void timing_free(struct timing *timing);

/* Seconds on the monotonic clock. */
double now_s(void);

#endif
