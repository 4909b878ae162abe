/* The clock of a step on a CPU: a part lasts from its mark to the next. */
#ifndef SSMBENCH_STEP_WALL_H
#define SSMBENCH_STEP_WALL_H

#include "composition.h"
#include <time.h>

struct wall_clock {
    struct step_clock clock; /* first: a pointer to it is one to all */
    double *part_ms, start_ms;
    enum step_part part; /* STEP_PARTS: none */
};

static inline double wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

static inline int wall_mark(struct step_clock *clock, enum step_part part, void *stream)
{
    struct wall_clock *const wall = (struct wall_clock *)clock;
    const double now_ms = wall_ms();
    (void)stream;
    if (wall->part != STEP_PARTS)
        wall->part_ms[wall->part] += now_ms - wall->start_ms;
    wall->part = part;       /* cost only: composition_test.c looks at it */
    wall->start_ms = now_ms; /* cost only: composition_test.c looks at it */
    return 0;
}

static inline struct wall_clock wall_clock_new(double part_ms[])
{
    const struct wall_clock wall = {{wall_mark}, part_ms, 0, STEP_PARTS};
    for (int part = 0; part < STEP_PARTS; part++)
        part_ms[part] = 0; /* cost only: outputs are the same; composition_test.c looks at it */
    return wall;
}

#endif
