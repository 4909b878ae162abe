/* selscan/scalar_mma: one decay a channel: blocks of 16 steps as products of matrices.
 *
 * Computes   out and final of reference/selscan.h, in fp32, with tensor cores.
 * Accepts    a = scalar, state <= 64; every other option.
 * Layout     block = up to 128 channels of one batch and group, 32 a warp, walking 16 steps at a
 *            time. A warp's states (32 x 64) stay in registers where mma.sync leaves its sums: they
 *            are, as they lie, the left operand of the next (scalar_mma.cuh).
 * Algorithm  y[t] = P[t]*<C[t], h> + sum over s <= t of G[t,s] * (decays behind s up to t) * x[s],
 *            G = C * B^T, once for a block of threads. The two steps of a pair are added as
 *            written, others by products of matrices at three levels: between neighbouring pairs,
 *            fours and eights, each scaled by the decays up to the border of the two and from there
 *            on. So all factors are products of decays of steps; none is a quotient.
 *            h = decay*h + X^T * B, X[s] = x[s] * (decays behind s); the decay in two parts, of the
 *            sum of delta', and added outside of the tensor core, whose sums truncate. Operands of
 *            fp32 are two of tf32 each. The order is fixed: the same bits every run.
 * Cost       bytes: B and C again for every further block of channels. Tensor cores: 444
 *            multiply-adds an output. Issue slots: 100 for 32 outputs. One wave of
 *            batch*channels/32 warps: few rows leave a GPU empty.
 * Error      f32 3.1e-6 in the suites' cases, 1.4e-6 on slow decay; more in a row of one or two
 *            outputs that cancel. simt's tensor core truncates every sum, as a GPU's does.
 * Source     Dao and Gu, Transformers are SSMs, arXiv 2405.21060, section 6 (blocks as products of
 *            matrices); levels instead of quotients of decays are ours.
 */
#include "scalar_mma_steps.cuh"

/* Adds D*u to y of a step of the thread's channels of tile m, and gates it. */
template <enum dtype DTYPE>
static inline __device__ void adjust_out(const struct selscan_call *call, const struct warp_rows *r,
                                         int step, int m, const struct blocks_shared<DTYPE> *shared,
                                         float out[2])
{
    const float *const D = (const float *)call->tensor[SELSCAN_D];
    const int c = lane_channel(m);
    if (call->p.skip) {
        const float2 u = read_stream(shared, STREAM_U, step, m);
        out[0] = fmaf(c < r->rows ? D[r->channel + c] : 0, u.x, out[0]);
        out[1] = fmaf(c + 1 < r->rows ? D[r->channel + c + 1] : 0, u.y, out[1]);
    }
    if (call->p.gate) {
        const float2 z = read_stream(shared, STREAM_Z, step, m);
        out[0] *= z.x * sigmoid_ex2(z.x);
        out[1] *= z.y * sigmoid_ex2(z.y);
    }
}

/* Writes out of the thread's steps and its channels of tile m from y, the sums over states; of
 * which the pairs begin at elements `pairs` in tile 0. Without WORDS it goes in the place of delta.
 */
template <enum dtype DTYPE, bool WORDS, bool PLAIN>
static inline __device__ void finish(const struct selscan_call *call, const struct strides *s,
                                     const struct warp_rows *r, const int64_t pairs[2], int left,
                                     int m, const float y[2][4],
                                     struct blocks_shared<DTYPE> *shared)
{
    typedef typename blocks_shared<DTYPE>::element element;
#pragma unroll
    for (int i = 0; i < 4; i++) {
        const int step = lane_step(i);
        float out[2] = {y[i / 2][i % 2], y[i / 2][2 + i % 2]};
        if (!PLAIN && (call->p.skip || call->p.gate)) /* cost only: else nothing is added */
            adjust_out(call, r, step, m, shared, out);
        element *const to =
            WORDS ? (element *)call->tensor[SELSCAN_OUT] + pairs[i / 2] + i % 2 * s->step + 16 * m
                  : &shared->in[STREAM_DELTA][warp_of()][step][lane_channel(m)];
        if (!WORDS || (step < left && lane_channel(m) < r->rows)) {
            if constexpr (DTYPE == DTYPE_F32)
                *(float2 *)to = make_float2(out[0], out[1]);
            else
                *(unsigned *)to = vector_pack_pair<DTYPE>(out[0], out[1]);
        }
    }
}

