/* conv1d_bwd/vectorized: rows in vectors of 16 bytes, what neighbours need by warp shuffles.
 *
 * Computes   dx, dweight, dbias and dinitial of reference/conv1d_bwd.h: sums over taps in fp32,
 *            sums over batch and length of 4096 steps each in fp32, then in double.
 * Accepts    width <= 4, channel_first; every other option. Inputs are only read.
 * Layout     lane = V = 4 (f32) or 8 neighbouring steps of 4 or 2 slices, a vector of 16 bytes
 *            each. Long rows: a warp owns a chunk of 512 steps, slices one behind the other in
 *            time, and goes through 4 chunks. Rows of at most 32 vectors: 4 to 32 lanes a row,
 *            slices are sequences, a warp has rows of up to 8 channels. No shared memory.
 * Algorithm  all vectors of x and dout are loaded first. Slices from the last to the first: width-1
 *            samples from the lane before, g, its products with x; width-1 g from the lane behind,
 *            dx. At the ends of a chunk lane 0 loads the samples, and lanes 0 ... width-2 compute g
 *            of the chunk behind. Vectors are aligned wherever a row starts, `lead` steps before
 *            it; those that stick out of the row are taken by elements, and so is seq_idx.
 * Cost       bytes: conv1d_bwd's; x and dout of 9 more steps a chunk, from caches. Workspace: 4
 *            bytes for each sum and 4 chunks (4 slices of sequences), written and read. By elements
 *            where x, dout and dx lie differently within 16 bytes.
 * Error      f32 1e-6 at worst. Order of the sums: a lane's 64 steps, slices descending; lanes by a
 *            tree; then partial.cuh.
 * Source     written from the definition.
 */
#include "../conv1d/common.cuh"
#include "../device/vector.cuh"
#include "partial.cuh"

enum { WARP = 32, THREADS = 128, ITEMS = 4, LANES_MIN = 4 };
static const unsigned ALL = 0xffffffffu;

template <enum dtype DTYPE>
struct slice {
    static const int V = VECTOR<DTYPE>, COUNT = 16 / V;
};

/* An item is a chunk of a row, or as many sequences as there are slices. */
struct plan {
    int64_t chunks; /* of a row; 0 where rows are short */
    int64_t items;  /* of a channel; a part is ITEMS of them */
    int64_t parts;
    int lanes; /* of a row */
    int phase; /* of the tensors within a vector, in elements; negative: no vectors */
};

/* A slice of a row, as one lane sees it. */
template <enum dtype DTYPE>
struct place {
    int64_t b, at; /* at: of the row in x */
    int64_t first; /* of the lane's steps */
    bool live, full;
};

template <enum dtype DTYPE>
static inline __device__ place<DTYPE> place_of(const struct conv1d *p, const struct plan *plan,
                                               int64_t b, int64_t d, int64_t vector)
{
    const int V = slice<DTYPE>::V;
    place<DTYPE> s;
    s.b = b;
    s.at = conv1d_at(p, b, d, 0);
    s.live = b < p->batch && d < p->channels;
    const int start = (int)((s.at + plan->phase) & (V - 1));
    const int end = (int)((s.at + plan->phase + p->length) & (V - 1));
    const int lead = plan->phase < 0 ? 0 : p->reverse ? (V - end) & (V - 1) : start;
    s.first = vector * V - lead;
    s.full = s.live && plan->phase >= 0 && /* cost only: others are taken by elements */
             s.first >= 0 && s.first + V <= p->length;
    return s;
}

/* The lane's elements in memory run from that of its first step, or of its last with reverse. */
template <enum dtype DTYPE>
static inline __device__ int64_t place_at(const struct conv1d *p, const place<DTYPE> *s)
{
    return s->at + (p->reverse ? p->length - slice<DTYPE>::V - s->first : s->first);
}

template <enum dtype DTYPE>
static inline __device__ void flip(float value[])
{
    const int V = slice<DTYPE>::V;
#pragma unroll
    for (int i = 0; i < V / 2; i++) {
        const float other = value[i];
        value[i] = value[V - 1 - i];
        value[V - 1 - i] = other;
    }
}

