/* A window of the gradients of a selective scan in shared memory: STEPS steps of up to ROWS
 * channels of one batch and group, by a block of TILE_THREADS threads.
 *
 * Threads    LANES neighbours, a team, share HELD rows. A thread has the same PAIRS pairs of states
 *            of each: CELLS in all. Those that a team takes at once are neighbours in B and C, so
 *            that they lie in different banks.
 * Order      Sums over threads halve the number of sums at each exchange: who is in the upper half
 *            keeps the upper ones. Where the first exchange is over rows or pairs, threads of the
 *            upper half hold these the other way round, so that all give their second ones.
 * Zeros      Steps that the problem does not have lie before the first, where nothing is NaN yet.
 */
#ifndef SSMBENCH_SELSCAN_BWD_WINDOW_CUH
#define SSMBENCH_SELSCAN_BWD_WINDOW_CUH

#include "partial.cuh"
#include "place.cuh"

enum { WARP_LANES = 32 };

template <int LANES_, int HELD_, int PAIRS_, int STEPS_, int STRIDE_, bool SCALAR_, bool GATE_>
struct window {
    static const int LANES = LANES_, HELD = HELD_, PAIRS = PAIRS_, STEPS = STEPS_;
    static const int STRIDE = STRIDE_; /* steps whose states a thread keeps in registers */
    static const bool SCALAR = SCALAR_, GATE = GATE_;
    static const int STATES = PAIRS * 2, CELLS = HELD * STATES, CAPACITY = LANES * STATES;
    static const int ROWS = TILE_THREADS / LANES * HELD, WARPS = TILE_THREADS / WARP_LANES;
    static const bool KEEPS = !SCALAR && CELLS == 4; /* decays in registers, beside the states */

    float4 step[STEPS][ROWS + 1]; /* delta'*u, dy, and the decay; if not SCALAR, delta' and 0 */
    float4 edge[STEPS][ROWS + 1]; /* u, delta', slope and gate; later du, ddelta and dz */
    float2 B[STEPS][CAPACITY / 2 + 1], C[STEPS][CAPACITY / 2 + 1];
    float4 dBC[WARPS][STRIDE][CAPACITY / 2 + 1]; /* dB and dC of pairs, over a warp's rows */
    float dA[SCALAR ? 1 : CELLS][TILE_THREADS];  /* each thread's own sums over time */
    float dD[TILE_THREADS], ddelta_bias[TILE_THREADS];
    float4 rest[KEEPS ? STRIDE : 1][KEEPS ? TILE_THREADS : 1]; /* of decays, each thread's own */
    /* What the block is about is here too, to spare registers. */
    struct tile_rows rows;
    int64_t block_at; /* where their dB is, in elements, among those of all blocks of rows */
    int share;        /* of time */
    float2 own[ROWS]; /* A, if SCALAR, and D */
    int chunk;        /* that the steps are */
    struct place place;
};

/* run(shape), where shape is a null pointer to the window that fits the problem. */
template <bool SCALAR, bool GATE, typename Run>
static auto window_dispatch_state(const struct selscan *p, Run run)
{
    if (p->state <= 16)
        return run((window<4, 1, 2, 16, 8, SCALAR, GATE> *)NULL);
    if (p->state <= 64)
        return run((window < 16, 2, 2, 16, SCALAR ? 8 : 4, SCALAR, GATE > *)NULL);
    return run((window<32, 1, 4, 8, 4, SCALAR, GATE> *)NULL);
}
template <typename Run>
static auto window_dispatch(const struct selscan *p, Run run)
{
    if (p->a == A_SCALAR)
        return p->gate ? window_dispatch_state<true, true>(p, run)
                       : window_dispatch_state<true, false>(p, run);
    return p->gate ? window_dispatch_state<false, true>(p, run)
                   : window_dispatch_state<false, false>(p, run);
}

template <typename Window>
static inline __device__ int window_lane(int thread)
{
    return thread % Window::LANES;
}

/* The row of the block that the thread holds as its `held`-th. */
template <typename Window>
static inline __device__ int window_row(int thread, int held)
{
    const bool upper = window_lane<Window>(thread) >= Window::LANES / 2;
    return thread / Window::LANES * Window::HELD +
           (Window::HELD > 1 && upper ? Window::HELD - 1 - held : held);
}

