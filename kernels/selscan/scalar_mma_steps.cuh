/* What happens within a block of 16 steps of selscan/scalar_mma and selscan/scalar_lookback, of two
 * channels of a thread.
 *
 * Pairs      Of the eight pairs of steps a thread has number q, the early, and 7 - q, the late. At
 *            each of three levels one of them gives and the other takes: level 0 from a pair to the
 *            one beside it, 1 from two pairs to the two beside them, 2 from four to four. What
 *            gives has been decayed up to the end of its pair, of its two pairs, of its four; what
 *            takes decays it from there on.
 * Decays     of steps by ex2: they are forgotten after 16 steps. That of the whole block, which h
 *            sums over time, is in two parts (decay.cuh), in scalar_mma_products.cuh.
 */
#ifndef SSMBENCH_SELSCAN_SCALAR_MMA_STEPS_CUH
#define SSMBENCH_SELSCAN_SCALAR_MMA_STEPS_CUH

#include "scalar_mma_products.cuh"
#include "softplus.cuh"

/* x and the decay of a channel in the thread's four steps. */
struct steps {
    float x[4], a[4];
};

/* Turns delta of the thread's steps and channels into delta'. */
static inline __device__ void adjust_delta(const struct selscan_call *call,
                                           const struct warp_rows *r, int m, int left,
                                           float delta[4][2])
{
    const float *const bias = (const float *)call->tensor[SELSCAN_DELTA_BIAS];
#pragma unroll
    for (int c = 0; c < 2; c++) {
        const int at = lane_channel(m) + c;
        const float shift = call->p.bias && at < r->rows ? bias[r->channel + at] : 0;
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const float sum = delta[i][c] + shift;
            delta[i][c] = lane_step(i) >= left ? 0 : call->p.softplus ? softplus_ex2(sum) : sum;
        }
    }
}

/* The thread's steps of its two channels of tile m, of a block of which `left` are there, and the
 * sums of delta' over it. */
template <bool PLAIN, typename Shared>
static inline __device__ void read_steps(const struct selscan_call *call, const struct warp_rows *r,
                                         int m, int left, const Shared *shared, const float A[2],
                                         struct steps steps[2], float total[2])
{
    float delta[4][2], u[4][2];
#pragma unroll
    for (int late = 0; late < 2; late++) {
        read_pair(shared, STREAM_DELTA, late, m, &delta[2 * late]);
        read_pair(shared, STREAM_U, late, m, &u[2 * late]);
    }
    if (!PLAIN && (call->p.bias || call->p.softplus)) /* cost only: else delta' is delta */
        adjust_delta(call, r, m, left, delta);
#pragma unroll
    for (int c = 0; c < 2; c++) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
            steps[c].x[i] = delta[i][c] * u[i][c];
            steps[c].a[i] = ex2(delta[i][c] * (A[c] * 1.44269504f));
        }
        float sum = (delta[0][c] + delta[1][c]) + (delta[2][c] + delta[3][c]);
        sum += __shfl_xor_sync(0xffffffffu, sum, 1);
        total[c] = sum + __shfl_xor_sync(0xffffffffu, sum, 2);
    }
}

/* What of a step's x that is NaN or infinite must not reach is earlier than it, and a product of
 * matrices takes it everywhere: so it passes as <C, h> from that step on, in y of the thread's
 * channel c, and as the sum of delta', and x becomes 0. */
static inline __device__ void contain(struct steps *steps, float *total, float y[2][4], int c)
{
    int first = STEPS;
#pragma unroll
    for (int i = 3; i >= 0; i--)
        if (!(fabsf(steps->x[i]) <= 3.402823466e38f)) {
            first = lane_step(i);
            steps->x[i] = steps->a[i] = 0;
        }
    first = min(first, __shfl_xor_sync(0xffffffffu, first, 1));
    first = min(first, __shfl_xor_sync(0xffffffffu, first, 2));
#pragma unroll
    for (int i = 0; i < 4; i++)
        if (lane_step(i) >= first)
            y[i / 2][2 * c + i % 2] = NAN;
    if (first < STEPS)
        *total = NAN;
}

/* Turns <C, h> of the warp's two rows of a tile into y, and their x into X. `reach`, or NULL: the
 * decays up to each step. */