/* Of x, or of dout: a vector that sticks out of the row, by elements, in the order of memory. */
template <enum dtype DTYPE>
static __device__ uint4 ragged(const struct conv1d_bwd_call *call, const place<DTYPE> *s, int64_t d,
                               enum conv1d_bwd_tensor tensor)
{
    const struct conv1d *p = &call->p;
    float value[slice<DTYPE>::V];
#pragma unroll
    for (int i = 0; i < slice<DTYPE>::V; i++) {
        const int64_t step = s->first + i;
        if (tensor == CONV1D_BWD_X)
            value[i] = conv1d_sample_or_zero(p, call->tensor, s->b, d, step);
        else
            value[i] = step >= 0 && step < p->length
                           ? dtype_load(call->tensor[tensor], DTYPE, s->at + conv1d_time(p, step))
                           : 0.0f;
    }
    if (p->reverse)
        flip<DTYPE>(value);
    return vector_pack<DTYPE>(value);
}

/* Sequences of the lane's steps and of width-1 on each side; -1 outside of the row. */
template <enum dtype DTYPE, int WIDTH>
static inline __device__ void sequences(const struct conv1d_bwd_call *call, const place<DTYPE> *s,
                                        int32_t sequence[])
{
#pragma unroll
    for (int i = 0; i < slice<DTYPE>::V + 2 * (WIDTH - 1); i++) {
        const int64_t step = s->first - (WIDTH - 1) + i;
        sequence[i] = s->live && step >= 0 && step < call->p.length
                          ? conv1d_sequence(&call->p, call->tensor, s->b, step)
                          : -1;
    }
}

/* g of one step behind a chunk. */
template <enum dtype DTYPE, int WIDTH, bool SEQ>
static inline __device__ float edge_slope(const struct conv1d_bwd_call *call, int64_t b, int64_t at,
                                          const float weight[], float bias, int64_t step)
{
    const struct conv1d *p = &call->p;
    const int32_t own = SEQ ? conv1d_sequence(p, call->tensor, b, step) : 0;
    const float dout = dtype_load(call->tensor[CONV1D_BWD_DOUT], DTYPE, at + conv1d_time(p, step));
    float pre = bias;
    if (p->act == ACT_SILU) { /* cost only: nobody else reads the sum */
#pragma unroll
        for (int w = 0; w < WIDTH; w++) {
            const int64_t from = step - (WIDTH - 1) + w;
            const float x =
                dtype_load(call->tensor[CONV1D_BWD_X], DTYPE, at + conv1d_time(p, from));
            if (!SEQ || conv1d_sequence(p, call->tensor, b, from) == own)
                pre = fmaf(weight[w], x, pre);
        }
    }
    if (own == -1)
        return 0;
    return p->act == ACT_SILU ? dout * silu_slope(pre) : dout;
}

/* What a lane keeps of its channel. */
template <int WIDTH>
struct channel {
    int64_t d;
    float weight[WIDTH], bias;
    float sum[WIDTH + 1]; /* of dweight, then dbias */
};

/* One slice: from x, with width-1 samples before, and dout; g behind the lane's steps comes from
 * `next` and the lane's own first g go back there. */
template <enum dtype DTYPE, int WIDTH, bool SEQ>
static inline __device__ void take_slice(const struct conv1d_bwd_call *call, const place<DTYPE> *s,
                                         const float x[], float g[], channel<WIDTH> *c)
{
    const int V = slice<DTYPE>::V;
    const struct conv1d *p = &call->p;
    int32_t sequence[V + 2 * (WIDTH - 1)];
    if (SEQ) /* cost only: nobody else reads them */
        sequences<DTYPE, WIDTH>(call, s, sequence);
#pragma unroll
    for (int i = 0; i < V; i++) {
        if (p->act == ACT_SILU) {
            float pre = c->bias;
#pragma unroll
            for (int w = 0; w < WIDTH; w++)
                if (!SEQ || sequence[i + w] == sequence[i + WIDTH - 1])
                    pre = fmaf(c->weight[w], x[i + w], pre);
            g[i] *= silu_slope(pre);
        }
        if (SEQ && sequence[i + WIDTH - 1] == -1)
            g[i] = 0;
        if (!s->full && (s->first + i < 0 || s->first + i >= p->length))
            continue; /* g is 0, but x may be NaN */
#pragma unroll
        for (int w = 0; w < WIDTH; w++)
            if (!SEQ || sequence[i + w] == sequence[i + WIDTH - 1])
                c->sum[w] = fmaf(g[i], x[i + w], c->sum[w]);
        c->sum[WIDTH] += g[i];
    }
}