/* The pair of states that the thread holds as its `held`-th: states 2*pair and 2*pair + 1. */
template <typename Window>
static inline __device__ int window_pair(int thread, int held)
{
    const int swap = Window::LANES < WARP_LANES ? thread / (WARP_LANES / 2) % 2 : 0;
    return (held ^ swap) * Window::LANES + window_lane<Window>(thread);
}

/* Calls body(c, row, n) for the thread's cells that the problem has: of row `row` of the block and
 * state n. */
template <typename Window, typename Body>
static inline __device__ void window_cells(int thread, const struct selscan *p,
                                           const struct tile_rows *r, Body body)
{
    const int state = (int)p->state;
#pragma unroll
    for (int c = 0; c < Window::CELLS; c++) {
        const int row = window_row<Window>(thread, c / Window::STATES);
        const int n = window_pair<Window>(thread, c % Window::STATES / 2) * 2 + c % 2;
        if (row < r->rows && n < state)
            body(c, row, n);
    }
}

/* Sets to[c] to value(row, n) for those cells, and to 0 for the thread's others. */
template <typename Window, typename Value>
static inline __device__ void window_fill(int thread, const struct selscan *p,
                                          const struct tile_rows *r, float to[], Value value)
{
    const int state = (int)p->state;
#pragma unroll
    for (int c = 0; c < Window::CELLS; c++) {
        const int row = window_row<Window>(thread, c / Window::STATES);
        const int n = window_pair<Window>(thread, c % Window::STATES / 2) * 2 + c % 2;
        to[c] = row < r->rows && n < state ? value(row, n) : 0.0f;
    }
}

/* The sums of part[i] over the threads at distances FAR, FAR/2, ... NEAR. A thread gets those of
 * COUNT over the number of threads, or one, in part[0] and on: of consecutive i in the order of the
 * threads. When ORDERED, those at FAR hold the two halves the other way round. */
template <int COUNT, int FAR, int NEAR, bool ORDERED>
static inline __device__ void window_sum(int thread, float part[])
{
    if constexpr (FAR >= NEAR) {
        const bool upper = !ORDERED && thread & FAR;
#pragma unroll
        for (int i = 0; i < COUNT / 2; i++) {
            const float give = upper ? part[i] : part[i + COUNT / 2];
            const float keep = upper ? part[i + COUNT / 2] : part[i];
            part[i] = keep + __shfl_xor_sync(0xffffffffu, give, FAR);
        }
        if (COUNT == 1)
            part[0] += __shfl_xor_sync(0xffffffffu, part[0], FAR);
        window_sum<(COUNT > 1 ? COUNT / 2 : 1), FAR / 2, NEAR, false>(thread, part);
    }
}

/* Adds up dB and dC, [state][dB, dC], over the rows of the warp, and leaves them for step `t` of
 * STRIDE. */
template <typename Window>
static inline __device__ void window_keep(Window *w, int thread, int t, float dBC[])
{
    const int teams = WARP_LANES / Window::LANES, count = Window::STATES * 2 / teams;
    const int team = thread / Window::LANES % teams;
    float *const sums = (float *)w->dBC[thread / WARP_LANES][t];
    window_sum<Window::STATES * 2, WARP_LANES / 2, Window::LANES, true>(thread, dBC);
    const int size = count < 4 ? count : 4; /* of what is stored at once */
#pragma unroll
    for (int i = 0; i < count; i += size) {
        float *const to = &sums[window_pair<Window>(thread, i / 4) * 4 + team * count % 4];
        if (size == 4)
            *(float4 *)to = make_float4(dBC[i], dBC[i + 1], dBC[i + 2], dBC[i + 3]);
        else
            *to = dBC[i];
    }
}

/* The decay of a step, from window.step. */
template <typename Window>
static inline __device__ struct decay window_decay(float4 step, float A)
{
    struct decay scalar;
    scalar.whole = step.z;
    scalar.rest = step.w;
    return Window::SCALAR ? scalar : decay_ex2(step.z * A);
}

