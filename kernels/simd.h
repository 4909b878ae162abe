/* Vectors of floats for CPU kernels: LANES of them, by GCC's vector extensions, so that one source
 * serves AVX-512, AVX2, NEON and whatever else the compiler splits them into.
 *
 * What has a twin in dtype.h gives its bits. Errors of the functions, in ulps of the float result,
 * below (measured on all floats of magnitude 2^-30 ... 2^7; harness/simd_test.c samples the rest):
 *
 *     simd_decay 1.6 · simd_exp 1.1 · simd_log1p 2 (0 ... 1 only) · simd_softplus 2.9
 *     simd_silu 2.5
 *
 * Infinities give the limits, NaN gives NaN, in their lane only. No lane depends on another.
 *
 * The polynomials are minimax in relative error: Remez exchange in 160 bits, coefficients rounded
 * to float, then moved by single ulps while that lessened the largest error on 1500 points.
 */
#ifndef SSMBENCH_SIMD_H
#define SSMBENCH_SIMD_H

#include "dtype.h"
#include <math.h>

#if defined(__AVX512F__)
#include <immintrin.h>
#define LANES             16
#define SIMD_INTERLEAVE   0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define SIMD_FMA(a, b, c) (floats) _mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c))
#elif defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
#define LANES             8
#define SIMD_INTERLEAVE   0, 8, 1, 9, 2, 10, 3, 11
#define SIMD_FMA(a, b, c) (floats) _mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(c))
#else
#define LANES           4
#define SIMD_INTERLEAVE 0, 4, 1, 5
#ifdef __aarch64__
#include <arm_neon.h>
#define SIMD_FMA(a, b, c) (floats) vfmaq_f32((float32x4_t)(c), (float32x4_t)(a), (float32x4_t)(b))
#endif
#endif

typedef float floats __attribute__((vector_size(LANES * 4)));
typedef int32_t ints __attribute__((vector_size(LANES * 4)));
typedef uint32_t uints __attribute__((vector_size(LANES * 4)));
typedef uint16_t halves __attribute__((vector_size(LANES * 2)));

/* `value` in every lane. */
static inline floats simd_all(float value)
{
    return value - (floats){0};
}

/* a*b + c, rounded once. */
static inline floats simd_fma(floats a, floats b, floats c)
{
#ifdef SIMD_FMA
    return SIMD_FMA(a, b, c);
#else
    for (int i = 0; i < LANES; i++)
        c[i] = fmaf(a[i], b[i], c[i]);
    return c;
#endif
}

/* `yes` where the mask is all ones, `no` where it is 0. */
static inline uints simd_choose(ints mask, uints yes, uints no)
{
    return ((uints)mask & yes) | (~(uints)mask & no);
}

/* x, but at least `low` and at most `high`; NaN stays. */
static inline floats simd_clamp(floats x, float low, float high)
{
    x = (floats)simd_choose(x < low, (uints)simd_all(low), (uints)x);
    return (floats)simd_choose(x > high, (uints)simd_all(high), (uints)x);
}

/* 2^n for n in -126 ... 127. */
static inline floats simd_exp2(uints n)
{
    return (floats)((n + 127) << 23);
}

/* expm1(r), where x = n*ln 2 + r and |r| <= ln(2)/2, for |x| < 2^21. */
static inline floats simd_expm1_reduced(floats x, uints *n)
{
    /* Adding 1.5*2^23 rounds to a whole number and leaves it in the low bits. */
    const float magic = 0x1.8p23f;
    const floats shifted = simd_fma(x, simd_all(0x1.715476p0f), simd_all(magic));
    const floats whole = shifted - magic;
    *n = (uints)shifted - float_bits(magic);
    floats r = simd_fma(whole, simd_all(-0x1.62e43p-1f), x);
    r = simd_fma(whole, simd_all(0x1.05c61p-29f), r);

    /* r + r^2*q(r): relative error 1.4e-8 before rounding. */
    floats q = simd_fma(simd_all(0x1.6c5528p-10f), r, simd_all(0x1.122408p-7f));
    q = simd_fma(q, r, simd_all(0x1.5555b6p-5f));
    q = simd_fma(q, r, simd_all(0x1.5554b6p-3f));
    q = simd_fma(q, r, simd_all(0.5f));
    return simd_fma(r * r, q, r);
}

