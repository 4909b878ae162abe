/* conv1d_bwd/channel_last: a thread owns four channels and walks a run of steps, last to first.
 *
 * Computes   dx, dweight, dbias and dinitial of reference/conv1d_bwd.h: sums over taps in fp32,
 *            sums over batch and length of at most 64 steps each in fp32, then runs, then in
 *            double.
 * Accepts    width <= 4, channel_last; every other option. Inputs are only read.
 * Layout     thread = 4 neighbouring channels of a run of at most 64 steps of a sequence, 16 or 8
 *            bytes a step; 4 to 32 threads side by side, the runs of a block, 8 of them or more,
 *            one behind the other in time. Where vectors do not fit, the 4 channels lie as many
 *            apart as threads stand side by side, and single elements are loaded, neighbours by
 *            neighbours. Samples, g and sums in registers; 4 sums a thread at a time in shared
 *            memory.
 * Algorithm  x and dout of 4 steps are loaded together. Then, step by step downwards: g from the
 *            window of samples, its products with them, dx from the window of g. A run begins with
 *            g of the width-1 steps behind it.
 * Cost       bytes: conv1d_bwd's; of 64 steps of a run, x of 6 and dout of 3 more, from caches as a
 *            rule. Workspace: 4 bytes for each sum and block, so for 8 runs or more.
 * Error      f32 1e-6 at worst. Order of the sums: steps of a run, descending; runs of a block,
 *            ascending; then partial.cuh.
 * Source     written from the definition.
 */
#include "../conv1d/common.cuh"
#include "../device/vector.cuh"
#include "partial.cuh"

enum { THREADS = 256, LANES_MAX = 32, LANES_MIN = 4, RUN = 64, OWN = 4, GROUP = 4 };

/* Runs are numbered through all sequences, blocks through the columns of channels, then runs. */
struct plan {
    int64_t runs, steps; /* of a sequence; of a run */
    int64_t columns;     /* of lanes * OWN channels */
    int64_t parts;       /* blocks of a column */
    int lanes;
};

/* The channels of a thread: first, first + stride, ..., and their parameters. */
template <int WIDTH>
struct channels {
    int64_t first;
    int stride, count;
    float weight[WIDTH][OWN], bias[OWN];
    float sum[WIDTH + 1][OWN]; /* of dweight, then dbias */
};

/* Steps of a sequence, in registers; samples and g of `step` ... of the thread's channels. */
template <int WIDTH>
struct window {
    float x[GROUP + WIDTH - 1][OWN];           /* of steps step - (WIDTH-1) ... step + GROUP-1 */
    float g[GROUP + WIDTH - 1][OWN];           /* of steps step ... step + GROUP-1 + (WIDTH-1) */
    int32_t sequence[GROUP + 2 * (WIDTH - 1)]; /* of steps step - (WIDTH-1) ... */
};

template <enum dtype DTYPE, bool VECTOR, int WIDTH>
static inline __device__ void load(void *array, const channels<WIDTH> *c, int64_t at,
                                   float value[OWN])
{
    if (VECTOR) {
        vector_floats<DTYPE, OWN>(vector_load<DTYPE, OWN>(array, at + c->first), value);
    } else {
#pragma unroll
        for (int i = 0; i < OWN; i++)
            value[i] =
                i < c->count ? dtype_load(array, DTYPE, at + c->first + i * c->stride) : 0.0f;
    }
}

template <enum dtype DTYPE, bool VECTOR, int WIDTH>
static inline __device__ void store(void *array, const channels<WIDTH> *c, int64_t at,
                                    const float value[OWN])
{
    if (VECTOR) {
        vector_store<DTYPE, OWN>(array, at + c->first, vector_pack<DTYPE, OWN>(value));
    } else {
#pragma unroll
        for (int i = 0; i < OWN; i++)
            if (i < c->count)
                dtype_store(array, DTYPE, at + c->first + i * c->stride, value[i]);
    }
}

/* x of a step before, in or behind the sequence. */
template <enum dtype DTYPE, bool VECTOR, int WIDTH>
static inline __device__ void load_sample(const struct conv1d_bwd_call *call,
                                          const channels<WIDTH> *c, int64_t b, int64_t step,
                                          float value[OWN])
{
    const struct conv1d *p = &call->p;
    if (step >= 0 && step < p->length) {
        load<DTYPE, VECTOR>(call->tensor[CONV1D_BWD_X], c, conv1d_at(p, b, 0, conv1d_time(p, step)),
                            value);
        return; /* cost only: what is below gives the same */
    }
#pragma unroll
    for (int i = 0; i < OWN; i++)
        value[i] = i < c->count
                       ? conv1d_sample_or_zero(p, call->tensor, b, c->first + i * c->stride, step)
                       : 0.0f;
}

