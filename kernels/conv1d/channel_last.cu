/* conv1d/channel_last: threads own four channels and walk a run of steps.
 *
 * Computes   out and final of reference/conv1d.h, in fp32, in the order the sum is written.
 * Accepts    width <= 4, channel_last; every option, any alignment and pad.
 * Layout     channels.cuh: thread = 4 channels and a run of 8 steps, 16 of 16-bit types; every load
 *            and store of a warp is one piece of 512 bytes, 256 of 16-bit types.
 * Algorithm  samples come two groups of 4 steps ahead into words of shared memory that only their
 *            thread uses: cp.async, no barrier. The last width-1 samples and the taps stay in
 *            registers. Longer runs are slower: on an H100 32 steps of f32 reach 0.88 of the copy
 *            bandwidth where 8 reach 0.94, although they load less. Without initial, final and
 *            seq_idx the code is a quarter as long.
 * Cost       bytes: conv1d's; the width-1 steps before each run, and the taps, once more for each
 *            run, from the L2 cache as a rule. About 17 instructions an output.
 *            Parallelism: batch*length/steps*channels/4 threads.
 * Error      f32 4e-7 at worst in cases/quick.ini and conv.ini; final is a copy of bits.
 * Source     written from the definition.
 */
#include "channels.cuh"

enum { THREADS = 128, GROUP = 4, BLOCKS = 6, RUN_BYTES = 32 };

/* A group of steps, and the WIDTH-1 before it, which come first. */
template <int WIDTH>
struct window {
    float x[WIDTH - 1 + GROUP][OWN];
    int32_t sequence[WIDTH - 1 + GROUP];
};

/* Starts the copies of the steps from i on, which begins with element `at`; behind the run there is
 * nothing to copy. */
template <enum dtype DTYPE, bool NEIGHBOURS>
static inline __device__ void start_group(const void *x, const struct stretch *s,
                                          const struct channels *c, int i, int64_t at,
                                          vector<DTYPE, OWN> ring[][THREADS])
{
#pragma unroll
    for (int k = 0; k < GROUP; k++, at += s->pitch)
        if (i + k < s->steps) /* GPU only: no load from beyond */
            channels_fetch<DTYPE, NEIGHBOURS>(&ring[(unsigned)i % (2 * GROUP) + k][threadIdx.x], x,
                                              c, at);
    copy_async_commit();
}

/* Outputs of step k of a window. */
template <int WIDTH, bool SEQ>
static inline __device__ void sums(const struct conv1d *p, const filter<WIDTH> *f,
                                   const window<WIDTH> *w, int k, float out[OWN])
{
#pragma unroll
    for (int j = 0; j < OWN; j++) {
        float pre = f->bias[j];
#pragma unroll
        for (int tap = 0; tap < WIDTH; tap++)
            if (!SEQ || w->sequence[k - (WIDTH - 1) + tap] == w->sequence[k])
                pre = fmaf(f->weight[tap][j], w->x[k - (WIDTH - 1) + tap][j], pre);
        out[j] = pre;
    }
    if (p->act == ACT_SILU)
#pragma unroll
        for (int j = 0; j < OWN; j++)
            out[j] *= sigmoid_ex2(out[j]);
    if (SEQ && w->sequence[k] == -1)
#pragma unroll
        for (int j = 0; j < OWN; j++)
            out[j] = 0;
}

/* BARE: neither initial, final nor seq_idx, and the channels of a thread are neighbours: less code,
 * which comes to a cold multiprocessor sooner. */
