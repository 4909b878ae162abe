/* conv1d_bwd/tiled: tiles of channels and steps in shared memory, with what lies around them.
 *
 * Computes   dx, dweight, dbias and dinitial of reference/conv1d_bwd.h: sums over taps in fp32,
 *            sums over batch and length of at most 1024 steps each in fp32, then in double.
 * Accepts    any shape; every option. Inputs are only read.
 * Layout     block = 4 channels and 256 steps, or 32 channels and 64 steps when channel_last, of
 *            one sequence after another: 4 tiles. In shared memory, in fp32: x of the tile and of
 *            width-1 steps on each side, dout and then g of the tile and of the width-1 behind,
 *            weights, sums; [channel][step], a row's pitch odd. Loads and stores run along
 *            whichever axis is contiguous.
 * Algorithm  per tile: load; g, in the place of dout; dx, and a warp a sum: 8 (2) products a lane,
 *            then a tree, added to the block's sum. Three barriers a tile.
 * Cost       bytes: conv1d_bwd's; with width 4, x of 6 and dout of 3 steps more a tile, from caches
 *            as a rule. Workspace: 4 bytes for each sum and 4 tiles. Each element passes through
 *            shared memory about 4*width times. Elements are loaded one by one.
 * Error      f32 1e-6 at worst. Order of the sums: a lane's steps, 32 apart, ascending; lanes by a
 *            tree; tiles ascending; then partial.cuh.
 * Source     written from the definition.
 */
#include "partial.cuh"

enum { THREADS = 256, WARP = 32, TILES = 4 };

template <bool LAST>
struct tile {
    static const int CHANNELS = LAST ? 32 : 4, STEPS = LAST ? 64 : 256;
};

/* Tiles of a channel block are numbered through all sequences; a part is TILES of them. */
struct plan {
    int64_t tiles; /* of a sequence */
    int64_t columns, parts;
    int halo;             /* width - 1 */
    int x_pitch, g_pitch; /* of rows in shared memory */
};

/* Arrays in dynamic shared memory, one behind the other. Step `step` of the sequence is element
 * step - first + halo of a row of x, and of sequence; element step - first of a row of g. */
struct memory {
    float *x, *g, *weight, *bias, *sum; /* sum: [channel][width + 1] */
    int32_t *sequence;
};

/* Channel d0 + c of sequence b, steps first ... first + count-1. */
struct place {
    int64_t b, d0, first;
    int channels, count;
};

/* Calls body(channel, step) for channels x steps, neighbouring threads along the contiguous axis.
 */
template <bool LAST, typename Body>
static inline __device__ void each(int channels, int steps, Body body)
{
    for (int i = (int)threadIdx.x; i < channels * steps; i += THREADS) {
        if (LAST) /* cost only: neighbours in memory */
            body(i % channels, i / channels);
        else
            body(i / steps, i % steps);
    }
}

template <bool LAST>
static inline __device__ void load_tile(const struct conv1d_bwd_call *call, const struct plan *plan,
                                        const struct place *at, const struct memory *m)
{
    const struct conv1d *p = &call->p;
    const enum dtype dtype = (enum dtype)p->dtype;
    each<LAST>(at->channels, at->count + 2 * plan->halo, [&](int c, int i) {
        m->x[c * plan->x_pitch + i] =
            conv1d_sample_or_zero(p, call->tensor, at->b, at->d0 + c, at->first - plan->halo + i);
    });
    each<LAST>(at->channels, at->count + plan->halo, [&](int c, int i) {
        const int64_t step = at->first + i;
        m->g[c * plan->g_pitch + i] =
            step < p->length ? dtype_load(call->tensor[CONV1D_BWD_DOUT], dtype,
                                          conv1d_at(p, at->b, at->d0 + c, conv1d_time(p, step)))
                             : 0.0f;
    });
    if (p->seq_idx) /* cost only: nobody else reads them */
        for (int i = (int)threadIdx.x; i < at->count + 2 * plan->halo; i += THREADS) {
            const int64_t step = at->first - plan->halo + i;
            m->sequence[i] =
                step >= 0 && step < p->length ? conv1d_sequence(p, call->tensor, at->b, step) : -1;
        }
}

