/* The value of one input element, from its Philox block. Only IEEE additions, multiplications,
 * square roots and explicit fused multiply-adds, so that C and CUDA compilers give the same bits.
 */
#ifndef SSMBENCH_FILL_H
#define SSMBENCH_FILL_H

#include "../reference/operation.h"
#include <math.h>

/* 2^x for x in [-64, 64], Taylor's series of e^y on [0, ln 2) to 15 terms: within 1e-15. */
static inline HOST_DEVICE
double fill_exp2(double x)
{
    const double whole = floor(x), y = (x - whole) * 0.69314718055994531;
    double sum = 0;
    for (int k = 15; k >= 1; k--)
        sum = fma(sum, y / k, y / k);
    return ldexp(sum + 1, (int)whole);
}

/* The s with softplus(s) = dt, log2_dt = log2(dt) <= 0: log(expm1(dt)) by its series. */
static inline HOST_DEVICE
double fill_inverse_softplus(double log2_dt)
{
    const double dt = fill_exp2(log2_dt), square = dt * dt;
    const double series = fma(square, -1.0 / 2880, 1.0 / 24);
    const double rest = fma(series, square, 0.5 * dt);
    return fma(log2_dt, 0.69314718055994531, rest);
}

/* Sequences of 1, 2, 3, ... steps, numbered from 0, every fourth of them padding: the one that
 * holds step `step` of row `row`. Each row starts five steps later in this pattern than the one
 * before. */
static inline HOST_DEVICE
int64_t fill_sequence(int64_t step, int64_t row)
{
    const double at = (double)(step + 5 * row);
    const int64_t sequence = (int64_t)((sqrt(8.0 * at + 1.0) - 1.0) * 0.5);
    return sequence % 4 == 3 ? -1 : sequence;
}

/* Element `index` of a tensor, from the four words of its Philox block. */
static inline HOST_DEVICE
float fill_value(const struct fill *fill, int64_t index, const uint32_t word[4])
{
    const double unit = (double)(word[0] >> 8) * 0x1p-24;
    const double uniform = fma(fill->b - fill->a, unit, fill->a);
    enum fill_kind kind = fill->kind;
    if (kind == FILL_SPOILED) {
        if (word[3] % 256 == 0) /* +-infinity, or NaN */
            return bits_float((word[2] & 0x80000000u) | 0x7f800000u | (word[2] & 1u) << 22);
        kind = FILL_BELL;
    }
    switch (kind) {
    case FILL_CONSTANT:
        return (float)fill->a;
    case FILL_UNIFORM:
        return (float)uniform;
    case FILL_BELL: {
        int sum = -262140; /* eight halfwords of mean 32767.5 and deviation 65536/sqrt(12) */
        for (int i = 0; i < 4; i++)
            sum += (int)(word[i] >> 16) + (int)(word[i] & 0xffffu);
        return (float)fma(fill->b, (double)sum * (1 / 53510.0), fill->a);
    }
    case FILL_LOG_UNIFORM:
        return (float)fill_exp2(uniform);
    case FILL_NEGATIVE_LOG:
        return (float)-fill_exp2(uniform);
    case FILL_INVERSE_SOFTPLUS:
        return (float)fill_inverse_softplus(uniform);
    case FILL_INTEGERS:
        return (float)(fill->a + (double)(word[0] % (uint32_t)(fill->b - fill->a + 1)));
    case FILL_IMPULSES:
        return word[0] & 63u ? 0.0f : (float)(word[1] & 1u ? fill->a : -fill->a);
    case FILL_RAMP:
        return (float)(fill->a * (double)(1 + index % fill->period));
    case FILL_SEQUENCES:
        return (float)fill_sequence(index % fill->period, index / fill->period);
    case FILL_SIGNED_LOG:
        return (float)(word[1] & 1u ? fill_exp2(uniform) : -fill_exp2(uniform));
    case FILL_SPOILED:
        break;
    }
    return 0;
}

/* Puts that value into element `index` of `memory`: rounded once, or as an index. */
static inline HOST_DEVICE
void fill_store(void *memory, const struct fill *fill, enum dtype dtype, int64_t index,
                const uint32_t word[4])
{
    const float value = fill_value(fill, index, word);
    if (dtype == DTYPE_I32)
        ((int32_t *)memory)[index] = (int32_t)value;
    else
        dtype_store(memory, dtype, index, value);
}

#endif