static inline floats simd_exp(floats x)
{
    uints n;
    const floats p = simd_expm1_reduced(simd_clamp(x, -104, 89), &n);
    const uints half = (uints)((ints)n >> 1); /* 2^n itself may be out of range */
    return (1 + p) * simd_exp2(half) * simd_exp2(n - half);
}

/* exp(x) as *whole + rest, which it returns: 1 and expm1(x) where |x| < 0.35, 0 and exp(x)
 * elsewhere. x is held within -87 ... 88. */
static inline floats simd_decay(floats x, floats *whole)
{
    uints n;
    const floats p = simd_expm1_reduced(simd_clamp(x, -87, 88), &n), scale = simd_exp2(n);
    const ints near = n == 0;
    *whole = (floats)((uints)near & (uints)simd_all(1));
    return (floats)simd_choose(near, (uints)p, (uints)simd_fma(scale, p, scale));
}

/* log(1 + x) for x in 0 ... 1, from 2*atanh(s) with s = x/(2 + x). */
static inline floats simd_log1p(floats x)
{
    const floats twice = (x + x) / (2 + x), w = 0.25f * twice * twice;
    /* atanh(s)/s = 1 + w*q(w), w = s^2: relative error 4.5e-9 before rounding. */
    floats q = simd_fma(simd_all(0x1.1f1794p-3f), w, simd_all(0x1.1eb102p-3f));
    q = simd_fma(q, w, simd_all(0x1.99d2b4p-3f));
    q = simd_fma(q, w, simd_all(0x1.5555p-2f));
    return simd_fma(twice, w * q, twice);
}

/* log(1 + exp(x)) without overflow; above 17 it is x already. */
static inline floats simd_softplus(floats x)
{
    const floats minus_abs = (floats)((uints)x | 0x80000000u);
    const floats positive = (floats)((uints)x & (uints)(x > 0));
    return positive + simd_log1p(simd_exp(minus_abs));
}

static inline floats simd_silu(floats x)
{
    return x / (1 + simd_exp(-x));
}

/* The lanes of dtype_load() and dtype_store(); 16-bit patterns in 32-bit lanes. */
static inline floats simd_bf16_float(uints half)
{
    return (floats)(half << 16);
}

static inline floats simd_f16_float(uints half)
{
    const uints sign = (half & 0x8000u) << 16, magnitude = half & 0x7fffu;
    const uints finite = (uints)((floats)(magnitude << 13) * 0x1p112f);
    const uints other = 0x7f800000u | (magnitude & 0x3ffu) << 13;
    return (floats)(sign | simd_choose((ints)magnitude >= 0x7c00, other, finite));
}

