/* The tiles of selscan/tiled in shared memory, and what happens to their steps before and behind
 * the walk of the states.
 *
 * Tile       STEPS steps of the channels of a block. u, delta and z of a warp's own rows, and B and
 *            C of the whole block, are copied as they are (lines.cuh); B and C become floats.
 * Span       SPAN steps of a tile, which a warp prepares, walks and finishes. A thread has some
 *            rows of one step, or with channel_last some steps of one row; or, where all rows begin
 *            on boundaries of 16 bytes, words of four steps.
 */
#ifndef SSMBENCH_SELSCAN_SPANS_CUH
#define SSMBENCH_SELSCAN_SPANS_CUH

#include "lines.cuh"
#include "states.cuh"

#ifndef TILED_STEPS
#define TILED_STEPS 32 /* of a tile */
#endif
#ifndef TILED_SPAN
#define TILED_SPAN 16 /* steps that a warp prepares, walks and finishes at a time */
#endif
#ifndef TILED_WARPS
#define TILED_WARPS 4
#endif

enum {
    WARP = 32,
    WARPS = TILED_WARPS,
    THREADS = WARPS * WARP,
    STEPS = TILED_STEPS,
    SPAN = TILED_SPAN,
    STAGES = 2
};

static_assert(STEPS % SPAN == 0 && SPAN % EXACT == 0 && WARP % SPAN == 0, "spans cover tiles");

/* What is copied of the rows of a warp. */
enum { U, DELTA, Z, ROW_TENSORS };

template <enum dtype DTYPE_, int LANES_, bool LAST_>
struct shape {
    static const enum dtype DTYPE = DTYPE_;
    static const bool LAST = LAST_; /* channel_last */
    static const int LANES = LANES_, CAPACITY = LANES * QUAD, GROUPS = WARP / LANES;
    static const int WARP_ROWS = GROUPS * HELD, ROWS = WARP_ROWS * WARPS;
    static const int ROW_LINE = LAST ? WARP_ROWS : STEPS, STATE_LINE = LAST ? CAPACITY : STEPS;
    static const int ROW_WORDS = WARP_ROWS * STEPS / ROW_LINE * LINE_PITCH<DTYPE, ROW_LINE>;
    static const int STATE_WORDS = CAPACITY * STEPS / STATE_LINE * LINE_PITCH<DTYPE, STATE_LINE>;

    /* From lane to lane, and from row to row: other banks for rows beside one another where threads
     * have those. */
    static const int Y_LANE = SPAN + 4, Y_ROW = LANES * Y_LANE + (LAST ? 4 : 0);

    struct rows {
        uint4 copied[STAGES][ROW_TENSORS][ROW_WORDS];
        struct row_step step[WARP_ROWS][SPAN + 2];
        float y[WARP_ROWS][Y_ROW]; /* C*h, summed over the states of a thread: by lane, step */
        float bias[WARP_ROWS], D[WARP_ROWS];
    };
    uint4 copied[STAGES][2][STATE_WORDS];
    float4 B[STEPS][LANES + 1], C[STEPS][LANES + 1];
    struct rows warp[WARPS];
};

/* The rows of a warp: `rows` channels from `channel` on, of one batch and group. */
struct warp_rows {
    int64_t b, group, channel;
    int rows;
};

/* Where the steps of a tile are in memory. */
struct place {
    int count;          /* of steps */
    int origin, onward; /* the time of step i is origin + onward*i */
    struct lines rows, states;
};

/* The tile whose first step is `first`, of those before `end`. */
template <typename Shape>
static inline __device__ struct place place_of(const struct selscan *p, const struct warp_rows *w,
                                               int64_t first, int64_t end)
{
    struct place to;
    to.count = end - first < STEPS ? (int)(end - first) : STEPS;
    to.origin = p->reverse ? to.count - 1 : 0;
    to.onward = p->reverse ? -1 : 1;
    const int64_t time = p->reverse ? p->length - first - to.count : first;
    to.rows.first = selscan_at(p, w->b, w->channel, time);
    to.states.first = selscan_bc_at(p, w->b, w->group, 0, time);
    to.rows.stride = Shape::LAST ? p->channels : p->length;
    to.states.stride = Shape::LAST ? p->groups * p->state : p->length;
    to.rows.count = Shape::LAST ? to.count : w->rows;
    to.states.count = Shape::LAST ? to.count : (int)p->state;
    to.rows.length = Shape::LAST ? w->rows : to.count;
    to.states.length = Shape::LAST ? (int)p->state : to.count;
    return to;
}

static inline __device__ int lane_of_warp(void)
{
    return (int)threadIdx.x % WARP;
}

