/* selscan/scalar_mma: one decay a channel: blocks of 16 steps as products of matrices.
 *
 * Computes   out and final of reference/selscan.h, in fp32, with tensor cores.
 * Accepts    a = scalar, state <= 64; every other option.
 * Layout     block = up to 128 channels of one batch and group, 32 a warp, walking 16 steps at a
 *            time. A warp's states (32 x 64) stay where mma.sync leaves them: h is the accumulator
 *            of what a block of steps brings, and the left operand of what it gives to y, with the
 *            states in an order for which both are the same registers (scalar_mma.cuh).
 * Algorithm  y[t] = P[t]*<C[t], h> + sum over s <= t of G[t,s] * (decays behind s up to t) * x[s],
 *            G = C * B^T, once for a block of threads. Steps of a pair (8 a block) are added as
 *            written; others by products of matrices at three levels: between neighbouring pairs,
 *            between neighbouring fours and between both eights, each scaled by the decays before
 *            and behind, so that all factors are products of decays of steps: none is a quotient.
 *            h = decay*h + X^T * B, X[s] = x[s] * (decays behind s); decay in two parts, of the sum
 *            of delta', outside of the tensor core, whose sums truncate. Fp32 operands are two tf32
 *            each, the product of both rests left out. The order is fixed: the same bits every run.
 * Cost       bytes: B and C again for every further block of channels. Tensor cores: 420
 *            multiply-adds an output. Issue slots: some 80 for 32 outputs. One wave of
 *            batch*channels/32 warps: few rows leave a GPU empty.
 * Error      f32 1.3e-6 at worst on simt, whose tensor core truncates every sum.
 * Source     Dao and Gu, Transformers are SSMs, arXiv 2405.21060, section 6 (blocks as products of
 *            matrices); levels instead of quotients of decays are ours.
 */
#include "scalar_mma.cuh"
#include "decay.cuh"

/* What is left of x when its first 11 bits are taken away, those that a product of tf32 sees. */
static inline __device__ float tf32_rest(float x)
{
    return x - bits_float(float_bits(x) & 0xffffe000u);
}

/* d += a * b, M x N products, of operands and their rests. Each sum is taken up again only after
 * all others were. EXACT: b has no rests. */
template <bool EXACT, int M, int N>
static inline __device__ void multiply(float d[M][N][4], const float a[M][4],
                                       const float rest_a[M][4], const float b[N][2],
                                       const float rest_b[N][2])
{
#pragma unroll
    for (int part = EXACT ? 1 : 0; part < 3; part++)
#pragma unroll
        for (int m = 0; m < M; m++)
#pragma unroll
            for (int n = 0; n < N; n++) {
                uint32_t left[4], right[2];
#pragma unroll
                for (int i = 0; i < 4; i++)
                    left[i] = float_bits(part == 1 ? rest_a[m][i] : a[m][i]);
#pragma unroll
                for (int i = 0; i < 2; i++)
                    right[i] = float_bits(part == 0 ? rest_b[n][i] : b[n][i]);
                mma_tf32_16x8x8(d[m][n], left, right);
            }
}

template <int COUNT>
static inline __device__ void rests(const float x[COUNT], float rest[COUNT])
{
#pragma unroll
    for (int i = 0; i < COUNT; i++)
        rest[i] = tf32_rest(x[i]);
}

static inline __device__ void unpack(float4 word, float out[4])
{
    out[0] = word.x;
    out[1] = word.y;
    out[2] = word.z;
    out[3] = word.w;
}