static inline __device__ void go_within(const struct within *within, const struct steps steps[2],
                                        float y[2][4], float (*reach)[4], struct split<4> *X_early,
                                        struct split<4> *X_late)
{
    const int q = lane_quad();
    /* Of the early and the late pair: whether it is the second of its four steps, of its eight. */
    const bool second[2] = {(q & 1) != 0, (q & 1) == 0}, upper[2] = {q >= 2, q < 2};
    float pair[2][2], beside[2][2], four[2][2], eight[2][2]; /* decays, [row][late] */
    float end[2][2][2]; /* x, decayed up to the end of its pair, ... */
    struct split<4> brings[LEVELS];
#pragma unroll
    for (int r = 0; r < 2; r++) {
        const float *const a = steps[r].a, *const x = steps[r].x;
#pragma unroll
        for (int late = 0; late < 2; late++) {
            pair[r][late] = a[2 * late] * a[2 * late + 1];
            beside[r][late] = __shfl_xor_sync(0xffffffffu, pair[r][late], 1);
            four[r][late] = __shfl_xor_sync(0xffffffffu, pair[r][late] * beside[r][late], 2);
            eight[r][late] = pair[r][late] * beside[r][late] * four[r][late];
            end[r][late][0] = x[2 * late] * a[2 * late + 1];
            end[r][late][1] = x[2 * late + 1];
        }
#pragma unroll
        for (int j = 0; j < 2; j++) {
            split_put(&brings[0], r + 2 * j, second[0] ? end[r][1][j] : end[r][0][j]);
#pragma unroll
            for (int late = 0; late < 2; late++)
                if (!second[late])
                    end[r][late][j] *= beside[r][late];
            split_put(&brings[1], r + 2 * j, upper[0] ? end[r][1][j] : end[r][0][j]);
#pragma unroll
            for (int late = 0; late < 2; late++)
                if (!upper[late])
                    end[r][late][j] *= four[r][late];
            split_put(&brings[2], r + 2 * j, end[r][0][j]);
            split_put(X_early, r + 2 * j, end[r][0][j] * eight[r][1]);
            split_put(X_late, r + 2 * j, end[r][1][j]);
        }
    }
    float d[LEVELS][1][1][4] = {};
#pragma unroll
    for (int level = 0; level < LEVELS; level++) {
        const uint4 word = within->level[level][lane_of()];
        struct split<2> right;
        right.whole[0] = word.x;
        right.whole[1] = word.y;
        right.rest[0] = word.z;
        right.rest[1] = word.w;
        multiply<false, 1, 1>(d[level], &brings[level], &right);
    }
#pragma unroll
    for (int late = 0; late < 2; late++) {
        const float G = within->diagonal[lane_step(2 * late)].x;
        const float2 G1 = within->diagonal[lane_step(2 * late + 1)];
#pragma unroll
        for (int r = 0; r < 2; r++) {
            const float *const a = &steps[r].a[2 * late], *const x = &steps[r].x[2 * late];
            if (reach) {
                const float before = (late ? eight[r][0] : 1.0f) *
                                     (upper[late] ? four[r][late] : 1.0f) *
                                     (second[late] ? beside[r][late] : 1.0f);
                reach[late][2 * r] = a[0] * before;
                reach[late][2 * r + 1] = pair[r][late] * before;
            }
#pragma unroll
            for (int j = 0; j < 2; j++) {
                float v = y[late][2 * r + j];
                if (late)
                    v = fmaf(eight[r][0], v, d[2][0][0][2 * r + j]);
                if (upper[late])
                    v = fmaf(four[r][late], v, d[1][0][0][2 * r + j]);
                if (second[late])
                    v = fmaf(beside[r][late], v, d[0][0][0][2 * r + j]);
                const float own = j ? fmaf(G1.x, x[0] * a[1], G1.y * x[1]) : G * x[0];
                y[late][2 * r + j] = fmaf(j ? pair[r][late] : a[0], v, own);
            }
        }
    }
}

/* Adds D*u to y of a pair of steps of the thread's channels of tile m, and gates it. */
template <typename Shared>
static inline __device__ void adjust_out(const struct selscan_call *call, const struct warp_rows *r,
                                         int late, int m, const Shared *shared, float out[2][2])
{
    const float *const D = (const float *)call->tensor[SELSCAN_D];
    float u[2][2], z[2][2];
    if (call->p.skip)
        read_pair(shared, STREAM_U, late, m, u);
    if (call->p.gate)
        read_pair(shared, STREAM_Z, late, m, z);
#pragma unroll
    for (int c = 0; c < 2; c++) {
        const int at = lane_channel(m) + c;
        const float d = call->p.skip && at < r->rows ? D[r->channel + at] : 0;
#pragma unroll
        for (int i = 0; i < 2; i++) {
            if (call->p.skip)
                out[i][c] = fmaf(d, u[i][c], out[i][c]);
            if (call->p.gate)
                out[i][c] *= z[i][c] * sigmoid_ex2(z[i][c]);
        }
    }
}

/* Writes out of the thread's steps and its channels of tile m from y, the sums over states; `at` is
 * the element of the warp's first channel and step. BY_ELEMENT it goes in the place of delta. */
template <bool PLAIN, typename Shared>
static inline __device__ void finish(const struct selscan_call *call, const struct strides *s,
                                     const struct warp_rows *r, int64_t at, int left, int m,
                                     const float y[2][4], Shared *shared)
{
    typedef typename Shared::element element;
    const int c = lane_channel(m);
#pragma unroll
    for (int late = 0; late < 2; late++) {
        const int step = lane_step(2 * late);
        float out[2][2] = {{y[late][0], y[late][2]}, {y[late][1], y[late][3]}};
        if (!PLAIN && (call->p.skip || call->p.gate)) /* cost only: else nothing is added */
            adjust_out(call, r, late, m, shared, out);
        element *const to =
            (element *)call->tensor[SELSCAN_OUT] + at + step * s->step + c * s->channel;
#pragma unroll
        for (int i = 0; i < 2; i++)
            if constexpr (Shared::BY == BY_LINE) {
                if (step < left && c + i < r->rows)
                    *(float2 *)(to + i * s->channel) = make_float2(out[0][i], out[1][i]);
            } else {
                element *const there = Shared::BY == BY_WORD
                                           ? to + i * s->step
                                           : &shared->in[STREAM_DELTA][warp_of()][step + i][c];
                if (Shared::BY == BY_WORD && (step + i >= left || c >= r->rows))
                    continue;
                if constexpr (Shared::DTYPE == DTYPE_F32)
                    *(float2 *)there = make_float2(out[i][0], out[i][1]);
                else
                    *(unsigned *)there = vector_pack_pair<Shared::DTYPE>(out[i][0], out[i][1]);
            }
    }
}

#endif
