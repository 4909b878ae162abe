/* conv1d/simd: vectors of time where it is contiguous, of channels where they are.
 *
 * Computes   out and final of reference/conv1d.h, in fp32.
 * Accepts    any shape; every option.
 * Layout     channel_first: lane = time; a row per loop turn. channel_last: lane = channel; STEPS
 *            steps of all channels of a batch per loop turn. Turns are spread over OpenMP threads.
 *            On the stack: the samples of STEPS steps widened to fp32, with the width-1 before
 *            them, in the order of time.
 * Algorithm  a tile is widened once; then an output is width multiply-adds of loads at neighbouring
 *            addresses, a step or a row apart. With reverse the taps turn round, not the samples.
 * Cost       bytes: conv1d's; the width-1 steps before each tile, and the taps when channel_last,
 *            once more for each tile, from a cache as a rule. Two loads a multiply-add, of x and of
 *            a tap, in the L1 cache. Lanes idle where a row, or all channels, are fewer than LANES.
 * Error      f32 4e-7 at worst in cases/quick.ini and conv.ini; final is a copy of bits.
 * Source     written from the definition.
 */
#include "../simd.h"
#include "common.h"
#include <stdbool.h>

enum { STEPS = 256, STEPS_LAST = 64, HALO_MAX = CONV1D_WIDTH_MAX - 1 };

/* Times t ... t + steps-1 of batch b, and where the samples for them begin. */
struct span {
    const struct conv1d_call *call;
    int64_t b, t, steps, first;
};

static struct span span_of(const struct conv1d_call *call, int64_t b, int64_t t, int64_t most)
{
    const struct conv1d *p = &call->p;
    struct span s;
    s.call = call;
    s.b = b;
    s.t = t;
    s.steps = p->length - t < most ? p->length - t : most;
    s.first = p->reverse ? t : t - (p->width - 1);
    return s;
}

/* The tap of the sample at time first + j, of the output at t. */
static int64_t tap_of(const struct conv1d *p, int64_t j)
{
    return p->reverse ? p->width - 1 - j : j;
}

/* The sequence at `time`, and any number where there is none. */
static int32_t index_at(const struct span *s, int64_t time)
{
    const struct conv1d *p = &s->call->p;
    const int32_t *index = s->call->tensor[CONV1D_SEQ_IDX];
    return time >= 0 && time < p->length ? index[s->b * p->length + time] : 0;
}

/* silu where asked, and 0 where the sequence is -1. */
static inline floats finish(const struct conv1d *p, floats pre, ints index)
{
    const floats out = p->act == ACT_SILU ? simd_silu(pre) : pre;
    return (floats)simd_choose(index == -1, (uints){0}, (uints)out);
}

/* Samples of channel d at times first ... steps + width-2 later. */
static void load_row(const struct span *s, int64_t d, float x[])
{
    const struct conv1d *p = &s->call->p;
    const int64_t end = s->first + s->steps + p->width - 1; /* of what is wanted, */
    const int64_t low = s->first < 0 ? 0 : s->first;        /* and of what x has */
    const int64_t high = end < p->length ? end : p->length;
    for (int64_t t = s->first; t < low; t++)
        x[t - s->first] = conv1d_sample(p, s->call->tensor, s->b, d, t);
    for (int64_t t = low; t < high; t += LANES)
        simd_store(x, DTYPE_F32, t - s->first, LANES,
                   simd_load(s->call->tensor[CONV1D_X], (enum dtype)p->dtype,
                             conv1d_at(p, s->b, d, t), high - t));
    for (int64_t t = high; t < end; t++)
        x[t - s->first] = conv1d_sample(p, s->call->tensor, s->b, d, conv1d_time(p, t));
}

/* The outputs of a span of channel d, whose samples are x and whose sequences are `index`. */
static inline __attribute__((always_inline)) void convolve_row(const struct span *s, int64_t d,
                                                               const float x[],
                                                               const int32_t index[],
                                                               const float tap[], bool sequences)
{
    const struct conv1d *p = &s->call->p;
    const floats bias = simd_all(conv1d_bias(p, s->call->tensor, d));
    for (int64_t i = 0; i < s->steps; i += LANES) {
        floats sum = bias;
        ints own, other;
        memcpy(&own, index + i + (s->t - s->first), sizeof own);
        for (int64_t j = 0; j < p->width; j++) {
            const floats old = sum;
            sum = simd_fma(simd_all(tap[j]), simd_load(x, DTYPE_F32, i + j, LANES), sum);
            memcpy(&other, index + i + j, sizeof other);
            sum = sequences ? (floats)simd_choose(own == other, (uints)sum, (uints)old) : sum;
        }
        simd_store(s->call->tensor[CONV1D_OUT], (enum dtype)p->dtype,
                   conv1d_at(p, s->b, d, s->t + i), s->steps - i, finish(p, sum, own));
    }
}

