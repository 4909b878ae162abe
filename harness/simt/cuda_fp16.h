/* The part of CUDA's half-precision header that kernels use. Rounding is that of kernels/dtype.h;
 * a NaN keeps other bits than CUDA's. */
#ifndef SSMBENCH_SIMT_CUDA_FP16_H
#define SSMBENCH_SIMT_CUDA_FP16_H

#include "../../kernels/dtype.h"
#include "cuda_runtime.h"

struct __half {
    unsigned short bits;
};
struct alignas(4) __half2 {
    __half x, y;
};
typedef __half half;
typedef __half2 half2;

static inline unsigned short __half_as_ushort(__half value)
{
    return value.bits;
}
static inline __half __ushort_as_half(unsigned short bits)
{
    return {bits};
}
static inline float __half2float(__half value)
{
    return f16_float(value.bits);
}
static inline __half __float2half_rn(float value)
{
    return {float_f16(value)};
}
static inline __half __float2half(float value)
{
    return __float2half_rn(value);
}
static inline __half2 __halves2half2(__half low, __half high)
{
    return {low, high};
}
static inline __half __low2half(__half2 pair)
{
    return pair.x;
}
static inline __half __high2half(__half2 pair)
{
    return pair.y;
}
static inline __half2 __half2half2(__half value)
{
    return {value, value};
}
static inline __half2 __floats2half2_rn(float low, float high)
{
    return {__float2half_rn(low), __float2half_rn(high)};
}
static inline __half2 __float22half2_rn(float2 pair)
{
    return __floats2half2_rn(pair.x, pair.y);
}
static inline __half2 __float2half2_rn(float value)
{
    return __floats2half2_rn(value, value);
}
static inline float __low2float(__half2 pair)
{
    return __half2float(pair.x);
}
static inline float __high2float(__half2 pair)
{
    return __half2float(pair.y);
}
static inline float2 __half22float2(__half2 pair)
{
    return {__low2float(pair), __high2float(pair)};
}

#endif