template <enum dtype DTYPE, int WIDTH, bool SEQ>
static inline __device__ void store_slice(const struct conv1d_bwd_call *call, const place<DTYPE> *s,
                                          const float g[], const channel<WIDTH> *c)
{
    const int V = slice<DTYPE>::V;
    const struct conv1d *p = &call->p;
    void *const to = call->tensor[CONV1D_BWD_DX];
    int32_t sequence[V + 2 * (WIDTH - 1)];
    float dx[V];
    if (SEQ) /* cost only: nobody else reads them */
        sequences<DTYPE, WIDTH>(call, s, sequence);
#pragma unroll
    for (int i = 0; i < V; i++) {
        const int64_t step = s->first + i;
        dx[i] = 0;
        if (p->final && s->live && step >= 0 && step < p->length)
            dx[i] = conv1d_bwd_dfinal(p, call->tensor, s->b, c->d, step);
#pragma unroll
        for (int w = 0; w < WIDTH; w++)
            if (!SEQ || sequence[i + WIDTH - 1] == sequence[i + 2 * (WIDTH - 1) - w])
                dx[i] = fmaf(c->weight[w], g[i + WIDTH - 1 - w], dx[i]);
    }
    if (s->full) {
        if (p->reverse)
            flip<DTYPE>(dx);
        vector_store<DTYPE>(to, place_at(p, s), vector_pack<DTYPE>(dx));
    } else if (s->live) {
#pragma unroll
        for (int i = 0; i < V; i++)
            if (s->first + i >= 0 && s->first + i < p->length)
                dtype_store(to, DTYPE, s->at + conv1d_time(p, s->first + i), dx[i]);
    }
}

/* Widened, in the order of steps. */
template <enum dtype DTYPE>
static inline __device__ void in_steps(const struct conv1d *p, uint4 raw, float value[])
{
    vector_floats<DTYPE>(raw, value);
    if (p->reverse)
        flip<DTYPE>(value);
}

