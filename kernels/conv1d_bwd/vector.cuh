/* Single elements, and vectors of neighbouring ones in 8 or 16 bytes, to and from floats; types and
 * widths as constants. */
#ifndef SSMBENCH_CONV1D_BWD_VECTOR_CUH
#define SSMBENCH_CONV1D_BWD_VECTOR_CUH

#include "../device/launch.cuh"
#include "common.h"
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <type_traits>

/* stored<DTYPE>::type holds an element. */
template <enum dtype DTYPE>
struct stored {
    typedef uint16_t type;
};
template <>
struct stored<DTYPE_F32> {
    typedef float type;
};

/* vector<DTYPE, COUNT>::type is a vector as it is loaded and stored. */
template <int BYTES>
struct vector_of_bytes;
template <>
struct vector_of_bytes<8> {
    typedef uint2 type;
};
template <>
struct vector_of_bytes<16> {
    typedef uint4 type;
};
template <enum dtype DTYPE, int COUNT>
struct vector : vector_of_bytes<COUNT *(int)sizeof(typename stored<DTYPE>::type)> {
};

template <enum dtype DTYPE>
static inline __device__ float widen(typename stored<DTYPE>::type element)
{
    if constexpr (DTYPE == DTYPE_F32)
        return element;
    else if constexpr (DTYPE == DTYPE_BF16)
        return bf16_float(element);
    else
        return __half2float(__ushort_as_half(element));
}

template <enum dtype DTYPE>
static inline __device__ typename stored<DTYPE>::type narrow(float value)
{
    if constexpr (DTYPE == DTYPE_F32)
        return value;
    else if constexpr (DTYPE == DTYPE_BF16)
        return __bfloat16_as_ushort(__float2bfloat16_rn(value));
    else
        return __half_as_ushort(__float2half_rn(value));
}

/* Element `index` of an array as it is stored. */
template <enum dtype DTYPE>
static inline __device__ typename stored<DTYPE>::type *element(void *array, int64_t index)
{
    return (typename stored<DTYPE>::type *)array + index;
}

/* Elements index ... index + COUNT-1, at an address that is a multiple of their size together. */
template <enum dtype DTYPE, int COUNT>
static inline __device__ typename vector<DTYPE, COUNT>::type *elements(void *array, int64_t index)
{
    return (typename vector<DTYPE, COUNT>::type *)element<DTYPE>(array, index);
}

template <enum dtype DTYPE, int COUNT>
static inline __device__ void unpack(typename vector<DTYPE, COUNT>::type raw, float value[COUNT])
{
    typename stored<DTYPE>::type part[COUNT];
    memcpy(part, &raw, sizeof raw);
#pragma unroll
    for (int i = 0; i < COUNT; i++)
        value[i] = widen<DTYPE>(part[i]);
}

template <enum dtype DTYPE, int COUNT>
static inline __device__ typename vector<DTYPE, COUNT>::type pack(const float value[COUNT])
{
    typename vector<DTYPE, COUNT>::type raw;
    typename stored<DTYPE>::type part[COUNT];
#pragma unroll
    for (int i = 0; i < COUNT; i++)
        part[i] = narrow<DTYPE>(value[i]);
    memcpy(&raw, part, sizeof raw);
    return raw;
}

/* For whom width <= 4 is the limit: calls body(type, width) with p's as integral_constants. */
template <int DTYPE, typename Body>
static inline int dispatch_width(const struct conv1d *p, Body body)
{
    const std::integral_constant<int, DTYPE> type;
    switch (p->width) {
    case 1:
        return body(type, std::integral_constant<int, 1>());
    case 2:
        return body(type, std::integral_constant<int, 2>());
    case 3:
        return body(type, std::integral_constant<int, 3>());
    default:
        return body(type, std::integral_constant<int, 4>());
    }
}

template <typename Body>
static inline int dispatch(const struct conv1d *p, Body body)
{
    switch (p->dtype) {
    case DTYPE_F32:
        return dispatch_width<DTYPE_F32>(p, body);
    case DTYPE_BF16:
        return dispatch_width<DTYPE_BF16>(p, body);
    default:
        return dispatch_width<DTYPE_F16>(p, body);
    }
}

#endif
