/* conv1d_bwd/vectorized: rows in words of 16 bytes, what neighbours need by warp shuffles.
 *
 * Computes   dx, dweight, dbias and dinitial of reference/conv1d_bwd.h: sums over taps in fp32,
 *            sums over batch and length of at most 16 slices in fp32, then in double.
 * Accepts    width <= 4, channel_first; every other option. Inputs are only read.
 * Layout     words.cuh: a warp takes up to 16 slices of 32 words, from the last to the first;
 *            lane = a word of a slice. Where x, dout and dx lie differently within 16 bytes, by
 *            elements, and so is seq_idx. Where no word is special and a channel has at most 8
 *            parts, block = channel.
 * Algorithm  copies run 3 slices ahead, into words of shared memory that only their lane uses:
 *            cp.async, no barrier. Of each slice: width-1 samples from the lane before, the first
 *            lane's from the slice before; g, its products with x; width-1 g from the lane behind,
 *            the last lane's from the slice behind; dx. A part that does not end its row begins
 *            with g of the slice behind it. Rows without a special word have code of their own,
 *            short for the sake of a cold launch.
 * Cost       bytes: conv1d_bwd's, and 3 sectors more for each part of a long row. About 50
 *            instructions an output. Workspace: 4 bytes for each sum and part, written and read,
 *            unless block = channel: that is one launch, and no workspace is used.
 * Error      f32 1e-6 at worst. Order of the sums: a lane's steps, slices descending; lanes by a
 *            tree; then partial.cuh, or parts ascending in double.
 * Source     written from the definition.
 */
#include "partial.cuh"
#include "slope.cuh"
#include "words.cuh"

enum { THREADS = 256, DEPTH = 4, EACH = 16, WARPS_ENOUGH = 4096, BLOCKS = 3 };
enum { PARTS_FEW = THREADS / WARP };

/* What a lane keeps of its channel. */
template <int WIDTH>
struct channel {
    float tap[WIDTH], bias;
    float sum[WIDTH + 1]; /* of dweight, then dbias */
};

/* What a block has of a slice in shared memory; a lane's words are its own. */
struct ring {
    uint4 x[THREADS], dout[THREADS];
};

static inline __device__ struct ring *ring_of(struct ring *ring, int slice)
{
    return &ring[slice & (DEPTH - 1)];
}

/* Starts to fetch a slice: a group of copies. Of the slice before the part, the last lane's
 * samples, zeros where the row begins; of the one behind it, the first lane's word; nothing of
 * others. BARE: no word of any slice is special. */
template <enum dtype DTYPE, bool LONG, bool REVERSE, bool BARE>
static inline __device__ void start_slice(const struct conv1d_bwd_call *call,
                                          const struct words *words, const struct share *s,
                                          int slice, int64_t at, struct ring *ring)
{
    const void *const x = call->tensor[CONV1D_BWD_X], *const dout = call->tensor[CONV1D_BWD_DOUT];
    struct ring *const to = ring_of(ring, slice);
    if (BARE && (slice < s->first || slice >= s->end) &&
        (slice < max(s->first - 1, 0) || s->lane != (slice < s->first ? WARP - 1 : 0))) {
        to->x[threadIdx.x] = make_uint4(0, 0, 0, 0);
    } else if (BARE || (LONG && share_inside(s, slice))) { /* cost only: the other does the same */
        const int64_t bytes = at * (16 / VECTOR<DTYPE>);
        copy_async<16>(&to->x[threadIdx.x], (const char *)x + bytes);
        copy_async<16>(&to->dout[threadIdx.x], (const char *)dout + bytes);
    } else {
        const struct word word = word_of<DTYPE, LONG, REVERSE>(&call->p, words, s, slice);
        const bool within = slice >= s->first && slice < s->end, behind = slice >= s->end;
        const bool edge = LONG && slice >= s->first - 1 && s->lane == (behind ? 0 : WARP - 1);
        if (within || edge) /* cost only: nobody reads others */
            word_fetch<DTYPE, REVERSE>(&call->p, x, &word, &to->x[threadIdx.x]);
        if (within || (edge && behind)) /* cost only: nobody reads others */
            word_fetch<DTYPE, REVERSE>(&call->p, dout, &word, &to->dout[threadIdx.x]);
    }
    copy_async_commit();
}

