/* exp(v) as whole + rest (common.h) by the special function unit, at some 12 instructions.
 *
 * Form       |v| < 1/4: 1 and expm1(v), by its Taylor series to v^6, whose remainder is below 5e-8
 *            of it. Elsewhere 0 and exp(v), which is 0 below -87 and infinite above 88.
 * Error      rest: 1.5 ulp in the first form, 2 ulp + |v|*2^-24 of it in the second.
 */
#ifndef SSMBENCH_SELSCAN_DECAY_CUH
#define SSMBENCH_SELSCAN_DECAY_CUH

#include "../device/math.cuh"
#include "common.h"

/* exp(v), whose rest is known. */
static inline __device__ struct decay decay_again(float v, float rest)
{
    struct decay decay;
    decay.whole = fabsf(v) < 0.25f ? 1.0f : 0.0f;
    decay.rest = rest;
    return decay;
}

static inline __device__ struct decay decay_ex2(float v)
{
    float series = fmaf(fmaf(v, 1.0f / 720, 1.0f / 120), v, 1.0f / 24);
    series = fmaf(fmaf(series, v, 1.0f / 6), v, 0.5f);
    return decay_again(v, fabsf(v) < 0.25f ? fmaf(series, v * v, v) : ex2(v * 1.44269504f));
}

/* exp(v)*h */
static inline __device__ float decay_apply(struct decay a, float h)
{
    return fmaf(a.rest, h, a.whole * h);
}

#endif
