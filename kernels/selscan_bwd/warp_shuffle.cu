/* selscan_bwd/warp_shuffle: a warp scans the time of one channel, forwards and back, by shuffles.
 *
 * Computes   all gradients of reference/selscan_bwd.h, in fp32; sums over blocks of channels and
 *            over batch in double.
 * Accepts    state <= 256; every option.
 * Layout     warp = one (batch, channel) row, block = up to 8 channels of a group; a lane owns 4
 *            neighbouring steps of a tile of 128. In shared memory the carries, dA, and the terms
 *            of dB and dC of one state. Workspace: the states after each tile but the last
 *            (tiles.cuh), and partial.cuh. Loads are strided by 4 elements across a warp, by
 *            channels too when channel_last.
 * Algorithm  keep: for each tile and state, a lane joins its steps to one pair; Kogge-Stone over
 *            the 32 pairs. back: tiles from the last to the first; for each state, the same scan
 *            for the state before each lane's steps, and one from the last lane to the first for
 *            a*dh behind them; a lane walks its steps forwards for h, and back for dh. Threads then
 *            add the terms of the block's channels in ascending order. One barrier a state.
 * Cost       bytes: selscan_bwd's, plus B and C again for every further channel of a group, and
 *            2*batch*channels*length*state for partial sums, half of which is workspace, beside
 *            4*state a tile and row. 24 joins and 32 shuffles for 4 steps of a state, 5 more for
 *            dA. Parallelism: batch*channels warps.
 * Error      f32 2e-6; in dA 1e-7 of the sum of its terms' sizes.
 * Source     Kogge and Stone, A parallel algorithm for the efficient solution of a general class of
 *            recurrence equations, IEEE Trans. Computers C-22 (1973).
 */
#include "../selscan/warp.cuh"
#include "tiles.cuh"

enum { ITEMS = 4, TILE = WARP * ITEMS, WARPS = 8 };

static inline __device__ int lane_of(void)
{
    return (int)threadIdx.x % WARP;
}

/* What the lane's steps make of what those of earlier lanes made of `from`. */
template <bool BACK>
static inline __device__ float scan(const struct pair step[ITEMS], float from)
{
    struct pair mine = step[BACK ? ITEMS - 1 : 0];
#pragma unroll
    for (int i = 1; i < ITEMS; i++)
        mine = pair_join(mine, step[BACK ? ITEMS - 1 - i : i]);
    if (lane_of() == (BACK ? WARP - 1 : 0))
        mine.x = pair_apply(mine, from);
    return warp_scan<BACK>(mine).x;
}

/* What those of earlier lanes made of it. */
template <bool BACK>
static inline __device__ float scan_before(const struct pair step[ITEMS], float from)
{
    const float after = scan<BACK>(step, from);
    const float before =
        BACK ? __shfl_down_sync(0xffffffffu, after, 1) : __shfl_up_sync(0xffffffffu, after, 1);
    return lane_of() == (BACK ? WARP - 1 : 0) ? from : before;
}

/* Leaves the state after each tile but the last. */
template <bool SCALAR>
static inline __device__ void keep(const struct selscan_bwd_call *call, const struct tiles *w,
                                   const struct place *at)
{
    const struct selscan *p = &call->in.p;
    for (int64_t tile = 0; tile < w->count - 1; tile++) {
        items<ITEMS> s;
        load_items(call, at, tile * TILE + lane_of() * ITEMS, 1, &s);
        for (int n = 0; n < p->state; n++) {
            float B[ITEMS];
            struct pair step[ITEMS];
            load_state(call, at, &s, SELSCAN_BWD_B, n, B);
            pairs_of<SCALAR>(&s, load_A(call, at, n), B, step);
            const float h = scan<false>(step, state_before(&call->in, w, at, tile, n));
            if (at->inside && lane_of() == WARP - 1)
                w->h[kept_at(p, at, tile, n)] = h;
        }
        __syncwarp(); /* the states are written by the last lane */
    }
}

/* Walks the lane's steps of a state: `before` is the state before them, `behind` a*dh behind them.
 * Leaves terms of dB and dC; returns a*dh of the first step. */
static inline __device__ float walk(items<ITEMS> *s, const struct pair step[ITEMS],
                                    const struct pair back[ITEMS], float A, const float B[ITEMS],
                                    const float C[ITEMS], float before, float behind, float *dA,
                                    float dB[ITEMS], float dC[ITEMS])
{
    float h[ITEMS];
    *dA = 0;
#pragma unroll
    for (int i = 0; i < ITEMS; i++)
        h[i] = i ? pair_apply(step[i - 1], h[i - 1]) : before;
#pragma unroll
    for (int i = ITEMS - 1; i >= 0; i--) {
        const struct terms terms = add_step(s, i, step[i], A, B[i], C[i], h[i], behind);
        *dA += terms.dA;
        dB[i] = terms.dB;
        dC[i] = terms.dC;
        behind = pair_apply(back[i], behind);
    }
    return behind;
}