/* Starts to copy a tile into a stage; B, and for OUT also C and z. */
template <bool OUT, typename Shape>
static inline __device__ void copy_tile(const struct selscan_call *call, const struct place *from,
                                        int stage, Shape *tile, typename Shape::rows *rows)
{
    const struct selscan *p = &call->p;
    const int64_t elements = p->batch * p->channels * p->length;
    const int64_t state_elements = p->batch * p->groups * p->state * p->length;
    const auto copy = [&](enum selscan_tensor tensor, int to) {
        lines_copy<Shape::DTYPE, Shape::ROW_LINE, WARP>(&from->rows, call->tensor[tensor], elements,
                                                        lane_of_warp(), rows->copied[stage][to]);
    };
    const auto copy_states = [&](enum selscan_tensor tensor, int to) {
        lines_copy<Shape::DTYPE, Shape::STATE_LINE, THREADS>(&from->states, call->tensor[tensor],
                                                             state_elements, (int)threadIdx.x,
                                                             tile->copied[stage][to]);
    };

    copy(SELSCAN_U, U);
    copy(SELSCAN_DELTA, DELTA);
    if (OUT && p->gate)
        copy(SELSCAN_Z, Z);
    copy_states(SELSCAN_B, 0);
    if (OUT) /* cost only: nobody else reads it */
        copy_states(SELSCAN_C, 1);
    copy_async_commit();
}

/* The element of `row` (or state) at `time` of the tile, of lines of LENGTH that were copied. */
template <typename Shape, int LENGTH>
static inline __device__ float copied_element(const uint4 *copied, struct line_phases phases,
                                              int row, int time)
{
    const int PITCH = LINE_PITCH<Shape::DTYPE, LENGTH> * VECTOR<Shape::DTYPE>;
    const int line = Shape::LAST ? time : row, k = Shape::LAST ? row : time;
    return line_element<Shape::DTYPE>(copied,
                                      line * PITCH + line_phase<Shape::DTYPE>(phases, line) + k);
}

/* The time in a tile of its step i; a time of the tile if there is no such step. */
static inline __device__ int time_of(const struct place *at, int i)
{
    const int time = at->origin + at->onward * i;
    return time < 0 ? 0 : time;
}

/* Makes floats of what a stage has of B or C: zeros for states and steps that are not there. */
template <typename Shape>
static inline __device__ void widen(const struct selscan *p, const void *array,
                                    const struct place *at, const uint4 *copied,
                                    float4 (*to)[Shape::LANES + 1])
{
#pragma unroll
    for (int turn = 0; turn < STEPS * Shape::LANES; turn += THREADS) {
        const int step = (turn + (int)threadIdx.x) % STEPS,
                  lane = (turn + (int)threadIdx.x) / STEPS;
        const struct line_phases phases = line_phases_of<Shape::DTYPE>(&at->states, array);
        if (STEPS * Shape::LANES % THREADS && lane >= Shape::LANES)
            break;
        float value[QUAD];
#pragma unroll
        for (int j = 0; j < QUAD; j++) {
            const int n = lane * QUAD + j;
            value[j] =
                copied_element<Shape, Shape::STATE_LINE>(copied, phases, n, time_of(at, step));
            if (n >= p->state || step >= at->count)
                value[j] = 0;
        }
        to[step][lane] = make_float4(value[0], value[1], value[2], value[3]);
    }
}

/* log(1 + exp(x)) to 4e-7 of it: max(x, 0) + log1p(e), and log1p(e) = 2*artanh(e/(2 + e)), by a
 * polynomial interpolated in Chebyshev's points. */
static inline __device__ float softplus_ex2(float x)
{
    const float e = ex2(-LOG2_E * fabsf(x)), s = e * rcp(2.0f + e), z = s * s;
    const float series = fmaf(fmaf(fmaf(0.34203619f, z, 0.39593187f), z, 0.66675848f), z, 2.0f);
    return fmaf(s, series, fmaxf(x, 0.0f));
}

/* delta' and delta'*u of a step from its delta, bias added, and u. */
template <bool SOFTPLUS>
static inline __device__ struct row_step step_of(float delta, float u)
{
    struct row_step step;
    step.delta = SOFTPLUS ? softplus_ex2(delta) : delta;
    step.x = step.delta * u;
    return step;
}

/* out of a step, before it is rounded. */
template <bool GATE>
static inline __device__ float out_of(float y, float D, float u, float z)
{
    y = fmaf(D, u, y);
    return GATE ? y * (z * sigmoid_ex2(z)) : y;
}

/* The steps of a tile from `begin` on, for a warp. Its loops are unrolled, without branches, so
 * that the steps of a thread are under way together. */
template <typename Shape>
struct span {
    static const enum dtype DTYPE = Shape::DTYPE;
    static const int ROWS = Shape::WARP_ROWS;

    const struct selscan_call *call;
    const struct warp_rows *w;
    const struct place *at;
    typename Shape::rows *rows;
    int stage, begin;

    /* The steps, with zeros, which change no state, where there is no row or step. */
    template <bool SOFTPLUS>
    __device__ void prepare(void) const
    {
        const struct line_phases u = phases_of(SELSCAN_U), delta = phases_of(SELSCAN_DELTA);
        each([&](int row, int i) {
            struct row_step step = step_of<SOFTPLUS>(
                element(DELTA, delta, row, i) + rows->bias[row], element(U, u, row, i));
            if (row >= w->rows || begin + i >= at->count)
                step.delta = step.x = 0;
            rows->step[row][i] = step;
        });
    }