template <enum dtype DTYPE, int WIDTH, bool NEIGHBOURS, bool SEQ, bool BARE>
static __global__ void __launch_bounds__(THREADS, BLOCKS)
    convolve(const struct conv1d_call call, const struct runs runs)
{
    typedef vector<DTYPE, OWN> word;
    SHARED(word, ring, [2 * GROUP][THREADS]);
    const int HALO = WIDTH - 1;
    const struct conv1d *p = &call.p;
    const void *const x = call.tensor[CONV1D_X];
    const int lane = (int)(threadIdx.x & (unsigned)(runs.lanes - 1));
    int column;
    const int64_t run = divide(thread_index() >> runs.lanes_log2, &runs.columns, &column);
    const struct channels c = channels_of<NEIGHBOURS>(p, &runs, column, lane);
    const struct stretch s = stretch_of(p, &runs, run, c.first);
    window<WIDTH> w = {};

    if (!BARE && p->final) /* cost only: nothing to do without */
        conv1d_keep_share(&call);
    if (s.b >= p->batch || !c.count)
        return;
    start_group<DTYPE, NEIGHBOURS>(x, &s, &c, 0, s.origin, ring);
    start_group<DTYPE, NEIGHBOURS>(x, &s, &c, GROUP, s.origin + GROUP * s.pitch, ring);
    const filter<WIDTH> f = filter_of<DTYPE, NEIGHBOURS, WIDTH>(p, call.tensor, &c);
    if (BARE)
        channels_before_in_x<DTYPE, WIDTH>(call.tensor, &c, &s, w.x + GROUP);
    else
        channels_before<DTYPE, NEIGHBOURS, WIDTH>(p, call.tensor, &c, &s, w.x + GROUP);
#pragma unroll
    for (int k = 0; k < HALO; k++)
        if (SEQ && s.start - HALO + k >= 0) /* GPU only: no load from before */
            w.sequence[GROUP + k] = conv1d_sequence(p, call.tensor, s.b, s.start - HALO + k);
    int64_t at = s.origin;
#pragma unroll 1
    for (int i = 0; i < s.steps; i += GROUP) {
        copy_async_wait<1>(); /* the copies of this group */
#pragma unroll
        for (int k = 0; k < HALO; k++) {
            w.sequence[k] = w.sequence[GROUP + k];
#pragma unroll
            for (int j = 0; j < OWN; j++)
                w.x[k][j] = w.x[GROUP + k][j];
        }
#pragma unroll
        for (int k = 0; k < GROUP; k++) {
            float out[OWN];
            vector_floats<DTYPE, OWN>(ring[(unsigned)i % (2 * GROUP) + k][threadIdx.x],
                                      w.x[HALO + k]);
            if (SEQ && i + k < s.steps) /* GPU only: no load from beyond */
                w.sequence[HALO + k] = conv1d_sequence(p, call.tensor, s.b, s.start + i + k);
            sums<WIDTH, SEQ>(p, &f, &w, HALO + k, out);
            if (i + k < s.steps)
                channels_store<DTYPE, NEIGHBOURS>(call.tensor[CONV1D_OUT], &c, at, out);
            at += s.pitch;
        }
        start_group<DTYPE, NEIGHBOURS>(x, &s, &c, i + 2 * GROUP, at + GROUP * s.pitch, ring);
    }
}

static int run(const void *problem, void *const tensor[], void *, void *stream)
{
    const struct conv1d_call call = conv1d_pack(problem, tensor);
    const struct conv1d *p = &call.p;
    const struct runs runs = runs_of(p, RUN_BYTES / (int64_t)dtype_size((enum dtype)p->dtype));
    const int64_t threads = p->batch * runs.count.value * runs.columns.value * runs.lanes;
    const bool fit = channels_fit(p, tensor[CONV1D_X], tensor[CONV1D_OUT], NULL);
    return conv1d_for_dtype(p->dtype, [&](auto dtype) {
        return conv1d_for_width(p->width, [&](auto width) {
            const enum dtype DTYPE = decltype(dtype)::value;
            const int WIDTH = decltype(width)::value;
            return launch(!fit                     ? convolve<DTYPE, WIDTH, false, true, false>
                          : p->seq_idx             ? convolve<DTYPE, WIDTH, true, true, false>
                          : p->initial || p->final ? convolve<DTYPE, WIDTH, true, false, false>
                                                   : convolve<DTYPE, WIDTH, true, false, true>,
                          blocks_for(threads, THREADS), THREADS, 0, stream, call, runs);
        });
    });
}

static const char *accepts(const void *problem)
{
    return conv1d_accepts_few_taps(problem, CONV1D_CHANNEL_LAST);
}

VARIANT(conv1d_channel_last) = {.accepts = accepts, .run = run};
