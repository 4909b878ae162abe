/* The activation's derivative for the .cu variants of conv1d_bwd that are fast. */
#ifndef SSMBENCH_CONV1D_BWD_SLOPE_CUH
#define SSMBENCH_CONV1D_BWD_SLOPE_CUH

#include "../device/math.cuh"

/* silu'(v) in few instructions, to 2e-7 of its largest value. Its factor 1 - sigmoid(v) counts as
 * a part of 1 + v*(1 - sigmoid(v)): what its rounding loses is lost there anyway. */
static inline __device__ float silu_slope_ex2(float v)
{
    const float s = sigmoid_ex2(v);
    return s * fmaf(v, 1.0f - s, 1.0f);
}

#endif
