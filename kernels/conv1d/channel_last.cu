/* conv1d/channel_last: a thread owns the channels of a 16-byte word and walks a run of steps.
 *
 * Computes   out and final of reference/conv1d.h, in fp32, in the order the sum is written.
 * Accepts    width <= 4, channel_last; every option, any alignment and pad.
 * Layout     thread = one word of neighbouring channels (4 of f32, 8 of 16 bits), cut at multiples
 *            of 16 bytes, and 16 to 64 steps; neighbouring threads have neighbouring words: every
 *            load and store of a warp is one piece of 512 bytes. Words that reach beyond the
 *            channels are loaded and stored by elements. Where rows differ in their alignment
 *            (channels+pad no multiple of a word), a thread owns one channel.
 * Algorithm  the last width-1 samples and the taps stay in registers; BATCH steps are loaded before
 *            the first of them is used.
 * Cost       bytes: conv1d's; the width-1 steps before each run, and the taps, once more for each
 *            run, from the L2 cache as a rule. Without silu about 8 instructions an output.
 *            Parallelism: batch*length/steps*channels/4 threads, steps such that they fill a GPU.
 * Error      f32 4e-7 at worst in cases/quick.ini and conv.ini; final is a copy of bits.
 * Source     written from the definition.
 */
#include "../device/vector.cuh"
#include "common.cuh"

enum { THREADS = 128, WARP = 32, STEPS_MIN = 16, STEPS_MAX = 64, WARPS_ENOUGH = 4096 };

/* What threads own: `steps` steps of one of `words` words of channels. */
struct grid {
    int64_t runs, words, steps;
};

/* Channels of a thread, and steps that it loads at once. */
template <enum dtype DTYPE, bool WORDS>
struct share {
    static const int CHANNELS = WORDS ? VECTOR<DTYPE> : 1;
    static const int BATCH = !WORDS ? 16 : DTYPE == DTYPE_F32 ? 8 : 4;
    static_assert(STEPS_MIN % BATCH == 0, "runs are whole batches");
};

/* Elements element ... element + CHANNELS-1 of an array, of which those in low ... high-1 exist. */
template <enum dtype DTYPE, bool WORDS>
static inline __device__ uint4 gather(const void *array, int64_t element, int low, int high)
{
    uint4 word = make_uint4(0, 0, 0, 0);
#pragma unroll
    for (int i = 0; i < share<DTYPE, WORDS>::CHANNELS; i++)
        vector_insert<DTYPE>(&word, i,
                             i >= low && i < high ? vector_element<DTYPE>(array, element + i) : 0);
    return word;
}

/* The same of an array in which they are a word, where WORDS. */
template <enum dtype DTYPE, bool WORDS>
static inline __device__ uint4 load(const void *array, int64_t element, int low, int high)
{
    return WORDS && high - low == VECTOR<DTYPE> ? vector_load<DTYPE>(array, element)
                                                : gather<DTYPE, WORDS>(array, element, low, high);
}

template <enum dtype DTYPE, bool WORDS>
static inline __device__ void unpack(uint4 word, float out[])
{
    float all[VECTOR<DTYPE>];
    vector_floats<DTYPE>(word, all);
#pragma unroll
    for (int i = 0; i < share<DTYPE, WORDS>::CHANNELS; i++)
        out[i] = all[i];
}

template <enum dtype DTYPE, bool WORDS>
static inline __device__ void store(void *array, int64_t element, int low, int high,
                                    const float out[])
{
    float all[VECTOR<DTYPE>] = {0};
#pragma unroll
    for (int i = 0; i < share<DTYPE, WORDS>::CHANNELS; i++)
        all[i] = out[i];
    if (WORDS && high - low == VECTOR<DTYPE>)
        vector_store<DTYPE>(array, element, vector_pack<DTYPE>(all));
    else
#pragma unroll
        for (int i = 0; i < share<DTYPE, WORDS>::CHANNELS; i++)
            if (i >= low && i < high)
                dtype_store(array, DTYPE, element + i, all[i]);
}

/* COUNT parameters of a thread's channels, from element `first` on, of which low ... high-1 exist.
 */
template <enum dtype DTYPE, int COUNT>
static inline __device__ void load_parameters(const void *array, int64_t first, int low, int high,
                                              float out[])
{
    const int V = VECTOR<DTYPE>, ALIGNED = COUNT % V == 0 ? COUNT : 0;
    if (ALIGNED && low == 0 && high == COUNT && vector_phase<DTYPE>(array, first) == 0)
#pragma unroll
        for (int i = 0; i < ALIGNED; i += V)
            vector_floats<DTYPE>(vector_load<DTYPE>(array, first + i), out + i);
    else
#pragma unroll
        for (int i = 0; i < COUNT; i++)
            out[i] = i >= low && i < high ? dtype_load(array, DTYPE, first + i) : 0.0f;
}

