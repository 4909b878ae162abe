/* Words of 8 or 16 bytes of global memory, and their elements as floats.
 *
 * Shapes     A word has COUNT elements, by default VECTOR<DTYPE>: 4 of f32, 8 of bf16 and f16, 16
 *            bytes; the first in the low bits.
 * Order      A load gives the word as it is, so that many can be under way before one is unpacked.
 * Error      vector_floats() is exact; vector_pack() rounds to nearest, ties to even.
 * Needs      vector_load and vector_store: a word that lies on a boundary of its own size; for 16
 *            bytes, an element with vector_phase() 0.
 * Source     CUDA C++ Programming Guide, "Device Memory Accesses".
 */
#ifndef SSMBENCH_VECTOR_CUH
#define SSMBENCH_VECTOR_CUH

#include "../dtype.h"
#include "ptx.cuh"
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <type_traits>

template <enum dtype DTYPE>
static constexpr int VECTOR = DTYPE == DTYPE_F32 ? 4 : 8;

template <enum dtype DTYPE, int COUNT>
using vector = std::conditional_t<16 / VECTOR<DTYPE> * COUNT == 16, uint4, uint2>;

/* How many elements before element `index` of `array` the last boundary of 16 bytes is. */
template <enum dtype DTYPE>
static inline HOST_DEVICE
int vector_phase(const void *array, int64_t index)
{
    return (int)(((int64_t)((uintptr_t)array / (16 / VECTOR<DTYPE>)) + index) &
                 (VECTOR<DTYPE> - 1));
}

/* The word that begins with element `index`. */
template <enum dtype DTYPE, int COUNT = VECTOR<DTYPE>>
static inline __device__ vector<DTYPE, COUNT> vector_load(const void *array, int64_t index AND_HERE)
{
    const void *const from = (const char *)array + index * (16 / VECTOR<DTYPE>);
#ifndef __CUDACC__
    simt::require_aligned(SIMT_SITE("vector_load"), from, sizeof(vector<DTYPE, COUNT>));
#endif
    return *(const vector<DTYPE, COUNT> *)from;
}
template <enum dtype DTYPE, int COUNT = VECTOR<DTYPE>>
static inline __device__ void vector_store(void *array, int64_t index,
                                           vector<DTYPE, COUNT> word AND_HERE)
{
    void *const to = (char *)array + index * (16 / VECTOR<DTYPE>);
#ifndef __CUDACC__
    simt::require_aligned(SIMT_SITE("vector_store"), to, sizeof(vector<DTYPE, COUNT>));
#endif
    *(vector<DTYPE, COUNT> *)to = word;
}

/* Two elements of 16 bits from and to a register. */
template <enum dtype DTYPE>
static inline __device__ float2 vector_pair(unsigned bits)
{
    if constexpr (DTYPE == DTYPE_BF16)
        return make_float2(bits_float(bits << 16), bits_float(bits & 0xffff0000u));
    __half2 pair;
    memcpy(&pair, &bits, sizeof pair);
    return __half22float2(pair);
}
template <enum dtype DTYPE>
static inline __device__ unsigned vector_pack_pair(float low, float high)
{
    unsigned bits;
    if constexpr (DTYPE == DTYPE_BF16) {
        const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
        memcpy(&bits, &pair, sizeof bits);
    } else {
        const __half2 pair = __floats2half2_rn(low, high);
        memcpy(&bits, &pair, sizeof bits);
    }
    return bits;
}

/* The elements of a word. */
template <enum dtype DTYPE, int COUNT = VECTOR<DTYPE>>
static inline __device__ void vector_floats(vector<DTYPE, COUNT> word, float out[])
{
    unsigned part[sizeof word / sizeof(unsigned)];
    memcpy(part, &word, sizeof word);
#pragma unroll
    for (int i = 0; i < (int)(sizeof word / sizeof(unsigned)); i++) {
        if constexpr (DTYPE == DTYPE_F32) {
            out[i] = bits_float(part[i]);
        } else {
            const float2 pair = vector_pair<DTYPE>(part[i]);
            out[2 * i] = pair.x;
            out[2 * i + 1] = pair.y;
        }
    }
}

/* The word of these elements. */
template <enum dtype DTYPE, int COUNT = VECTOR<DTYPE>>
static inline __device__ vector<DTYPE, COUNT> vector_pack(const float in[])
{
    vector<DTYPE, COUNT> word;
    unsigned part[sizeof word / sizeof(unsigned)];
#pragma unroll
    for (int i = 0; i < (int)(sizeof word / sizeof(unsigned)); i++) {
        if constexpr (DTYPE == DTYPE_F32)
            part[i] = float_bits(in[i]);
        else
            part[i] = vector_pack_pair<DTYPE>(in[2 * i], in[2 * i + 1]);
    }
    memcpy(&word, part, sizeof word);
    return word;
}

/* The bits of element `index`, alone. */
template <enum dtype DTYPE>
static inline __device__ unsigned vector_element(const void *array, int64_t index)
{
    return DTYPE == DTYPE_F32 ? ((const uint32_t *)array)[index] : ((const uint16_t *)array)[index];
}

/* Puts the bits of an element in place i of a word that has zeros there. */
template <enum dtype DTYPE>
static inline __device__ void vector_insert(uint4 *word, int i, unsigned bits)
{
    const int at = i * 4 / VECTOR<DTYPE>;
    const unsigned part = bits << (DTYPE == DTYPE_F32 ? 0 : i % 2 * 16);
    word->x |= at == 0 ? part : 0;
    word->y |= at == 1 ? part : 0;
    word->z |= at == 2 ? part : 0;
    word->w |= at == 3 ? part : 0;
}

#endif