    /* out from the sums that the threads of a row have left. */
    template <bool GATE>
    __device__ void finish(void) const
    {
        const struct line_phases u = phases_of(SELSCAN_U), z = phases_of(SELSCAN_Z);
        const int64_t row_stride = Shape::LAST ? 1 : at->rows.stride;
        const int64_t time_stride = Shape::LAST ? at->rows.stride : 1;
        each([&](int row, int i) {
            float y = rows->y[row][i];
#pragma unroll
            for (int lane = 1; lane < Shape::LANES; lane++)
                y += rows->y[row][lane * Shape::Y_LANE + i];
            y = out_of<GATE>(y, rows->D[row], element(U, u, row, i),
                             GATE ? element(Z, z, row, i) : 0);
            if (row < w->rows && begin + i < at->count)
                store(at->rows.first + row * row_stride + time_of(at, begin + i) * time_stride, y);
        });
    }

    /* Both for words of four steps. */
    template <bool SOFTPLUS>
    __device__ void prepare_words(void) const
    {
        const int i = lane_of_warp() % WORDS * QUAD, count = begin + i < at->count ? w->rows : 0;
#pragma unroll
        for (int turn = 0; turn < ROWS; turn += WARP / WORDS) {
            const int row = turn + lane_of_warp() / WORDS;
            float u[QUAD], delta[QUAD];
            struct row_step step[QUAD];
            if (row >= ROWS) /* cost only: read, and written, for nothing */
                break;
            word(U, row, i, u);
            word(DELTA, row, i, delta);
#pragma unroll
            for (int j = 0; j < QUAD; j++) {
                step[j] = step_of<SOFTPLUS>(delta[j] + rows->bias[row], u[j]);
                if (row >= count)
                    step[j].delta = step[j].x = 0;
            }
            float4 *const to = (float4 *)&rows->step[row][i];
            to[0] = make_float4(step[0].delta, step[0].x, step[1].delta, step[1].x);
            to[1] = make_float4(step[2].delta, step[2].x, step[3].delta, step[3].x);
        }
    }
    template <bool GATE>
    __device__ void finish_words(void) const
    {
        const int i = lane_of_warp() % WORDS * QUAD, count = begin + i < at->count ? w->rows : 0;
#pragma unroll
        for (int turn = 0; turn < ROWS; turn += WARP / WORDS) {
            const int row = turn + lane_of_warp() / WORDS;
            if (row >= count)
                break;
            float u[QUAD], z[QUAD] = {0}, y[QUAD] = {0};
            word(U, row, i, u);
            if (GATE)
                word(Z, row, i, z);
#pragma unroll
            for (int lane = 0; lane < Shape::LANES; lane++) {
                const float4 part = *(const float4 *)&rows->y[row][lane * Shape::Y_LANE + i];
                y[0] = lane ? y[0] + part.x : part.x;
                y[1] = lane ? y[1] + part.y : part.y;
                y[2] = lane ? y[2] + part.z : part.z;
                y[3] = lane ? y[3] + part.w : part.w;
            }
#pragma unroll
            for (int j = 0; j < QUAD; j++)
                y[j] = out_of<GATE>(y[j], rows->D[row], u[j], z[j]);
            vector_store<DTYPE, QUAD>(call->tensor[SELSCAN_OUT],
                                      at->rows.first + row * at->rows.stride + begin + i,
                                      vector_pack<DTYPE, QUAD>(y));
        }
    }

  private:
    static const int WORDS = SPAN / QUAD;

    /* work(row, step) for all of the thread; neighbours in memory are those of neighbours. */
    template <typename Work>
    __device__ void each(Work work) const
    {
        const int MINOR = Shape::LAST ? ROWS : SPAN, MAJOR = Shape::LAST ? SPAN : ROWS;
        const int minor = lane_of_warp() % MINOR;
#pragma unroll
        for (int turn = 0; turn < MAJOR; turn += WARP / MINOR) {
            const int major = turn + lane_of_warp() / MINOR;
            work(Shape::LAST ? minor : major, Shape::LAST ? major : minor);
        }
    }
    __device__ struct line_phases phases_of(enum selscan_tensor tensor) const
    {
        return line_phases_of<DTYPE>(&at->rows, call->tensor[tensor]);
    }
    __device__ float element(int which, struct line_phases phases, int row, int i) const
    {
        return copied_element<Shape, Shape::ROW_LINE>(rows->copied[stage][which], phases, row,
                                                      time_of(at, begin + i));
    }
    __device__ void word(int which, int row, int i, float to[]) const
    {
        const int index = row * LINE_PITCH<DTYPE, Shape::ROW_LINE> * VECTOR<DTYPE> + begin + i;
        vector_floats<DTYPE, QUAD>(vector_load<DTYPE, QUAD>(rows->copied[stage][which], index), to);
    }
    __device__ void store(int64_t index, float y) const
    {
        void *const out = call->tensor[SELSCAN_OUT];
        if constexpr (DTYPE == DTYPE_F32)
            ((float *)out)[index] = y;
        else
            ((uint16_t *)out)[index] = (uint16_t)vector_pack_pair<DTYPE>(y, 0);
    }
};

#endif
