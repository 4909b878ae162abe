/* KISS FFT for the .c variants of stft_loss: its plans in the workspace, one of each kind for every
 * OpenMP thread, since a plan holds scratch memory of its own. */
#ifndef SSMBENCH_STFT_LOSS_THREADS_H
#define SSMBENCH_STFT_LOSS_THREADS_H

#include "common.h"
#include <kissfft/kiss_fftr.h>
#include <omp.h>

struct stft_kiss {
    char *memory;
    size_t bytes; /* of a plan */
};

/* Bytes of a plan for n samples, and a few more. */
static inline size_t stft_kiss_plan_bytes(int n)
{
    size_t bytes = 0;
    kiss_fftr_alloc(n, 0, NULL, &bytes);
    return (bytes + 63) / 64 * 64;
}

/* Bytes of the plans of all threads for any window, both ways. */
static inline size_t stft_kiss_bytes(const struct stft_loss *p)
{
    return 2 * (size_t)omp_get_max_threads() * stft_kiss_plan_bytes((int)p->window);
}

/* A plan of this thread: where kiss_fftr_alloc() puts it. */
static inline kiss_fftr_cfg stft_kiss_plan(const struct stft_kiss *kiss, int back)
{
    return (kiss_fftr_cfg)(void *)(kiss->memory +
                                   (size_t)(2 * omp_get_thread_num() + back) * kiss->bytes);
}

/* Makes the plans of this thread for n samples. */
static inline void stft_kiss_make(const struct stft_kiss *kiss, int n)
{
    for (int back = 0; back < 2; back++) {
        size_t bytes = kiss->bytes;
        kiss_fftr_alloc(n, back, stft_kiss_plan(kiss, back), &bytes);
    }
}

/* The bounds of doubt of a frame of n samples, windowed and as it was. */
static inline struct stft_doubt stft_frame_doubt(const float *estimate, const float *target,
                                                 const float *e, const float *t, int n)
{
    float estimate_norm = 0, target_norm = 0;
    for (int j = 0; j < n; j++) {
        estimate_norm += estimate[j] * estimate[j];
        target_norm += target[j] * target[j];
    }
    return stft_doubt_of(n, estimate_norm, target_norm, !memcmp(e, t, (size_t)n * sizeof *e));
}

#endif