/* dout of a step in the sequence; nothing changes for others. */
template <enum dtype DTYPE, bool VECTOR, int WIDTH>
static inline __device__ void load_dout(const struct conv1d_bwd_call *call,
                                        const channels<WIDTH> *c, int64_t b, int64_t step,
                                        float value[OWN])
{
    const struct conv1d *p = &call->p;
    if (step >= 0 && step < p->length)
        load<DTYPE, VECTOR>(call->tensor[CONV1D_BWD_DOUT], c,
                            conv1d_at(p, b, 0, conv1d_time(p, step)), value);
}

/* Loads what the group of steps from `step` on needs, dout in place of g, which is 0 from the
 * beginning for steps behind `length`.
 * Samples that the group behind it has in its window come from there. */
template <enum dtype DTYPE, bool VECTOR, int WIDTH, bool SEQ>
static inline __device__ void load_group(const struct conv1d_bwd_call *call,
                                         const channels<WIDTH> *c, int64_t b, int64_t step,
                                         window<WIDTH> *w)
{
    const int HALO = WIDTH - 1;
    const struct conv1d *p = &call->p;
#pragma unroll
    for (int i = 0; i < HALO; i++)
#pragma unroll
        for (int j = 0; j < OWN; j++) {
            w->x[GROUP + i][j] = w->x[i][j];
            w->g[GROUP + i][j] = w->g[i][j];
        }
    if (step >= HALO && step + GROUP <= p->length) {
        const int64_t next = conv1d_at(p, 0, 0, 1) * (p->reverse ? -1 : 1);
        const int64_t at = conv1d_at(p, b, 0, conv1d_time(p, step));
#pragma unroll
        for (int i = 0; i < GROUP; i++)
            load<DTYPE, VECTOR>(call->tensor[CONV1D_BWD_X], c, at + (i - HALO) * next, w->x[i]);
#pragma unroll
        for (int i = 0; i < GROUP; i++)
            load<DTYPE, VECTOR>(call->tensor[CONV1D_BWD_DOUT], c, at + i * next, w->g[i]);
    } else {
#pragma unroll
        for (int i = 0; i < GROUP; i++)
            load_sample<DTYPE, VECTOR>(call, c, b, step - HALO + i, w->x[i]);
#pragma unroll
        for (int i = 0; i < GROUP; i++)
            load_dout<DTYPE, VECTOR>(call, c, b, step + i, w->g[i]);
    }
    if (SEQ) /* cost only: nobody else reads them */
#pragma unroll
        for (int i = 0; i < GROUP + 2 * HALO; i++) {
            const int64_t at = step - HALO + i;
            w->sequence[i] = !p->seq_idx                 ? 0
                             : at >= 0 && at < p->length ? conv1d_sequence(p, call->tensor, b, at)
                                                         : -1;
        }
}

/* Step step + i of a window: dout becomes g. */
template <int WIDTH, bool SEQ>
static inline __device__ void slope(const struct conv1d *p, const channels<WIDTH> *c,
                                    window<WIDTH> *w, int i)
{
    const int32_t *sequence = w->sequence + i; /* of width-1 steps before, then this one */
#pragma unroll
    for (int j = 0; j < OWN; j++) {
        if (p->act == ACT_SILU) {
            float pre = c->bias[j];
#pragma unroll
            for (int tap = 0; tap < WIDTH; tap++)
                if (!SEQ || sequence[tap] == sequence[WIDTH - 1])
                    pre = fmaf(c->weight[tap][j], w->x[i + tap][j], pre);
            w->g[i][j] *= silu_slope(pre);
        }
        if (SEQ && sequence[WIDTH - 1] == -1)
            w->g[i][j] = 0;
    }
}

template <int WIDTH, bool SEQ>
static inline __device__ void add_sums(channels<WIDTH> *c, const window<WIDTH> *w, int i)
{
    const int32_t *sequence = w->sequence + i;
#pragma unroll
    for (int j = 0; j < OWN; j++) {
#pragma unroll
        for (int tap = 0; tap < WIDTH; tap++)
            if (!SEQ || sequence[tap] == sequence[WIDTH - 1])
                c->sum[tap][j] = fmaf(w->g[i][j], w->x[i + tap][j], c->sum[tap][j]);
        c->sum[WIDTH][j] += w->g[i][j];
    }
}

