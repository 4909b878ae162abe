/* What is measured beside the cold time of a launch: never subtracted from it, only set beside it.
 */
#ifndef SSMBENCH_ASIDE_H
#define SSMBENCH_ASIDE_H

#include "backend.h"
#include <signal.h>

/* In ms a run; 0 where it is not measured. */
struct aside {
    double warm_ms;  /* median of runs that find the caches as the run before left them */
    double batch_ms; /* mean of `runs` of them, one behind the other */
    double graph_ms; /* the same as one CUDA graph */
    int runs;
    struct floors floors;
};

/* Measures it for a launch that takes about `run_ms`. Returns 0, or the error of a run, or -1 when
 * *interrupted was set. What cannot be captured into a graph has no graph_ms. */
int aside_measure(const struct backend *backend, const struct launch *launch, double run_ms,
                  const volatile sig_atomic_t *interrupted, struct aside *aside);

/* Seconds that it takes for runs of `run_s`. */
double aside_foresee(double run_s);

#endif