template <enum dtype DTYPE, int WIDTH, bool WORDS, bool SEQUENCES>
static __global__ void __launch_bounds__(THREADS)
    convolve(const struct conv1d_call call, const struct grid g)
{
    typedef share<DTYPE, WORDS> mine;
    const int CHANNELS = mine::CHANNELS, BATCH = mine::BATCH, HALO = WIDTH - 1;
    const struct conv1d *p = &call.p;
    const void *x = call.tensor[CONV1D_X];
    const int64_t run = thread_index() / g.words % g.runs, b = thread_index() / g.words / g.runs;
    const int64_t d = thread_index() % g.words * CHANNELS - (WORDS ? vector_phase<DTYPE>(x, 0) : 0);
    const int64_t first = run * g.steps, end = min(first + g.steps, p->length);
    const int low = d < 0 ? (int)-d : 0, high = (int)min((int64_t)CHANNELS, p->channels - d);
    float window[WIDTH][CHANNELS], tap[CHANNELS * WIDTH], bias[CHANNELS], out[CHANNELS];
    int32_t index[WIDTH] = {0}; /* the sequences of the window's steps */

    conv1d_keep_share(&call);
    if (b >= p->batch)
        return;
    if (p->weights == WEIGHTS_F32) {
        load_parameters<DTYPE_F32, CHANNELS * WIDTH>(call.tensor[CONV1D_WEIGHT], d * WIDTH,
                                                     low * WIDTH, high * WIDTH, tap);
        load_parameters<DTYPE_F32, CHANNELS>(call.tensor[CONV1D_BIAS], d, low, p->bias ? high : 0,
                                             bias);
    } else {
        load_parameters<DTYPE, CHANNELS * WIDTH>(call.tensor[CONV1D_WEIGHT], d * WIDTH, low * WIDTH,
                                                 high * WIDTH, tap);
        load_parameters<DTYPE, CHANNELS>(call.tensor[CONV1D_BIAS], d, low, p->bias ? high : 0,
                                         bias);
    }
#pragma unroll
    for (int j = 0; j < HALO; j++) {
        const int64_t step = first - HALO + j;
        uint4 word = make_uint4(0, 0, 0, 0);
        if (step >= 0)
            word = load<DTYPE, WORDS>(x, conv1d_at(p, b, d, conv1d_time(p, step)), low, high);
        else if (p->initial)
            word = gather<DTYPE, WORDS>(call.tensor[CONV1D_INITIAL],
                                        conv1d_state_at(p, b, d, step + HALO), low, high);
        unpack<DTYPE, WORDS>(word, window[j]);
        index[j] = SEQUENCES && step >= 0 ? conv1d_sequence(p, call.tensor, b, step) : 0;
    }
    for (int64_t start = first; start < end; start += BATCH) {
        uint4 word[BATCH];
        int32_t sequence[BATCH];
#pragma unroll
        for (int i = 0; i < BATCH; i++) {
            const int64_t step = min(start + i, end - 1);
            word[i] = load<DTYPE, WORDS>(x, conv1d_at(p, b, d, conv1d_time(p, step)), low, high);
            sequence[i] = SEQUENCES ? conv1d_sequence(p, call.tensor, b, step) : 0;
        }
#pragma unroll
        for (int i = 0; i < BATCH; i++) {
            unpack<DTYPE, WORDS>(word[i], window[HALO]);
            index[HALO] = sequence[i];
#pragma unroll
            for (int c = 0; c < CHANNELS; c++) {
                float pre = bias[c];
#pragma unroll
                for (int w = 0; w < WIDTH; w++)
                    pre =
                        index[w] == sequence[i] ? fmaf(tap[c * WIDTH + w], window[w][c], pre) : pre;
                out[c] = conv1d_finish_ex2(p, pre, sequence[i]);
            }
            if (start + i < end)
                store<DTYPE, WORDS>(call.tensor[CONV1D_OUT],
                                    conv1d_at(p, b, d, conv1d_time(p, start + i)), low, high, out);
#pragma unroll
            for (int j = 0; j < HALO; j++) {
                index[j] = index[j + 1];
#pragma unroll
                for (int c = 0; c < CHANNELS; c++)
                    window[j][c] = window[j + 1][c];
            }
        }
    }
}

template <enum dtype DTYPE, bool WORDS>
static int run_shape(const struct conv1d_call &call, void *stream)
{
    const struct conv1d *p = &call.p;
    const int phase = WORDS ? vector_phase<DTYPE>(call.tensor[CONV1D_X], 0) : 0;
    struct grid g;
    g.words = blocks_for(p->channels + phase, share<DTYPE, WORDS>::CHANNELS);
    g.steps = STEPS_MAX;
    while (g.steps > STEPS_MIN &&
           p->batch * g.words * blocks_for(p->length, g.steps) < (int64_t)WARPS_ENOUGH * WARP)
        g.steps /= 2;
    g.runs = blocks_for(p->length, g.steps);
    const int64_t blocks = blocks_for(p->batch * g.runs * g.words, THREADS);
    const auto launch_width = [&](auto width) {
        const int WIDTH = decltype(width)::value;
        const auto kernel =
            p->seq_idx ? convolve<DTYPE, WIDTH, WORDS, true> : convolve<DTYPE, WIDTH, WORDS, false>;
        return launch(kernel, blocks, THREADS, 0, stream, call, g);
    };
    return conv1d_for_width(p->width, launch_width);
}

static int run(const void *problem, void *const tensor[], void *, void *stream)
{
    const struct conv1d_call call = conv1d_pack(problem, tensor);
    return conv1d_for_dtype(call.p.dtype, [&](auto dtype) {
        const enum dtype DTYPE = decltype(dtype)::value;
        return (call.p.channels + call.p.pad) % VECTOR<DTYPE> == 0
                   ? run_shape<DTYPE, true>(call, stream)
                   : run_shape<DTYPE, false>(call, stream);
    });
}

static const char *accepts(const void *problem)
{
    return conv1d_accepts_few_taps(problem, CONV1D_CHANNEL_LAST);
}

VARIANT(conv1d_channel_last) = {.accepts = accepts, .run = run};
