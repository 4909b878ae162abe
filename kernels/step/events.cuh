/* The clock of a step on a GPU: an event at each mark, also within a graph. On simt, where launches
 * are over when they return, the wall's. */
#ifndef SSMBENCH_STEP_EVENTS_CUH
#define SSMBENCH_STEP_EVENTS_CUH

#include "../device/launch.cuh"
#include "wall.h"

#ifdef __CUDACC__

struct event_clock {
    struct step_clock clock; /* first: a pointer to it is one to all */
    enum { MAX_MARKS = 16384 };
    cudaEvent_t *event;
    enum step_part *part;
    int count;
    bool captured; /* marks become nodes of a graph */
};

static inline int event_mark(struct step_clock *clock, enum step_part part, void *stream)
{
    event_clock *const c = (event_clock *)clock;
    if (c->count == event_clock::MAX_MARKS)
        return cudaErrorInvalidValue;
    cudaError_t error = cudaEventCreate(&c->event[c->count]);
    if (error)
        return error;
    c->part[c->count++] = part;
    return cudaEventRecordWithFlags(c->event[c->count - 1], (cudaStream_t)stream,
                                    c->captured ? cudaEventRecordExternal : cudaEventRecordDefault);
}

/* A clock whose marks are kept for event_clock_read(). */
static inline event_clock event_clock_new(void)
{
    event_clock c = {};
    c.clock.mark = event_mark;
    c.event = new cudaEvent_t[event_clock::MAX_MARKS];
    c.part = new enum step_part[event_clock::MAX_MARKS];
    return c;
}

/* Leaves what passed between marks in part_ms, once all of them have been reached; frees the clock.
 * Returns the first error. */
static inline int event_clock_read(event_clock *c, double part_ms[])
{
    cudaError_t error = c->count ? cudaEventSynchronize(c->event[c->count - 1]) : cudaSuccess;
    for (int part = 0; part < STEP_PARTS; part++)
        part_ms[part] = 0;
    for (int i = 0; i + 1 < c->count && !error; i++) {
        float ms = 0;
        error = cudaEventElapsedTime(&ms, c->event[i], c->event[i + 1]);
        if (c->part[i] != STEP_PARTS)
            part_ms[c->part[i]] += ms;
    }
    for (int i = 0; i < c->count; i++)
        cudaEventDestroy(c->event[i]);
    delete[] c->event;
    delete[] c->part;
    return error;
}

#else

struct event_clock : wall_clock {
    bool captured;
};

static inline event_clock event_clock_new(void)
{
    static thread_local double part_ms[STEP_PARTS];
    return {wall_clock_new(part_ms), false};
}

static inline int event_clock_read(event_clock *c, double part_ms[])
{
    for (int part = 0; part < STEP_PARTS; part++)
        part_ms[part] = c->part_ms[part]; /* cost only: nobody asks on simt */
    return 0;
}

#endif

#endif
