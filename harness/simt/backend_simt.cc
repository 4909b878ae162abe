/* The simt backend: main memory, host inputs, and a different schedule for every run of a trial. */
#include "../backend.h"
#include "simt.h"

#include <string.h>

/* Schedules of the runs of a trial; docs/simt.md. */
enum { SCHEDULES = 3 };

static const char *missing(void)
{
    return NULL;
}

static int run(const struct launch *launch, bool, double *time_ms)
{
    static unsigned runs;
    simt::set_schedule(runs++ % SCHEDULES);
    *time_ms = 0;
    return launch->variant->run(launch->problem, launch->tensor, launch->workspace, NULL);
}

static const char *describe(int error)
{
    return error == simt::ERROR ? simt::error_text() : backend_cpu.describe(error);
}

static struct backend make_backend(void)
{
    struct backend backend = backend_cpu;
    backend.name = "simt";
    backend.timed = false;
    backend.runs = SCHEDULES;
    backend.missing = missing;
    backend.run = run;
    backend.describe = describe;
    backend.roofs = NULL;
    return backend;
}

extern "C" const struct backend backend_simt = make_backend();
