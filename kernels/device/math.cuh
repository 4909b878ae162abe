/* Approximate functions of one instruction, in fp32. Subnormal arguments count as zero, subnormal
 * results are zero, of the same sign.
 *
 * Error      ex2: 2 ulp. rcp: 1 ulp. lg2: 2^-22, absolute between 0.5 and 2 and relative elsewhere.
 *            simt rounds correctly or nearly so: errors are known on a GPU only.
 * Source     PTX ISA, "ex2", "rcp.approx.ftz.f32", "lg2".
 */
#ifndef SSMBENCH_MATH_CUH
#define SSMBENCH_MATH_CUH

#include "ptx.cuh"

#ifndef __CUDACC__
static inline float simt_flush(float value)
{
    return fpclassify(value) == FP_SUBNORMAL ? copysignf(0, value) : value;
}
#endif

/* 2^x. */
static inline __device__ float ex2(float x)
{
    float y;
#ifdef __CUDACC__
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
#else
    y = simt_flush(exp2f(simt_flush(x)));
#endif
    return y;
}

/* 1 / x. */
static inline __device__ float rcp(float x)
{
    float y;
#ifdef __CUDACC__
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
#else
    y = simt_flush(1.0f / simt_flush(x));
#endif
    return y;
}

/* The logarithm of x to base 2. */
static inline __device__ float lg2(float x)
{
    float y;
#ifdef __CUDACC__
    asm("lg2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
#else
    y = simt_flush(log2f(simt_flush(x)));
#endif
    return y;
}

/* 1 / (1 + exp(-v)), to 2^-22 + |v|*2^-23 of it; 0 below -87. */
static inline __device__ float sigmoid_ex2(float v)
{
    return rcp(1.0f + ex2(-1.44269504f * v));
}

#endif