/* Says what the block is about: block of rows `block`, share of time `share`. */
template <typename Window>
static inline __device__ void window_begin(const struct selscan_bwd_call *call,
                                           const struct partial *partial, int64_t block,
                                           int64_t share, Window *w)
{
    const struct selscan *p = &call->in.p;
    const int row = (int)threadIdx.x;
    const struct tile_rows rows = tile_rows_of<Window>(p, block);
    const int64_t block_at = block % partial->blocks * partial->elements;
    if (threadIdx.x == 0) {
        w->rows = rows;
        w->block_at = block_at;
        w->share = (int)share;
    }
    if (row < Window::ROWS) {
        const int64_t d = rows.channel + row;
        const bool inside = row < rows.rows;
        w->own[row].x =
            inside && Window::SCALAR ? ((const float *)call->tensor[SELSCAN_BWD_A])[d] : 0.0f;
        w->own[row].y = inside ? selscan_bwd_D(call, d) : 0.0f;
    }
}

/* Fills the window with the steps of chunk `chunk`, from `first` on. */
template <enum dtype DTYPE, typename Window>
static inline __device__ void window_load(const struct selscan_bwd_call *call, int chunk,
                                          int64_t first, Window *w)
{
    const int ROWS = Window::ROWS, STEPS = Window::STEPS;
    const struct tile_rows *const r = &w->rows;
    const struct place place = place_of(&call->in.p, r, first, STEPS);
    struct selscan_bwd_raw raw[TURNS<ROWS, STEPS>];

    rows_fetch<DTYPE, ROWS, STEPS>(call, r, &place, raw);
    states_each<Window::CAPACITY, STEPS>(&call->in.p, &place, [&](int, int n, int t, int64_t at) {
        ((float *)w->B[t])[n] = at < 0 ? 0 : dtype_load(call->tensor[SELSCAN_BWD_B], DTYPE, at);
        ((float *)w->C[t])[n] = at < 0 ? 0 : dtype_load(call->tensor[SELSCAN_BWD_C], DTYPE, at);
    });
    rows_each<Window::SCALAR, ROWS, STEPS>(
        call, r, &place, raw, [&](int row, int t, struct selscan_bwd_element e, struct decay a) {
            w->step[t][row] = make_float4(e.delta * e.u, e.dy, Window::SCALAR ? a.whole : e.delta,
                                          Window::SCALAR ? a.rest : 0.0f);
            w->edge[t][row] = make_float4(e.u, e.delta, e.slope, e.gate);
        });
    if (threadIdx.x == 0) {
        w->chunk = chunk;
        w->place = place;
    }
}

/* Writes du, ddelta and dz of the window from its `edge`. */
template <enum dtype DTYPE, typename Window>
static inline __device__ void window_store(const struct selscan_bwd_call *call, const Window *w)
{
    const struct place place = w->place;
    const int rows = w->rows.rows;
    each<Window::ROWS, Window::STEPS>(place.last, place.row, [&](int, int row, int t, int64_t at) {
        const float4 edge = w->edge[t][row];
        if (row < rows && place_has(&place, t))
            selscan_bwd_store(call, DTYPE, at, {edge.x, edge.y, edge.z});
    });
}

/* Adds up the warps' dB and dC of the STRIDE steps from `first` on, in ascending order, to those of
 * the block. */
template <typename Window>
static inline __device__ void window_reduce(const struct selscan *p, const struct partial *partial,
                                            int first, const Window *w)
{
    const struct place place = w->place;
    const int state = (int)p->state;
    struct axes axes = place.bc;
    axes.origin += w->block_at + (int64_t)first * axes.step;
    each<Window::CAPACITY, Window::STRIDE>(place.last, axes, [&](int, int n, int t, int64_t at) {
        float2 sum = ((const float2 *)w->dBC[0][t])[n];
#pragma unroll
        for (int warp = 1; warp < Window::WARPS; warp++) {
            const float2 more = ((const float2 *)w->dBC[warp][t])[n];
            sum.x += more.x;
            sum.y += more.y;
        }
        if (n < state && place_has(&place, first + t)) {
            partial->dB[at] = sum.x;
            partial->dC[at] = sum.y;
        }
    });
}

#endif