/* Moves the thread's states from or to an array (batch, channels, state): run(&h, &element). */
template <typename Move>
static inline __device__ void each_state(const struct selscan *p, const struct warp_rows *r,
                                         float h[TILES][EIGHTS][4], float *array, Move move)
{
#pragma unroll
    for (int m = 0; m < TILES; m++)
#pragma unroll
        for (int i = 0; i < EIGHTS; i++)
#pragma unroll
            for (int j = 0; j < 4; j++) {
                const int c = lane_channel(m) + j / 2;
                const int n = 8 * i + 2 * lane_quad() + j % 2;
                if (c < r->rows && n < p->state)
                    move(&h[m][i][j], &array[(r->b * p->channels + r->channel + c) * p->state + n]);
            }
}

/* Blocks of threads of a batch and group, and groups. */
struct grid {
    unsigned blocks, groups;
};

/* How many steps of the next block are there, of `blocks` to come, the last of which has `last`. */
static inline __device__ int left_of(int blocks, int last)
{
    return blocks > 1 ? (int)STEPS : blocks == 1 ? last : 0;
}

/* PLAIN: without skip, gate, bias and softplus. */
template <enum dtype DTYPE, bool WORDS, bool PLAIN>
static __global__ void __launch_bounds__(THREADS, RESIDENT)
    scan(const struct selscan_call call, const struct strides s, const struct grid grid)
{
    typedef struct blocks_shared<DTYPE> Shared;
    DYNAMIC_SHARED(Shared, shared);
    const struct selscan *p = &call.p;
    const unsigned pair = blockIdx.x / grid.blocks, group = pair % grid.groups;
    const int64_t channels = p->channels / grid.groups;
    const int64_t begin = (int64_t)(blockIdx.x - pair * grid.blocks) * ROWS + warp_of() * WIDTH;
    struct warp_rows r;
    r.b = pair / grid.groups;
    r.channel = group * channels + begin;
    r.rows = channels - begin < WIDTH ? (int)(channels - begin) : (int)WIDTH;

    float A[HELD], h[TILES][EIGHTS][4] = {};
    static_assert(THREADS >= 32 * (LEVELS + 1), "each share of G has a thread");
    const int share = share_of((int)threadIdx.x);
    struct states_ahead<DTYPE, WORDS> ahead;
    const int64_t step = selscan_time(p, 0);
    int64_t at = selscan_at(p, r.b, r.channel, step);
    int blocks = (int)((p->length + STEPS - 1) / STEPS);
    const int last = (int)(p->length - (int64_t)(blocks - 1) * STEPS);
    int64_t bc = selscan_bc_at(p, r.b, group, 0, step);
#pragma unroll
    for (int stage = 0; stage < STAGES - 1; stage++) {
        fetch_states<DTYPE, WORDS>(&call, &s, bc, left_of(blocks - stage, last), stage, shared,
                                   &ahead);
        fill_states<DTYPE, WORDS>(&call, stage, shared, &ahead);
        bc += STEPS * s.state_step;
    }
    copy_streams<DTYPE, WORDS, PLAIN>(&call, &s, &r, at, left_of(blocks, last), shared);
    copy_async_commit();
#pragma unroll
    for (int c = 0; c < HELD; c++) {
        const int c_at = lane_channel(c / 2) + c % 2;
        A[c] = c_at < r.rows ? ((const float *)call.tensor[SELSCAN_A])[r.channel + c_at] : 0;
    }
    if (call.tensor[SELSCAN_INITIAL])
        each_state(p, &r, h, (float *)call.tensor[SELSCAN_INITIAL],
                   [](float *state, const float *from) { *state = *from; });
    copy_async_wait<0>();
    __syncthreads(); /* the first block's B and C are there */
    make_part(shared, 0);

    for (int stage = 0; blocks > 0; blocks--) {
        float y[TILES][2][4], total[HELD];
        struct split<4> X[2][TILES];
        const int next = stage + 1 < STAGES ? stage + 1 : 0;
        const int free = stage ? stage - 1 : STAGES - 1;
        __syncthreads(); /* all parts of G are there; the block before is done with */
        fetch_states<DTYPE, WORDS>(&call, &s, bc, left_of(blocks - (STAGES - 1), last), free,
                                   shared, &ahead);
        copy_async_commit();
        bc += STEPS * s.state_step;
        make_levels(shared, share);
        give<DTYPE>(shared, stage, h, y);
        fill_states<DTYPE, WORDS>(&call, free, shared, &ahead);
        copy_async_wait<(STAGES > 2)>();
        __syncthreads(); /* G, the next B and C, and the streams are there */
        const int64_t pairs[2] = {at + lane_step(0) * s.step + lane_channel(0),
                                  at + lane_step(2) * s.step + lane_channel(0)};
#pragma unroll
        for (int m = 0; m < TILES; m++) {
            struct steps steps[2];
            read_steps<DTYPE, PLAIN>(&call, &r, m, left_of(blocks, last), shared, &A[2 * m], steps,
                                     &total[2 * m]);
            float zero = 0; /* NaN, if an x is not finite */
#pragma unroll
            for (int i = 0; i < 8; i++)
                zero = fmaf(steps[i / 4].x[i % 4], 0.0f, zero);
            if (!__all_sync(0xffffffffu,
                            zero == 0)) /* cost only: else there is nothing to contain */
#pragma unroll
                for (int c = 0; c < 2; c++) {
                    float *const of[4] = {&y[m][0][2 * c], &y[m][0][2 * c + 1], &y[m][1][2 * c],
                                          &y[m][1][2 * c + 1]};
                    contain(&steps[c], &total[2 * m + c], of);
                }
            go_within<DTYPE>(shared, steps, y[m], &X[0][m], &X[1][m]);
            finish<DTYPE, WORDS, PLAIN>(&call, &s, &r, pairs, left_of(blocks, last), m, y[m],
                                        shared);
        }
        __syncwarp();         /* the streams are read, and out is whole */
        if constexpr (!WORDS) /* and then each lane copies where it has stored from */
            store_outputs<DTYPE>(&call, &s, &r, at, left_of(blocks, last), shared);
        at += STEPS * s.step;
        copy_streams<DTYPE, WORDS, PLAIN>(&call, &s, &r, at, left_of(blocks - 1, last), shared);
        copy_async_commit();
        take<DTYPE>(shared, stage, X, A, total, h);
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
        bits |= (uintptr_t)call->tensor[tensor]; /* GPU only: unaligned_test.c looks at it */
    return p->layout == CHANNEL_LAST && p->channels / p->groups % 4 == 0 && p->state % 4 == 0 &&
           bits % 16 == 0;
}

template <enum dtype DTYPE>
static int run_typed(const struct selscan_call &call, void *stream)
{
    const struct selscan *p = &call.p;
    const int64_t blocks = blocks_for(p->channels / p->groups, ROWS);
    const struct grid grid = {(unsigned)blocks, (unsigned)p->groups};
    const bool plain = !(p->skip || p->gate || p->bias || p->softplus), in_words = words(&call);
    const auto scan_as = in_words ? (plain ? scan<DTYPE, true, true> : scan<DTYPE, true, false>)
                                  : (plain ? scan<DTYPE, false, true> : scan<DTYPE, false, false>);
    return launch(scan_as, p->batch * p->groups * blocks, THREADS, shared_bytes<DTYPE>(p), stream,
                  call, strides_of(p), grid);
}

/* Blocks of steps are counted in 31 bits. */
static const int64_t LENGTH_MAX = INT64_C(1) << 34;

static const char *accepts(const void *problem)
{
    const struct selscan *p = (const struct selscan *)problem;
    return p->a != A_SCALAR         ? "a = scalar; nearest: a = scalar"
           : p->state > STATES      ? "state <= 64; nearest: state = 64"
           : p->length > LENGTH_MAX ? "length <= 2^34; nearest: length = 17179869184"
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
