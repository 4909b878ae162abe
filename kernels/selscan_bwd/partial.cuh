/* Sums over channels, and over batch and length, in two launches: a variant leaves partial sums in
 * the workspace, in fp32; reduce() adds them up, in double.
 *
 * dB and dC  of `blocks` blocks of channels of each group: (blocks, shape of B). A thread adds
 * those of an element in ascending order, and rounds the sum once. Parameters of `parts` parts of
 * batch and length: (parts, sums), where the sums are dA, then dD and ddelta_bias where they are
 * wanted. Thread s of the 16 of a sum adds parts s, s+16, ... in that order; then the 16 are added
 * in ascending order.
 */
#ifndef SSMBENCH_SELSCAN_BWD_PARTIAL_CUH
#define SSMBENCH_SELSCAN_BWD_PARTIAL_CUH

#include "../device/launch.cuh"
#include "common.h"

enum { REDUCE_THREADS = 128, REDUCE_SUMS = 32, REDUCE_SLICES = 16 };

struct partial {
    float *dB, *dC;   /* element selscan_bc_at() of block k is k*elements + that */
    float *sums;      /* partial_dA() and partial_share() say where */
    int64_t elements; /* of B */
    int64_t blocks, parts;
};

/* Sums over batch and length that are wanted. */
static inline HOST_DEVICE
int64_t partial_sums(const struct selscan *p)
{
    return p->channels * ((p->a == A_SCALAR ? 1 : p->state) + p->skip + p->bias);
}

/* Where part `part` has dA of channel d and state n; of all states, when A is scalar. */
static inline HOST_DEVICE
int64_t partial_dA(const struct selscan *p, int64_t part, int64_t d, int64_t n)
{
    return part * partial_sums(p) + selscan_a_at(p, d, n);
}

/* Where part `part` has ddelta_bias of channel d, with `bias`. */
static inline HOST_DEVICE
int64_t partial_ddelta_bias(const struct selscan *p, int64_t part, int64_t d)
{
    return (part + 1) * partial_sums(p) - p->channels + d;
}

/* Where part `part` has dD of channel d, with `skip`. */
static inline HOST_DEVICE
int64_t partial_dD(const struct selscan *p, int64_t part, int64_t d)
{
    return partial_ddelta_bias(p, part, d) - (p->bias ? p->channels : 0);
}

/* Keeps dD and ddelta_bias of part `part` and channel d, where they are wanted. */
static inline __device__ void partial_share(const struct selscan *p, const struct partial *w,
                                            int64_t part, int64_t d, struct selscan_bwd_share share)
{
    if (p->skip)
        w->sums[partial_dD(p, part, d)] = share.dD;
    if (p->bias)
        w->sums[partial_ddelta_bias(p, part, d)] = share.ddelta_bias;
}

static inline struct partial partial_carve(const struct selscan *p, int64_t blocks, int64_t parts,
                                           void *memory)
{
    struct partial w;
    w.elements = p->batch * p->groups * p->state * p->length;
    w.blocks = blocks;
    w.parts = parts;
    w.dB = (float *)memory;
    w.dC = w.dB + blocks * w.elements;
    w.sums = w.dC + blocks * w.elements;
    return w;
}

static inline size_t partial_bytes(const struct selscan *p, int64_t blocks, int64_t parts)
{
    const int64_t elements = p->batch * p->groups * p->state * p->length;
    return (size_t)(2 * blocks * elements + parts * partial_sums(p)) * sizeof(float);
}

static __global__ void __launch_bounds__(REDUCE_THREADS)
    reduce_channels(const struct selscan_bwd_call call, const struct partial w)
{
    const enum dtype dtype = (enum dtype)call.in.p.dtype;
    const int64_t i = thread_index();
    let_next_start();    /* cost only: or it starts later */
    wait_for_previous(); /* GPU only: the partial sums are written */
    if (i >= w.elements)
        return;
    double dB = 0, dC = 0;
#pragma unroll 4
    for (int64_t block = 0; block < w.blocks; block++) {
        dB += (double)w.dB[block * w.elements + i];
        dC += (double)w.dC[block * w.elements + i];
    }
    dtype_store(call.tensor[SELSCAN_BWD_DB], dtype, i, (float)dB);
    dtype_store(call.tensor[SELSCAN_BWD_DC], dtype, i, (float)dC);
}

/* 32 neighbouring sums a block: its loads are of 128 bytes. */
static __global__ void __launch_bounds__(REDUCE_SUMS *REDUCE_SLICES)
    reduce_parts(const struct selscan_bwd_call call, const struct partial w)
{
    SHARED(double, slices, [REDUCE_SLICES][REDUCE_SUMS]);
    const struct selscan *p = &call.in.p;
    const int64_t count = partial_sums(p);
    const int column = (int)threadIdx.x % REDUCE_SUMS, slice = (int)threadIdx.x / REDUCE_SUMS;
    const int64_t i = (int64_t)blockIdx.x * REDUCE_SUMS + column;
    double sum = 0;
    wait_for_previous(); /* GPU only: the partial sums are written */
    if (i < count) {     /* GPU only: no load from beyond */
#pragma unroll 8
        for (int64_t part = slice; part < w.parts; part += REDUCE_SLICES)
            sum += (double)w.sums[part * count + i];
    }
    slices[slice][column] = sum;
    __syncthreads(); /* all slices are written */
    if (slice || i >= count)
        return;
    for (int s = 1; s < REDUCE_SLICES; s++)
        sum += slices[s][column];
    const int64_t bias = partial_ddelta_bias(p, 0, 0), skip = partial_dD(p, 0, 0);
    if (p->bias && i >= bias)
        ((float *)call.tensor[SELSCAN_BWD_DDELTA_BIAS])[i - bias] = (float)sum;
    else if (p->skip && i >= skip)
        ((float *)call.tensor[SELSCAN_BWD_DD])[i - skip] = (float)sum;
    else
        ((float *)call.tensor[SELSCAN_BWD_DA])[i] = (float)sum;
}

/* dB and dC of all blocks of channels. */
static inline int reduce_bc(const struct selscan_bwd_call &call, const struct partial &w,
                            void *stream)
{
    return launch_after(reduce_channels, blocks_for(w.elements, REDUCE_THREADS), REDUCE_THREADS, 0,
                        stream, call, w);
}

/* dA, dD and ddelta_bias of all parts. */
static inline int reduce_parameters(const struct selscan_bwd_call &call, const struct partial &w,
                                    void *stream)
{
    return launch_after(reduce_parts, blocks_for(partial_sums(&call.in.p), REDUCE_SUMS),
                        REDUCE_SUMS * REDUCE_SLICES, 0, stream, call, w);
}

#endif
