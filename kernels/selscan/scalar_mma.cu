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
#include "scalar_mma_ways.cuh"

/* Blocks of threads of a batch and group, and groups. */
struct grid {
    unsigned blocks, groups;
};

/* How many steps of the next block are there, of `blocks` to come, the last of which has `last`. */
static inline __device__ int left_of(int blocks, int last)
{
    return blocks > 1 ? (int)STEPS : blocks == 1 ? last : 0;
}

enum { PARTS = 4 }; /* warps that make G */

template <typename Shared>
struct mma_shared {
    struct part part[PARTS];
    struct within within;
    alignas(16) Shared blocks;
};

/* Makes the warp's part of G, if it has one. */
template <typename Shared>
static inline __device__ void make_own_part(struct mma_shared<Shared> *all, int stage)
{
    if (warp_of() < PARTS) /* cost only: else it takes states again */
        make_part<PARTS>(&all->blocks, stage, warp_of(), &all->part[warp_of()]);
}

/* PLAIN: without skip, gate, bias and softplus. */
template <typename Shared, bool PLAIN>
static __global__ void __launch_bounds__(THREADS, RESIDENT)
    scan(const struct selscan_call call, const struct strides s, const struct grid grid)
{
    DYNAMIC_SHARED(struct mma_shared<Shared>, all);
    Shared *const shared = &all->blocks;
    const struct selscan *p = &call.p;
    const unsigned pair = blockIdx.x / grid.blocks, group = pair % grid.groups;
    const int64_t channels = p->channels / grid.groups;
    const int64_t begin = (int64_t)(blockIdx.x - pair * grid.blocks) * ROWS + warp_of() * WIDTH;
    struct warp_rows r;
    r.b = pair / grid.groups;
    r.channel = group * channels + begin;
    r.rows = channels - begin < WIDTH ? (int)(channels - begin) : (int)WIDTH;

    float A[HELD], h[EIGHTS][TILES][4] = {};
    static_assert(THREADS >= 32 * (LEVELS + 1), "each share of G has a thread");
    const int share = share_of((int)threadIdx.x);
    struct states_ahead<Shared> ahead;
    const int64_t step = selscan_time(p, 0);
    int64_t at = selscan_at(p, r.b, r.channel, step);
    int blocks = (int)((p->length + STEPS - 1) / STEPS);
    const int last = (int)(p->length - (int64_t)(blocks - 1) * STEPS);
    int64_t bc = selscan_bc_at(p, r.b, group, 0, step);
#pragma unroll
    for (int stage = 0; stage < STAGES - 1; stage++) {
        fetch_states(&call, &s, bc, left_of(blocks - stage, last), stage, shared, &ahead);
        fill_states(&call, stage, shared, &ahead);
        bc += STEPS * s.state_step;
    }
    copy_streams<PLAIN>(&call, &s, &r, at, left_of(blocks, last), shared);
    copy_async_commit();
    load_A(&call, &r, A);
    if (call.tensor[SELSCAN_INITIAL])
#pragma unroll
        for (int k = 0; k < TILES * EIGHTS; k++)
            each_state(p, &r, k / EIGHTS, k % EIGHTS, h[k % EIGHTS][k / EIGHTS],
                       (float *)call.tensor[SELSCAN_INITIAL],
                       [](float *state, const float *from) { *state = *from; });
    copy_async_wait<0>();
    __syncthreads(); /* the first block's B and C are there */
    make_own_part(all, 0);

    for (int stage = 0; blocks > 0; blocks--) {
        float y[TILES][2][4] = {}, total[HELD];
        struct split<4> X[2][TILES];
        const int next = stage + 1 < STAGES ? stage + 1 : 0;
        const int free = stage ? stage - 1 : STAGES - 1;
        __syncthreads(); /* all parts of G are there; the block before is done with */
        fetch_states(&call, &s, bc, left_of(blocks - (STAGES - 1), last), free, shared, &ahead);
        copy_async_commit();
        bc += STEPS * s.state_step;
        make_levels<PARTS>(all->part, (int)threadIdx.x, share, &all->within);
#pragma unroll
        for (int i = 0; i < EIGHTS; i++)
            give(shared, stage, i, h[i], y);
        fill_states(&call, free, shared, &ahead);
        copy_async_wait<(STAGES > 2)>();
        __syncthreads(); /* G, the next B and C, and the streams are there */
#pragma unroll
        for (int m = 0; m < TILES; m++) {
            struct steps steps[2];
            read_steps<PLAIN>(&call, &r, m, left_of(blocks, last), shared, &A[2 * m], steps,
                              &total[2 * m]);
            float zero = 0; /* NaN, if an x is not finite */
#pragma unroll
            for (int i = 0; i < 8; i++)
                zero = fmaf(steps[i / 4].x[i % 4], 0.0f, zero);
            if (!__all_sync(0xffffffffu,
                            zero == 0)) /* cost only: else there is nothing to contain */
#pragma unroll
                for (int c = 0; c < 2; c++)
                    contain(&steps[c], &total[2 * m + c], y[m], c);
            go_within(&all->within, steps, y[m], NULL, &X[0][m], &X[1][m]);
            finish<PLAIN>(&call, &s, &r, at, left_of(blocks, last), m, y[m], shared);
        }
        __syncwarp(); /* the streams are read, and out is whole */
        if constexpr (Shared::BY ==
                      BY_ELEMENT) /* and then each lane copies where it has stored from */
            store_outputs(&call, &s, &r, at, left_of(blocks, last), shared);
        at += STEPS * s.step;
        copy_streams<PLAIN>(&call, &s, &r, at, left_of(blocks - 1, last), shared);
        copy_async_commit();
        take(shared, stage, X, A, total, h);
        make_own_part(all, next);
        stage = next;
    }
    if (call.tensor[SELSCAN_FINAL])
#pragma unroll
        for (int k = 0; k < TILES * EIGHTS; k++)
            each_state(p, &r, k / EIGHTS, k % EIGHTS, h[k % EIGHTS][k / EIGHTS],
                       (float *)call.tensor[SELSCAN_FINAL],
                       [](const float *state, float *to) { *to = *state; });
}

template <bool PLAIN, typename Shared>
static int run_scan(const Shared *, const struct selscan_call &call, void *stream)
{
    const struct selscan *p = &call.p;
    const int64_t blocks = blocks_for(p->channels / p->groups, ROWS);
    const struct grid grid = {(unsigned)blocks, (unsigned)p->groups};
    return launch((scan<Shared, PLAIN>), p->batch * p->groups * blocks, THREADS,
                  (shared_bytes<struct mma_shared<Shared>, Shared>(p)), stream, call, strides_of(p),
                  grid);
}

/* Blocks of steps are counted in 31 bits. */
static const int64_t LENGTH_MAX = INT64_C(1) << 34;

static const char *accepts(const void *problem)
{
    const struct selscan *p = (const struct selscan *)problem;
    const char *const general = scalar_mma_accepts(p);
    return general                  ? general
           : p->length > LENGTH_MAX ? "length <= 2^34; nearest: length = 17179869184"
                                    : NULL;
}

static int run(const void *problem, void *const tensor[], void *, void *stream)
{
    const struct selscan_call call = selscan_pack(problem, tensor);
    const struct selscan *p = &call.p;
    const bool plain = !(p->skip || p->gate || p->bias || p->softplus);
    return with_shared(call, [&](auto *of) {
        return plain ? run_scan<true>(of, call, stream) : run_scan<false>(of, call, stream);
    });
}

VARIANT(selscan_scalar_mma) = {.accepts = accepts, .run = run};
