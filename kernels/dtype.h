/* Element types and their conversions, the same bits on host and device.
 *
 * Rounding is to nearest, ties to even (IEEE 754). Included by C11 and C++17 files.
 */
#ifndef SSMBENCH_DTYPE_H
#define SSMBENCH_DTYPE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __CUDACC__
#define HOST_DEVICE __host__ __device__
#else
#define HOST_DEVICE
#endif

/* Order of the words of the case key `dtype`. */
enum dtype { DTYPE_F32, DTYPE_BF16, DTYPE_F16 };

/* Bytes of one element. */
static inline HOST_DEVICE
size_t dtype_size(enum dtype dtype)
{
    return dtype == DTYPE_F32 ? 4 : 2;
}

static inline HOST_DEVICE
uint32_t float_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline HOST_DEVICE
float bits_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline HOST_DEVICE
float bf16_float(uint16_t half)
{
    return bits_float((uint32_t)half << 16);
}

static inline HOST_DEVICE
uint16_t float_bf16(float value)
{
    const uint32_t bits = float_bits(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)(bits >> 16 | 0x40u);
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

static inline HOST_DEVICE
float f16_float(uint16_t half)
{
    const uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    const uint32_t magnitude = half & 0x7fffu;
    if (magnitude >= 0x7c00u)
        return bits_float(sign | 0x7f800000u | (magnitude & 0x3ffu) << 13);
    /* The exponent is 112 too small; the product is exact, for subnormals too. */
    return bits_float(sign | float_bits(bits_float(magnitude << 13) * 0x1p112f));
}

static inline HOST_DEVICE
uint16_t float_f16(float value)
{
    const uint32_t bits = float_bits(value);
    const uint32_t sign = bits >> 16 & 0x8000u;
    const uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u)
        return (uint16_t)(sign | 0x7e00u);
    if (magnitude >= 0x47800000u)
        return (uint16_t)(sign | 0x7c00u);
    if (magnitude < 0x38800000u)
        /* Below 2^-14: adding 0.5, whose ulp is 2^-24, leaves the subnormal in the low bits. */
        return (uint16_t)(sign | (float_bits(bits_float(magnitude) + 0.5f) - 0x3f000000u));
    return (uint16_t)(sign | (magnitude - 0x38000000u + 0xfffu + (magnitude >> 13 & 1u)) >> 13);
}

/* Element `index` of an array of `dtype`, widened exactly. */
static inline HOST_DEVICE
float dtype_load(const void *array, enum dtype dtype, int64_t index)
{
    if (dtype == DTYPE_F32)
        return ((const float *)array)[index];
    const uint16_t half = ((const uint16_t *)array)[index];
    return dtype == DTYPE_BF16 ? bf16_float(half) : f16_float(half);
}

/* Rounds `value` once into element `index` of an array of `dtype`. */
static inline HOST_DEVICE
void dtype_store(void *array, enum dtype dtype, int64_t index, float value)
{
    if (dtype == DTYPE_F32)
        ((float *)array)[index] = value;
    else
        ((uint16_t *)array)[index] = dtype == DTYPE_BF16 ? float_bf16(value) : float_f16(value);
}

#endif
