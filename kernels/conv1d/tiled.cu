/* conv1d/tiled: a tile of channels and steps, with the samples before it, in shared memory.
 *
 * Computes   out and final of reference/conv1d.h, in fp32, in the order the sum is written.
 * Accepts    any shape; every option.
 * Layout     block = CHANNELS channels of a batch by STEPS steps. Shared memory: x of STEPS+width-1
 *            steps, taps and out as [step or tap][channel], a channel more than there are, so that
 *            neither neighbouring steps nor channels share a bank. Threads load and store along
 *            the axis that is contiguous in memory, an element each. To sum, neighbouring threads
 *            take neighbouring channels, and each OUTPUTS steps one behind the other.
 * Algorithm  width loads of x and of taps for OUTPUTS*width multiply-adds: a thread slides over its
 *            samples with the last OUTPUTS of them in registers. Two barriers.
 * Cost       bytes: conv1d's, and width-1 steps more for every STEPS, from the L2 cache as a rule.
 *            Channels below CHANNELS and steps below STEPS are summed in vain.
 *            Parallelism: batch*channels*length/8 threads.
 * Error      f32 4e-7 at worst in cases/quick.ini and conv.ini; final is a copy of bits.
 * Source     written from the definition.
 */
#include "../device/launch.cuh"
#include "common.cuh"

enum { THREADS = 256, CHANNELS = 32, STEPS = 64, OUTPUTS = 8, PITCH = CHANNELS + 1 };
static_assert(CHANNELS * STEPS == THREADS * OUTPUTS, "a thread has OUTPUTS outputs of a tile");

/* The part of the problem that a block owns: `channels` channels and `steps` steps. */
struct part {
    int64_t b, d, step;
    int channels, steps;
};

static inline __device__ struct part part_of(const struct conv1d *p)
{
    const int64_t bands = (p->channels + CHANNELS - 1) / CHANNELS;
    const int64_t runs = (p->length + STEPS - 1) / STEPS;
    struct part part;
    part.b = blockIdx.x / runs / bands;
    part.d = blockIdx.x / runs % bands * CHANNELS;
    part.step = blockIdx.x % runs * STEPS;
    part.channels = (int)min((int64_t)CHANNELS, p->channels - part.d);
    part.steps = (int)min((int64_t)STEPS, p->length - part.step);
    return part;
}

/* do_at(channel, step) for all of CHANNELS and `steps`, spread over the block along the axis that
 * is contiguous in memory. */
template <typename Do>
static inline __device__ void for_tile(const struct conv1d *p, int steps, Do do_at)
{
    for (int i = (int)threadIdx.x; i < CHANNELS * steps; i += THREADS)
        do_at(p->layout == CONV1D_CHANNEL_LAST ? i % CHANNELS : i / steps,
              p->layout == CONV1D_CHANNEL_LAST ? i / CHANNELS : i % steps);
}

template <enum dtype DTYPE, bool SEQUENCES>
static __global__ void __launch_bounds__(THREADS) convolve(const struct conv1d_call call)
{
    DYNAMIC_SHARED(float, x);
    const struct conv1d *p = &call.p;
    const int halo = (int)p->width - 1, width = (int)p->width;
    float *const tap = x + (STEPS + halo) * PITCH, *const out = tap + width * PITCH;
    int32_t *const index = (int32_t *)(out + STEPS * PITCH);
    const struct part part = part_of(p);

    conv1d_keep_share(&call);
    for_tile(p, STEPS + halo, [&](int c, int s) {
        const int64_t step = part.step - halo + s;
        const bool inside = c < part.channels && s < halo + part.steps;
        x[s * PITCH + c] = !inside ? 0.0f
                           : step >= 0
                               ? dtype_load(call.tensor[CONV1D_X], DTYPE,
                                            conv1d_at(p, part.b, part.d + c, conv1d_time(p, step)))
                               : conv1d_sample(p, call.tensor, part.b, part.d + c, step);
    });
    for (int i = (int)threadIdx.x; i < width * part.channels; i += THREADS)
        tap[i % width * PITCH + i / width] =
            conv1d_weight(p, call.tensor, part.d + i / width, i % width);
    for (int s = (int)threadIdx.x; SEQUENCES && s < halo + part.steps; s += THREADS)
        index[s] = part.step - halo + s < 0
                       ? 0
                       : conv1d_sequence(p, call.tensor, part.b, part.step - halo + s);
    __syncthreads(); /* x, taps and index are whole before they are used */

    const int c = (int)threadIdx.x % CHANNELS, first = (int)threadIdx.x / CHANNELS * OUTPUTS;
    /* What channels and steps beyond the part get is not stored. */
    const float bias = c < part.channels ? conv1d_bias(p, call.tensor, part.d + c) : 0.0f;
    float sum[OUTPUTS], window[OUTPUTS]; /* window[i]: the sample under the tap, of output i */
    int32_t own[OUTPUTS];
#pragma unroll
    for (int i = 0; i < OUTPUTS; i++) {
        sum[i] = bias;
        window[i] = i ? x[(first + i - 1) * PITCH + c] : 0.0f;
        own[i] = SEQUENCES && first + i < part.steps ? index[first + halo + i] : 0;
    }
    for (int w = 0; w < width; w++) {
        const float weight = tap[w * PITCH + c];
#pragma unroll
        for (int i = 0; i < OUTPUTS; i++) {
            const int s = first + w + i;
            window[i] = i < OUTPUTS - 1 ? window[i + 1] : x[s * PITCH + c];
            const bool joined = !SEQUENCES || (s < halo + part.steps && index[s] == own[i]);
            sum[i] = joined ? fmaf(weight, window[i], sum[i]) : sum[i];
        }
    }
#pragma unroll
    for (int i = 0; i < OUTPUTS; i++)
        out[(first + i) * PITCH + c] = conv1d_finish_ex2(p, sum[i], own[i]);
    __syncthreads(); /* out is whole before it is stored */
    for_tile(p, part.steps, [&](int channel, int s) {
        if (channel < part.channels)
            dtype_store(call.tensor[CONV1D_OUT], DTYPE,
                        conv1d_at(p, part.b, part.d + channel, conv1d_time(p, part.step + s)),
                        out[s * PITCH + channel]);
    });
}

static int run(const void *problem, void *const tensor[], void *, void *stream)
{
    const struct conv1d_call call = conv1d_pack(problem, tensor);
    const struct conv1d *p = &call.p;
    const int64_t blocks =
        p->batch * blocks_for(p->channels, CHANNELS) * blocks_for(p->length, STEPS);
    const int64_t span = STEPS + p->width - 1;
    const size_t bytes = (size_t)((span + p->width + STEPS) * PITCH + span) * sizeof(float);
    return conv1d_for_dtype(p->dtype, [&](auto dtype) {
        const enum dtype DTYPE = decltype(dtype)::value;
        return launch((p->seq_idx ? convolve<DTYPE, true> : convolve<DTYPE, false>), blocks,
                      THREADS, bytes, stream, call);
    });
}

VARIANT(conv1d_tiled) = {.run = run};
