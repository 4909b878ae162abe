/* The products of matrices of selscan/scalar_mma and selscan/scalar_lookback: G, what the state
 * gives to y, what x gives to it.
 *
 * Operands   of fp32 are two of tf32 each: x itself, whose last 13 bits the tensor core ignores,
 *            and what is left of it. Products: rest times whole, whole times rest, whole times
 *            whole, in this order; that of both rests, 2^-20 of the whole at most, is left out. B
 *            and C of 16 bits have no rests.
 */
#ifndef SSMBENCH_SELSCAN_SCALAR_MMA_PRODUCTS_CUH
#define SSMBENCH_SELSCAN_SCALAR_MMA_PRODUCTS_CUH

#include "decay.cuh"
#include "scalar_mma.cuh"

/* COUNT operands of fp32 as two of tf32 each. */
template <int COUNT>
struct split {
    uint32_t whole[COUNT], rest[COUNT];
};

static inline __device__ uint32_t tf32_whole(float x)
{
    return float_bits(x) & 0xffffe000u;
}
static inline __device__ float tf32_rest(float x)
{
    return x - bits_float(tf32_whole(x));
}

template <int COUNT>
static inline __device__ void split_put(struct split<COUNT> *to, int i, float x)
{
    to->whole[i] = float_bits(x);
    to->rest[i] = float_bits(tf32_rest(x));
}

/* d += a * b, M x N products. Each sum is taken up again only after all others were. EXACT: b has
 * no rests. */
template <bool EXACT, int M, int N>
static inline __device__ void multiply(float d[M][N][4], const struct split<4> a[M],
                                       const struct split<2> b[N])
{
#pragma unroll
    for (int part = EXACT ? 1 : 0; part < 3; part++)
#pragma unroll
        for (int m = 0; m < M; m++)
#pragma unroll
            for (int n = 0; n < N; n++)
                mma_tf32_16x8x8(d[m][n], part == 1 ? a[m].rest : a[m].whole,
                                part == 0 ? b[n].rest : b[n].whole);
}

/* Makes a warp's part of G: of one of each EVERY eights of states, from `first` on. */
template <int EVERY, typename Shared>
static inline __device__ void make_part(const Shared *shared, int stage, int first,
                                        struct part *part)
{
    const int g = lane_group(), q = lane_quad();
    float d[1][2][4] = {};
#pragma unroll
    for (int turn = 0; turn < EIGHTS / EVERY; turn++) {
        const int i = first + turn * EVERY;
        struct split<4> left[1];
        struct split<2> right[2];
#pragma unroll
        for (int late = 0; late < 2; late++) {
            const float2 c = read_states(shared, true, stage, column_step(late, g), i);
            const float2 b = read_states(shared, false, stage, g + 8 * late, i);
            split_put(&left[0], late, c.x);
            split_put(&left[0], 2 + late, c.y);
            split_put(&right[late], 0, b.x);
            split_put(&right[late], 1, b.y);
        }
        multiply<Shared::DTYPE != DTYPE_F32, 1, 2>(d, left, right);
    }
#pragma unroll
    for (int n = 0; n < 2; n++)
#pragma unroll
        for (int late = 0; late < 2; late++)
            *(float2 *)&part->G[column_step(late, g) * PART_PITCH + 8 * n + 2 * q] =
                make_float2(d[0][n][2 * late], d[0][n][2 * late + 1]);
}

/* What of G thread i puts where the warps read it, as its place in a part, or -1: two elements,
 * from neighbouring steps to one. At level i / 32, which is 0, 1 or 2, pairs without that bit give
 * to those that differ from them in it and in lower ones only; 3 is the pairs themselves. */
static inline __device__ int share_of(int i)
{
    const int level = i / 32, lane = i % 32, q = lane % 4, to_q = lane / 8;
    int t = lane, s = lane & ~1;
    if (level < LEVELS) {
        const int from = q >> level & 1 ? 7 - q : q, to = to_q >> level & 1 ? to_q : 7 - to_q;
        t = from >> (level + 1) == to >> (level + 1) ? 2 * to + lane / 4 % 2 : STEPS;
        s = 2 * from;
    }
    return t < STEPS ? t * PART_PITCH + s : -1;
}

/* Puts it there, the sum of `COUNT` parts. */
template <int COUNT>
static inline __device__ void make_levels(const struct part part[COUNT], int i, int share,
                                          struct within *within)
{
    float first = 0, second = 0;
    if (share >= 0)
#pragma unroll
        for (int k = 0; k < COUNT; k++) {
            const float2 two = *(const float2 *)&part[k].G[share];
            first += two.x;
            second += two.y;
        }
    if (i < LEVELS * 32)
        within->level[i / 32][i % 32] =
            make_uint4(tf32_whole(first), tf32_whole(second), float_bits(tf32_rest(first)),
                       float_bits(tf32_rest(second)));
    else if (i < LEVELS * 32 + STEPS)
        within->diagonal[i % 32] = make_float2(first, second);
}

/* y += <C, h> of the warp's channels and all steps, of the eight states from 8*i on. */
template <typename Shared>
static inline __device__ void give(const Shared *shared, int stage, int i, const float h[TILES][4],
                                   float y[TILES][2][4])
{
    struct split<4> left[TILES];
    struct split<2> right[2];
#pragma unroll
    for (int m = 0; m < TILES; m++)
#pragma unroll
        for (int j = 0; j < 4; j++)
            split_put(&left[m], j / 2 + j % 2 * 2, h[m][j]);
#pragma unroll
    for (int late = 0; late < 2; late++) {
        const float2 c = read_states(shared, true, stage, column_step(late, lane_group()), i);
        split_put(&right[late], 0, c.x);
        split_put(&right[late], 1, c.y);
    }
    multiply<Shared::DTYPE != DTYPE_F32, TILES, 2>(y, left, right);
}

/* X^T * B of the warp's channels, of the 16 states from 8*i on. */
template <typename Shared>
static inline __device__ void bring(const Shared *shared, int stage, int i,
                                    const struct split<4> X[2][TILES], float brought[TILES][2][4])
{
#pragma unroll
    for (int late = 0; late < 2; late++) {
        struct split<2> b[2];
#pragma unroll
        for (int n = 0; n < 2; n++)
#pragma unroll
            for (int j = 0; j < 2; j++)
                split_put(&b[n], j, read_own_state(shared, stage, lane_step(2 * late + j), i + n));
        multiply<Shared::DTYPE != DTYPE_F32, TILES, 2>(brought, X[late], b);
    }
}

/* h = decay * h + X^T * B of the warp's channels, whose delta' are `total`. */
template <typename Shared>
static inline __device__ void take(const Shared *shared, int stage,
                                   const struct split<4> X[2][TILES], const float A[HELD],
                                   const float total[HELD], float h[EIGHTS][TILES][4])
{
    struct decay decay[HELD];
#pragma unroll
    for (int c = 0; c < HELD; c++)
        decay[c] = decay_ex2(A[c] * total[c]);
#pragma unroll
    for (int i = 0; i < EIGHTS; i += 2) {
        float brought[TILES][2][4] = {};
        bring(shared, stage, i, X, brought);
#pragma unroll
        for (int m = 0; m < TILES; m++)
#pragma unroll
            for (int n = 0; n < 2; n++)
#pragma unroll
                for (int j = 0; j < 4; j++) {
                    float *const one = &h[i + n][m][j];
                    *one = selscan_step(*one, decay[2 * m + j / 2], 1.0f, brought[m][n][j]);
                }
    }
}

#endif