/* This warp's part of G: of its states. */
template <enum dtype DTYPE>
static inline __device__ void make_part(struct blocks_shared<DTYPE> *shared, int stage)
{
    const int g = lane_group(), q = lane_quad();
    if (warp_of() >= PARTS) /* cost only: else it takes states again */
        return;
    float d[1][2][4] = {};
#pragma unroll
    for (int i = warp_of(); i < SIXTEENS; i += WARPS) {
        float c[2][4], b[2][4];
#pragma unroll
        for (int late = 0; late < 2; late++) {
            unpack(*(float4 *)&shared->C[stage][column_step(late, g)][16 * i + 4 * q], c[late]);
            unpack(*(float4 *)&shared->B[stage][g + 8 * late][16 * i + 4 * q], b[late]);
        }
#pragma unroll
        for (int k = 0; k < 2; k++) {
            const float left[1][4] = {{c[0][k], c[1][k], c[0][k + 2], c[1][k + 2]}};
            const float right[2][2] = {{b[0][k], b[0][k + 2]}, {b[1][k], b[1][k + 2]}};
            float rest_left[1][4], rest_right[2][2];
            rests<4>(left[0], rest_left[0]);
            rests<2>(right[0], rest_right[0]);
            rests<2>(right[1], rest_right[1]);
            multiply<false, 1, 2>(d, left, rest_left, right, rest_right);
        }
    }
#pragma unroll
    for (int n = 0; n < 2; n++)
#pragma unroll
        for (int late = 0; late < 2; late++)
            *(float2 *)&shared->part[warp_of()][column_step(late, g)][8 * n + 2 * q] =
                make_float2(d[0][n][2 * late], d[0][n][2 * late + 1]);
}

template <enum dtype DTYPE>
static inline __device__ float whole_G(const struct blocks_shared<DTYPE> *shared, int t, int s)
{
    float sum = 0;
#pragma unroll
    for (int i = 0; i < PARTS; i++)
        sum += shared->part[i][t][s];
    return sum;
}

/* Puts the elements of G where the warps read them. At level 0, 1 and 2, pairs without bit `level`
 * give to those that differ from them in that bit and in lower ones only. */
template <enum dtype DTYPE>
static inline __device__ void make_levels(struct blocks_shared<DTYPE> *shared)
{
    for (int i = (int)threadIdx.x; i < LEVELS * 32 + STEPS / 2; i += THREADS) {
        if (i >= LEVELS * 32) {
            const int t = 2 * (i - LEVELS * 32);
            shared->diagonal[t / 2] =
                make_float4(whole_G(shared, t, t), whole_G(shared, t + 1, t),
                            whole_G(shared, t + 1, t + 1), 0);
            continue;
        }
        const int level = i / 32, lane = i % 32, q = lane % 4, to_q = lane / 8;
        const int from = q >> level & 1 ? 7 - q : q;
        const int to = to_q >> level & 1 ? to_q : 7 - to_q;
        const int t = 2 * to + lane / 4 % 2;
        const bool related = from >> (level + 1) == to >> (level + 1);
        const float first = related ? whole_G(shared, t, 2 * from) : 0;
        const float second = related ? whole_G(shared, t, 2 * from + 1) : 0;
        shared->level[level][lane] =
            make_float4(first, second, tf32_rest(first), tf32_rest(second));
    }
}

/* y = <C, h> of the warp's channels and all steps. */
template <enum dtype DTYPE>
static inline __device__ void give(const struct blocks_shared<DTYPE> *shared, int stage,
                                   const float h[TILES][2 * SIXTEENS][4], float y[TILES][2][4])
{
    const int g = lane_group(), q = lane_quad();
#pragma unroll
    for (int m = 0; m < TILES; m++)
#pragma unroll
        for (int late = 0; late < 2; late++)
#pragma unroll
            for (int i = 0; i < 4; i++)
                y[m][late][i] = 0;
#pragma unroll
    for (int i = 0; i < SIXTEENS; i++) {
        float c[2][4];
#pragma unroll
        for (int late = 0; late < 2; late++)
            unpack(*(const float4 *)&shared->C[stage][column_step(late, g)][16 * i + 4 * q],
                   c[late]);
#pragma unroll
        for (int k = 0; k < 2; k++) {
            float left[TILES][4], rest_left[TILES][4], right[2][2], rest_right[2][2];
#pragma unroll
            for (int m = 0; m < TILES; m++) {
                const float *const from = h[m][2 * i + k];
                left[m][0] = from[0];
                left[m][1] = from[2];
                left[m][2] = from[1];
                left[m][3] = from[3];
                rests<4>(left[m], rest_left[m]);
            }
#pragma unroll
            for (int late = 0; late < 2; late++) {
                right[late][0] = c[late][k];
                right[late][1] = c[late][k + 2];
                rests<2>(right[late], rest_right[late]);
            }
            multiply<DTYPE != DTYPE_F32, TILES, 2>(y, left, rest_left, right, rest_right);
        }
    }
}