static void convolve_sequence(const struct span *s, int64_t d, const float x[],
                              const int32_t index[], const float tap[])
{
    convolve_row(s, d, x, index, tap, false);
}

static void convolve_sequences(const struct span *s, int64_t d, const float x[],
                               const int32_t index[], const float tap[])
{
    convolve_row(s, d, x, index, tap, true);
}

/* Channel d of batch b. */
static void channel_first(const struct conv1d_call *call, int64_t b, int64_t d)
{
    const struct conv1d *p = &call->p;
    float x[STEPS + HALO_MAX + LANES] = {0}, tap[CONV1D_WIDTH_MAX];
    int32_t index[STEPS + HALO_MAX + LANES] = {0};
    for (int64_t j = 0; j < p->width; j++)
        tap[j] = conv1d_weight(p, call->tensor, d, tap_of(p, j));
    for (int64_t t = 0; t < p->length; t += STEPS) {
        const struct span s = span_of(call, b, t, STEPS);
        load_row(&s, d, x);
        for (int64_t i = 0; p->seq_idx && i < s.steps + p->width - 1; i++)
            index[i] = index_at(&s, s.first + i);
        (p->seq_idx ? convolve_sequences : convolve_sequence)(&s, d, x, index, tap);
    }
}

/* A span of `lanes` channels from d on. */
static void convolve_lanes(const struct span *s, int64_t d, int64_t lanes)
{
    const struct conv1d *p = &s->call->p;
    const enum dtype dtype = (enum dtype)p->dtype, weights = conv1d_weight_dtype(p);
    const int64_t spanned = s->steps + p->width - 1;
    const struct simd_tile taps = {.array = s->call->tensor[CONV1D_WEIGHT],
                                   .dtype = weights,
                                   .first = d * p->width,
                                   .lane_stride = p->width,
                                   .row_stride = 1,
                                   .lanes = lanes,
                                   .rows = p->width};
    floats x[STEPS_LAST + HALO_MAX], tap[CONV1D_WIDTH_MAX + LANES], bias = {0};
    simd_load_tile(&taps, tap);
    if (p->bias)
        bias = simd_load(s->call->tensor[CONV1D_BIAS], weights, d, lanes);
    for (int64_t i = 0; i < spanned; i++) {
        const int64_t t = s->first + i, j = conv1d_time(p, t) + p->width - 1;
        x[i] = simd_all(0);
        if (t >= 0 && t < p->length)
            x[i] = simd_load(s->call->tensor[CONV1D_X], dtype, conv1d_at(p, s->b, d, t), lanes);
        else if (p->initial)
            x[i] = simd_load(s->call->tensor[CONV1D_INITIAL], dtype, conv1d_state_at(p, s->b, d, j),
                             lanes);
    }
    for (int64_t i = 0; i < s->steps; i++) {
        const int32_t own = p->seq_idx ? index_at(s, s->t + i) : 0;
        floats sum = bias;
        for (int64_t j = 0; j < p->width; j++)
            if (!p->seq_idx || index_at(s, s->first + i + j) == own)
                sum = simd_fma(tap[tap_of(p, j)], x[i + j], sum);
        simd_store(s->call->tensor[CONV1D_OUT], dtype, conv1d_at(p, s->b, d, s->t + i), lanes,
                   finish(p, sum, (ints){0} + own));
    }
}

static int run(const void *problem, void *const tensor[], void *workspace, void *stream)
{
    const struct conv1d_call call = conv1d_pack(problem, tensor);
    const struct conv1d *p = &call.p;
    const int64_t rows = p->batch * p->channels;
    const int64_t spans = (p->length + STEPS_LAST - 1) / STEPS_LAST;
    (void)workspace, (void)stream;
    if (p->layout == CONV1D_CHANNEL_LAST) {
#pragma omp parallel for
        for (int64_t i = 0; i < p->batch * spans; i++) {
            const struct span s = span_of(&call, i / spans, i % spans * STEPS_LAST, STEPS_LAST);
            for (int64_t d = 0; d < p->channels; d += LANES)
                convolve_lanes(&s, d, p->channels - d < LANES ? p->channels - d : LANES);
        }
    } else {
#pragma omp parallel for
        for (int64_t row = 0; row < rows; row++)
            channel_first(&call, row / p->channels, row % p->channels);
    }
#pragma omp parallel for
    for (int64_t row = 0; row < (p->final ? rows : 0); row++)
        for (int64_t j = 0; j < p->width - 1; j++)
            conv1d_keep(p, tensor, row / p->channels, row % p->channels, j);
    return 0;
}

VARIANT(conv1d_simd) = {.run = run};
