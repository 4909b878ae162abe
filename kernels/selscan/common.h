/* What every selective scan does around its recurrence, in fp32, for .c and .cu variants.
 *
 * `dtype` is always p->dtype, passed apart so that a caller that knows it at compile time gets
 * straight-line code.
 */
#ifndef SSMBENCH_SELSCAN_COMMON_H
#define SSMBENCH_SELSCAN_COMMON_H

#include "../../reference/selscan.h"
#include <math.h>

/* A problem and its tensors, in a form that can be passed to a kernel by value. */
struct selscan_call {
    struct selscan p;
    void *tensor[SELSCAN_TENSORS];
};

static inline struct selscan_call selscan_pack(const void *problem, void *const tensor[])
{
    struct selscan_call call;
    call.p = *(const struct selscan *)problem;
    for (int i = 0; i < SELSCAN_TENSORS; i++)
        call.tensor[i] = tensor[i];
    return call;
}

/* States of a channel that a variant keeps in registers, on the stack or in shared memory. */
enum { STATE_MAX = 256 };

/* For variants whose only limit is STATE_MAX. */
static inline const char *selscan_accepts(const void *problem)
{
    return ((const struct selscan *)problem)->state <= STATE_MAX ? NULL : "state <= 256";
}

static inline HOST_DEVICE
float softplus(float x)
{
    return x <= SOFTPLUS_THRESHOLD ? log1pf(expf(x)) : x;
}

static inline HOST_DEVICE
float silu(float x)
{
    return x / (1.0f + expf(-x));
}

/* delta' of channel d at element `at`. */
static inline HOST_DEVICE
float selscan_delta(const struct selscan_call *call, enum dtype dtype, int64_t d, int64_t at)
{
    float delta = dtype_load(call->tensor[SELSCAN_DELTA], dtype, at);
    if (call->p.bias)
        delta += ((const float *)call->tensor[SELSCAN_DELTA_BIAS])[d];
    return call->p.softplus ? softplus(delta) : delta;
}

/* Writes out at element `at` from y, the sum over states: skip, gate, one rounding. */
static inline HOST_DEVICE
void selscan_finish(const struct selscan_call *call, enum dtype dtype, int64_t d, int64_t at,
                    float u, float y)
{
    if (call->p.skip)
        y = fmaf(((const float *)call->tensor[SELSCAN_D])[d], u, y);
    if (call->p.gate)
        y *= silu(dtype_load(call->tensor[SELSCAN_Z], dtype, at));
    dtype_store(call->tensor[SELSCAN_OUT], dtype, at, y);
}

/* State n of (batch, channel) row `row` before the first step. */
static inline HOST_DEVICE
float selscan_initial(const struct selscan_call *call, int64_t row, int64_t n)
{
    const float *initial = (const float *)call->tensor[SELSCAN_INITIAL];
    return initial ? initial[row * call->p.state + n] : 0.0f;
}

/* Keeps state n of row `row` after the last step, where the caller of the operation wants it. */
static inline HOST_DEVICE
void selscan_final(const struct selscan_call *call, int64_t row, int64_t n, float h)
{
    float *final_state = (float *)call->tensor[SELSCAN_FINAL];
    if (final_state)
        final_state[row * call->p.state + n] = h;
}

/* exp(v) as whole + rest: 1 and expm1(v) where |v| < 0.35, 0 and exp(v) elsewhere. So a slow decay
 * keeps the digits of its small part, and a strong one those of what is left (docs/numerics.md). */
struct decay {
    float whole, rest;
};

/* The decay exp(v), rest to 1 ulp; v is held within -87 ... 88. v = i*ln 2 + r with |r| < 0.35, and
 * expm1(r) by its Taylor series to r^7, whose remainder is below 2e-8 of it. */
static inline HOST_DEVICE
struct decay decay_of(float v)
{
    const float log2_e = 1.44269504f, ln2_high = 0.693147182f, ln2_low = -1.90465421e-9f;
    const float shift =
        12582912.0f; /* 1.5 * 2^23: what is added to it is rounded to whole numbers */
    v = v < -87.0f ? -87.0f : v > 88.0f ? 88.0f : v;
    const float shifted = fmaf(v, log2_e, shift), i = shifted - shift;
    const float r = fmaf(i, -ln2_low, fmaf(i, -ln2_high, v));
    float series = fmaf(r, 1.0f / 5040, 1.0f / 720);
    series = fmaf(series, r, 1.0f / 120);
    series = fmaf(series, r, 1.0f / 24);
    series = fmaf(series, r, 1.0f / 6);
    series = fmaf(series, r, 0.5f);
    const float q = fmaf(series, r * r, r);
    const float scale = bits_float((float_bits(shifted) << 23) + 0x3f800000u); /* 2^i */
    struct decay decay;
    decay.whole = i == 0 ? 1.0f : 0.0f;
    decay.rest = i == 0 ? q : fmaf(scale, q, scale);
    return decay;
}

/* A decay in one float: `rest` to 23 bits, to nearest and even, and whether `whole` is 1. */
static inline HOST_DEVICE
float decay_pack(struct decay decay)
{
    const uint32_t bits = float_bits(decay.rest);
    const uint32_t even = isnan(decay.rest) ? bits : bits + (bits >> 1 & 1u);
    return bits_float((even & ~1u) | (decay.whole > 0));
}

static inline HOST_DEVICE
struct decay decay_unpack(float packed)
{
    const uint32_t bits = float_bits(packed);
    struct decay decay;
    decay.whole = bits & 1u ? 1.0f : 0.0f;
    decay.rest = bits_float(bits & ~1u);
    return decay;
}

/* One step of a state: a*h + x*B. */
static inline HOST_DEVICE
float selscan_step(float h, struct decay a, float x, float B)
{
    return fmaf(a.whole, h, fmaf(a.rest, h, x * B));
}

#endif
