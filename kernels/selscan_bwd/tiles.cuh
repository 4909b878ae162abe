/* Rows in tiles of steps, for variants that scan a tile at a time: from the first to the last, to
 * keep the states between them, then from the last to the first, for gradients. A block owns up to
 * `channels` channels of one batch and group. */
#ifndef SSMBENCH_SELSCAN_BWD_TILES_CUH
#define SSMBENCH_SELSCAN_BWD_TILES_CUH

#include "../selscan/pair.h"
#include "partial.cuh"

struct tiles {
    float *h; /* (count - 1, batch, channels, state): after each tile but the last */
    struct partial partial;
    int64_t count;    /* of a row */
    int64_t channels; /* of a block */
};

/* Row `row` is (batch b, channel d), of block `block` of group g. One beyond the channels of the
 * group is not `inside`: it has no steps. */
struct place {
    int64_t b, g, d, row, block;
    bool inside;
};

/* The steps of a tile that a thread owns. Those that are not there are zeros: they change nothing.
 */
template <int ITEMS>
struct items {
    bool there[ITEMS];
    int64_t at[ITEMS], t[ITEMS];
    float delta[ITEMS], x[ITEMS], dy[ITEMS];
    struct decay scalar[ITEMS];
    float y[ITEMS], dx[ITEMS], da[ITEMS]; /* sums over n of C*h, B*dh and A*a*h'*dh */
};

static struct tiles tiles_carve(const struct selscan *p, int steps, int channels, void *workspace)
{
    const int64_t count = p->channels / p->groups;
    struct tiles w;
    w.count = blocks_for(p->length, steps);
    w.channels = count < channels ? count : channels;
    w.h = (float *)workspace;
    w.partial = partial_carve(p, blocks_for(count, w.channels), p->batch,
                              w.h + (w.count - 1) * p->batch * p->channels * p->state);
    return w;
}

static size_t tiles_bytes(const struct selscan *p, int steps, int channels)
{
    const struct tiles w = tiles_carve(p, steps, channels, NULL);
    return (size_t)((w.count - 1) * p->batch * p->channels * p->state) * sizeof(float) +
           partial_bytes(p, w.partial.blocks, p->batch);
}

static inline int64_t tiles_blocks(const struct selscan *p, const struct tiles *w)
{
    return p->batch * p->groups * w->partial.blocks;
}

/* Channel c of the thread's block. */
static inline __device__ struct place place_of(const struct selscan *p, const struct tiles *w,
                                               int64_t c)
{
    const int64_t count = p->channels / p->groups;
    struct place at;
    at.block = blockIdx.x % w->partial.blocks;
    at.g = blockIdx.x / w->partial.blocks % p->groups;
    at.b = blockIdx.x / w->partial.blocks / p->groups;
    at.inside = at.block * w->channels + c < count;
    at.d = at.g * count + (at.inside ? at.block * w->channels + c : 0);
    at.row = at.b * p->channels + at.d;
    return at;
}

/* Where h has state n after tile `tile`. */
static inline __device__ int64_t kept_at(const struct selscan *p, const struct place *at,
                                         int64_t tile, int64_t n)
{
    return (tile * p->batch * p->channels + at->row) * p->state + n;
}

/* State n of the row before tile `tile`. */
static inline __device__ float state_before(const struct selscan_call *call, const struct tiles *w,
                                            const struct place *at, int64_t tile, int64_t n)
{
    return !at->inside || n >= call->p.state ? 0.0f
           : tile                            ? w->h[kept_at(&call->p, at, tile - 1, n)]
                                             : selscan_initial(call, at->row, n);
}

/* Steps first, first + stride, ... */
template <int ITEMS>
static inline __device__ void load_items(const struct selscan_bwd_call *call,
                                         const struct place *at, int64_t first, int stride,
                                         items<ITEMS> *s)
{
    const struct selscan *p = &call->in.p;
    const enum dtype dtype = (enum dtype)p->dtype;
    const float A = ((const float *)call->tensor[SELSCAN_BWD_A])[selscan_a_at(p, at->d, 0)];
#pragma unroll
    for (int i = 0; i < ITEMS; i++) {
        const int64_t step = first + i * stride;
        s->there[i] = at->inside && step < p->length;
        s->t[i] = selscan_time(p, step);
        s->at[i] = selscan_at(p, at->b, at->d, s->t[i]);
        s->delta[i] = s->x[i] = s->dy[i] = s->y[i] = s->dx[i] = s->da[i] = 0;
        if (s->there[i]) {
            s->delta[i] = selscan_delta(&call->in, dtype, at->d, s->at[i]);
            s->x[i] = s->delta[i] * dtype_load(call->tensor[SELSCAN_BWD_U], dtype, s->at[i]);
            s->dy[i] = selscan_bwd_dy(call, dtype, s->at[i]);
        }
        s->scalar[i] = decay_of(s->delta[i] * A);
    }
}

