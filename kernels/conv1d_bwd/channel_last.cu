/* conv1d_bwd/channel_last: threads own four channels and walk a run of steps.
 *
 * Computes   dx, dweight, dbias and dinitial of reference/conv1d_bwd.h: sums over taps, and over
 *            the runs of a block, in fp32, sums over blocks in double.
 * Accepts    width <= 4, channel_last; every other option. Inputs are only read.
 * Layout     conv1d/channels.cuh: thread = 4 channels and a run of at most RUN steps; a block has
 *            one column of channels and 4 runs or more.
 * Algorithm  x and dout come DEPTH steps ahead into words of shared memory that only their thread
 *            uses: cp.async, no barrier. Step by step: g from the last `width` samples, its
 *            products with them, then dx of width-1 steps before from the last `width` of g. A run
 *            goes on for the width-1 steps behind it, for their g. Without initial, dfinal and
 *            seq_idx the code is a third as long.
 * Cost       bytes: conv1d_bwd's; of 64 steps of a run, x of 6 and dout of 3 more, from caches as
 *            a rule. Workspace: 4 bytes for each sum and block.
 * Error      f32 1e-6 at worst. Order of the sums: steps of a run, ascending; runs of a block,
 *            ascending; then partial.cuh.
 * Source     written from the definition.
 */
#include "../conv1d/channels.cuh"
#include "partial.cuh"
#include "slope.cuh"

enum { THREADS = 256, RUN = 64, DEPTH = 8, BLOCKS = 2 };

/* What a thread has; steps are numbered from the first of its run. */
template <int WIDTH>
struct share {
    struct channels c;
    struct stretch s;
    filter<WIDTH> f;
    float sum[WIDTH + 1][OWN]; /* of dweight, then dbias */
    int known;                 /* steps that are in the sequence, of the run and behind it */
    int plain;                 /* steps of the run whose dx has no part of dfinal */
};

/* The last WIDTH steps, each at its number modulo WIDTH. */
template <int WIDTH>
struct window {
    float x[WIDTH][OWN], g[WIDTH][OWN];
    int32_t sequence[WIDTH];
};

/* What a block has of a step in shared memory. */
template <enum dtype DTYPE>
struct words {
    vector<DTYPE, OWN> x[THREADS], dout[THREADS];
};

/* Starts the copies of step i, or none behind the sequence; either is a group. */
template <enum dtype DTYPE, bool NEIGHBOURS, int WIDTH>
static inline __device__ void start_step(const struct conv1d_bwd_call *call,
                                         const share<WIDTH> *own, int i, words<DTYPE> *ring)
{
    words<DTYPE> *const to = &ring[i % DEPTH];
    const int64_t at = own->s.origin + i * own->s.pitch;
    if (i < own->known) { /* GPU only: no load from beyond */
        channels_fetch<DTYPE, NEIGHBOURS>(&to->x[threadIdx.x], call->tensor[CONV1D_BWD_X], &own->c,
                                          at);
        channels_fetch<DTYPE, NEIGHBOURS>(&to->dout[threadIdx.x], call->tensor[CONV1D_BWD_DOUT],
                                          &own->c, at);
    }
    copy_async_commit();
}

/* dout of step `now` of a window, in place of g, becomes g. */
template <int WIDTH, bool SEQ>
static inline __device__ void slope(const struct conv1d *p, const filter<WIDTH> *f, int now,
                                    window<WIDTH> *w)
{
#pragma unroll
    for (int j = 0; j < OWN; j++) {
        if (p->act == ACT_SILU) {
            float pre = f->bias[j];
#pragma unroll
            for (int tap = 0; tap < WIDTH; tap++) {
                const int from = (now + 1 + tap) % WIDTH;
                if (!SEQ || w->sequence[from] == w->sequence[now])
                    pre = fmaf(f->weight[tap][j], w->x[from][j], pre);
            }
            w->g[now][j] *= silu_slope_ex2(pre);
        }
        if (SEQ && w->sequence[now] == -1)
            w->g[now][j] = 0;
    }
}

template <int WIDTH, bool SEQ>
static inline __device__ void add_sums(const window<WIDTH> *w, int now, float sum[WIDTH + 1][OWN])
{
#pragma unroll
    for (int j = 0; j < OWN; j++) {
#pragma unroll
        for (int tap = 0; tap < WIDTH; tap++) {
            const int from = (now + 1 + tap) % WIDTH;
            if (!SEQ || w->sequence[from] == w->sequence[now])
                sum[tap][j] = fmaf(w->g[now][j], w->x[from][j], sum[tap][j]);
        }
        sum[WIDTH][j] += w->g[now][j];
    }
}