/* h = decay * h + X^T * B of the warp's channels. */
template <enum dtype DTYPE>
static inline __device__ void take(const struct blocks_shared<DTYPE> *shared, int stage,
                                   const float x[TILES][2][4], const struct decay decay[HELD],
                                   float h[TILES][2 * SIXTEENS][4])
{
    const int g = lane_group();
    float rest_x[2][TILES][4], of_x[2][TILES][4];
#pragma unroll
    for (int m = 0; m < TILES; m++)
#pragma unroll
        for (int late = 0; late < 2; late++)
#pragma unroll
            for (int i = 0; i < 4; i++) {
                of_x[late][m][i] = x[m][late][i];
                rest_x[late][m][i] = tf32_rest(x[m][late][i]);
            }
#pragma unroll
    for (int i = 0; i < SIXTEENS; i++) {
        float brought[TILES][2][4] = {};
#pragma unroll
        for (int late = 0; late < 2; late++) {
            float b[2][2], rest_b[2][2];
#pragma unroll
            for (int j = 0; j < 2; j++) {
                const float2 two =
                    *(const float2 *)&shared->B[stage][lane_step(2 * late + j)][16 * i + 2 * g];
                b[0][j] = two.x;
                b[1][j] = two.y;
            }
            rests<2>(b[0], rest_b[0]);
            rests<2>(b[1], rest_b[1]);
            multiply<DTYPE != DTYPE_F32, TILES, 2>(brought, of_x[late], rest_x[late], b, rest_b);
        }
#pragma unroll
        for (int m = 0; m < TILES; m++)
#pragma unroll
            for (int k = 0; k < 2; k++)
#pragma unroll
                for (int j = 0; j < 4; j++)
                    h[m][2 * i + k][j] = selscan_step(h[m][2 * i + k][j], decay[2 * m + j / 2],
                                                      1.0f, brought[m][k][j]);
    }
}

/* x and the decay of a channel in the thread's four steps, and what is left of it over them. */
struct steps {
    float x[4], a[4], total;
};

/* The thread's steps of its channels from step `first` on. */
template <enum dtype DTYPE>
static inline __device__ void read_steps(const struct selscan_call *call,
                                         const struct warp_rows *r, int64_t first,
                                         const struct blocks_shared<DTYPE> *shared,
                                         const float A[HELD], struct steps steps[HELD])
{
    const struct selscan *p = &call->p;
#pragma unroll
    for (int i = 0; i < 4; i++) {
        float delta[HELD], u[HELD];
        read_stream<DTYPE>(shared, STREAM_DELTA, lane_step(i), delta);
        read_stream<DTYPE>(shared, STREAM_U, lane_step(i), u);
        const bool there = first + lane_step(i) < p->length;
#pragma unroll
        for (int c = 0; c < HELD; c++) {
            const int at = HELD * lane_group() + c;
            if (p->bias)
                delta[c] += there && at < r->rows ? ((const float *)call->tensor
                                                         [SELSCAN_DELTA_BIAS])[r->channel + at]
                                                  : 0;
            if (p->softplus)
                delta[c] = there ? softplus(delta[c]) : 0;
            steps[c].x[i] = delta[c] * u[c];
            steps[c].a[i] = ex2(delta[c] * (A[c] * 1.44269504f));
            steps[c].total = i ? steps[c].total + delta[c] : delta[c];
        }
    }
}

/* What of a step's x that is NaN or infinite must not reach is earlier than it, and a product of
 * matrices takes it everywhere: so it passes as y of the state from that step on, and as its decay,
 * and x becomes 0. */
static inline __device__ void contain(struct steps *steps, struct decay *decay, float *const y[4])
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
            *y[i] = NAN;
    if (first < STEPS)
        decay->rest = NAN;
}

