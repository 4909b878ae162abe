/* The walks of selscan_bwd/chunked: h through time and a*dh back, alone, to know them before each
 * chunk and behind each segment.
 *
 * Threads    TILE_THREADS a block; each has a quad of the states of a row, and shares nothing but
 *            the steps with others, of which STEPS are in shared memory at a time.
 * Bits       The walk back does the operations of the gradients themselves, in their order.
 */
#ifndef SSMBENCH_SELSCAN_BWD_TRACK_CUH
#define SSMBENCH_SELSCAN_BWD_TRACK_CUH

#include "plan.cuh"

enum { QUAD = 4 };

template <int CAPACITY, int CHUNK_, int STRIDE_, bool SCALAR_>
struct track {
    static const int CHUNK = CHUNK_, STRIDE = STRIDE_;
    static const bool SCALAR = SCALAR_;
    static const int LANES = CAPACITY / QUAD, ROWS = TILE_THREADS / LANES;
    static const int STEPS = CAPACITY == 64 ? 64 : 32, CHUNKS = STEPS / CHUNK;

    float4 step[STEPS][ROWS + 1]; /* as in a window, but x or dy first, and then delta' */
    float4 BC[STEPS][LANES + 1];  /* B or C */
};

template <typename Track>
static inline __device__ int track_row(void)
{
    return (int)threadIdx.x / Track::LANES;
}
template <typename Track>
static inline __device__ int track_lane(void)
{
    return (int)threadIdx.x % Track::LANES;
}

/* Fills the track with `count` steps from `first` on, with x and B, or dy and C. */
template <enum dtype DTYPE, bool FORWARD, typename Track>
static inline __device__ void track_load(const struct selscan_bwd_call *call,
                                         const struct tile_rows *r, int64_t first, int count,
                                         Track *track)
{
    const int ROWS = Track::ROWS, STEPS = Track::STEPS;
    const struct place place = place_of(&call->in.p, r, first, count);
    struct selscan_bwd_raw raw[TURNS<ROWS, STEPS>];

    rows_fetch<DTYPE, ROWS, STEPS>(call, r, &place, raw);
    states_each<QUAD * Track::LANES, STEPS>(&call->in.p, &place, [&](int n, int t, int64_t at) {
        const void *const bc = call->tensor[FORWARD ? SELSCAN_BWD_B : SELSCAN_BWD_C];
        ((float *)track->BC[t])[n] = at < 0 ? 0 : dtype_load(bc, DTYPE, at);
    });
    rows_each<Track::SCALAR, ROWS, STEPS>(
        call, r, &place, raw, [&](int row, int t, struct selscan_bwd_element e, struct decay a) {
            track->step[t][row] =
                make_float4(FORWARD ? e.delta * e.u : e.dy, e.delta,
                            Track::SCALAR ? a.whole : e.delta, Track::SCALAR ? a.rest : 0.0f);
        });
}

/* Takes the thread's h through the chunk whose first step is `first`, or back from a*dh of the step
 * behind to that of the first. Returns the sum of delta'. */
template <bool FORWARD, typename Track>
static inline __device__ float track_walk(const Track *track, int first, const float A[QUAD],
                                          float h[QUAD])
{
    float total = 0;
#pragma unroll 1
    for (int done = 0; done < Track::CHUNK; done += Track::STRIDE) {
        struct decay behind[QUAD];
#pragma unroll
        for (int i = 0; i < Track::STRIDE; i++) {
            const int t = first + (FORWARD ? done + i : Track::CHUNK - 1 - done - i);
            const float4 step = track->step[t][track_row<Track>()];
            const float4 quad = track->BC[t][track_lane<Track>()];
            const float bc[QUAD] = {quad.x, quad.y, quad.z, quad.w};
            total += step.y;
#pragma unroll
            for (int s = 0; s < QUAD; s++) {
                const struct decay a = window_decay<Track>(step, A[s]);
                if (FORWARD || i)
                    h[s] = selscan_step(h[s], FORWARD ? a : behind[s], step.x, bc[s]);
                else
                    h[s] = fmaf(step.x, bc[s], h[s]);
                behind[s] = a;
            }
        }
#pragma unroll
        for (int s = 0; s < QUAD; s++)
            if (!FORWARD)
                h[s] = decay_apply(behind[s], h[s]);
    }
    return total;
}

/* Takes the thread's h through the chunks of a span, or a*dh back, and leaves them where the plan
 * has them. A LOCAL walk starts from zero and leaves what it ends with, and the sum of delta'. */
