/* How a wrong variant runs on every backend from one source, in the C that C++ shares: NAME.c holds
 * it, for the CPU, and NAME.cu includes that, for CUDA and simt.
 *
 * DEFINE_EACH(name, type, element) defines int name(const type *call, int64_t count, void *stream),
 * which does element(call, i) for every i below count: in a thread each, or on a CPU in a turn of a
 * loop each. DEFINE_EACH_ON(name, type, element, threads) has that many threads there.
 */
#ifndef SSMBENCH_EACH_H
#define SSMBENCH_EACH_H

enum { BLOCK = 128 };

#ifdef __cplusplus
#include "../../kernels/device/launch.cuh"

#define DEVICE __device__

#define DEFINE_EACH(name, type, element)                                                           \
    static __global__ void name##_kernel(const type call, int64_t count)                           \
    {                                                                                              \
        const int64_t i = thread_index();                                                          \
        if (i < count)                                                                             \
            element(&call, i);                                                                     \
    }                                                                                              \
    static int name(const type *call, int64_t count, void *stream)                                 \
    {                                                                                              \
        return launch(name##_kernel, blocks_for(count, BLOCK), BLOCK, 0, stream, *call, count);    \
    }
#define DEFINE_EACH_ON(name, type, element, threads) DEFINE_EACH(name, type, element)

#else
#include <omp.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#define DEVICE

#define DEFINE_EACH_ON(name, type, element, threads)                                               \
    static int name(const type *call, int64_t count, void *stream)                                 \
    {                                                                                              \
        const int on = threads;                                                                    \
        (void)stream;                                                                              \
        _Pragma("omp parallel for num_threads(on)") for (int64_t i = 0; i < count; i++)            \
            element(call, i);                                                                      \
        return 0;                                                                                  \
    }
#define DEFINE_EACH(name, type, element) DEFINE_EACH_ON(name, type, element, omp_get_max_threads())
#endif

/* *sum += value, at once; on a CPU a thread sleeps now and then, so that others come first. */
static inline DEVICE void add_at_once(float *sum, float value)
{
#ifdef __cplusplus
    atomicAdd(sum, value);
#else
    if ((uintptr_t)sum / sizeof *sum % 16 == 0)
        usleep(1);
#pragma omp atomic
    *sum += value;
#endif
}

#endif
