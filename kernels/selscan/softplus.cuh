/* softplus by two instructions of the special function unit. */
#ifndef SSMBENCH_SELSCAN_SOFTPLUS_CUH
#define SSMBENCH_SELSCAN_SOFTPLUS_CUH

#include "../device/math.cuh"

/* log(1 + exp(x)) to 4e-7 of it: max(x, 0) + log1p(e), and log1p(e) = 2*artanh(e/(2 + e)), by a
 * polynomial interpolated in Chebyshev's points. */
static inline __device__ float softplus_ex2(float x)
{
    const float e = ex2(-1.44269504f * fabsf(x)), s = e * rcp(2.0f + e), z = s * s;
    const float series = fmaf(fmaf(fmaf(0.34203619f, z, 0.39593187f), z, 0.66675848f), z, 2.0f);
    return fmaf(s, series, fmaxf(x, 0.0f));
}

#endif
