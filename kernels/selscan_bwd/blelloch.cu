/* selscan_bwd/blelloch: a block scans the time of one channel, forwards and back, by trees.
 *
 * Computes   all gradients of reference/selscan_bwd.h, in fp32; sums over blocks of channels and
 *            over batch in double.
 * Accepts    state <= 256; every option.
 * Layout     block = up to 4 channels of a group, one after the other, 256 threads; a tile of 512
 *            steps, two a thread. In shared memory 8 trees side by side (trees.cuh): 4 states in
 *            time, and the same against time, whose leaves stand in reverse. Workspace: the states
 *            after each tile but the last (tiles.cuh), and partial.cuh.
 * Algorithm  keep: for each tile and 4 states, an up-sweep, whose root makes the state after the
 *            tile of that before it. back: tiles from the last to the first; for each 4 states, an
 *            up-sweep and a down-sweep, which leave the state before each step, and a*dh behind it.
 *            Terms of dB and dC are added to those of the block's channels before by the thread
 *            that owns the step. Sums over time by shuffles. 31 barriers a tile and 4 states.
 * Cost       bytes: selscan_bwd's, plus B and C again for every further channel of a group, and
 *            16*batch*channels*length*state for partial sums, an eighth of which is workspace,
 *            beside 4*state a tile and row. 3 joins and 2 halves of one a step, whatever the tile.
 *            Parallelism: batch*channels/4 blocks.
 * Error      f32 2e-6; in dA 1e-7 of the sum of its terms' sizes.
 * Source     Blelloch, Prefix sums and their applications, CMU-CS-90-190, section 1.2.
 */
#include "../selscan/trees.cuh"
#include "tiles.cuh"

enum { ITEMS = LEAVES / TREE_THREADS, STATES = 4, CHANNELS = 4, WARPS = TREE_THREADS / 32 };

struct shared {
    struct tree tree[2 * STATES]; /* in time, and against it */
    float carry[2 * STATES];
    float behind[STATE_MAX];    /* a*dh of the first step of the tile behind */
    float dA[WARPS][STATE_MAX]; /* sums of a warp; of a scalar A, that of all states at 0 */
    struct selscan_bwd_share share[WARPS];
};

/* Plants the trees of states n ... n + STATES-1. */
template <bool SCALAR>
static inline __device__ void plant(const struct selscan_bwd_call *call, const struct place *at,
                                    const items<ITEMS> *s, int n, struct tree *trees,
                                    struct pair step[STATES][ITEMS], float B[STATES][ITEMS])
{
#pragma unroll
    for (int k = 0; k < STATES; k++) {
        load_state(call, at, s, SELSCAN_BWD_B, n + k, B[k]);
        pairs_of<SCALAR>(s, load_A(call, at, n + k), B[k], step[k]);
#pragma unroll
        for (int i = 0; i < ITEMS; i++)
            put(&trees[k], (int)threadIdx.x + i * TREE_THREADS, step[k][i]);
    }
}

template <bool SCALAR>
static inline __device__ void keep(const struct selscan_bwd_call *call, const struct tiles *w,
                                   const struct place *at, struct tree *trees)
{
    const struct selscan *p = &call->in.p;
    const int k = (int)threadIdx.x;
    for (int64_t tile = 0; tile < w->count - 1; tile++) {
        items<ITEMS> s;
        load_items(call, at, tile * LEAVES + threadIdx.x, TREE_THREADS, &s);
        for (int n = 0; n < p->state; n += STATES) {
            struct pair step[STATES][ITEMS];
            float B[STATES][ITEMS];
            plant<SCALAR>(call, at, &s, n, trees, step, B);
            sweep_up<STATES>(trees);
            __syncthreads(); /* the roots are whole */
            if (k < STATES && n + k < p->state)
                w->h[kept_at(p, at, tile, n + k)] = pair_apply(
                    get(&trees[k], LEAVES - 1), state_before(&call->in, w, at, tile, n + k));
            __syncthreads(); /* the roots are read */
        }
    }
}