/* All slices of an item of the warp. */
template <enum dtype DTYPE, int WIDTH, bool LONG, bool SEQ>
static inline __device__ void take_item(const struct conv1d_bwd_call *call, const struct plan *plan,
                                        int64_t item, channel<WIDTH> *c)
{
    const int V = slice<DTYPE>::V, COUNT = slice<DTYPE>::COUNT, HALO = WIDTH - 1;
    const struct conv1d *p = &call->p;
    const int lanes = LONG ? WARP : plan->lanes, lane = (int)threadIdx.x % WARP, own = lane % lanes;
    const int64_t chunk = LONG ? item % plan->chunks : 0;
    place<DTYPE> s[COUNT];
    uint4 x_raw[COUNT], dout_raw[COUNT];
    float edge_x[LONG ? 1 : COUNT][WIDTH], edge_g = 0;

#pragma unroll
    for (int k = 0; k < COUNT; k++) {
        s[k] = LONG ? place_of<DTYPE>(p, plan, item / plan->chunks, c->d,
                                      (chunk * COUNT + k) * WARP + lane)
                    : place_of<DTYPE>(p, plan, item * COUNT + k, c->d, own);
        x_raw[k] = dout_raw[k] = make_uint4(0, 0, 0, 0);
        if (s[k].full) {
            x_raw[k] = vector_load<DTYPE>(call->tensor[CONV1D_BWD_X], place_at(p, &s[k]));
            dout_raw[k] = vector_load<DTYPE>(call->tensor[CONV1D_BWD_DOUT], place_at(p, &s[k]));
        }
    }
#pragma unroll
    for (int k = 0; k < COUNT; k++)
        if (s[k].live && !s[k].full && s[k].first < p->length) {
            x_raw[k] = ragged<DTYPE>(call, &s[k], c->d, CONV1D_BWD_X);
            dout_raw[k] = ragged<DTYPE>(call, &s[k], c->d, CONV1D_BWD_DOUT);
        }
#pragma unroll
    for (int k = 0; k < (LONG ? 1 : COUNT); k++)
#pragma unroll
        for (int i = 0; i < HALO; i++) {
            edge_x[k][i] = 0;
            if (own == 0 && s[k].live && (LONG || p->initial)) /* cost only: nobody else uses it */
                edge_x[k][i] =
                    conv1d_sample_or_zero(p, call->tensor, s[k].b, c->d, s[k].first - HALO + i);
        }
    if (LONG) { /* cost only: nobody else uses it */
        const int64_t step = s[0].first + (int64_t)(COUNT * WARP - lane) * V + lane;
        if (lane < HALO && s[0].live && step < p->length) /* GPU only: others load from beyond */
            edge_g = edge_slope<DTYPE, WIDTH, SEQ>(call, s[0].b, s[0].at, c->weight, c->bias, step);
    }

    float g[V + HALO], behind[WIDTH] = {0}, x[V + HALO];
#pragma unroll
    for (int k = COUNT - 1; k >= 0; k--) {
        float before[V];
        in_steps<DTYPE>(p, x_raw[k], x + HALO);
        in_steps<DTYPE>(p, x_raw[LONG && k ? k - 1 : k], before);
#pragma unroll
        for (int i = 0; i < HALO; i++) {
            const float send = LONG && lane == WARP - 1 ? before[V - HALO + i] : x[V + i];
            x[i] = __shfl_sync(ALL, send, (lane + WARP - 1) % WARP);
            if (own == 0 && !(LONG && k))
                x[i] = edge_x[LONG ? 0 : k][i];
        }
        in_steps<DTYPE>(p, dout_raw[k], g);
        take_slice<DTYPE, WIDTH, SEQ>(call, &s[k], x, g, c);
#pragma unroll
        for (int i = 0; i < HALO; i++) {
            const bool last = k == COUNT - 1;
            const float send = LONG && !last && lane == 0 ? behind[i] : g[i];
            const float from_edge = LONG && last ? __shfl_sync(ALL, edge_g, i) : 0.0f;
            behind[i] = g[i];
            g[V + i] = __shfl_sync(ALL, send, (lane + 1) % WARP);
            if (own == lanes - 1 && !(LONG && !last))
                g[V + i] = from_edge;
        }
        store_slice<DTYPE, WIDTH, SEQ>(call, &s[k], g, c);
        if (p->initial && s[k].live && own < HALO && chunk == 0 && !(LONG && k))
            dtype_store(call->tensor[CONV1D_BWD_DINITIAL], DTYPE,
                        conv1d_state_at(p, s[k].b, c->d, own),
                        conv1d_bwd_sample(p, call->tensor, s[k].b, c->d, own - HALO));
    }
}

