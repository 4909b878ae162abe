/* Products of small matrices by a warp, and loads of their fragments.
 *
 * Shapes     d (16 x 8, fp32) += a (16 x K) * b (K x 8); K is 8 for tf32, 16 for bf16 and f16.
 *            Registers of 32 bits hold one tf32 element or two of 16 bits, the first in the low
 *            half. Which element is where: the functions *_place below, the only statement of it.
 * Lanes      All 32 lanes call together, with fragments that are theirs.
 * Error      Not that of fp32 multiply-adds: products are exact, but the sum's rounding is the
 *            hardware's own. simt takes a pessimist's tensor core: products exact, summed in double
 *            together with d, truncated toward zero to fp32. Of a tf32 element the low 13 bits are
 *            ignored; float_tf32() rounds instead.
 * Needs      compute capability 8.0 (ldmatrix: 7.5); traps below.
 * Source     PTX ISA, "Matrix Fragments for mma.m16n8k8", "Matrix Fragments for mma.m16n8k16 with
 *            floating point type", "mma", "ldmatrix", "cvt".
 */
#ifndef SSMBENCH_MMA_CUH
#define SSMBENCH_MMA_CUH

#include "../dtype.h"
#include "ptx.cuh"

struct place {
    int row, column;
};

/* Element i (0 to 3) of a lane's part of d. */
static inline HOST_DEVICE
struct place mma_d_place(int lane, int i)
{
    return {lane / 4 + i / 2 * 8, lane % 4 * 2 + i % 2};
}

/* Register i (0 to 3) of a, for tf32. */
static inline HOST_DEVICE
struct place mma_a_tf32_place(int lane, int i)
{
    return {lane / 4 + i % 2 * 8, lane % 4 + i / 2 * 4};
}

/* Register i (0 or 1) of b, for tf32. */
static inline HOST_DEVICE
struct place mma_b_tf32_place(int lane, int i)
{
    return {lane % 4 + i * 4, lane / 4};
}

/* The low half of register i (0 to 3) of a, for 16 bits. The high half: one column further. */
static inline HOST_DEVICE
struct place mma_a_b16_place(int lane, int i)
{
    return {lane / 4 + i % 2 * 8, lane % 4 * 2 + i / 2 * 8};
}

/* The low half of register i (0 or 1) of b, for 16 bits. The high half: one row further. */
static inline HOST_DEVICE
struct place mma_b_b16_place(int lane, int i)
{
    return {lane % 4 * 2 + i * 8, lane / 4};
}

/* The low half of a register of ldmatrix. The high half: one column further; with `transposed`, one
 * row further. */
static inline HOST_DEVICE
struct place ldmatrix_place(int lane, bool transposed)
{
    return transposed ? place{lane % 4 * 2, lane / 4} : place{lane / 4, lane % 4 * 2};
}

/* x rounded to tf32 (10 bits of mantissa), to nearest, ties away from zero. */
static inline __device__ uint32_t float_tf32(float x)
{
#ifdef __CUDACC__
    uint32_t y = 0;
    NEEDS_ARCH(80, asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(y) : "f"(x)));
    return y;
#else
    const uint32_t bits = float_bits(x);
    return isnan(x) ? 0x7fffffffu : (bits + 0x1000u) & ~0x1fffu;
#endif
}

#ifdef __CUDACC__
#define MMA(shape, type, element)                                                                  \
    NEEDS_ARCH(80,                                                                                 \
               asm volatile("mma.sync.aligned." shape ".row.col.f32." type "." type ".f32 "        \
                            "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"      \
                            : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])                       \
                            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1])))
#define LDMATRIX_X4(form, transposed)                                                              \
    NEEDS_ARCH(75, asm volatile("ldmatrix.sync.aligned.m8n8.x4" form                               \
                                ".shared.b16 {%0, %1, %2, %3}, [%4];"                              \
                                : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])                   \
                                : "r"(shared_address(row))                                         \
                                : "memory"))
#define LDMATRIX_X2(form, transposed)                                                              \
    NEEDS_ARCH(75, asm volatile("ldmatrix.sync.aligned.m8n8.x2" form ".shared.b16 {%0, %1}, [%2];" \
                                : "=r"(r[0]), "=r"(r[1])                                           \
                                : "r"(shared_address(row))                                         \
                                : "memory"))
#else
enum simt_element { SIMT_TF32, SIMT_BF16, SIMT_F16 };

/* What a lane brings to a product. */
struct simt_fragments {
    float d[4];
    uint32_t a[4], b[2];
};

static inline double simt_element_value(enum simt_element type, uint32_t bits, int half)
{
    const uint16_t b16 = (uint16_t)(bits >> 16 * half);
    return type == SIMT_TF32 ? bits_float(bits & ~0x1fffu)
           : type == SIMT_BF16 ? bf16_float(b16)
                               : f16_float(b16);
}

static inline float simt_truncated(double value)
{
    const float nearest = (float)value;
    return fabs(nearest) > fabs(value) ? nextafterf(nearest, 0) : nearest;
}

static inline void simt_need_all_lanes(simt::site where, uint32_t lanes)
{
    if (~lanes)
        simt::fail(where, "needs all lanes of the warp: lanes %08x came", lanes);
}