/* Turns <C, h> of the warp's two rows of a tile into y, and their x into X. */
template <enum dtype DTYPE>
static inline __device__ void go_within(const struct blocks_shared<DTYPE> *shared,
                                        const struct steps steps[2], float y[2][4], float X[2][4])
{
    const int q = lane_quad();
    /* Of the early and the late pair: whether it is the second of its four steps, of its eight. */
    const bool second[2] = {(q & 1) != 0, (q & 1) == 0}, upper[2] = {q >= 2, q < 2};
    float pair[2][2], beside[2][2], four[2][2], eight[2][2]; /* decays, [row][late] */
    float brings[LEVELS][4], end[2][2][2];                   /* x at the end of its pair ... */
#pragma unroll
    for (int r = 0; r < 2; r++) {
        const float *const a = steps[r].a, *const x = steps[r].x;
#pragma unroll
        for (int late = 0; late < 2; late++) {
            pair[r][late] = a[2 * late] * a[2 * late + 1];
            beside[r][late] = __shfl_xor_sync(0xffffffffu, pair[r][late], 1);
            four[r][late] =
                __shfl_xor_sync(0xffffffffu, pair[r][late] * beside[r][late], 2);
            eight[r][late] = pair[r][late] * beside[r][late] * four[r][late];
            end[r][late][0] = x[2 * late] * a[2 * late + 1];
            end[r][late][1] = x[2 * late + 1];
        }
#pragma unroll
        for (int j = 0; j < 2; j++) {
            brings[0][r + 2 * j] = second[0] ? end[r][1][j] : end[r][0][j];
#pragma unroll
            for (int late = 0; late < 2; late++)
                if (!second[late])
                    end[r][late][j] *= beside[r][late];
            brings[1][r + 2 * j] = upper[0] ? end[r][1][j] : end[r][0][j];
#pragma unroll
            for (int late = 0; late < 2; late++)
                if (!upper[late])
                    end[r][late][j] *= four[r][late];
            brings[2][r + 2 * j] = end[r][0][j];
            X[0][r + 2 * j] = end[r][0][j] * eight[r][1];
            X[1][r + 2 * j] = end[r][1][j];
        }
    }
    float d[LEVELS][1][1][4] = {};
#pragma unroll
    for (int level = 0; level < LEVELS; level++) {
        float rest[1][4], word[4];
        unpack(shared->level[level][lane_of()], word);
        const float right[1][2] = {{word[0], word[1]}}, rest_right[1][2] = {{word[2], word[3]}};
        rests<4>(brings[level], rest[0]);
        multiply<false, 1, 1>(d[level], &brings[level], rest, right, rest_right);
    }
#pragma unroll
    for (int late = 0; late < 2; late++) {
        const float4 G = shared->diagonal[late ? 7 - q : q];
#pragma unroll
        for (int r = 0; r < 2; r++) {
            const float *const a = &steps[r].a[2 * late], *const x = &steps[r].x[2 * late];
#pragma unroll
            for (int j = 0; j < 2; j++) {
                float v = y[late][2 * r + j];
                if (late)
                    v = fmaf(eight[r][0], v, d[2][0][0][2 * r + j]);
                if (upper[late])
                    v = fmaf(four[r][late], v, d[1][0][0][2 * r + j]);
                if (second[late])
                    v = fmaf(beside[r][late], v, d[0][0][0][2 * r + j]);
                const float own = j ? fmaf(G.y, x[0] * a[1], G.z * x[1]) : G.x * x[0];
                y[late][2 * r + j] = fmaf(j ? pair[r][late] : a[0], v, own);
            }
        }
    }
}

/* Writes out of the thread's steps and channels from y, the sums over states. */
template <enum dtype DTYPE, bool WORDS>
static inline __device__ void finish(const struct selscan_call *call, const struct warp_rows *r,
                                     int64_t first, const float y[TILES][2][4],
                                     struct blocks_shared<DTYPE> *shared)
{
    const struct selscan *p = &call->p;
    const int c0 = HELD * lane_group();
#pragma unroll
    for (int i = 0; i < 4; i++) {
        float out[HELD], u[HELD], z[HELD];
#pragma unroll
        for (int c = 0; c < HELD; c++)
            out[c] = y[c / 2][i / 2][2 * (c % 2) + i % 2];
        if (p->skip) {
            read_stream<DTYPE>(shared, STREAM_U, lane_step(i), u);
#pragma unroll
            for (int c = 0; c < HELD; c++)
                if (c0 + c < r->rows)
                    out[c] = fmaf(((const float *)call->tensor[SELSCAN_D])[r->channel + c0 + c],
                                  u[c], out[c]);
        }
        if (p->gate) {
            read_stream<DTYPE>(shared, STREAM_Z, lane_step(i), z);
#pragma unroll
            for (int c = 0; c < HELD; c++)
                out[c] *= silu(z[c]);
        }
        if constexpr (WORDS) {
            const int64_t step = first + lane_step(i);
            if (step < p->length && c0 < r->rows)
                vector_store<DTYPE, HELD>(
                    call->tensor[SELSCAN_OUT],
                    selscan_at(p, r->b, r->channel + c0, selscan_time(p, step)),
                    vector_pack<DTYPE, HELD>(out));
        } else {
#pragma unroll
            for (int c = 0; c < HELD; c++)
                dtype_store(shared->in[STREAM_DELTA][warp_of()][lane_step(i)], DTYPE, c0 + c,
                            out[c]);
        }
    }
    __syncwarp(); /* out is whole before it is stored, u and z read before they are overwritten */
    if constexpr (!WORDS) {
        store_outputs<DTYPE>(call, r, first, shared);
        __syncwarp(); /* it is stored before the next delta comes */
    }
}

