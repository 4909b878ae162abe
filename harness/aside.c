#include "aside.h"
#include "stats.h"

#include <math.h>

enum { WARM_RUNS = 15, WARM_LEAST = 3, BATCH_MOST = 64 };
static const double WARM_MS = 100, BATCH_MS = 5;
static const double WARM_LONGEST_MS = 1000; /* longer runs fill no cache with what they need next */

static int warm_runs(double run_ms)
{
    return (int)fmin(fmax(WARM_MS / run_ms, WARM_LEAST), WARM_RUNS);
}

static int measure_warm(const struct backend *backend, const struct launch *launch, double run_ms,
                        const volatile sig_atomic_t *interrupted, double *warm_ms)
{
    double time_ms[WARM_RUNS];
    const int count = warm_runs(run_ms);
    for (int i = 0; i < count; i++) {
        const int error = *interrupted ? -1 : backend->run(launch, false, &time_ms[i]);
        if (error)
            return error;
    }
    *warm_ms = summarise(time_ms, count).median;
    return 0;
}

int aside_measure(const struct backend *backend, const struct launch *launch, double run_ms,
                  const volatile sig_atomic_t *interrupted, struct aside *aside)
{
    int error = 0;
    *aside = (struct aside){.runs = (int)fmin(BATCH_MS / run_ms, BATCH_MOST)};
    if (backend->floors)
        error = backend->floors(&aside->floors);
    if (!error && run_ms <= WARM_LONGEST_MS)
        error = measure_warm(backend, launch, run_ms, interrupted, &aside->warm_ms);
    if (error || !backend->batch || aside->runs < 2) {
        aside->runs = 0;
        return error;
    }
    error = *interrupted ? -1 : backend->batch(launch, aside->runs, false, &aside->batch_ms);
    if (!error && backend->batch(launch, aside->runs, true, &aside->graph_ms))
        aside->graph_ms = 0;
    return error;
}

double aside_foresee(double run_s)
{
    const double run_ms = run_s * 1e3;
    const double warm_ms = run_ms <= WARM_LONGEST_MS ? warm_runs(run_ms) * run_ms : 0;
    return (warm_ms + 2 * BATCH_MS) * 1e-3;
}
