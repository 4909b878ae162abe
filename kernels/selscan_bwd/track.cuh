/* The walks of selscan_bwd/chunked: h through time and a*dh back, alone, to know them before each
 * chunk and behind each segment.
 *
 * Threads    TILE_THREADS a block. LANES neighbours have the states of HELD rows, each STATES of
 *            every one; when WIDE, for problems of few rows, a thread has one state of one row.
 *            They share nothing but the steps, STEPS of them in shared memory at a time; those that
 *            come next are loaded while these are walked.
 * Bits       The walk back does the operations of the gradients themselves, in their order. Those
 *            of a state are the same whoever has it.
 */
#ifndef SSMBENCH_SELSCAN_BWD_TRACK_CUH
#define SSMBENCH_SELSCAN_BWD_TRACK_CUH

#include "plan.cuh"

/* Walks are WIDE when there would be fewer than FEW blocks else. */
enum { FEW = 33 };

template <int COUNT>
struct alignas(COUNT * sizeof(float)) floats {
    float of[COUNT];
};

template <int CAPACITY_, int CHUNK_, int STRIDE_, bool SCALAR_, bool WIDE>
struct track {
    static const int CAPACITY = CAPACITY_, CHUNK = CHUNK_, STRIDE = STRIDE_;
    static const bool SCALAR = SCALAR_;
    static const int STATES = WIDE ? 1 : 4, LANES = CAPACITY / STATES;
    static const int HELD = WIDE || !SCALAR ? 1 : 2, CELLS = HELD * STATES;
    static const int ROWS = TILE_THREADS / LANES * HELD;
    static const int STEPS = CAPACITY == 64 && HELD == 1      ? 64
                             : CAPACITY == 256 || ROWS == 128 ? 16
                                                              : 32;
    static const int CHUNKS = STEPS / CHUNK;

    float4 step[STEPS][ROWS + 1]; /* x or dy, delta', and the decay as in a window, or both parts of
                                     it in one for what passes through a chunk at once */
    struct floats<STATES> BC[STEPS][LANES + 1]; /* B or C */
};

/* What a thread has loaded of the steps that come next. */
template <typename Track>
struct ahead {
    struct place place;
    struct selscan_bwd_raw raw[TURNS<Track::ROWS, Track::STEPS>];
    float BC[TURNS<Track::CAPACITY, Track::STEPS>];
};

/* The row of the block that the thread holds as its `held`-th. */
template <typename Track>
static inline __device__ int track_row(int held)
{
    return (int)threadIdx.x / Track::LANES * Track::HELD + held;
}
template <typename Track>
static inline __device__ int track_lane(void)
{
    return (int)threadIdx.x % Track::LANES;
}

/* Loads `count` steps from `first` on, with B, or with C. */
template <enum dtype DTYPE, bool FORWARD, typename Track>
static inline __device__ void track_fetch(const struct selscan_bwd_call *call,
                                          const struct tile_rows *r, int64_t first, int count,
                                          struct ahead<Track> *ahead)
{
    const void *const bc = call->tensor[FORWARD ? SELSCAN_BWD_B : SELSCAN_BWD_C];
    ahead->place = place_of(&call->in.p, r, first, count);
    rows_fetch<DTYPE, Track::ROWS, Track::STEPS>(call, r, &ahead->place, ahead->raw);
    states_each<Track::CAPACITY, Track::STEPS>(
        &call->in.p, &ahead->place, [&](int turn, int, int, int64_t at) {
            ahead->BC[turn] = at < 0 ? 0 : dtype_load(bc, DTYPE, at);
        });
}

/* Fills the track with x and B, or dy and C, of what is loaded. */
template <bool FORWARD, typename Track>
static inline __device__ void track_fill(const struct selscan_bwd_call *call,
                                         const struct tile_rows *r,
                                         const struct ahead<Track> *ahead, Track *track)
{
    each<Track::CAPACITY, Track::STEPS>(
        ahead->place.last, ahead->place.bc,
        [&](int turn, int n, int t, int64_t) { ((float *)track->BC[t])[n] = ahead->BC[turn]; });
    rows_each<Track::SCALAR, Track::ROWS, Track::STEPS>(
        call, r, &ahead->place, ahead->raw,
        [&](int row, int t, struct selscan_bwd_element e, struct decay a) {
            const float x = FORWARD ? e.delta * e.u : e.dy;
            track->step[t][row] = !Track::SCALAR ? make_float4(x, e.delta, e.delta, 0)
                                  : FORWARD      ? make_float4(x, e.delta, a.whole + a.rest, 0)
                                                 : make_float4(x, e.delta, a.whole, a.rest);
        });
}