/* Moves the thread's states from or to an array (batch, channels, state): run(&h, &element). */
template <typename Move>
static inline __device__ void each_state(const struct selscan *p, const struct warp_rows *r,
                                         float h[TILES][2 * SIXTEENS][4], float *array, Move move)
{
#pragma unroll
    for (int m = 0; m < TILES; m++)
#pragma unroll
        for (int i = 0; i < 2 * SIXTEENS; i++)
#pragma unroll
            for (int j = 0; j < 4; j++) {
                const int c = HELD * lane_group() + 2 * m + j / 2;
                const int n = 16 * (i / 2) + 4 * lane_quad() + 2 * (j % 2) + i % 2;
                if (c < r->rows && n < p->state)
                    move(&h[m][i][j],
                         &array[(r->b * p->channels + r->channel + c) * p->state + n]);
            }
}

/* The blocks of threads of a batch and group. */
struct grid {
    int blocks, groups;
};

template <enum dtype DTYPE, bool WORDS>
static __global__ void __launch_bounds__(THREADS, RESIDENT)
    scan(const struct selscan_call call, const struct grid grid)
{
    typedef struct blocks_shared<DTYPE> Shared;
    DYNAMIC_SHARED(Shared, shared);
    const struct selscan *p = &call.p;
    const unsigned pair = blockIdx.x / (unsigned)grid.blocks;
    const int64_t channels = p->channels / grid.groups;
    const int64_t begin = (int64_t)(blockIdx.x - pair * grid.blocks) * ROWS + warp_of() * WIDTH;
    struct warp_rows r;
    r.b = pair / (unsigned)grid.groups;
    r.group = pair % (unsigned)grid.groups;
    r.channel = r.group * channels + begin;
    r.rows = channels - begin < WIDTH ? (int)(channels - begin) : (int)WIDTH;

    float A[HELD], h[TILES][2 * SIXTEENS][4] = {};
    struct states_ahead<DTYPE, WORDS> ahead;
#pragma unroll
    for (int stage = 0; stage < STAGES - 1; stage++) {
        fetch_states<DTYPE, WORDS>(&call, &r, stage * STEPS, stage, shared, &ahead);
        fill_states<DTYPE, WORDS>(&call, &r, stage, shared, &ahead);
    }
    copy_streams<DTYPE, WORDS>(&call, &r, 0, shared);
    copy_async_commit();
#pragma unroll
    for (int c = 0; c < HELD; c++) {
        const int at = HELD * lane_group() + c;
        A[c] = at < r.rows ? ((const float *)call.tensor[SELSCAN_A])[r.channel + at] : 0;
    }
    if (call.tensor[SELSCAN_INITIAL])
        each_state(p, &r, h, (float *)call.tensor[SELSCAN_INITIAL],
                   [](float *state, const float *from) { *state = *from; });
    copy_async_wait<0>();
    __syncthreads(); /* the first block's B and C are there */
    make_part(shared, 0);

    int stage = 0;
    for (int64_t first = 0; first < p->length; first += STEPS) {
        float y[TILES][2][4], X[TILES][2][4];
        struct steps steps[HELD];
        struct decay decay[HELD];
        const int next = stage + 1 < STAGES ? stage + 1 : 0;
        const int free = stage ? stage - 1 : STAGES - 1;
        __syncthreads(); /* all parts of G are there; the block before is done with */
        fetch_states<DTYPE, WORDS>(&call, &r, first + (STAGES - 1) * STEPS, free, shared, &ahead);
        copy_async_commit();
        make_levels(shared);
        give<DTYPE>(shared, stage, h, y);
        fill_states<DTYPE, WORDS>(&call, &r, free, shared, &ahead);
        copy_async_wait<(STAGES > 2)>();
        __syncthreads(); /* G, the next B and C, and the streams are there */
        read_steps<DTYPE>(&call, &r, first, shared, A, steps);
        bool finite = true;
#pragma unroll
        for (int c = 0; c < HELD; c++) {
            float total = steps[c].total;
            total += __shfl_xor_sync(0xffffffffu, total, 1);
            total += __shfl_xor_sync(0xffffffffu, total, 2);
            decay[c] = decay_ex2(A[c] * total);
#pragma unroll
            for (int i = 0; i < 4; i++)
                finite = finite && fabsf(steps[c].x[i]) <= 3.402823466e38f;
        }
        if (!__all_sync(0xffffffffu, finite)) /* cost only: else there is nothing to contain */
#pragma unroll
            for (int c = 0; c < HELD; c++) {
                float *const row = &y[c / 2][0][2 * (c % 2)];
                float *const of[4] = {row, row + 1, row + 4, row + 5};
                contain(&steps[c], &decay[c], of);
            }
#pragma unroll
        for (int m = 0; m < TILES; m++)
            go_within<DTYPE>(shared, &steps[2 * m], y[m], X[m]);
        finish<DTYPE, WORDS>(&call, &r, first, y, shared);
        copy_streams<DTYPE, WORDS>(&call, &r, first + STEPS, shared);
        copy_async_commit();
        take<DTYPE>(shared, stage, X, decay, h);
        make_part(shared, next);
        stage = next;
    }
    if (call.tensor[SELSCAN_FINAL])
        each_state(p, &r, h, (float *)call.tensor[SELSCAN_FINAL],
                   [](const float *state, float *to) { *to = *state; });
}

