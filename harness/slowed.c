#include "slowed.h"
#include "stats.h"
#include "time.h"

#include <math.h>

enum { RUNS = 15, LONG_TICKS = 1 << 20, PAIRS = 201, PAIRS_LEAST = 15 };

/* What the waits are long that tell what is lost of one, and for how long pairs of them are taken.
 */
static const double WAIT_MS = 0.01, PAIRS_LIMIT_S = 2;

static int run(const void *problem, void *const tensor[], void *workspace, void *stream)
{
    const struct slowed *s = problem;
    const struct variant *variant = s->launch.variant;
    const int error = variant ? variant->run(s->launch.problem, tensor, workspace, stream) : 0;
    return error ? error : s->backend->spin(s->ticks, stream);
}

struct launch slowed_launch(const struct slowed *slowed)
{
    static const struct variant both = {.run = run};
    return (struct launch){&both, slowed, slowed->launch.tensor, slowed->launch.workspace};
}

int slowed_tick_ms(const struct backend *backend, double *tick_ms)
{
    const struct slowed slowed[2] = {{.backend = backend},
                                     {.backend = backend, .ticks = LONG_TICKS}};
    double time_ms[2][RUNS];
    for (int i = 0; i < RUNS; i++)
        for (int side = 0; side < 2; side++) {
            const struct launch launch = slowed_launch(&slowed[side]);
            const int error = backend->run(&launch, false, &time_ms[side][i]);
            if (error)
                return error;
        }
    *tick_ms = (summarise(time_ms[1], RUNS).min - summarise(time_ms[0], RUNS).min) / LONG_TICKS;
    return 0;
}

int64_t slowed_ticks(double wait_ms, double tick_ms)
{
    return (int64_t)fmin(fmax(wait_ms / tick_ms, 0), 1e12);
}

int slowed_lost_ms(struct slowed slowed[2], double tick_ms, double *lost_ms)
{
    const struct launch launch[2] = {slowed_launch(&slowed[0]), slowed_launch(&slowed[1])};
    double lost[PAIRS];
    int pairs = 0;
    const double start = now_s();
    slowed[0].ticks = 0;
    slowed[1].ticks = slowed_ticks(WAIT_MS, tick_ms);
    while (pairs < PAIRS && (pairs < PAIRS_LEAST || now_s() - start < PAIRS_LIMIT_S)) {
        double time_ms[2];
        for (int i = 0; i < 2; i++) {
            const int side = (pairs + i) % 2; /* none of them is always the first one */
            const int error = slowed[0].backend->run(&launch[side], true, &time_ms[side]);
            if (error)
                return error;
        }
        lost[pairs++] = (double)slowed[1].ticks * tick_ms - (time_ms[1] - time_ms[0]);
    }
    const struct summary s = summarise(lost, pairs);
    *lost_ms = s.low > 0 ? s.median : 0;
    return 0;
}
