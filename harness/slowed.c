#include "slowed.h"
#include "stats.h"

enum { RUNS = 15, LONG_TICKS = 1 << 20 };

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