template <bool FORWARD, bool LOCAL, typename Track>
static inline __device__ void walk_span(const struct selscan_bwd_call *call,
                                        const struct plan *plan, const struct tile_rows *r,
                                        int span, Track *track)
{
    const struct selscan *p = &call->in.p;
    const int64_t d = r->channel + track_row<Track>(), row = r->b * p->channels + d;
    const int n = track_lane<Track>() * QUAD;
    const bool inside = track_row<Track>() < r->rows && n < p->state;
    const int begin = span * plan->span, end = plan_end(plan, begin, plan->span);
    const struct states from = FORWARD ? plan_h(call, plan, begin) : plan_passed(call, plan, end);
    float A[QUAD], h[QUAD], total = 0;

#pragma unroll
    for (int s = 0; s < QUAD; s++) {
        const bool there = inside && n + s < p->state;
        A[s] = there ? ((const float *)call->tensor[SELSCAN_BWD_A])[selscan_a_at(p, d, n + s)] : 0;
        h[s] = !LOCAL && there ? states_at(from, row, n + s) : 0;
    }
    for (int done = 0; done < end - begin; done += Track::CHUNKS) {
        const int left = end - begin - done, count = left < Track::CHUNKS ? left : Track::CHUNKS;
        const int lowest = FORWARD ? begin + done : end - done - count;
        typed(p, [&](auto dtype) {
            track_load<decltype(dtype)::value, FORWARD>(
                call, r, lowest * (int64_t)Track::CHUNK - plan->before, count * Track::CHUNK,
                track);
        });
        __syncthreads(); /* the track is whole */
        for (int i = 0; i < count; i++) {
            const int chunk = FORWARD ? i : count - 1 - i;
            total += track_walk<FORWARD>(track, chunk * Track::CHUNK, A, h);
            const int border = lowest + chunk + (FORWARD ? 1 : 0);
            const bool kept = inside && LOCAL == (border == (FORWARD ? end : begin));
            if (kept && (FORWARD ? border < plan->chunks : (border & (plan->segment - 1)) == 0)) {
                const struct states to =
                    FORWARD ? plan_h(call, plan, border) : plan_passed(call, plan, border);
                *(float4 *)&to.array[row * to.pitch + n] = make_float4(h[0], h[1], h[2], h[3]);
            }
        }
        __syncthreads(); /* it is walked */
    }
    if (LOCAL && inside && n == 0)
        *plan_total_at(plan, FORWARD, span, row) = total;
}

/* Blocks of rows and spans share the grid's one dimension: first `forward` spans for h. LOCAL walks
 * back leave out the first span, as nothing lies before it. */
template <bool LOCAL, typename Track>
static __global__ void __launch_bounds__(TILE_THREADS, 2)
    walk(const struct selscan_bwd_call call, const struct plan plan, int64_t row_blocks,
         int forward)
{
    DYNAMIC_SHARED(Track, track);
    const struct tile_rows r = tile_rows_of<Track>(&call.in.p, blockIdx.x % row_blocks);
    const int span = (int)(blockIdx.x / row_blocks);
    if (span < forward)
        walk_span<true, LOCAL>(&call, &plan, &r, span, track);
    else
        walk_span<false, LOCAL>(&call, &plan, &r, span - forward + (LOCAL ? 1 : 0), track);
}

/* Turns what the LOCAL walks of a state have left into what is really there. */
template <bool FORWARD>
static inline __device__ void join_spans(const struct selscan_bwd_call *call,
                                         const struct plan *plan, int64_t row, int64_t n)
{
    const struct selscan *p = &call->in.p;
    const float A =
        ((const float *)call->tensor[SELSCAN_BWD_A])[selscan_a_at(p, row % p->channels, n)];
    float h = FORWARD ? selscan_initial(&call->in, row, n) : selscan_bwd_dfinal(call, row, n);
    for (int i = 1; i < plan->spans; i++) {
        const int span = FORWARD ? i - 1 : plan->spans - i;
        const struct states to = FORWARD ? plan_h(call, plan, (span + 1) * plan->span)
                                         : plan_passed(call, plan, span * plan->span);
        const float total = *plan_total_at(plan, FORWARD, span, row);
        float *const end = &to.array[row * to.pitch + n];
        h = selscan_step(h, decay_ex2(A * total), 1.0f, *end);
        *end = h;
    }
}

static __global__ void __launch_bounds__(TILE_THREADS)
    join(const struct selscan_bwd_call call, const struct plan plan)
{
    const int64_t i = thread_index(), states = plan.rows * call.in.p.state;
    if (i < states)
        join_spans<true>(&call, &plan, i / call.in.p.state, i % call.in.p.state);
    else if (i < 2 * states)
        join_spans<false>(&call, &plan, (i - states) / call.in.p.state, i % call.in.p.state);
}

/* h before each chunk, and a*dh behind each segment. */
template <typename Window>
static int walk_all(const struct selscan_bwd_call &call, const struct plan &plan, void *stream)
{
    typedef struct track<Window::CAPACITY, Window::STEPS, Window::STRIDE, Window::SCALAR> Track;
    const int64_t row_blocks = tile_row_blocks(&call.in.p, Track::ROWS);
    const int back = plan.segment < plan.span && plan.segment < plan.chunks ? plan.spans : 0;
    int error = 0;
    if (plan.spans > 1)
        error = launch((walk<true, Track>), row_blocks * 2 * (plan.spans - 1), TILE_THREADS,
                       sizeof(Track), stream, call, plan, row_blocks, plan.spans - 1);
    if (plan.spans > 1 && !error)
        error = launch(join, blocks_for(2 * plan.rows * call.in.p.state, TILE_THREADS),
                       TILE_THREADS, 0, stream, call, plan);
    if (!error)
        error = launch((walk<false, Track>), row_blocks * (plan.spans + back), TILE_THREADS,
                       sizeof(Track), stream, call, plan, row_blocks, plan.spans);
    return error;
}

#endif