/* Takes the thread's h, [held][state], through the chunk whose first step is `first`, or back from
 * a*dh of the step behind to that of the first. Adds its delta' to those of the held rows. */
template <bool FORWARD, typename Track>
static inline __device__ void track_walk(const Track *track, int first, const float A[], float h[],
                                         float total[])
{
    const int STATES = Track::STATES, CELLS = Track::CELLS;
#pragma unroll 1
    for (int done = 0; done < Track::CHUNK; done += Track::STRIDE) {
        struct decay behind[CELLS];
#pragma unroll
        for (int i = 0; i < Track::STRIDE; i++) {
            const int t = first + (FORWARD ? done + i : Track::CHUNK - 1 - done - i);
            const struct floats<STATES> bc = track->BC[t][track_lane<Track>()];
#pragma unroll
            for (int c = 0; c < CELLS; c++) {
                const float4 step = track->step[t][track_row<Track>(c / STATES)];
                const struct decay a = window_decay<Track>(step, A[c]);
                if (FORWARD || i)
                    h[c] = selscan_step(h[c], FORWARD ? a : behind[c], step.x, bc.of[c % STATES]);
                else
                    h[c] = fmaf(step.x, bc.of[c % STATES], h[c]);
                behind[c] = a;
                total[c / STATES] += c % STATES ? 0 : step.y;
            }
        }
#pragma unroll
        for (int c = 0; c < CELLS; c++)
            if (!FORWARD)
                h[c] = decay_apply(behind[c], h[c]);
    }
}

/* Takes h through the chunk at once, which a scalar A allows: what its decays leave of h, and what
 * each step brings times those behind it. */
template <typename Track>
static inline __device__ void track_pass(const Track *track, int first, const float A[], float h[],
                                         float total[])
{
    const int STATES = Track::STATES;
    float brought[Track::CELLS], left[Track::HELD], sum[Track::HELD];
#pragma unroll
    for (int c = 0; c < Track::CELLS; c++) {
        brought[c] = sum[c / STATES] = 0;
        left[c / STATES] = 1;
    }
#pragma unroll(Track::STRIDE)
    for (int t = first + Track::CHUNK - 1; t >= first; t--) {
        const struct floats<STATES> bc = track->BC[t][track_lane<Track>()];
#pragma unroll
        for (int r = 0; r < Track::HELD; r++) {
            const float4 step = track->step[t][track_row<Track>(r)];
            const float x = step.x * left[r];
#pragma unroll
            for (int s = 0, c = r * STATES; s < STATES; s++, c++)
                brought[c] = fmaf(x, bc.of[s], brought[c]);
            left[r] *= step.z;
            sum[r] += step.y;
        }
    }
#pragma unroll
    for (int r = 0; r < Track::HELD; r++) {
        const struct decay a = decay_ex2(A[r * STATES] * sum[r]);
#pragma unroll
        for (int s = 0, c = r * STATES; s < STATES; s++, c++)
            h[c] = selscan_step(h[c], a, 1, brought[c]);
        total[r] += sum[r];
    }
}

/* The chunks of a track. */
struct chunks {
    int lowest, count;
};

/* Those that are walked next when `left` of the ones from `begin` to `end` are left. */
template <bool FORWARD, typename Track>
static inline __device__ struct chunks chunks_next(int begin, int end, int left)
{
    const int count = left < Track::CHUNKS ? left : Track::CHUNKS;
    return {FORWARD ? end - left : begin + left - count, count};
}

/* Takes the thread's h through the chunks of a span, or a*dh back, and leaves them where the plan
 * has them. A local walk starts from zero and leaves what it ends with, and the sum of delta'. */