/* dx of step i, WIDTH-1 before `now`, or dinitial. */
template <enum dtype DTYPE, bool NEIGHBOURS, int WIDTH, bool SEQ, bool BARE, bool INSIDE>
static inline __device__ void store_step(const struct conv1d_bwd_call *call,
                                         const share<WIDTH> *own, int i, int now,
                                         const window<WIDTH> *w)
{
    const struct conv1d *p = &call->p;
    const struct stretch *const s = &own->s;
    const int from = (now + 1) % WIDTH;
    float dx[OWN];
#pragma unroll
    for (int j = 0; j < OWN; j++) {
        dx[j] = 0;
        if (!BARE && !INSIDE && i >= own->plain &&
            j < own->c.count) /* GPU only: others load from beyond */
            dx[j] = conv1d_bwd_dfinal(p, call->tensor, s->b, own->c.first + j * own->c.stride,
                                      s->start + i);
#pragma unroll
        for (int tap = 0; tap < WIDTH; tap++) {
            const int to = (now + WIDTH - tap) % WIDTH;
            if (!SEQ || w->sequence[from] == w->sequence[to])
                dx[j] = fmaf(own->f.weight[tap][j], w->g[to][j], dx[j]);
        }
    }
    if (INSIDE || i >= 0)
        channels_store<DTYPE, NEIGHBOURS>(call->tensor[CONV1D_BWD_DX], &own->c,
                                          s->origin + i * s->pitch, dx);
    else if (!BARE && p->initial && s->start == 0)
        channels_store<DTYPE, false>(call->tensor[CONV1D_BWD_DINITIAL], &own->c,
                                     conv1d_state_at(p, s->b, own->c.first, i + WIDTH - 1), dx);
}

/* Step i, which is `now` modulo WIDTH. INSIDE: it is of the run, and so is that of its dx, which
 * has no part of dfinal. */
template <enum dtype DTYPE, bool NEIGHBOURS, int WIDTH, bool SEQ, bool BARE, bool INSIDE>
static inline __device__ void take_step(const struct conv1d_bwd_call *call, int i, int now,
                                        words<DTYPE> *ring, share<WIDTH> *own, window<WIDTH> *w)
{
    start_step<DTYPE, NEIGHBOURS>(call, own, i + DEPTH - 1, ring);
    copy_async_wait<DEPTH - 1>();
    if (INSIDE || i < own->known) {
        const words<DTYPE> *const from = &ring[i % DEPTH];
        vector_floats<DTYPE, OWN>(from->x[threadIdx.x], w->x[now]);
        vector_floats<DTYPE, OWN>(from->dout[threadIdx.x], w->g[now]);
        if (SEQ) /* cost only: nobody else reads it */
            w->sequence[now] = conv1d_sequence(&call->p, call->tensor, own->s.b, own->s.start + i);
        slope<WIDTH, SEQ>(&call->p, &own->f, now, w);
    } else {
#pragma unroll
        for (int j = 0; j < OWN; j++)
            w->g[now][j] = 0;
    }
    if (INSIDE || i < own->s.steps)
        add_sums<WIDTH, SEQ>(w, now, own->sum);
    if (INSIDE || i < own->s.steps + WIDTH - 1)
        store_step<DTYPE, NEIGHBOURS, WIDTH, SEQ, BARE, INSIDE>(call, own, i - (WIDTH - 1), now, w);
}

template <enum dtype DTYPE, bool NEIGHBOURS, int WIDTH, bool SEQ, bool BARE>
static inline __device__ void walk_run(const struct conv1d_bwd_call *call, words<DTYPE> *ring,
                                       share<WIDTH> *own)
{
    const int HALO = WIDTH - 1, safe = min(own->s.steps, own->plain + HALO);
    window<WIDTH> w = {};
#pragma unroll
    for (int i = 0; i < DEPTH - 1; i++)
        start_step<DTYPE, NEIGHBOURS>(call, own, i, ring);
    if (BARE)
        channels_before_in_x<DTYPE, WIDTH>(call->tensor, &own->c, &own->s, w.x + 1);
    else
        channels_before<DTYPE, NEIGHBOURS, WIDTH>(&call->p, call->tensor, &own->c, &own->s,
                                                  w.x + 1);
#pragma unroll
    for (int i = 0; i < HALO; i++)
        if (SEQ && own->s.start - HALO + i >= 0) /* GPU only: no load from before */
            w.sequence[i + 1] =
                conv1d_sequence(&call->p, call->tensor, own->s.b, own->s.start - HALO + i);
    for (int i = 0; i < own->s.steps + HALO; i += WIDTH)
        if (i >= HALO && i + WIDTH <= safe) /* cost only: the other does the same */
#pragma unroll
            for (int now = 0; now < WIDTH; now++)
                take_step<DTYPE, NEIGHBOURS, WIDTH, SEQ, BARE, true>(call, i + now, now, ring, own,
                                                                     &w);
        else
#pragma unroll
            for (int now = 0; now < WIDTH; now++)
                take_step<DTYPE, NEIGHBOURS, WIDTH, SEQ, BARE, false>(call, i + now, now, ring, own,
                                                                      &w);
}

