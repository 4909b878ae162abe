/* Probes of matrix products and of the loads of their fragments. */
#ifndef SSMBENCH_PROBES_MMA_CUH
#define SSMBENCH_PROBES_MMA_CUH

#include "../../kernels/device/mma.cuh"
#include "probe.cuh"

enum {
    TILE_ROWS = 32,
    TILE_WORDS = 4, /* a row of 8 elements of 16 bits */
    LOADS = 12,     /* registers of a lane: x4, x4 transposed, x2, x2 transposed */
    MMA_BLOCKS = 64
};

/* The row that lane i of ldmatrix points at. */
static inline HOST_DEVICE
int row_of_lane(int lane)
{
    return lane * 5 % TILE_ROWS;
}

/* Pairs of halves that are no NaN, whichever two are paired. */
static inline void fill_tile(uint32_t *in)
{
    for (uint32_t i = 0; i < TILE_ROWS * TILE_WORDS; i++)
        in[i] = scrambled(i) & 0x3fff3fffu;
}

static __global__ void probe_ldmatrix(const uint32_t *in, uint32_t *out)
{
    SHARED(uint32_t, tile, [TILE_ROWS][TILE_WORDS]);
    const int lane = (int)threadIdx.x;
    uint32_t r[LOADS];
    for (int i = 0; i < TILE_WORDS; i++)
        tile[lane][i] = in[lane * TILE_WORDS + i];
    __syncthreads();
    ldmatrix_x4(r, tile[row_of_lane(lane)]);
    ldmatrix_x4_trans(r + 4, tile[row_of_lane(lane)]);
    ldmatrix_x2(r + 8, tile[row_of_lane(lane)]);
    ldmatrix_x2_trans(r + 10, tile[row_of_lane(lane)]);
    for (int i = 0; i < LOADS; i++)
        out[lane * LOADS + i] = r[i];
}

/* PTX ISA: lane l gets elements 2 (l mod 4) and the next of row l / 4 of each matrix, or with
 * .trans of column l / 4. */
static inline void expect_ldmatrix(const uint32_t *in, uint32_t *want, double *)
{
    for (int lane = 0; lane < 32; lane++)
        for (int i = 0; i < LOADS; i++) {
            const int matrix = i < 8 ? i % 4 : i % 2;
            const bool transposed = (i >= 4 && i < 8) || i >= 10;
            uint32_t word = 0;
            for (int h = 0; h < 2; h++) {
                const int along = lane % 4 * 2 + h, across = lane / 4;
                const int row = row_of_lane(8 * matrix + (transposed ? along : across));
                const int column = transposed ? across : along;
                word |= (in[row * TILE_WORDS + column / 2] >> column % 2 * 16 & 0xffff) << 16 * h;
            }
            want[lane * LOADS + i] = word;
        }
}

/* Matrices of a product in a row: a, b, d. */
#define MMA_INPUTS(inner) (16 * (inner) + (inner)*8 + 16 * 8)

template <int INNER>
static inline void fill_matrices(uint32_t *in, uint32_t kept)
{
    enum { INPUTS = MMA_INPUTS(INNER) };
    for (int i = 0; i < MMA_BLOCKS * INPUTS; i++)
        in[i] = scrambled_float((uint32_t)i) & (i % INPUTS < 24 * INNER ? kept : ~0u);
}
static inline void fill_tf32(uint32_t *in)
{
    fill_matrices<8>(in, ~0x1fffu);
}
static inline void fill_bf16(uint32_t *in)
{
    fill_matrices<16>(in, ~0xffffu);
}
/* Multiples of 2^-10, which f16 has up to 1. */
static inline void fill_f16(uint32_t *in)
{
    fill_matrices<16>(in, ~0u);
    for (int i = 0; i < MMA_BLOCKS * MMA_INPUTS(16); i++)
        if (i % MMA_INPUTS(16) < 24 * 16)
            in[i] = float_bits(rintf(bits_float(in[i]) * 0x1p10f) * 0x1p-10f);
}

static __global__ void probe_mma_tf32(const uint32_t *in, uint32_t *out)
{
    const int lane = (int)threadIdx.x;
    const uint32_t *a = in + blockIdx.x * MMA_INPUTS(8), *b = a + 16 * 8, *c = b + 8 * 8;
    uint32_t left[4], right[2];
    float d[4];
    for (int i = 0; i < 4; i++) {
        const struct place p = mma_a_tf32_place(lane, i), q = mma_d_place(lane, i);
        left[i] = a[p.row * 8 + p.column];
        d[i] = bits_float(c[q.row * 8 + q.column]);
    }
    for (int i = 0; i < 2; i++) {
        const struct place p = mma_b_tf32_place(lane, i);
        right[i] = b[p.row * 8 + p.column];
    }
    mma_tf32_16x8x8(d, left, right);
    for (int i = 0; i < 4; i++) {
        const struct place q = mma_d_place(lane, i);
        out[blockIdx.x * 128 + q.row * 8 + q.column] = float_bits(d[i]);
    }
}

/* The float with these bits, in the 16 bits that it is exact in. */
static inline HOST_DEVICE
uint32_t narrow(enum dtype dtype, uint32_t bits)
{
    return dtype == DTYPE_BF16 ? float_bf16(bits_float(bits)) : float_f16(bits_float(bits));
}

template <enum dtype TYPE>
static __global__ void probe_mma_b16(const uint32_t *in, uint32_t *out)
{
    const int lane = (int)threadIdx.x;
    const uint32_t *a = in + blockIdx.x * MMA_INPUTS(16), *b = a + 16 * 16, *c = b + 16 * 8;
    uint32_t left[4], right[2];
    float d[4];
    for (int i = 0; i < 4; i++) {
        const struct place p = mma_a_b16_place(lane, i), q = mma_d_place(lane, i);
        const uint32_t *at = a + p.row * 16 + p.column;
        left[i] = narrow(TYPE, at[0]) | narrow(TYPE, at[1]) << 16;
        d[i] = bits_float(c[q.row * 8 + q.column]);
    }
    for (int i = 0; i < 2; i++) {
        const struct place p = mma_b_b16_place(lane, i);
        const uint32_t *at = b + p.row * 8 + p.column;
        right[i] = narrow(TYPE, at[0]) | narrow(TYPE, at[8]) << 16;
    }
    if (TYPE == DTYPE_BF16)
        mma_bf16_16x8x16(d, left, right);
    else
        mma_f16_16x8x16(d, left, right);
    for (int i = 0; i < 4; i++) {
        const struct place q = mma_d_place(lane, i);
        out[blockIdx.x * 128 + q.row * 8 + q.column] = float_bits(d[i]);
    }
}

/* Allowed: 2 ulp of the sum of the terms' absolute values. */
template <int INNER>
static inline void expect_mma(const uint32_t *in, uint32_t *want, double *allowed)
{
    for (int block = 0; block < MMA_BLOCKS; block++) {
        const uint32_t *a = in + block * MMA_INPUTS(INNER), *b = a + 16 * INNER, *c = b + INNER * 8;
        for (int row = 0; row < 16; row++)
            for (int column = 0; column < 8; column++) {
                double sum = bits_float(c[row * 8 + column]), terms = fabs(sum);
                for (int k = 0; k < INNER; k++) {
                    const double term = (double)bits_float(a[row * INNER + k]) *
                                        (double)bits_float(b[k * 8 + column]);
                    sum += term;
                    terms += fabs(term);
                }
                *want++ = float_bits((float)sum);
                *allowed++ = 2 * 0x1p-23 * terms;
            }
    }
}

#endif