/* g of all steps of the tile and of width-1 behind, each by the thread that takes its dout. */
static inline __device__ void slopes(const struct conv1d *p, const struct plan *plan,
                                     const struct place *at, const struct memory *m)
{
    each<false>(at->channels, at->count + plan->halo, [&](int c, int i) {
        const float *x = m->x + c * plan->x_pitch + i, *weight = m->weight + c * p->width;
        const int32_t *sequence = m->sequence + i;
        float *g = &m->g[c * plan->g_pitch + i], pre = m->bias[c];
        if (p->act == ACT_SILU) {
            for (int w = 0; w < p->width; w++)
                if (!p->seq_idx || sequence[w] == sequence[plan->halo])
                    pre = fmaf(weight[w], x[w], pre);
            *g *= silu_slope(pre);
        }
        if (p->seq_idx && sequence[plan->halo] == -1)
            *g = 0;
    });
}

template <bool LAST>
static inline __device__ void store_tile(const struct conv1d_bwd_call *call,
                                         const struct plan *plan, const struct place *at,
                                         const struct memory *m)
{
    const struct conv1d *p = &call->p;
    each<LAST>(at->channels, at->count, [&](int c, int i) {
        const float *g = m->g + c * plan->g_pitch + i, *weight = m->weight + c * p->width;
        const int32_t *sequence = m->sequence + plan->halo + i;
        float dx = conv1d_bwd_dfinal(p, call->tensor, at->b, at->d0 + c, at->first + i);
        for (int w = 0; w < p->width; w++)
            if (!p->seq_idx || sequence[0] == sequence[plan->halo - w])
                dx = fmaf(weight[w], g[plan->halo - w], dx);
        dtype_store(call->tensor[CONV1D_BWD_DX], (enum dtype)p->dtype,
                    conv1d_at(p, at->b, at->d0 + c, conv1d_time(p, at->first + i)), dx);
    });
}

static inline __device__ void add_sums(const struct conv1d *p, const struct plan *plan,
                                       const struct place *at, const struct memory *m)
{
    const int lane = (int)threadIdx.x % WARP, sums = (int)p->width + 1;
    for (int i = (int)threadIdx.x / WARP; i < at->channels * sums; i += THREADS / WARP) {
        const int c = i / sums, k = i % sums;
        const float *g = m->g + c * plan->g_pitch, *x = m->x + c * plan->x_pitch + k;
        float sum = 0;
        for (int step = lane; step < at->count; step += WARP) {
            if (k == p->width)
                sum += g[step];
            else if (!p->seq_idx || m->sequence[step + k] == m->sequence[step + plan->halo])
                sum = fmaf(g[step], x[step], sum);
        }
        for (int distance = WARP / 2; distance; distance /= 2)
            sum += __shfl_xor_sync(0xffffffffu, sum, distance);
        if (lane == 0)
            m->sum[i] += sum;
    }
}

template <bool LAST>
static inline __device__ struct memory carve(const struct conv1d *p, const struct plan *plan,
                                             float *shared)
{
    const int channels = tile<LAST>::CHANNELS;
    struct memory m;
    m.x = shared;
    m.g = m.x + channels * plan->x_pitch;
    m.weight = m.g + channels * plan->g_pitch;
    m.bias = m.weight + channels * p->width;
    m.sum = m.bias + channels;
    m.sequence = (int32_t *)(m.sum + channels * (p->width + 1));
    return m;
}