template <enum dtype DTYPE, int WIDTH, bool LONG, bool SEQ>
static __global__ void __launch_bounds__(THREADS)
    walk(const struct conv1d_bwd_call call, const struct plan plan, float *partial)
{
    const struct conv1d *p = &call.p;
    const int rows = WARP / plan.lanes, lane = (int)threadIdx.x % WARP;
    const int64_t warp = thread_index() / WARP, columns = (p->channels + rows - 1) / rows;
    const int64_t part = warp / columns;
    if (part >= plan.parts)
        return; /* the whole warp */
    channel<WIDTH> c;
    c.d = warp % columns * rows + lane / plan.lanes;
    const bool inside = c.d < p->channels;
#pragma unroll
    for (int w = 0; w < WIDTH; w++) {
        c.weight[w] = inside ? conv1d_weight(p, call.tensor, c.d, w) : 0.0f;
        c.sum[w] = 0;
    }
    c.sum[WIDTH] = 0;
    c.bias = inside ? conv1d_bias(p, call.tensor, c.d) : 0.0f;
    for (int64_t item = part * ITEMS; item < (part + 1) * ITEMS && item < plan.items; item++)
        take_item<DTYPE, WIDTH, LONG, SEQ>(&call, &plan, item, &c);
#pragma unroll
    for (int k = 0; k <= WIDTH; k++) {
        for (int distance = plan.lanes / 2; distance; distance /= 2)
            c.sum[k] += __shfl_xor_sync(ALL, c.sum[k], distance);
        if (inside && lane % plan.lanes == 0 && k < conv1d_bwd_sums(p))
            partial[partial_at(p, part, k, c.d)] = c.sum[k];
    }
}

/* Whatever the tensors' addresses, there are no more parts than without them. */
static struct plan plan_of(const struct conv1d *p, void *const tensor[])
{
    const int size = (int)dtype_size((enum dtype)p->dtype), V = 16 / size, count = 16 / V;
    const int64_t pitch = p->length + p->pad;
    int64_t lead = V - 1;
    struct plan plan;
    plan.phase = -1;
    if (tensor) {
        const uintptr_t x = (uintptr_t)tensor[CONV1D_BWD_X];
        const uintptr_t dout = (uintptr_t)tensor[CONV1D_BWD_DOUT];
        const uintptr_t dx = (uintptr_t)tensor[CONV1D_BWD_DX];
        if (((x ^ dout) | (x ^ dx)) % 16 == 0)
            plan.phase = (int)(x % 16) / size;
        lead = plan.phase < 0 ? 0
               : pitch % V    ? V - 1
               : p->reverse   ? (V - (plan.phase + p->length) % V) % V
                              : plan.phase;
    }
    const int64_t vectors = blocks_for(p->length + lead, V);
    plan.chunks = vectors > WARP || p->seq_idx ? blocks_for(vectors, count * WARP) : 0;
    plan.items = plan.chunks ? p->batch * plan.chunks : blocks_for(p->batch, count);
    plan.parts = blocks_for(plan.items, ITEMS);
    plan.lanes = plan.chunks ? WARP : LANES_MIN;
    while (plan.lanes < vectors && !plan.chunks)
        plan.lanes *= 2;
    return plan;
}

static const char *accepts(const void *problem)
{
    return conv1d_accepts_few_taps(problem, CONV1D_CHANNEL_FIRST);
}

static size_t workspace_bytes(const void *problem)
{
    const struct conv1d *p = (const struct conv1d *)problem;
    return partial_bytes(p, plan_of(p, NULL).parts);
}

static int run(const void *problem, void *const tensor[], void *workspace, void *stream)
{
    const struct conv1d_bwd_call call = conv1d_bwd_pack(problem, tensor);
    const struct plan plan = plan_of(&call.p, tensor);
    const int64_t columns = blocks_for(call.p.channels, WARP / plan.lanes);
    const int error = conv1d_for_dtype(call.p.dtype, [&](auto dtype) {
        return conv1d_for_width(call.p.width, [&](auto width) {
            const enum dtype DTYPE = decltype(dtype)::value;
            const int WIDTH = decltype(width)::value;
            return launch(call.p.seq_idx ? walk<DTYPE, WIDTH, true, true>
                          : plan.chunks  ? walk<DTYPE, WIDTH, true, false>
                                         : walk<DTYPE, WIDTH, false, false>,
                          blocks_for(columns * plan.parts, THREADS / WARP), THREADS, 0, stream,
                          call, plan, (float *)workspace);
        });
    });
    return error ? error : reduce(call, workspace, plan.parts, stream);
}

VARIANT(conv1d_bwd_vectorized) = {.accepts = accepts, .workspace = workspace_bytes, .run = run};
