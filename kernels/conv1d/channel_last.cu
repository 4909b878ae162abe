/* conv1d/channel_last: threads own four channels and walk a run of steps.
 *
 * Computes   out and final of reference/conv1d.h, in fp32, in the order the sum is written.
 * Accepts    width <= 4, channel_last; every option, any alignment and pad.
 * Layout     channels.cuh: thread = 4 channels and a run of 16 to 64 steps, of equal length; every
 *            load and store of a warp is one piece of 512 bytes, 256 of 16-bit types.
 * Algorithm  samples come DEPTH steps ahead into words of shared memory that only their thread
 *            uses: cp.async, no barrier. The last width-1 samples and the taps stay in registers.
 * Cost       bytes: conv1d's; the width-1 steps before each run, and the taps, once more for each
 *            run, from the L2 cache as a rule. Without silu about 8 instructions an output.
 *            Parallelism: batch*length/steps*channels/4 threads, steps such that they fill a GPU.
 * Error      f32 4e-7 at worst in cases/quick.ini and conv.ini; final is a copy of bits.
 * Source     written from the definition.
 */
#include "channels.cuh"

enum {
    THREADS = 128,
    WARP = 32,
    STEPS_MIN = 16,
    STEPS_MAX = 64,
    WARPS_ENOUGH = 4096,
    DEPTH = 8,
    BLOCKS = 6
};

/* The last WIDTH steps, each at its number modulo WIDTH. */
template <int WIDTH>
struct window {
    float x[WIDTH][OWN];
    int32_t sequence[WIDTH];
};

/* Starts the copy of step i of the run, or none behind it; either is a group. */
template <enum dtype DTYPE, bool NEIGHBOURS>
static inline __device__ void start_step(const void *x, const struct stretch *s,
                                         const struct channels *c, int i,
                                         vector<DTYPE, OWN> ring[][THREADS])
{
    if (i < s->steps)
        channels_fetch<DTYPE, NEIGHBOURS>(&ring[i % DEPTH][threadIdx.x], x, c,
                                          s->origin + i * s->pitch);
    copy_async_commit();
}

/* Outputs of the step `now` of a window. */
template <int WIDTH, bool SEQ>
static inline __device__ void sums(const struct conv1d *p, const filter<WIDTH> *f,
                                   const window<WIDTH> *w, int now, float out[OWN])
{
#pragma unroll
    for (int j = 0; j < OWN; j++) {
        float pre = f->bias[j];
#pragma unroll
        for (int tap = 0; tap < WIDTH; tap++) {
            const int from = (now + 1 + tap) % WIDTH;
            if (!SEQ || w->sequence[from] == w->sequence[now])
                pre = fmaf(f->weight[tap][j], w->x[from][j], pre);
        }
        out[j] = conv1d_finish_ex2(p, pre, SEQ ? w->sequence[now] : 0);
    }
}

template <enum dtype DTYPE, int WIDTH, bool NEIGHBOURS, bool SEQ>
static __global__ void __launch_bounds__(THREADS, BLOCKS)
    convolve(const struct conv1d_call call, const struct runs runs)
{
    typedef vector<DTYPE, OWN> word;
    SHARED(word, ring, [DEPTH][THREADS]);
    const int HALO = WIDTH - 1;
    const struct conv1d *p = &call.p;
    const void *const x = call.tensor[CONV1D_X];
    const int lane = (int)threadIdx.x % runs.lanes;
    const int64_t group = thread_index() / runs.lanes;
    const struct channels c = channels_of<NEIGHBOURS>(p, &runs, group % runs.columns, lane);
    const struct stretch s = stretch_of(p, &runs, group / runs.columns, c.first);
    window<WIDTH> w = {};

    if (p->final) /* cost only: nothing to do without */
        conv1d_keep_share(&call);
    if (s.b >= p->batch || !c.count)
        return;
#pragma unroll
    for (int i = 0; i < DEPTH - 1; i++)
        start_step<DTYPE, NEIGHBOURS>(x, &s, &c, i, ring);
    const filter<WIDTH> f = filter_of<DTYPE, WIDTH>(p, call.tensor, &c);
#pragma unroll
    for (int i = 0; i < HALO; i++) {
        const int64_t step = s.start - HALO + i;
        channels_sample<DTYPE>(p, call.tensor, &c, s.b, step, w.x[i + 1]);
        if (SEQ && step >= 0)
            w.sequence[i + 1] = conv1d_sequence(p, call.tensor, s.b, step);
    }
    for (int first = 0; first < s.steps; first += WIDTH)
#pragma unroll
        for (int now = 0; now < WIDTH; now++) {
            const int i = first + now;
            float out[OWN];
            if (i >= s.steps)
                break;
            start_step<DTYPE, NEIGHBOURS>(x, &s, &c, i + DEPTH - 1, ring);
            copy_async_wait<DEPTH - 1>();
            vector_floats<DTYPE, OWN>(ring[i % DEPTH][threadIdx.x], w.x[now]);
            if (SEQ)
                w.sequence[now] = conv1d_sequence(p, call.tensor, s.b, s.start + i);
            sums<WIDTH, SEQ>(p, &f, &w, now, out);
            channels_store<DTYPE, NEIGHBOURS>(call.tensor[CONV1D_OUT], &c, s.origin + i * s.pitch,
                                              out);
        }
}

/* Runs as long as they still give warps enough to fill a GPU. */
static struct runs plan_of(const struct conv1d *p)
{
    struct runs r = runs_of(p, STEPS_MAX);
    for (int64_t steps = STEPS_MAX / 2; steps >= STEPS_MIN && r.steps > steps; steps /= 2)
        if (p->batch * r.count * r.columns * r.lanes < (int64_t)WARPS_ENOUGH * WARP)
            r = runs_of(p, steps);
    return r;
}

static int run(const void *problem, void *const tensor[], void *, void *stream)
{
    const struct conv1d_call call = conv1d_pack(problem, tensor);
    const struct conv1d *p = &call.p;
    const struct runs runs = plan_of(p);
    const int64_t threads = p->batch * runs.count * runs.columns * runs.lanes;
    const bool fit = channels_fit(p, tensor[CONV1D_X], tensor[CONV1D_OUT], NULL);
    return conv1d_for_dtype(p->dtype, [&](auto dtype) {
        return conv1d_for_width(p->width, [&](auto width) {
            const enum dtype DTYPE = decltype(dtype)::value;
            const int WIDTH = decltype(width)::value;
            return launch(!fit         ? convolve<DTYPE, WIDTH, false, true>
                          : p->seq_idx ? convolve<DTYPE, WIDTH, true, true>
                                       : convolve<DTYPE, WIDTH, true, false>,
                          blocks_for(threads, THREADS), THREADS, 0, stream, call, runs);
        });
    });
}

static const char *accepts(const void *problem)
{
    return conv1d_accepts_few_taps(problem, CONV1D_CHANNEL_LAST);
}

VARIANT(conv1d_channel_last) = {.accepts = accepts, .run = run};