/* dout of a word becomes g. */
template <enum dtype DTYPE, int WIDTH, bool SEQ, bool INSIDE>
static inline __device__ void slopes(const struct conv1d *p, const struct word *word,
                                     const int32_t sequence[], const channel<WIDTH> *c,
                                     const float x[], float g[])
{
    const int V = VECTOR<DTYPE>, HALO = WIDTH - 1;
    if (p->act == ACT_SILU)
#pragma unroll
        for (int i = 0; i < V; i++) {
            float pre = c->bias;
#pragma unroll
            for (int w = 0; w < WIDTH; w++)
                if (!SEQ || sequence[i + w] == sequence[i + HALO])
                    pre = fmaf(c->tap[w], x[i + w], pre);
            g[i] *= silu_slope_ex2(pre);
        }
#pragma unroll
    for (int i = 0; i < V; i++)
        if ((!INSIDE && (word->first + i < 0 || word->first + i >= p->length)) ||
            (SEQ && sequence[i + HALO] == -1))
            g[i] = 0;
}

/* g is 0 where the word is not in the row, but x may be NaN there. */
template <enum dtype DTYPE, int WIDTH, bool SEQ, bool INSIDE>
static inline __device__ void add_sums([[maybe_unused]] const struct conv1d *p,
                                       [[maybe_unused]] const struct word *word,
                                       const int32_t sequence[], const float x[], const float g[],
                                       channel<WIDTH> *c)
{
    const int HALO = WIDTH - 1;
#pragma unroll
    for (int i = 0; i < VECTOR<DTYPE>; i++) {
        if (!INSIDE && (word->first + i < 0 || word->first + i >= p->length))
            continue;
#pragma unroll
        for (int w = 0; w < WIDTH; w++)
            if (!SEQ || sequence[i + w] == sequence[i + HALO])
                c->sum[w] = fmaf(g[i], x[i + w], c->sum[w]);
        c->sum[WIDTH] += g[i];
    }
}

/* g[0 ... VECTOR+HALO-1] of the word and behind it. */
template <enum dtype DTYPE, int WIDTH, bool SEQ, bool REVERSE, bool INSIDE>
static inline __device__ void store_dx(const struct conv1d_bwd_call *call, int64_t b, int64_t d,
                                       const struct word *word, const int32_t sequence[],
                                       const channel<WIDTH> *c, const float g[])
{
    const int V = VECTOR<DTYPE>, HALO = WIDTH - 1;
    const struct conv1d *p = &call->p;
    float dx[V];
#pragma unroll
    for (int i = 0; i < V; i++)
        dx[i] = 0;
    if (!INSIDE && p->final && word->live && /* cost only: dfinal is 0 elsewhere */
        word->first + V > p->length - HALO)
#pragma unroll
        for (int i = 0; i < V; i++)
            if (word->first + i < p->length) /* GPU only: others load from beyond */
                dx[i] = conv1d_bwd_dfinal(p, call->tensor, b, d, word->first + i);
#pragma unroll
    for (int i = 0; i < V; i++)
#pragma unroll
        for (int w = 0; w < WIDTH; w++)
            if (!SEQ || sequence[i + HALO] == sequence[i + 2 * HALO - w])
                dx[i] = fmaf(c->tap[w], g[i + HALO - w], dx[i]);
    word_store<DTYPE, REVERSE, INSIDE>(p, call->tensor[CONV1D_BWD_DX], word, dx);
}

/* A slice from its words and the x of the slice before it. INSIDE: all its words are full and of
 * the part, and neither initial nor dfinal touches them. `behind` are the first lane's first g of
 * the slice behind. */
template <enum dtype DTYPE, int WIDTH, bool LONG, bool SEQ, bool REVERSE, bool INSIDE>
static inline __device__ void take_slice(const struct conv1d_bwd_call *call,
                                         const struct words *words, const struct share *s,
                                         int slice, int64_t at, struct ring *ring, float behind[],
                                         channel<WIDTH> *c)
{
    const int V = VECTOR<DTYPE>, HALO = WIDTH - 1;
    const struct conv1d *p = &call->p;
    const int64_t b = LONG ? s->b : slice;
    struct word word;
    float x[V + HALO], g[V + HALO], before[V];
    int32_t sequence[V + 2 * HALO];
    if (INSIDE) {
        word.first = slice * (WARP * V) + s->own * V - s->lead;
        word.at = at;
    } else {
        word = word_of<DTYPE, LONG, REVERSE>(p, words, s, slice);
    }
    word_floats<DTYPE, REVERSE>(ring_of(ring, slice)->x[threadIdx.x], x + HALO);
    word_floats<DTYPE, REVERSE>(ring_of(ring, slice)->dout[threadIdx.x], g);
    word_floats<DTYPE, REVERSE>(ring_of(ring, slice - 1)->x[threadIdx.x], before);
    if (SEQ) /* cost only: nobody else reads them */
        word_sequences<V + 2 * HALO>(p, call->tensor, b, word.first - HALO, sequence);
#pragma unroll
    for (int j = 0; j < HALO; j++) {
        const float send = LONG && s->lane == WARP - 1 ? before[V - HALO + j] : x[V + j];
        x[j] = __shfl_sync(ALL_LANES, send, (s->lane + WARP - 1) & (WARP - 1));
    }
    if (!INSIDE) /* cost only: nothing changes in others */
        word_begin<DTYPE, HALO>(p, call->tensor, s, b, &word, x);
    slopes<DTYPE, WIDTH, SEQ, INSIDE>(p, &word, sequence, c, x, g);
#pragma unroll
    for (int j = 0; j < HALO; j++) {
        const float send = LONG && s->lane == 0 ? behind[j] : g[j];
        behind[j] = g[j];
        g[V + j] = __shfl_sync(ALL_LANES, send, (s->lane + 1) & (WARP - 1));
        if (!LONG && s->own == words->lanes - 1)
            g[V + j] = 0;
    }
    if (slice >= s->end)
        return;
    add_sums<DTYPE, WIDTH, SEQ, INSIDE>(p, &word, sequence, x, g, c);
    store_dx<DTYPE, WIDTH, SEQ, REVERSE, INSIDE>(call, b, s->d, &word, sequence, c, g);
    if (!INSIDE && p->initial && s->inside && s->own < HALO && !(LONG && slice))
        dtype_store(call->tensor[CONV1D_BWD_DINITIAL], DTYPE, conv1d_state_at(p, b, s->d, s->own),
                    conv1d_bwd_sample(p, call->tensor, b, s->d, s->own - HALO));
}