template <enum dtype DTYPE, bool VECTOR, int WIDTH, bool SEQ>
static inline __device__ void store_step(const struct conv1d_bwd_call *call,
                                         const channels<WIDTH> *c, int64_t b, int64_t step,
                                         const window<WIDTH> *w, int i)
{
    const struct conv1d *p = &call->p;
    const int32_t *sequence = w->sequence + i + WIDTH - 1; /* of this step, then width-1 behind */
    float dx[OWN];
#pragma unroll
    for (int j = 0; j < OWN; j++) {
        dx[j] = 0;
        if (p->final && step > p->length - WIDTH && j < c->count) /* GPU only: others load beyond */
            dx[j] = conv1d_bwd_dfinal(p, call->tensor, b, c->first + j * c->stride, step);
#pragma unroll
        for (int tap = 0; tap < WIDTH; tap++)
            if (!SEQ || sequence[0] == sequence[WIDTH - 1 - tap])
                dx[j] = fmaf(c->weight[tap][j], w->g[i + WIDTH - 1 - tap][j], dx[j]);
    }
    store<DTYPE, VECTOR>(call->tensor[CONV1D_BWD_DX], c, conv1d_at(p, b, 0, conv1d_time(p, step)),
                         dx);
}

/* Steps end-1 ... start of sequence b. Groups end at `end`; the last may begin before `start`. */
template <enum dtype DTYPE, bool VECTOR, int WIDTH, bool SEQ>
static inline __device__ void walk_run(const struct conv1d_bwd_call *call, int64_t b, int64_t start,
                                       int64_t end, channels<WIDTH> *c)
{
    const int HALO = WIDTH - 1;
    static_assert(WIDTH - 1 <= GROUP, "what is behind a run is within one group");
    window<WIDTH> w = {};
#pragma unroll
    for (int i = 0; i < HALO; i++)
        load_sample<DTYPE, VECTOR>(call, c, b, end + GROUP - HALO + i, w.x[i]);
    load_group<DTYPE, VECTOR, WIDTH, SEQ>(call, c, b, end, &w);
#pragma unroll
    for (int i = 0; i < HALO; i++)
        slope<WIDTH, SEQ>(&call->p, c, &w, i);
    for (int64_t step = end - GROUP; step > start - GROUP; step -= GROUP) {
        load_group<DTYPE, VECTOR, WIDTH, SEQ>(call, c, b, step, &w);
#pragma unroll
        for (int i = GROUP - 1; i >= 0; i--)
            if (step + i >= start) {
                slope<WIDTH, SEQ>(&call->p, c, &w, i);
                add_sums<WIDTH, SEQ>(c, &w, i);
                store_step<DTYPE, VECTOR, WIDTH, SEQ>(call, c, b, step + i, &w, i);
            }
    }
}

/* Vectors: every thread has OWN channels or none. */
template <bool VECTOR, int WIDTH>
static inline __device__ void own_channels(const struct conv1d_bwd_call *call,
                                           const struct plan *plan, int64_t column, int lane,
                                           channels<WIDTH> *c)
{
    const struct conv1d *p = &call->p;
    c->stride = VECTOR ? 1 : plan->lanes;
    c->first = column * plan->lanes * OWN + (VECTOR ? OWN * lane : lane);
    c->count = 0;
#pragma unroll
    for (int j = 0; j < OWN; j++) {
        const int64_t d = c->first + j * c->stride;
        const bool inside = d < p->channels;
        c->count += inside;
#pragma unroll
        for (int tap = 0; tap < WIDTH; tap++) {
            c->weight[tap][j] = inside ? conv1d_weight(p, call->tensor, d, tap) : 0.0f;
            c->sum[tap][j] = 0;
        }
        c->bias[j] = inside ? conv1d_bias(p, call->tensor, d) : 0.0f;
        c->sum[WIDTH][j] = 0;
    }
}

