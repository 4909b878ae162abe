/* Steps of the rows of a block in memory, for selscan_bwd/chunked: where they lie, and which of
 * them each of TILE_THREADS threads takes.
 *
 * Order      Threads run along the axis that is contiguous. What a thread loads of rows comes
 *            before all that it works out from it, so that many loads are under way.
 * Zeros      Rows, states and steps that the problem does not have are zeros: they change no
 *            state.
 */
#ifndef SSMBENCH_SELSCAN_BWD_PLACE_CUH
#define SSMBENCH_SELSCAN_BWD_PLACE_CUH

#include "../selscan/decay.cuh"
#include "../selscan/tile.cuh"
#include "common.h"

/* The index of the thread. The compiler does not know it for the same each time: so it works out
 * what depends on it where it is used, and does not keep it in registers that others want. */
static inline __device__ int thread_of_block(void)
{
    int thread = (int)threadIdx.x;
    asm volatile("" : "+r"(thread)); /* GPU only: spares registers */
    return thread;
}

/* Where the first element of a tensor that a block takes lies, at a step; how far apart its rows or
 * states are, and steps, in the order of the recurrence. */
struct axes {
    int64_t origin;
    int next, step;
};

struct place {
    struct axes row, bc;
    int begin, end; /* of the steps from there on, those that are */
    bool last;      /* channels and states are neighbours in memory, not steps */
};

static inline __device__ struct place place_of(const struct selscan *p, const struct tile_rows *r,
                                               int64_t step, int steps)
{
    const int64_t t = selscan_time(p, step), next = p->reverse ? -1 : 1;
    struct place at;
    at.row.origin = selscan_at(p, r->b, r->channel, t);
    at.row.next = (int)selscan_at(p, 0, 1, 0);
    at.row.step = (int)(next * selscan_at(p, 0, 0, 1));
    at.bc.origin = selscan_bc_at(p, r->b, r->group, 0, t);
    at.bc.next = (int)selscan_bc_at(p, 0, 0, 1, 0);
    at.bc.step = (int)(next * selscan_bc_at(p, 0, 0, 0, 1));
    at.begin = step < 0 ? (int)-step : 0;
    at.end = steps;
    at.last = (int)p->layout == CHANNEL_LAST; /* cost only: neighbours in memory */
    return at;
}

static inline __device__ bool place_has(const struct place *at, int t)
{
    return at->begin <= t && t < at->end;
}

template <int COUNT, int STEPS>
static constexpr int TURNS = (COUNT * STEPS + TILE_THREADS - 1) / TILE_THREADS;

template <int COUNT, int STEPS>
static constexpr int UNROLLED = TURNS<COUNT, STEPS> <= 16 ? TURNS<COUNT, STEPS> : 4;

/* Calls body(turn, i, t, at) for i < COUNT and t < STEPS, a thread for those of its turns; threads
 * run along i when `last`, else along t. The element lies at `at` of `axes`. */
template <int COUNT, int STEPS, typename Body>
static inline __device__ void each(bool last, struct axes axes, Body body)
{
    const int thread = thread_of_block();
    const int i_turn = last ? 0 : TILE_THREADS / STEPS, t_turn = last ? TILE_THREADS / COUNT : 0;
    const int64_t turns = (int64_t)i_turn * axes.next + (int64_t)t_turn * axes.step;
    int i = last ? thread % COUNT : thread / STEPS, t = last ? thread / COUNT : thread % STEPS;
    int64_t at = axes.origin + (int64_t)i * axes.next + (int64_t)t * axes.step;
#pragma unroll(UNROLLED <COUNT, STEPS>)
    for (int turn = 0; turn < TURNS<COUNT, STEPS>; turn++) {
        if (COUNT * STEPS >= TILE_THREADS || thread < COUNT * STEPS)
            body(turn, i, t, at);
        i += i_turn;
        t += t_turn;
        at += turns;
    }
}

/* run(DTYPE), where DTYPE is p->dtype as a constant. */
template <typename Run>
static inline __device__ void typed(const struct selscan *p, Run run)
{
    const int dtype = (int)p->dtype;
    if (dtype == DTYPE_F32)
        run(std::integral_constant<enum dtype, DTYPE_F32>());
    else if (dtype == DTYPE_BF16)
        run(std::integral_constant<enum dtype, DTYPE_BF16>());
    else
        run(std::integral_constant<enum dtype, DTYPE_F16>());
}

/* Loads u, delta, dout and z of the steps of `at`, a thread those of its turns. */
template <enum dtype DTYPE, int ROWS, int STEPS>
static inline __device__ void rows_fetch(const struct selscan_bwd_call *call,
                                         const struct tile_rows *r, const struct place *at,
                                         struct selscan_bwd_raw raw[])
{
    each<ROWS, STEPS>(at->last, at->row, [&](int turn, int row, int t, int64_t element) {
        raw[turn] = {0, 0, 0, 0};
        if (row < r->rows && place_has(at, t))
            raw[turn] = selscan_bwd_raw_at(call, DTYPE, element);
    });
}

/* Calls body(row, t, element, decay) for what was fetched; zeros have a decay of 1. If not SCALAR,
 * the decay is that of nothing. */
template <bool SCALAR, int ROWS, int STEPS, typename Body>
static inline __device__ void rows_each(const struct selscan_bwd_call *call,
                                        const struct tile_rows *r, const struct place *at,
                                        const struct selscan_bwd_raw raw[], Body body)
{
    each<ROWS, STEPS>(at->last, at->row, [&](int turn, int row, int t, int64_t) {
        struct selscan_bwd_element e = {0, 0, 0, 0, 0};
        float A = 0;
        if (row < r->rows && place_has(at, t)) {
            e = selscan_bwd_element_of(call, r->channel + row, raw[turn]);
            A = SCALAR ? ((const float *)call->tensor[SELSCAN_BWD_A])[r->channel + row] : 0.0f;
        }
        body(row, t, e, decay_ex2(e.delta * A));
    });
}

/* Calls body(turn, n, t, at) for all states and steps, where `at` is where their B is, or negative.
 */
template <int CAPACITY, int STEPS, typename Body>
static inline __device__ void states_each(const struct selscan *p, const struct place *at,
                                          Body body)
{
    const int state = (int)p->state;
    each<CAPACITY, STEPS>(at->last, at->bc, [&](int turn, int n, int t, int64_t element) {
        body(turn, n, t, n < state && place_has(at, t) ? element : -1);
    });
}

#endif