/* A part, and its sums in all lanes of a row. BARE: all slices are of full words, and there is
 * neither initial, dfinal nor seq_idx: less code, which comes to a cold multiprocessor sooner. */
template <enum dtype DTYPE, int WIDTH, bool LONG, bool SEQ, bool REVERSE, bool BARE>
static inline __device__ void walk_part(const struct conv1d_bwd_call *call,
                                        const struct words *words, const struct share *s,
                                        struct ring *ring, float sum[])
{
    const struct conv1d *p = &call->p;
    const int STRIDE = SLICE_STRIDE<DTYPE, REVERSE>;
    channel<WIDTH> c;
    float behind[WIDTH] = {0};
    const int last = LONG && s->end < words->slices ? s->end : s->end - 1;
    int64_t at = s->at + (int64_t)last * STRIDE;
    for (int k = 0; k < DEPTH - 1; k++)
        start_slice<DTYPE, LONG, REVERSE, BARE>(call, words, s, last - k, at - k * STRIDE, ring);
#pragma unroll
    for (int k = 0; k <= WIDTH; k++)
        c.sum[k] = 0;
    conv1d_filter<DTYPE, WIDTH>(p, call->tensor, min(s->d, p->channels - 1), c.tap, &c.bias);
#pragma unroll 1
    for (int slice = last; slice >= s->first; slice--, at -= STRIDE) {
        start_slice<DTYPE, LONG, REVERSE, BARE>(call, words, s, slice - (DEPTH - 1),
                                                at - (DEPTH - 1) * STRIDE, ring);
        copy_async_wait<DEPTH - 2>();                 /* this slice and the one before it */
        if (BARE || (LONG && share_inside(s, slice))) /* cost only: the other does the same */
            take_slice<DTYPE, WIDTH, LONG, SEQ, REVERSE, true>(call, words, s, slice, at, ring,
                                                               behind, &c);
        else
            take_slice<DTYPE, WIDTH, LONG, SEQ, REVERSE, false>(call, words, s, slice, at, ring,
                                                                behind, &c);
    }
#pragma unroll
    for (int k = 0; k <= WIDTH; k++) {
        sum[k] = c.sum[k];
        for (int distance = (LONG ? WARP : words->lanes) / 2; distance; distance /= 2)
            sum[k] += __shfl_xor_sync(ALL_LANES, sum[k], distance);
    }
}

template <enum dtype DTYPE, int WIDTH, bool LONG, bool SEQ, bool REVERSE, bool BARE>
static __global__ void __launch_bounds__(THREADS, BLOCKS)
    walk(const struct conv1d_bwd_call call, const struct words words, float *partial)
{
    SHARED(struct ring, ring, [DEPTH]);
    struct share s;
    float sum[WIDTH + 1];
    int column;

    let_next_start(); /* cost only: or it starts later */
    const int64_t part = divide(thread_index() / WARP, &words.columns, &column);
    if (part >= words.all_parts)
        return; /* the whole warp */
    share_at<DTYPE, LONG, REVERSE>(&call.p, &words, part, column, &s);
    walk_part<DTYPE, WIDTH, LONG, SEQ, REVERSE, BARE>(&call, &words, &s, ring, sum);
#pragma unroll
    for (int k = 0; k <= WIDTH; k++)
        if (s.inside && s.own == 0 && k < conv1d_bwd_sums(&call.p))
            partial[partial_at(&call.p, part, k, s.d)] = sum[k];
}