/* Grows the trees of states n ... n + STATES-1 and of their gradients, for the walk. */
template <bool SCALAR>
static inline __device__ void scan(const struct selscan_bwd_call *call, const struct tiles *w,
                                   const struct place *at, const items<ITEMS> *s, int64_t tile,
                                   int n, struct shared *m, struct pair step[STATES][ITEMS],
                                   float B[STATES][ITEMS], float C[STATES][ITEMS])
{
    const int k = (int)threadIdx.x;
    plant<SCALAR>(call, at, s, n, m->tree, step, B);
#pragma unroll
    for (int j = 0; j < STATES; j++) {
        struct pair back[ITEMS];
        load_state(call, at, s, SELSCAN_BWD_C, n + j, C[j]);
        pairs_back(s, step[j], C[j], back);
#pragma unroll
        for (int i = 0; i < ITEMS; i++)
            put(&m->tree[STATES + j], LEAVES - 1 - (int)threadIdx.x - i * TREE_THREADS, back[i]);
    }
    if (k < 2 * STATES)
        m->carry[k] =
            k < STATES ? state_before(&call->in, w, at, tile, n + k) : m->behind[n + k - STATES];
    sweep_up<2 * STATES>(m->tree);
    sweep_down<2 * STATES>(m->tree, m->carry);
    if (k >= STATES && k < 2 * STATES)
        m->behind[n + k - STATES] = m->carry[k];
}

/* Adds the terms of a step to those of the channels before, of which c are in the block. */
static inline __device__ void add_terms(const struct selscan *p, const struct tiles *w,
                                        const struct place *at, int64_t c, int64_t n, int64_t t,
                                        struct terms terms)
{
    const int64_t i = at->block * w->partial.elements + selscan_bc_at(p, at->b, at->g, n, t);
    w->partial.dB[i] = c ? w->partial.dB[i] + terms.dB : terms.dB;
    w->partial.dC[i] = c ? w->partial.dC[i] + terms.dC : terms.dC;
}

/* A tile of channel c of the block. Returns the thread's part of dA over all states. */
template <bool SCALAR>
static inline __device__ float walk_tile(const struct selscan_bwd_call *call, const struct tiles *w,
                                         const struct place *at, int64_t c, int64_t tile,
                                         struct shared *m, struct selscan_bwd_share *sum)
{
    const struct selscan *p = &call->in.p;
    float total_dA = 0;
    items<ITEMS> s;
    load_items(call, at, tile * LEAVES + threadIdx.x, TREE_THREADS, &s);
    for (int n = 0; n < p->state; n += STATES) {
        struct pair step[STATES][ITEMS];
        float B[STATES][ITEMS], C[STATES][ITEMS];
        scan<SCALAR>(call, w, at, &s, tile, n, m, step, B, C);
#pragma unroll
        for (int k = 0; k < STATES; k++) {
            float dA = 0;
#pragma unroll
            for (int i = 0; i < ITEMS; i++) {
                const int leaf = (int)threadIdx.x + i * TREE_THREADS;
                const struct terms terms = add_step(&s, i, step[k][i], load_A(call, at, n + k),
                                                    B[k][i], C[k][i], m->tree[k].x[word(leaf)],
                                                    m->tree[STATES + k].x[word(LEAVES - 1 - leaf)]);
                dA += terms.dA;
                if (s.there[i] && n + k < p->state)
                    add_terms(p, w, at, c, n + k, s.t[i], terms);
            }
            total_dA += dA;
            dA = SCALAR ? 0.0f : sum_lanes(dA);
            if (!SCALAR && threadIdx.x % 32 == 0)
                m->dA[threadIdx.x / 32][n + k] += dA;
        }
    }
    const struct selscan_bwd_share share = finish_items(call, at, &s);
    sum->dD += share.dD;
    sum->ddelta_bias += share.ddelta_bias;
    return total_dA;
}