static inline uints simd_float_bf16(floats value)
{
    const uints bits = (uints)value, magnitude = bits & 0x7fffffffu;
    return simd_choose((ints)magnitude > 0x7f800000, bits >> 16 | 0x40u,
                       (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

static inline uints simd_float_f16(floats value)
{
    const uints bits = (uints)value, sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;
    const uints normal = (magnitude - 0x38000000u + 0xfffu + (magnitude >> 13 & 1u)) >> 13;
    const uints tiny = (uints)((floats)magnitude + 0.5f) - 0x3f000000u;
    uints half = simd_choose((ints)magnitude < 0x38800000, tiny, normal);
    half = simd_choose((ints)magnitude >= 0x47800000, (uints){0} + 0x7c00u, half);
    half = simd_choose((ints)magnitude > 0x7f800000, (uints){0} + 0x7e00u, half);
    return sign | half;
}

/* Elements index ... index + count-1 of an array of `dtype`, widened; lanes beyond are 0. */
static inline floats simd_load(const void *array, enum dtype dtype, int64_t index, int64_t count)
{
    const size_t size = dtype_size(dtype);
    const char *from = (const char *)array + index * (int64_t)size;
    char part[sizeof(floats)] = {0};
    if (count < LANES)
        from = memcpy(part, from, (size_t)count * size);
    if (dtype == DTYPE_F32) {
        floats value;
        memcpy(&value, from, sizeof value);
        return value;
    }
    halves half;
    memcpy(&half, from, sizeof half);
    const uints wide = __builtin_convertvector(half, uints);
    return dtype == DTYPE_BF16 ? simd_bf16_float(wide) : simd_f16_float(wide);
}

/* Rounds the first `count` lanes into elements index ... of an array of `dtype`. */
static inline void simd_store(void *array, enum dtype dtype, int64_t index, int64_t count,
                              floats value)
{
    const size_t size = dtype_size(dtype);
    char *to = (char *)array + index * (int64_t)size, part[sizeof(floats)];
    char *whole = count < LANES ? part : to;
    if (dtype == DTYPE_F32) {
        memcpy(whole, &value, sizeof value);
    } else {
        const uints wide = dtype == DTYPE_BF16 ? simd_float_bf16(value) : simd_float_f16(value);
        const halves half = __builtin_convertvector(wide, halves);
        memcpy(whole, &half, sizeof half);
    }
    if (count < LANES)
        memcpy(to, part, (size_t)count * size);
}

/* Lane i of vector j becomes lane j of vector i. Each round interleaves vector i with vector
 * i + LANES/2, which rotates the bits of the number LANES*j + i by one place. */
static inline __attribute__((always_inline)) void simd_transpose(floats v[LANES])
{
    const ints low = {SIMD_INTERLEAVE}, high = low + LANES / 2;
    floats mixed[LANES];
#pragma GCC unroll 4
    for (int round = 1; round < LANES; round *= 2) {
#pragma GCC unroll 8
        for (int i = 0; i < LANES / 2; i++) {
            mixed[2 * i] = __builtin_shuffle(v[i], v[i + LANES / 2], low);
            mixed[2 * i + 1] = __builtin_shuffle(v[i], v[i + LANES / 2], high);
        }
#pragma GCC unroll 16
        for (int i = 0; i < LANES; i++)
            v[i] = mixed[i];
    }
}

/* A tile of a tensor of `dtype`, of `lanes` <= LANES lanes and `rows` rows: lane i of row r is
 * element first + i*lane_stride + r*row_stride, and one of the strides is 1. */
struct simd_tile {
    void *array;
    enum dtype dtype;
    int64_t first, lane_stride, row_stride;
    int64_t lanes, rows;
};

/* Loads a tile, with 0 in lanes beyond; `row` has room for whole LANES of rows. */
static inline void simd_load_tile(const struct simd_tile *tile, floats row[])
{
    if (tile->lane_stride == 1) {
        for (int64_t r = 0; r < tile->rows; r++)
            row[r] = simd_load(tile->array, tile->dtype, tile->first + r * tile->row_stride,
                               tile->lanes);
        return;
    }
    for (int64_t r = 0; r < tile->rows; r += LANES) {
        floats v[LANES] = {{0}};
        for (int64_t i = 0; i < tile->lanes; i++)
            v[i] = simd_load(tile->array, tile->dtype, tile->first + i * tile->lane_stride + r,
                             tile->rows - r);
        simd_transpose(v);
        memcpy(&row[r], v, sizeof v);
    }
}

/* Stores a tile; `row` has room for whole LANES of rows. */
static inline void simd_store_tile(const struct simd_tile *tile, const floats row[])
{
    if (tile->lane_stride == 1) {
        for (int64_t r = 0; r < tile->rows; r++)
            simd_store(tile->array, tile->dtype, tile->first + r * tile->row_stride, tile->lanes,
                       row[r]);
        return;
    }
    for (int64_t r = 0; r < tile->rows; r += LANES) {
        floats v[LANES];
        memcpy(v, &row[r], sizeof v);
        simd_transpose(v);
        for (int64_t i = 0; i < tile->lanes; i++)
            simd_store(tile->array, tile->dtype, tile->first + i * tile->lane_stride + r,
                       tile->rows - r, v[i]);
    }
}

#endif
