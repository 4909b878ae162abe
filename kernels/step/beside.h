/* Data made beside the rest of a step, by a thread of its own. */
#ifndef SSMBENCH_STEP_BESIDE_H
#define SSMBENCH_STEP_BESIDE_H

#include "wall.h"
#include <pthread.h>

struct beside {
    const struct step_run *step;
    void *stream; /* of the copies and transforms */
    pthread_t thread;
    double took_ms;
    int error;
};

static inline void *beside_body(void *argument)
{
    struct beside *const beside = (struct beside *)argument;
    const double start_ms = wall_ms();
    beside->error = step_enqueue(beside->step, STEP_AUDIO, STEP_TIME, 0, beside->stream);
    beside->took_ms = wall_ms() - start_ms;
    return NULL;
}

/* Starts to make the data. Returns 0 or an error; then nothing was started. */
static inline int beside_begin(struct beside *beside, const struct step_run *step, void *stream)
{
    beside->step = step;
    beside->stream = stream; /* GPU only */
    beside->error = 0;       /* cost only: the thread sets it */
    return pthread_create(&beside->thread, NULL, beside_body, beside);
}

/* Waits until the thread has ended, and returns its error. */
static inline int beside_end(struct beside *beside)
{
    const int error = pthread_join(beside->thread, NULL);
    return error ? error : beside->error; /* cost only: composition_test.c looks at it */
}

#endif
