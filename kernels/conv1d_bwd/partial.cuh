/* Sums over batch and length, in two launches: a variant's kernel leaves partial sums of `parts`
 * parts in the workspace, as (parts, sums, channels) in fp32; reduce() adds them up. If the kernel
 * calls let_next_start(), without waiting for the launch.
 *
 * Order      thread s of the 16 of a sum adds parts s, s+16, ... in double, in that order; then the
 *            16 are added in ascending order: the same bits in every run, on every GPU.
 */
#ifndef SSMBENCH_CONV1D_BWD_PARTIAL_CUH
#define SSMBENCH_CONV1D_BWD_PARTIAL_CUH

#include "../device/launch.cuh"
#include "common.h"

enum { REDUCE_SUMS = 32, REDUCE_SLICES = 16 };

static inline size_t partial_bytes(const struct conv1d *p, int64_t parts)
{
    return (size_t)parts * (size_t)(conv1d_bwd_sums(p) * p->channels) * sizeof(float);
}

/* Where part `part` has sum k of channel d; k = width is dbias. */
static inline __device__ int64_t partial_at(const struct conv1d *p, int64_t part, int64_t k,
                                            int64_t d)
{
    return (part * conv1d_bwd_sums(p) + k) * p->channels + d;
}

/* 32 neighbouring sums a block: its loads are of 128 bytes. */
static __global__ void __launch_bounds__(REDUCE_SUMS *REDUCE_SLICES)
    reduce_parts(const struct conv1d_bwd_call call, const float *partial, int64_t parts)
{
    SHARED(double, slices, [REDUCE_SLICES][REDUCE_SUMS]);
    const int64_t count = conv1d_bwd_sums(&call.p) * call.p.channels;
    const int column = (int)threadIdx.x % REDUCE_SUMS, slice = (int)threadIdx.x / REDUCE_SUMS;
    const int64_t i = (int64_t)blockIdx.x * REDUCE_SUMS + column;
    double sum = 0;
    wait_for_previous(); /* GPU only: the partial sums are written */
    if (i < count) {     /* GPU only: no load from beyond */
#pragma unroll 8
        for (int64_t part = slice; part < parts; part += REDUCE_SLICES)
            sum += (double)partial[part * count + i];
    }
    slices[slice][column] = sum;
    __syncthreads(); /* all slices are written */
    if (slice || i >= count)
        return;
    for (int s = 1; s < REDUCE_SLICES; s++)
        sum += slices[s][column];
    conv1d_bwd_store_sum(&call.p, call.tensor, i % call.p.channels, i / call.p.channels,
                         (float)sum);
}

static inline int reduce(const struct conv1d_bwd_call &call, const void *partial, int64_t parts,
                         void *stream)
{
    const int64_t count = conv1d_bwd_sums(&call.p) * call.p.channels;
    return launch_after(reduce_parts, blocks_for(count, REDUCE_SUMS), REDUCE_SUMS * REDUCE_SLICES,
                        0, stream, call, (const float *)partial, parts);
}

#endif
