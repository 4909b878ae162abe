/* How long a launch takes: warm-up until the clock is steady, cold samples, median. */
#ifndef SSMBENCH_TIME_H
#define SSMBENCH_TIME_H

#include "aside.h"
#include "stats.h"
#include <signal.h>

/* Looks at what a sample computed: `before` spoils the outputs ahead of it; `after` tells whether
 * they are right again. Both return false when all is lost. */
struct spot_check {
    bool (*before)(void *context);
    bool (*after)(void *context);
    void *context;
};

struct timing {
    struct summary summary; /* of the samples, in ms */
    double *sample_ms;      /* summary.count of them, in the order they were taken */
    double *clock_mhz;      /* of each; 0 where it is not known */
    const char *warmup;     /* "steady", or "limit" when the clock never settled */
    const char *stop;       /* "interval", or "limit" when time ran out first */
    double tick_ms;         /* the grain: what the two nearest samples that differ differ by */
    double median_mhz;      /* of clock_mhz */
    int slow;               /* samples below 90 % of it */
    int fed;                /* samples that the host still queued when they had begun */
    int looked_at;          /* samples that were checked */
    double spent_s;         /* on all of it, which the caller sets */
    struct aside aside;
};

/* Runs without pause until the mean times of five windows agree within 0.5 %, or `limit_s` seconds
 * have passed; *how says which, as timing.warmup does. Returns 0, or the error of a run, or -1 when
 * *interrupted was set. */
int warm_up(const struct backend *backend, const struct launch *launch, double limit_s,
            const volatile sig_atomic_t *interrupted, const char **how);

/* Times `launch`, at most `limit_s` seconds of sampling; a few samples, drawn at random, are
 * checked by `spot`, unless it is NULL. Returns 0, or the error of a run, or -1 when *interrupted
 * was set, or -2 when `spot` said false; then there is no timing. */
int time_launch(const struct backend *backend, const struct launch *launch, double limit_s,
                const struct spot_check *spot, const volatile sig_atomic_t *interrupted,
                struct timing *timing);

/* Seconds that time_launch() takes for runs of `run_s`: at least, when the clock and the median
 * settle at the first look, and when they never do. */
void time_foresee(double run_s, double limit_s, double *least_s, double *most_s);

void timing_free(struct timing *timing);

/* Seconds on the monotonic clock. */
double now_s(void);

#endif