template <enum dtype DTYPE, int WIDTH, bool VECTOR, bool SEQ>
static __global__ void __launch_bounds__(THREADS)
    walk(const struct conv1d_bwd_call call, const struct plan plan, float *partial)
{
    SHARED(float, sums, [OWN][THREADS]);
    const struct conv1d *p = &call.p;
    const int lane = (int)threadIdx.x % plan.lanes, rows = THREADS / plan.lanes;
    const int64_t column = blockIdx.x % plan.columns, part = blockIdx.x / plan.columns;
    const int64_t run = part * rows + threadIdx.x / plan.lanes, b = run / plan.runs;
    const int64_t start = run % plan.runs * plan.steps;
    const int64_t end = start + plan.steps < p->length ? start + plan.steps : p->length;
    channels<WIDTH> c;

    own_channels<VECTOR>(&call, &plan, column, lane, &c);
    if (b < p->batch && c.count) {
        walk_run<DTYPE, VECTOR, WIDTH, SEQ>(&call, b, start, end, &c);
        if (p->initial && start == 0)
            for (int j = 0; j < c.count; j++)
                for (int before = 0; before < WIDTH - 1; before++) {
                    const int64_t d = c.first + j * c.stride;
                    dtype_store(call.tensor[CONV1D_BWD_DINITIAL], DTYPE,
                                conv1d_state_at(p, b, d, before),
                                conv1d_bwd_sample(p, call.tensor, b, d, before - (WIDTH - 1)));
                }
    }
#pragma unroll
    for (int k = 0; k <= WIDTH; k++) {
        __syncthreads(); /* the sums before are read */
#pragma unroll
        for (int j = 0; j < OWN; j++)
            sums[j][threadIdx.x] = c.sum[k][j];
        __syncthreads(); /* sums k of all runs are written */
        const int j = (int)threadIdx.x / plan.lanes;
        const int64_t d =
            column * plan.lanes * OWN + (VECTOR ? OWN * lane + j : lane + j * plan.lanes);
        if (j >= OWN || d >= p->channels || k >= conv1d_bwd_sums(p))
            continue;
        float sum = 0;
        for (int row = 0; row < rows; row++)
            sum += sums[j][row * plan.lanes + lane];
        partial[partial_at(p, part, k, d)] = sum;
    }
}

static struct plan plan_of(const struct conv1d *p)
{
    struct plan plan;
    plan.lanes = LANES_MIN;
    while (plan.lanes < LANES_MAX && plan.lanes * OWN < p->channels)
        plan.lanes *= 2;
    plan.runs = blocks_for(p->length, RUN);
    plan.steps = blocks_for(p->length, plan.runs);
    plan.runs = blocks_for(p->length, plan.steps);
    plan.columns = blocks_for(p->channels, plan.lanes * OWN);
    plan.parts = blocks_for(p->batch * plan.runs, THREADS / plan.lanes);
    return plan;
}

static const char *accepts(const void *problem)
{
    return conv1d_accepts_few_taps(problem, CONV1D_CHANNEL_LAST);
}

static size_t workspace_bytes(const void *problem)
{
    const struct conv1d *p = (const struct conv1d *)problem;
    return partial_bytes(p, plan_of(p).parts);
}

static bool vectors_fit(const struct conv1d *p, void *const tensor[])
{
    const size_t bytes = OWN * dtype_size((enum dtype)p->dtype);
    const uintptr_t all = (uintptr_t)tensor[CONV1D_BWD_X] | (uintptr_t)tensor[CONV1D_BWD_DOUT] |
                          (uintptr_t)tensor[CONV1D_BWD_DX];
    return all % bytes == 0 && p->channels % OWN == 0 && p->pad % OWN == 0;
}

static int run(const void *problem, void *const tensor[], void *workspace, void *stream)
{
    const struct conv1d_bwd_call call = conv1d_bwd_pack(problem, tensor);
    const struct plan plan = plan_of(&call.p);
    const bool vectors = vectors_fit(&call.p, tensor);
    const int error = conv1d_for_dtype(call.p.dtype, [&](auto dtype) {
        return conv1d_for_width(call.p.width, [&](auto width) {
            const enum dtype DTYPE = decltype(dtype)::value;
            const int WIDTH = decltype(width)::value;
            return launch(!vectors         ? walk<DTYPE, WIDTH, false, true>
                          : call.p.seq_idx ? walk<DTYPE, WIDTH, true, true>
                                           : walk<DTYPE, WIDTH, true, false>,
                          plan.columns * plan.parts, THREADS, 0, stream, call, plan,
                          (float *)workspace);
        });
    });
    return error ? error : reduce(call, workspace, plan.parts, stream);
}

VARIANT(conv1d_bwd_channel_last) = {.accepts = accepts, .workspace = workspace_bytes, .run = run};