/* BARE: neither initial, dfinal nor seq_idx, and the channels of a thread are neighbours: less
 * code, which comes to a cold multiprocessor sooner. */
template <enum dtype DTYPE, int WIDTH, bool NEIGHBOURS, bool SEQ, bool BARE>
static __global__ void __launch_bounds__(THREADS, BLOCKS)
    walk(const struct conv1d_bwd_call call, const struct runs runs, float *partial)
{
    DYNAMIC_SHARED(words<DTYPE>, ring);
    float(*const sums)[OWN][THREADS] = (float(*)[OWN][THREADS])(ring + DEPTH);
    const struct conv1d *p = &call.p;
    let_next_start(); /* cost only: or it starts later */
    const int lane = (int)(threadIdx.x & (unsigned)(runs.lanes - 1));
    const int row = (int)(threadIdx.x >> runs.lanes_log2), rows = THREADS >> runs.lanes_log2;
    int column;
    const int64_t part = divide(blockIdx.x, &runs.columns, &column);
    share<WIDTH> own;
    own.c = channels_of<NEIGHBOURS>(p, &runs, column, lane);
    own.f = filter_of<DTYPE, NEIGHBOURS, WIDTH>(p, call.tensor, &own.c);
    own.s = stretch_of(p, &runs, part * rows + row, own.c.first);
    own.known = (int)min(runs.steps + WIDTH - 1, p->length - own.s.start);
    own.plain = /* cost only: a smaller one gives the same */
        (int)min(runs.steps, p->length - own.s.start - (p->final ? WIDTH - 1 : 0));
    for (int k = 0; k <= WIDTH; k++)
        for (int j = 0; j < OWN; j++)
            own.sum[k][j] = 0;

    if (own.s.b < p->batch && own.c.count)
        walk_run<DTYPE, NEIGHBOURS, WIDTH, SEQ, BARE>(&call, ring, &own);
#pragma unroll
    for (int k = 0; k <= WIDTH; k++)
#pragma unroll
        for (int j = 0; j < OWN; j++)
            sums[k][j][threadIdx.x] = own.sum[k][j];
    __syncthreads(); /* the sums of all runs are written */
    for (int i = row; i < (int)conv1d_bwd_sums(p) * OWN; i += rows) {
        const int k = i / OWN, j = i % OWN;
        const int64_t first = (int64_t)column * runs.lanes * OWN;
        const int64_t d = first + (NEIGHBOURS ? OWN * lane + j : lane + j * runs.lanes);
        float sum = 0;
        for (int r = 0; r < rows; r++)
            sum += sums[k][j][r * runs.lanes + lane];
        if (d < p->channels)
            partial[partial_at(p, part, k, d)] = sum;
    }
}

static int64_t parts_of(const struct conv1d *p, const struct runs *runs)
{
    return blocks_for(p->batch * runs->count.value, THREADS / runs->lanes);
}

static const char *accepts(const void *problem)
{
    return conv1d_accepts_few_taps(problem, CONV1D_CHANNEL_LAST);
}

static size_t workspace_bytes(const void *problem)
{
    const struct conv1d *p = (const struct conv1d *)problem;
    const struct runs runs = runs_of(p, RUN);
    return partial_bytes(p, parts_of(p, &runs));
}

static int run(const void *problem, void *const tensor[], void *workspace, void *stream)
{
    const struct conv1d_bwd_call call = conv1d_bwd_pack(problem, tensor);
    const struct runs runs = runs_of(&call.p, RUN);
    const int64_t parts = parts_of(&call.p, &runs);
    const bool fit =
        channels_fit(&call.p, tensor[CONV1D_BWD_X], tensor[CONV1D_BWD_DOUT], tensor[CONV1D_BWD_DX]);
    const int error = conv1d_for_dtype(call.p.dtype, [&](auto dtype) {
        return conv1d_for_width(call.p.width, [&](auto width) {
            const enum dtype DTYPE = decltype(dtype)::value;
            const int WIDTH = decltype(width)::value;
            return launch(!fit                             ? walk<DTYPE, WIDTH, false, true, false>
                          : call.p.seq_idx                 ? walk<DTYPE, WIDTH, true, true, false>
                          : call.p.initial || call.p.final ? walk<DTYPE, WIDTH, true, false, false>
                                                           : walk<DTYPE, WIDTH, true, false, true>,
                          runs.columns.value * parts, THREADS,
                          DEPTH * sizeof(words<DTYPE>) +
                              (WIDTH + 1) * OWN * THREADS * sizeof(float),
                          stream, call, runs, (float *)workspace);
        });
    });
    return error ? error : reduce(call, workspace, parts, stream);
}

VARIANT(conv1d_bwd_channel_last) = {.accepts = accepts, .workspace = workspace_bytes, .run = run};