/* A of state n, 0 where there is none. */
static inline __device__ float load_A(const struct selscan_bwd_call *call, const struct place *at,
                                      int64_t n)
{
    const struct selscan *p = &call->in.p;
    return n < p->state ? ((const float *)call->tensor[SELSCAN_BWD_A])[selscan_a_at(p, at->d, n)]
                        : 0.0f;
}

/* State n of B or C at the thread's steps. */
template <int ITEMS>
static inline __device__ void load_state(const struct selscan_bwd_call *call,
                                         const struct place *at, const items<ITEMS> *s,
                                         enum selscan_bwd_tensor tensor, int64_t n,
                                         float value[ITEMS])
{
    const struct selscan *p = &call->in.p;
#pragma unroll
    for (int i = 0; i < ITEMS; i++)
        value[i] = s->there[i] && n < p->state
                       ? dtype_load(call->tensor[tensor], (enum dtype)p->dtype,
                                    selscan_bc_at(p, at->b, at->g, n, s->t[i]))
                       : 0.0f;
}

/* The thread's steps of a state, in time. */
template <bool SCALAR, int ITEMS>
static inline __device__ void pairs_of(const items<ITEMS> *s, float A, const float B[ITEMS],
                                       struct pair step[ITEMS])
{
#pragma unroll
    for (int i = 0; i < ITEMS; i++)
        step[i] = pair_of(SCALAR ? s->scalar[i] : decay_of(s->delta[i] * A), s->x[i] * B[i]);
}

/* And against time: they turn a*dh of the step behind a step into that of the step. */
template <int ITEMS>
static inline __device__ void pairs_back(const items<ITEMS> *s, const struct pair step[ITEMS],
                                         const float C[ITEMS], struct pair back[ITEMS])
{
#pragma unroll
    for (int i = 0; i < ITEMS; i++) {
        back[i].a = step[i].a;
        back[i].x = selscan_step(C[i] * s->dy[i], decay_unpack(step[i].a), 0, 0);
    }
}

/* What a step of a state adds to dA, dB and dC. */
struct terms {
    float dA, dB, dC;
};

/* Step i of a state, from the state before it and a*dh of the step behind it. */
template <int ITEMS>
static inline __device__ struct terms add_step(items<ITEMS> *s, int i, struct pair step, float A,
                                               float B, float C, float before, float behind)
{
    const float h = pair_apply(step, before), dh = fmaf(C, s->dy[i], behind);
    const float through = selscan_step(before, decay_unpack(step.a), 0, 0) * dh;
    const struct terms terms = {s->delta[i] * through, s->x[i] * dh, s->dy[i] * h};
    s->y[i] = fmaf(C, h, s->y[i]);
    s->dx[i] = fmaf(B, dh, s->dx[i]);
    s->da[i] = fmaf(A, through, s->da[i]);
    return terms;
}

template <int ITEMS>
static inline __device__ struct selscan_bwd_share finish_items(const struct selscan_bwd_call *call,
                                                               const struct place *at,
                                                               const items<ITEMS> *s)
{
    struct selscan_bwd_share sum = {0, 0};
#pragma unroll
    for (int i = 0; i < ITEMS; i++)
        if (s->there[i]) {
            const struct selscan_bwd_share share = selscan_bwd_finish(
                call, (enum dtype)call->in.p.dtype, at->d, s->at[i], s->y[i], s->dx[i], s->da[i]);
            sum.dD += share.dD;
            sum.ddelta_bias += share.ddelta_bias;
        }
    return sum;
}

/* The sum of the lanes of a warp. */
static inline __device__ float sum_lanes(float value)
{
#pragma unroll
    for (int distance = 16; distance > 0; distance /= 2)
        value += __shfl_xor_sync(0xffffffffu, value, distance);
    return value;
}

/* Adds up the partial sums that walk_back() left. */
static inline int tiles_reduce(const struct selscan_bwd_call &call, const struct tiles &w,
                               void *stream)
{
    const int error = reduce_bc(call, w.partial, stream);
    return error ? error : reduce_parameters(call, w.partial, stream);
}

#endif