template <bool LAST>
static __global__ void __launch_bounds__(THREADS)
    walk(const struct conv1d_bwd_call call, const struct plan plan, float *partial)
{
    DYNAMIC_SHARED(float, shared);
    const struct conv1d *p = &call.p;
    const struct memory m = carve<LAST>(p, &plan, shared);
    const int64_t part = blockIdx.x / plan.columns;
    struct place at;
    at.d0 = blockIdx.x % plan.columns * tile<LAST>::CHANNELS;
    at.channels = p->channels - at.d0 < tile<LAST>::CHANNELS ? (int)(p->channels - at.d0)
                                                             : tile<LAST>::CHANNELS;
    for (int i = (int)threadIdx.x; i < at.channels * (int)p->width; i += THREADS)
        m.weight[i] = conv1d_weight(p, call.tensor, at.d0 + i / p->width, i % p->width);
    for (int i = (int)threadIdx.x; i < at.channels; i += THREADS)
        m.bias[i] = conv1d_bias(p, call.tensor, at.d0 + i);
    for (int i = (int)threadIdx.x; i < at.channels * (int)(p->width + 1); i += THREADS)
        m.sum[i] = 0;
    for (int64_t n = part * TILES; n < (part + 1) * TILES && n < p->batch * plan.tiles; n++) {
        at.b = n / plan.tiles;
        at.first = n % plan.tiles * tile<LAST>::STEPS;
        at.count = p->length - at.first < tile<LAST>::STEPS ? (int)(p->length - at.first)
                                                            : tile<LAST>::STEPS;
        __syncthreads(); /* the tile before is read */
        load_tile<LAST>(&call, &plan, &at, &m);
        __syncthreads(); /* x, dout, sequences and, at first, weights are written */
        slopes(p, &plan, &at, &m);
        __syncthreads(); /* g is written */
        store_tile<LAST>(&call, &plan, &at, &m);
        add_sums(p, &plan, &at, &m);
        if (p->initial && at.first == 0)
            each<LAST>(at.channels, plan.halo, [&](int c, int j) {
                dtype_store(call.tensor[CONV1D_BWD_DINITIAL], (enum dtype)p->dtype,
                            conv1d_state_at(p, at.b, at.d0 + c, j),
                            conv1d_bwd_sample(p, call.tensor, at.b, at.d0 + c, j - plan.halo));
            });
    }
    __syncthreads(); /* the sums are written */
    each<true>(at.channels, (int)conv1d_bwd_sums(p), [&](int c, int k) {
        partial[partial_at(p, part, k, at.d0 + c)] = m.sum[c * (p->width + 1) + k];
    });
}

template <bool LAST>
static struct plan plan_of(const struct conv1d *p)
{
    struct plan plan;
    plan.halo = (int)p->width - 1;
    plan.x_pitch = (tile<LAST>::STEPS + 2 * plan.halo) | 1;
    plan.g_pitch = (tile<LAST>::STEPS + plan.halo) | 1;
    plan.tiles = blocks_for(p->length, tile<LAST>::STEPS);
    plan.columns = blocks_for(p->channels, tile<LAST>::CHANNELS);
    plan.parts = blocks_for(p->batch * plan.tiles, TILES);
    return plan;
}

template <bool LAST>
static int run_layout(const struct conv1d_bwd_call &call, void *workspace, void *stream)
{
    const struct conv1d *p = &call.p;
    const struct plan plan = plan_of<LAST>(p);
    const int64_t rows = plan.x_pitch + plan.g_pitch + p->width + 1 + p->width + 1;
    const int64_t words = tile<LAST>::CHANNELS * rows + tile<LAST>::STEPS + 2 * plan.halo;
    const int error = launch(walk<LAST>, plan.columns * plan.parts, THREADS,
                             (size_t)words * sizeof(float), stream, call, plan, (float *)workspace);
    return error ? error : reduce(call, workspace, plan.parts, stream);
}

static size_t workspace_bytes(const void *problem)
{
    const struct conv1d *p = (const struct conv1d *)problem;
    const bool last = p->layout == CONV1D_CHANNEL_LAST;
    return partial_bytes(p, last ? plan_of<true>(p).parts : plan_of<false>(p).parts);
}

static int run(const void *problem, void *const tensor[], void *workspace, void *stream)
{
    const struct conv1d_bwd_call call = conv1d_bwd_pack(problem, tensor);
    return call.p.layout == CONV1D_CHANNEL_LAST ? run_layout<true>(call, workspace, stream)
                                                : run_layout<false>(call, workspace, stream);
}

VARIANT(conv1d_bwd_tiled) = {.workspace = workspace_bytes, .run = run};