template <bool FORWARD, typename Track>
static inline __device__ void walk_span(const struct selscan_bwd_call *call,
                                        const struct plan *plan, const struct tile_rows *r,
                                        int span, bool local, Track *track)
{
    const int HELD = Track::HELD, STATES = Track::STATES;
    const struct selscan *p = &call->in.p;
    const int64_t d = r->channel + track_row<Track>(0), row = r->b * p->channels + d;
    const int n = track_lane<Track>() * STATES;
    const int held = n < plan->pitch ? r->rows - track_row<Track>(0) : 0; /* that are inside */
    const int begin = span * plan->span, end = plan_end(plan, begin, plan->span);
    const struct states from = FORWARD ? plan_h(call, plan, begin) : plan_passed(call, plan, end);
    float A[Track::CELLS], h[Track::CELLS], total[HELD];
    struct ahead<Track> ahead;
    const auto fetch = [&](struct chunks at) {
        typed(p, [&](auto dtype) {
            track_fetch<decltype(dtype)::value, FORWARD>(
                call, r, at.lowest * (int64_t)Track::CHUNK - plan->before, at.count * Track::CHUNK,
                &ahead);
        });
    };

    int left = end - begin;
    struct chunks at = chunks_next<FORWARD, Track>(begin, end, left);
    fetch(at);
#pragma unroll
    for (int c = 0; c < Track::CELLS; c++) {
        const int k = c / STATES, s = n + c % STATES;
        const bool there = k < held && s < p->state;
        A[c] = there ? ((const float *)call->tensor[SELSCAN_BWD_A])[selscan_a_at(p, d + k, s)] : 0;
        h[c] = !local && there ? states_at(from, row + k, s) : 0;
        total[k] = 0;
    }
    while (left) {
        track_fill<FORWARD>(call, r, &ahead, track);
        __syncthreads(); /* the track is whole */
        left -= at.count;
        const struct chunks next = chunks_next<FORWARD, Track>(begin, end, left);
        if (left) /* cost only: else no step is there to load */
            fetch(next);
        for (int i = 0; i < at.count; i++) {
            const int chunk = FORWARD ? i : at.count - 1 - i;
            const int border = at.lowest + chunk + (FORWARD ? 1 : 0);
            if constexpr (FORWARD && Track::SCALAR)
                track_pass(track, chunk * Track::CHUNK, A, h, total);
            else
                track_walk<FORWARD>(track, chunk * Track::CHUNK, A, h, total);
            if (local != (border == (FORWARD ? end : begin)) ||
                (FORWARD ? border == plan->chunks : border % plan->segment))
                continue;
            const struct states to =
                FORWARD ? plan_h(call, plan, border) : plan_passed(call, plan, border);
#pragma unroll
            for (int k = 0; k < HELD; k++) {
                struct floats<STATES> part;
                memcpy(part.of, &h[k * STATES], sizeof part);
                if (k < held)
                    *(struct floats<STATES> *)&to.array[(row + k) * to.pitch + n] = part;
            }
        }
        __syncthreads(); /* it is walked */
        at = next;
    }
#pragma unroll
    for (int k = 0; k < HELD; k++)
        if (local && k < held && n == 0)
            *plan_total_at(plan, FORWARD, span, row + k) = total[k];
}

/* Blocks of rows and spans share the grid's one dimension: first `forward` spans for h. Local walks
 * back leave out the first span, as nothing lies before it. */
template <typename Track>
static __global__ void __launch_bounds__(TILE_THREADS, 2)
    walk(const struct selscan_bwd_call call, const struct plan plan, int64_t row_blocks,
         int forward, bool local)
{
    DYNAMIC_SHARED(Track, track);
    let_next_start(); /* cost only: or it starts later */
    const struct tile_rows r = tile_rows_of<Track>(&call.in.p, blockIdx.x % row_blocks);
    const int span = (int)(blockIdx.x / row_blocks);
    if (span < forward)
        walk_span<true>(&call, &plan, &r, span, local, track);
    else
        walk_span<false>(&call, &plan, &r, span - forward + local, local, track);
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
template <typename Track>
static int walk_rows(const struct selscan_bwd_call &call, const struct plan &plan, void *stream)
{
    const int64_t row_blocks = tile_row_blocks(&call.in.p, Track::ROWS);
    const int back = plan.segment < plan.span && plan.segment < plan.chunks ? plan.spans : 0;
    int error = 0;
    if (plan.spans > 1)
        error = launch(walk<Track>, row_blocks * 2 * (plan.spans - 1), TILE_THREADS, sizeof(Track),
                       stream, call, plan, row_blocks, plan.spans - 1, true);
    if (plan.spans > 1 && !error)
        error = launch(join, blocks_for(2 * plan.rows * call.in.p.state, TILE_THREADS),
                       TILE_THREADS, 0, stream, call, plan);
    if (!error)
        error = launch(walk<Track>, row_blocks * (plan.spans + back), TILE_THREADS, sizeof(Track),
                       stream, call, plan, row_blocks, plan.spans, false);
    return error;
}
template <typename Window>
static int walk_all(const struct selscan_bwd_call &call, const struct plan &plan, void *stream)
{
    const int CAPACITY = Window::CAPACITY, STEPS = Window::STEPS, STRIDE = Window::STRIDE;
    typedef struct track<CAPACITY, STEPS, STRIDE, Window::SCALAR, false> Deep;
    typedef struct track<CAPACITY, STEPS, STRIDE, Window::SCALAR, true> Wide;
    if (tile_row_blocks(&call.in.p, Deep::ROWS) * plan.spans < FEW) /* cost only: the same bits */
        return walk_rows<Wide>(call, plan, stream);
    return walk_rows<Deep>(call, plan, stream);
}

#endif