/* Block = channel, warp = part: sums of few parts need neither workspace nor another launch. */
template <enum dtype DTYPE, int WIDTH, bool REVERSE>
static __global__ void __launch_bounds__(THREADS, BLOCKS)
    walk_channel(const struct conv1d_bwd_call call, const struct words words)
{
    SHARED(struct ring, ring, [DEPTH]);
    SHARED(float, sums, [PARTS_FEW][WIDTH + 1]);
    const int part = (int)threadIdx.x / WARP, parts = (int)words.all_parts;
    if (part < parts) {
        struct share s;
        float sum[WIDTH + 1];
        share_at<DTYPE, true, REVERSE>(&call.p, &words, part, (int)blockIdx.x, &s);
        walk_part<DTYPE, WIDTH, true, false, REVERSE, true>(&call, &words, &s, ring, sum);
#pragma unroll
        for (int k = 0; k <= WIDTH; k++)
            if (s.lane == 0) /* cost only: all lanes have the same */
                sums[part][k] = sum[k];
    }
    __syncthreads(); /* the sums of all parts are written */
    const int k = (int)threadIdx.x;
    if (k >= conv1d_bwd_sums(&call.p))
        return;
    double total = 0;
#pragma unroll
    for (int i = 0; i < PARTS_FEW; i++)
        if (i < parts)
            total += (double)sums[i][k];
    conv1d_bwd_store_sum(&call.p, call.tensor, blockIdx.x, k, (float)total);
}

static const char *accepts(const void *problem)
{
    return conv1d_accepts_few_taps(problem, CONV1D_CHANNEL_FIRST);
}

template <enum dtype DTYPE>
static struct words plan_of(const struct conv1d *p, int phase)
{
    return words_of<DTYPE>(p, phase, EACH, WARPS_ENOUGH);
}

/* Whether long rows have no word that is special. */
template <enum dtype DTYPE>
static bool bare(const struct conv1d *p, const struct words *words)
{
    const int V = VECTOR<DTYPE>;
    return /* cost only: the other does the same */
        !words->rows_short && !p->seq_idx && words->phase == 0 && p->pad % V == 0 &&
        p->length % (WARP * V) == 0 && !p->initial && !p->final;
}

/* Enough wherever the tensors begin. */
static size_t workspace_bytes(const void *problem)
{
    const struct conv1d *p = (const struct conv1d *)problem;
    int64_t parts = 0;
    conv1d_for_dtype(p->dtype, [&](auto dtype) {
        for (int phase = 0; phase < 2; phase++) {
            const int64_t needed = plan_of<decltype(dtype)::value>(p, phase).all_parts;
            parts = needed > parts ? needed : parts;
        }
        return 0;
    });
    return partial_bytes(p, parts);
}

template <enum dtype DTYPE, int WIDTH, bool REVERSE>
static int run_shape(const struct conv1d_bwd_call &call, void *workspace, void *stream)
{
    const struct words words = plan_of<DTYPE>(
        &call.p, words_phase<DTYPE>(call.tensor[CONV1D_BWD_X], call.tensor[CONV1D_BWD_DOUT],
                                    call.tensor[CONV1D_BWD_DX]));
    const bool plain = bare<DTYPE>(&call.p, &words);
    if (plain && words.all_parts <= PARTS_FEW) /* cost only: two launches do the same */
        return launch(walk_channel<DTYPE, WIDTH, REVERSE>, call.p.channels, THREADS, 0, stream,
                      call, words);
    const int error = launch(call.p.seq_idx     ? walk<DTYPE, WIDTH, true, true, REVERSE, false>
                             : words.rows_short ? walk<DTYPE, WIDTH, false, false, REVERSE, false>
                             : plain            ? walk<DTYPE, WIDTH, true, false, REVERSE, true>
                                                : walk<DTYPE, WIDTH, true, false, REVERSE, false>,
                             blocks_for(words.columns.value * words.all_parts, THREADS / WARP),
                             THREADS, 0, stream, call, words, (float *)workspace);
    return error ? error : reduce(call, workspace, words.all_parts, stream);
}

static int run(const void *problem, void *const tensor[], void *workspace, void *stream)
{
    const struct conv1d_bwd_call call = conv1d_bwd_pack(problem, tensor);
    return conv1d_for_dtype(call.p.dtype, [&](auto dtype) {
        return conv1d_for_width(call.p.width, [&](auto width) {
            const enum dtype DTYPE = decltype(dtype)::value;
            const int WIDTH = decltype(width)::value;
            return call.p.reverse ? run_shape<DTYPE, WIDTH, true>(call, workspace, stream)
                                  : run_shape<DTYPE, WIDTH, false>(call, workspace, stream);
        });
    });
}

VARIANT(conv1d_bwd_vectorized) = {.accepts = accepts, .workspace = workspace_bytes, .run = run};