static inline void simt_combine_mma(uint32_t lanes, const void *const input[], void *const output[],
                                    const void *common, simt::site where)
{
    const enum simt_element type = *(const enum simt_element *)common;
    const bool tf32 = type == SIMT_TF32;
    const int inner = tf32 ? 8 : 16, halves = tf32 ? 1 : 2;
    double a[16][16], b[16][8];
    simt_need_all_lanes(where, lanes);
    for (int lane = 0; lane < simt::WARP; lane++) {
        const simt_fragments *mine = (const simt_fragments *)input[lane];
        for (int i = 0; i < 4 * halves; i++) {
            const int r = i / halves, half = i % halves;
            const place p = tf32 ? mma_a_tf32_place(lane, r) : mma_a_b16_place(lane, r);
            a[p.row][p.column + half] = simt_element_value(type, mine->a[r], half);
        }
        for (int i = 0; i < 2 * halves; i++) {
            const int r = i / halves, half = i % halves;
            const place p = tf32 ? mma_b_tf32_place(lane, r) : mma_b_b16_place(lane, r);
            b[p.row + half][p.column] = simt_element_value(type, mine->b[r], half);
        }
    }
    for (int lane = 0; lane < simt::WARP; lane++)
        for (int i = 0; i < 4; i++) {
            const place p = mma_d_place(lane, i);
            double sum = ((const simt_fragments *)input[lane])->d[i];
            for (int k = 0; k < inner; k++)
                sum += a[p.row][k] * b[k][p.column];
            ((float *)output[lane])[i] = simt_truncated(sum);
        }
}

static inline void simt_mma(simt::site where, enum simt_element type, float d[4],
                            const uint32_t a[4], const uint32_t b[2])
{
    simt_fragments mine;
    memcpy(mine.d, d, sizeof mine.d);
    memcpy(mine.a, a, sizeof mine.a);
    memcpy(mine.b, b, sizeof mine.b);
    simt::collective(where, 0xffffffffu, &mine, d, &type, simt_combine_mma);
}

struct simt_load {
    int matrices;
    bool transposed;
};

static inline void simt_combine_ldmatrix(uint32_t lanes, const void *const input[],
                                         void *const output[], const void *common, simt::site where)
{
    const simt_load *load = (const simt_load *)common;
    simt_need_all_lanes(where, lanes);
    for (int lane = 0; lane < simt::WARP; lane++) {
        const place low = ldmatrix_place(lane, load->transposed);
        for (int m = 0; m < load->matrices; m++) {
            uint16_t half[2];
            for (int h = 0; h < 2; h++) {
                const int row = low.row + (load->transposed ? h : 0);
                const int column = low.column + (load->transposed ? 0 : h);
                memcpy(&half[h], (const char *)input[8 * m + row] + 2 * column, 2);
            }
            ((uint32_t *)output[lane])[m] = half[0] | (uint32_t)half[1] << 16;
        }
    }
}

static inline void simt_ldmatrix(simt::site where, uint32_t r[], const void *row, int matrices,
                                 bool transposed)
{
    const simt_load load = {matrices, transposed};
    if ((int)simt::lane() < 8 * matrices)
        simt::require_shared(where, row, 16, 16);
    simt::collective(where, 0xffffffffu, row, r, &load, simt_combine_ldmatrix);
}

#define MMA(shape, type, element)     simt_mma(SIMT_SITE("mma"), element, d, a, b)
#define LDMATRIX_X4(form, transposed) simt_ldmatrix(SIMT_SITE("ldmatrix_x4"), r, row, 4, transposed)
#define LDMATRIX_X2(form, transposed) simt_ldmatrix(SIMT_SITE("ldmatrix_x2"), r, row, 2, transposed)
#endif

/* Four 8 x 8 matrices of 16-bit elements: lane 8m + i brings the address in shared memory, a
 * multiple of 16 bytes, of row i of matrix m, which comes out in register m. */
static inline __device__ void ldmatrix_x4(uint32_t r[4], const void *row AND_HERE)
{
    LDMATRIX_X4("", false);
}

static inline __device__ void ldmatrix_x4_trans(uint32_t r[4], const void *row AND_HERE)
{
    LDMATRIX_X4(".trans", true);
}

/* Two matrices; the addresses of lanes 16 to 31 are ignored. */
static inline __device__ void ldmatrix_x2(uint32_t r[2], const void *row AND_HERE)
{
    LDMATRIX_X2("", false);
}

static inline __device__ void ldmatrix_x2_trans(uint32_t r[2], const void *row AND_HERE)
{
    LDMATRIX_X2(".trans", true);
}

static inline __device__ void mma_tf32_16x8x8(float d[4], const uint32_t a[4],
                                              const uint32_t b[2] AND_HERE)
{
    MMA("m16n8k8", "tf32", SIMT_TF32);
}

static inline __device__ void mma_bf16_16x8x16(float d[4], const uint32_t a[4],
                                               const uint32_t b[2] AND_HERE)
{
    MMA("m16n8k16", "bf16", SIMT_BF16);
}

static inline __device__ void mma_f16_16x8x16(float d[4], const uint32_t a[4],
                                              const uint32_t b[2] AND_HERE)
{
    MMA("m16n8k16", "f16", SIMT_F16);
}

#undef MMA
#undef LDMATRIX_X4
#undef LDMATRIX_X2

#endif