/* Keeps what the row adds to dinitial, dA, dD and ddelta_bias, sums of warps in ascending order. */
template <bool SCALAR>
static inline __device__ void finish_row(const struct selscan_bwd_call *call, const struct tiles *w,
                                         const struct place *at, const struct shared *m)
{
    const struct selscan *p = &call->in.p;
    for (int n = (int)threadIdx.x; n < p->state; n += TREE_THREADS)
        selscan_bwd_dinitial(call, at->row, n, m->behind[n]);
    for (int n = (int)threadIdx.x; n < (SCALAR ? 1 : p->state); n += TREE_THREADS) {
        float dA = 0;
        for (int warp = 0; warp < WARPS; warp++)
            dA += m->dA[warp][n];
        w->partial.sums[partial_dA(p, at->b, at->d, n)] = dA;
    }
    if (threadIdx.x == 0) { /* cost only: once is enough */
        struct selscan_bwd_share sum = {0, 0};
        for (int warp = 0; warp < WARPS; warp++) {
            sum.dD += m->share[warp].dD;
            sum.ddelta_bias += m->share[warp].ddelta_bias;
        }
        partial_share(p, &w->partial, at->b, at->d, sum);
    }
}

template <bool SCALAR>
static __global__ void __launch_bounds__(TREE_THREADS)
    walk_back(const struct selscan_bwd_call call, const struct tiles w)
{
    SHARED(struct shared, memory, [1]);
    struct shared *m = memory;
    const int warp = (int)threadIdx.x / 32;
    for (int64_t c = 0; c < w.channels; c++) {
        const struct place at = place_of(&call.in.p, &w, c);
        struct selscan_bwd_share sum = {0, 0};
        float total_dA = 0;
        if (!at.inside)
            break;
        for (int n = (int)threadIdx.x; n < STATE_MAX; n += TREE_THREADS) {
            m->behind[n] = n < call.in.p.state ? selscan_bwd_dfinal(&call, at.row, n) : 0.0f;
            for (int i = 0; i < WARPS; i++)
                m->dA[i][n] = 0;
        }
        __syncthreads(); /* dA and `behind` are there */
        keep<SCALAR>(&call, &w, &at, m->tree);
        for (int64_t tile = w.count - 1; tile >= 0; tile--)
            total_dA += walk_tile<SCALAR>(&call, &w, &at, c, tile, m, &sum);
        total_dA = sum_lanes(total_dA);
        sum.dD = sum_lanes(sum.dD);
        sum.ddelta_bias = sum_lanes(sum.ddelta_bias);
        if (threadIdx.x % 32 == 0) {
            m->share[warp] = sum;
            if (SCALAR)
                m->dA[warp][0] = total_dA;
        }
        __syncthreads(); /* all sums, and `behind`, are written */
        finish_row<SCALAR>(&call, &w, &at, m);
        __syncthreads(); /* they are read */
    }
}

static size_t workspace(const void *problem)
{
    return tiles_bytes((const struct selscan *)problem, LEAVES, CHANNELS);
}

static int run(const void *problem, void *const tensor[], void *workspace, void *stream)
{
    const struct selscan_bwd_call call = selscan_bwd_pack(problem, tensor);
    const struct selscan *p = &call.in.p;
    const struct tiles w = tiles_carve(p, LEAVES, CHANNELS, workspace);
    const int64_t blocks = tiles_blocks(p, &w);
    const int error = p->a == A_SCALAR
                          ? launch(walk_back<true>, blocks, TREE_THREADS, 0, stream, call, w)
                          : launch(walk_back<false>, blocks, TREE_THREADS, 0, stream, call, w);
    return error ? error : tiles_reduce(call, w, stream);
}

VARIANT(selscan_bwd_blelloch) = {.accepts = selscan_accepts, .workspace = workspace, .run = run};
