/* The part of CUDA's bfloat16 header that kernels use. Rounding is that of kernels/dtype.h;
 * a NaN keeps other bits than CUDA's. */
#ifndef SSMBENCH_SIMT_CUDA_BF16_H
#define SSMBENCH_SIMT_CUDA_BF16_H

#include "../../kernels/dtype.h"
#include "cuda_runtime.h"

struct __nv_bfloat16 {
    unsigned short bits;
};
struct alignas(4) __nv_bfloat162 {
    __nv_bfloat16 x, y;
};
typedef __nv_bfloat16 nv_bfloat16;
typedef __nv_bfloat162 nv_bfloat162;

static inline unsigned short __bfloat16_as_ushort(__nv_bfloat16 value)
{
    return value.bits;
}
static inline __nv_bfloat16 __ushort_as_bfloat16(unsigned short bits)
{
    return {bits};
}
static inline float __bfloat162float(__nv_bfloat16 value)
{
    return bf16_float(value.bits);
}
static inline __nv_bfloat16 __float2bfloat16_rn(float value)
{
    return {float_bf16(value)};
}
static inline __nv_bfloat16 __float2bfloat16(float value)
{
    return __float2bfloat16_rn(value);
}
static inline __nv_bfloat162 __halves2bfloat162(__nv_bfloat16 low, __nv_bfloat16 high)
{
    return {low, high};
}
static inline __nv_bfloat16 __low2bfloat16(__nv_bfloat162 pair)
{
    return pair.x;
}
static inline __nv_bfloat16 __high2bfloat16(__nv_bfloat162 pair)
{
    return pair.y;
}
static inline __nv_bfloat162 __bfloat162bfloat162(__nv_bfloat16 value)
{
    return {value, value};
}
static inline __nv_bfloat162 __floats2bfloat162_rn(float low, float high)
{
    return {__float2bfloat16_rn(low), __float2bfloat16_rn(high)};
}
static inline __nv_bfloat162 __float22bfloat162_rn(float2 pair)
{
    return __floats2bfloat162_rn(pair.x, pair.y);
}
static inline __nv_bfloat162 __float2bfloat162_rn(float value)
{
    return __floats2bfloat162_rn(value, value);
}
static inline float __low2float(__nv_bfloat162 pair)
{
    return __bfloat162float(pair.x);
}
static inline float __high2float(__nv_bfloat162 pair)
{
    return __bfloat162float(pair.y);
}
static inline float2 __bfloat1622float2(__nv_bfloat162 pair)
{
    return {__low2float(pair), __high2float(pair)};
}

#endif