/* Adds the terms of all channels of the block, of state n at the steps of the tile. */
static inline __device__ void add_terms(const struct selscan *p, const struct tiles *w,
                                        const struct place *at, int64_t tile, int n,
                                        const float (*terms)[WARPS][TILE])
{
    for (int i = (int)threadIdx.x; i < 2 * TILE; i += (int)blockDim.x) {
        const int64_t step = tile * TILE + i % TILE;
        float sum = 0;
        for (int c = 0; c < w->channels; c++)
            sum += terms[i / TILE][c][i % TILE];
        if (step < p->length)
            (i < TILE ? w->partial.dB
                      : w->partial.dC)[at->block * w->partial.elements +
                                       selscan_bc_at(p, at->b, at->g, n, selscan_time(p, step))] =
                sum;
    }
}

template <bool SCALAR>
static __global__ void __launch_bounds__(WARPS *WARP)
    walk_back(const struct selscan_bwd_call call, const struct tiles w)
{
    SHARED(float, carry, [WARPS][STATE_MAX]); /* a*dh of the first step of the tile behind */
    SHARED(float, dA, [WARPS][STATE_MAX]);
    SHARED(float, terms, [2][2][WARPS][TILE]); /* of dB and of dC; states take turns: one barrier */
    const struct selscan *p = &call.in.p;
    const int warp = (int)threadIdx.x / WARP, lane = lane_of();
    const struct place at = place_of(p, &w, warp);
    struct selscan_bwd_share sum = {0, 0};
    float total_dA = 0;
    int turn = 0;

    keep<SCALAR>(&call, &w, &at);
    for (int n = lane; n < p->state; n += WARP) {
        carry[warp][n] = at.inside ? selscan_bwd_dfinal(&call, at.row, n) : 0.0f;
        dA[warp][n] = 0;
    }
    __syncwarp(); /* GPU only: carry and dA are written; simt orders them by the shuffles too */
    for (int64_t tile = w.count - 1; tile >= 0; tile--) {
        items<ITEMS> s;
        float tile_dA = 0;
        load_items(&call, &at, tile * TILE + lane * ITEMS, 1, &s);
        for (int n = 0; n < p->state; n++, turn ^= 1) {
            const float A = load_A(&call, &at, n);
            float B[ITEMS], C[ITEMS], state_dA;
            struct pair step[ITEMS], back[ITEMS];
            load_state(&call, &at, &s, SELSCAN_BWD_B, n, B);
            load_state(&call, &at, &s, SELSCAN_BWD_C, n, C);
            pairs_of<SCALAR>(&s, A, B, step);
            pairs_back(&s, step, C, back);
            const float before = scan_before<false>(step, state_before(&call.in, &w, &at, tile, n));
            const float behind = scan_before<true>(back, carry[warp][n]);
            const float first =
                walk(&s, step, back, A, B, C, before, behind, &state_dA,
                     &terms[turn][0][warp][lane * ITEMS], &terms[turn][1][warp][lane * ITEMS]);
            tile_dA += state_dA;
            state_dA = SCALAR ? 0.0f : sum_lanes(state_dA);
            if (lane == 0) {
                carry[warp][n] = first;
                dA[warp][n] += state_dA;
            }
            __syncthreads(); /* the terms are written */
            add_terms(p, &w, &at, tile, n, terms[turn]);
        }
        const struct selscan_bwd_share share = finish_items(&call, &at, &s);
        sum.dD += share.dD;
        sum.ddelta_bias += share.ddelta_bias;
        total_dA += tile_dA;
    }
    sum.dD = sum_lanes(sum.dD);
    sum.ddelta_bias = sum_lanes(sum.ddelta_bias);
    total_dA = sum_lanes(total_dA);
    if (!at.inside || lane > 0)
        return;
    partial_share(p, &w.partial, at.b, at.d, sum);
    for (int n = 0; n < p->state; n++) {
        selscan_bwd_dinitial(&call, at.row, n, carry[warp][n]);
        w.partial.sums[partial_dA(p, at.b, at.d, n)] = SCALAR ? total_dA : dA[warp][n];
    }
}

static size_t workspace(const void *problem)
{
    return tiles_bytes((const struct selscan *)problem, TILE, WARPS);
}

static int run(const void *problem, void *const tensor[], void *workspace, void *stream)
{
    const struct selscan_bwd_call call = selscan_bwd_pack(problem, tensor);
    const struct selscan *p = &call.in.p;
    const struct tiles w = tiles_carve(p, TILE, WARPS, workspace);
    const int64_t blocks = tiles_blocks(p, &w);
    const int threads = (int)w.channels * WARP;
    const int error = p->a == A_SCALAR
                          ? launch(walk_back<true>, blocks, threads, 0, stream, call, w)
                          : launch(walk_back<false>, blocks, threads, 0, stream, call, w);
    return error ? error : tiles_reduce(call, w, stream);
}

VARIANT(selscan_bwd_warp_shuffle) = {
    .accepts = selscan_accepts, .workspace = workspace, .run = run};