/* Whether rows along channels, and along states, consist of aligned words. */
static bool words(const struct selscan_call *call)
{
    const struct selscan *p = &call->p;
    const int tensors[] = {SELSCAN_U, SELSCAN_DELTA, SELSCAN_Z, SELSCAN_OUT, SELSCAN_B, SELSCAN_C};
    uintptr_t bits = 0;
    for (int tensor : tensors)
        bits |= (uintptr_t)call->tensor[tensor];
    return p->layout == CHANNEL_LAST && p->channels / p->groups % HELD == 0 && p->state % 4 == 0 &&
           bits % 16 == 0;
}

template <enum dtype DTYPE>
static int run_typed(const struct selscan_call &call, void *stream)
{
    const struct selscan *p = &call.p;
    const int64_t blocks = blocks_for(p->channels / p->groups, ROWS);
    const struct grid grid = {(int)blocks, (int)p->groups};
    return words(&call) ? launch((scan<DTYPE, true>), p->batch * p->groups * blocks, THREADS,
                                 shared_bytes<DTYPE>(p), stream, call, grid)
                        : launch((scan<DTYPE, false>), p->batch * p->groups * blocks, THREADS,
                                 shared_bytes<DTYPE>(p), stream, call, grid);
}

static const char *accepts(const void *problem)
{
    const struct selscan *p = (const struct selscan *)problem;
    return p->a != A_SCALAR    ? "a = scalar; nearest: a = scalar"
           : p->state > STATES ? "state <= 64; nearest: state = 64"
                               : NULL;
}

static int run(const void *problem, void *const tensor[], void *, void *stream)
{
    const struct selscan_call call = selscan_pack(problem, tensor);
    return call.p.dtype == DTYPE_F32    ? run_typed<DTYPE_F32>(call, stream)
           : call.p.dtype == DTYPE_BF16 ? run_typed<DTYPE_BF16>(call, stream)
                                        : run_typed<DTYPE_F16>(call, stream);
}

VARIANT(selscan_scalar_mma) = {.accepts = accepts, .run = run};
