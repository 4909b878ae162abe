/* The spans of selscan/tiled: SPAN steps of the rows of a block in shared memory, and the warps
 * that feed and empty them beside the walk of the states.
 *
 * Span       delta' and delta'*u of each row, B and C as floats, and what the walk makes of them:
 * C*h, summed over the states of a thread. There are STAGES, so that a span is prepared and another
 * one finished while one is walked. Units      A feeder has some elements of each span, all in
 * registers from global memory on: with WORDS four neighbours in memory, else single ones. They are
 * steps of a row, or with channel_last rows of a step. Neighbours in memory are those of
 * neighbouring threads.
 */
#ifndef SSMBENCH_SELSCAN_SPANS_CUH
#define SSMBENCH_SELSCAN_SPANS_CUH

#include "../device/vector.cuh"
#include "states.cuh"

#ifndef TILED_SPAN
#define TILED_SPAN 16 /* steps that are prepared, walked and finished at a time */
#endif
#ifndef TILED_WARPS
#define TILED_WARPS 4 /* that walk, and as many that feed */
#endif

enum {
    WARP = 32,
    WARPS = TILED_WARPS,
    FEEDERS = WARPS * WARP,
    THREADS = 2 * FEEDERS,
    SPAN = TILED_SPAN,
    STAGES = 2
};

static_assert(SPAN % EXACT == 0 && WARP % SPAN == 0, "a warp's elements cover whole spans");

/* ROWS rows of a span in units of UNIT elements, among COUNT threads in turns. */
template <bool LAST, int UNIT_, int ROWS, int COUNT_>
struct units {
    static const int UNIT = UNIT_, COUNT = COUNT_, ALL = ROWS * SPAN / UNIT;
    static const int TURNS = (ALL + COUNT - 1) / COUNT, MINOR = (LAST ? ROWS : SPAN) / UNIT;

    static __device__ int row(int unit)
    {
        return LAST ? unit % MINOR * UNIT : unit / MINOR;
    }
    static __device__ int step(int unit)
    {
        return LAST ? unit / MINOR : unit % MINOR * UNIT;
    }
};

template <enum dtype DTYPE_, int LANES_, bool LAST_, bool WORDS_>
struct shape {
    static const enum dtype DTYPE = DTYPE_;
    static const bool LAST = LAST_, WORDS = WORDS_; /* channel_last; units of four */
    static const int LANES = LANES_, CAPACITY = LANES * QUAD, GROUPS = WARP / LANES;
    static const int WARP_ROWS = GROUPS * HELD, ROWS = WARP_ROWS * WARPS;
    static const int UNIT = WORDS ? QUAD : 1;
    typedef units<LAST, UNIT, WARP_ROWS, WARP> row_units;
    typedef units<LAST, UNIT, CAPACITY, FEEDERS> state_units;
    typedef std::conditional_t<WORDS, vector<DTYPE, QUAD>, unsigned> unit;

    /* From lane to lane, and from row to row: other banks for rows beside one another where threads
     * have those. */
    static const int Y_LANE = SPAN + 4, Y_ROW = LANES * Y_LANE + (LAST ? 4 : 0);

    struct rows {
        struct row_step step[STAGES][WARP_ROWS][SPAN + 2];
        float y[STAGES][WARP_ROWS][Y_ROW]; /* by lane, step */
        float bias[WARP_ROWS], D[WARP_ROWS];
    };
    float4 B[STAGES][SPAN][LANES + 1], C[STAGES][SPAN][LANES + 1];
    struct rows warp[WARPS];
};

/* The rows of a warp: `rows` channels from `channel` on, of one batch and group. */
struct warp_rows {
    int64_t b, group, channel;
    int rows;
};

/* The first step of a span and how many it has. */
struct place {
    int64_t first;
    int count;
};

static inline __device__ int lane_of_warp(void)
{
    return (int)threadIdx.x % WARP;
}

/* log(1 + exp(x)) to 4e-7 of it: max(x, 0) + log1p(e), and log1p(e) = 2*artanh(e/(2 + e)), by a
 * polynomial interpolated in Chebyshev's points. */
static inline __device__ float softplus_ex2(float x)
{
    const float e = ex2(-LOG2_E * fabsf(x)), s = e * rcp(2.0f + e), z = s * s;
    const float series = fmaf(fmaf(fmaf(0.34203619f, z, 0.39593187f), z, 0.66675848f), z, 2.0f);
    return fmaf(s, series, fmaxf(x, 0.0f));
}

/* out of a step, before it is rounded. */
template <bool GATE>
static inline __device__ float out_of(float y, float D, float u, float z)
{
    y = fmaf(D, u, y);
    return GATE ? y * (z * sigmoid_ex2(z)) : y;
}

/* An array of rows along time: its element (row, step) is origin + row*row_stride +
 * step*step_stride. */
struct strides {
    int64_t origin, row_stride, step_stride;
};

static inline __device__ int64_t strides_at(const struct strides *s, int row, int64_t step)
{
    return s->origin + row * s->row_stride + step * s->step_stride;
}

/* A thread that feeds a warp: its share of the span that is on its way from memory, and u and z of
 * the two spans that are not finished. Its loops are unrolled, without branches, so that its
 * elements are under way together. */
template <bool OUT, typename Shape>
struct feeder {
    static const enum dtype DTYPE = Shape::DTYPE;
    static const int UNIT = Shape::UNIT, ROW_TURNS = Shape::row_units::TURNS;
    static const int STATE_TURNS = Shape::state_units::TURNS;
    typedef typename Shape::unit unit;

    const struct selscan_call *call;
    const struct warp_rows *w;
    Shape *tile;
    typename Shape::rows *rows;
    struct strides row_at, state_at;
    unit u[ROW_TURNS], delta[ROW_TURNS], z[ROW_TURNS], B[STATE_TURNS], C[STATE_TURNS];
    float kept_u[2][ROW_TURNS * UNIT], kept_z[2][ROW_TURNS * UNIT];

    /* Sets it up for a warp of a block, whose threads all call it. */
    __device__ void begin(const struct selscan_call *for_call, const struct warp_rows *of_rows,
                          Shape *of_tile, typename Shape::rows *to)
    {
        const struct selscan *p = &for_call->p;
        const float *const bias = (const float *)for_call->tensor[SELSCAN_DELTA_BIAS];
        const float *const D = (const float *)for_call->tensor[SELSCAN_D];
        const int lane = lane_of_warp(), onward = p->reverse ? -1 : 1;
        const int64_t time = selscan_time(p, 0);
        call = for_call;
        w = of_rows;
        tile = of_tile;
        rows = to;
        row_at = {selscan_at(p, w->b, w->channel, time), Shape::LAST ? 1 : p->length,
                  onward * (Shape::LAST ? p->channels : 1)};
        state_at = {selscan_bc_at(p, w->b, w->group, 0, time), Shape::LAST ? 1 : p->length,
                    onward * (Shape::LAST ? p->groups * p->state : 1)};
        if (lane < Shape::WARP_ROWS) {
            rows->bias[lane] = lane < w->rows && p->bias ? bias[w->channel + lane] : 0.0f;
            rows->D[lane] = lane < w->rows && p->skip ? D[w->channel + lane] : 0.0f;
        }
#pragma unroll
        for (int i = 0; i < ROW_TURNS * UNIT; i++)
            kept_u[1][i] = kept_z[1][i] = 0;
        __syncwarp(); /* bias and D are there */
    }

    /* Starts to load the elements of a span; zeros where there is none. */
    __device__ void load(struct place at)
    {
        const struct selscan *p = &call->p;
#pragma unroll
        for (int turn = 0; turn < ROW_TURNS; turn++) {
            const int64_t index = row_index(turn, at);
            const bool there = row_there(turn, at);
            u[turn] = fetch(SELSCAN_U, index, there);
            delta[turn] = fetch(SELSCAN_DELTA, index, there);
            z[turn] = fetch(SELSCAN_Z, index, OUT && there && p->gate);
        }
#pragma unroll
        for (int turn = 0; turn < STATE_TURNS; turn++) {
            const int n = Shape::state_units::row(state_unit(turn));
            const int step = Shape::state_units::step(state_unit(turn));
            const bool there =
                state_unit(turn) < Shape::state_units::ALL && n < p->state && step < at.count;
            const int64_t index = strides_at(&state_at, n, at.first + step);
            B[turn] = fetch(SELSCAN_B, index, there);
            C[turn] = fetch(SELSCAN_C, index, OUT && there);
        }
    }

    /* Makes the steps of the span that has been loaded. Steps that are not there change no state.
     */
    template <bool SOFTPLUS>
    __device__ void prepare(struct place at, int stage)
    {
#pragma unroll
        for (int turn = 0; turn < ROW_TURNS; turn++) {
            const int row = Shape::row_units::row(row_unit(turn));
            const int step = Shape::row_units::step(row_unit(turn));
            float deltas[UNIT];
            struct row_step steps[UNIT];
            spread(u[turn], &kept_u[1][turn * UNIT]);
            spread(z[turn], &kept_z[1][turn * UNIT]);
            spread(delta[turn], deltas);
            if (row_unit(turn) >= Shape::row_units::ALL)
                break;
#pragma unroll
            for (int j = 0; j < UNIT; j++) {
                const float raw = deltas[j] + rows->bias[Shape::LAST ? row + j : row];
                steps[j].delta = SOFTPLUS ? softplus_ex2(raw) : raw;
                if (step >= at.count)
                    steps[j].delta = 0;
                steps[j].x = steps[j].delta * kept_u[1][turn * UNIT + j];
            }
            keep_steps(&rows->step[stage][row][step], steps);
        }
#pragma unroll
        for (int turn = 0; turn < STATE_TURNS; turn++) {
            if (state_unit(turn) >= Shape::state_units::ALL)
                break;
            keep_states(tile->B[stage], turn, B[turn]);
            if (OUT) /* cost only: nobody else reads it */
                keep_states(tile->C[stage], turn, C[turn]);
        }
    }

    /* Writes out of the span before the last that was prepared, from the sums that the walk has
     * left. */
    template <bool GATE>
    __device__ void finish(struct place at, int stage) const
    {
#pragma unroll
        for (int turn = 0; turn < ROW_TURNS; turn++) {
            const int row = Shape::row_units::row(row_unit(turn));
            const int step = Shape::row_units::step(row_unit(turn));
            float y[UNIT];
            if (!row_there(turn, at))
                continue;
            sum_lanes(&rows->y[stage][row][step], y);
#pragma unroll
            for (int j = 0; j < UNIT; j++)
                y[j] = out_of<GATE>(y[j], rows->D[Shape::LAST ? row + j : row],
                                    kept_u[0][turn * UNIT + j], kept_z[0][turn * UNIT + j]);
            store(row_index(turn, at), y);
        }
    }

    /* The next span is the last that was prepared. */
    __device__ void shift(void)
    {
#pragma unroll
        for (int i = 0; i < ROW_TURNS * UNIT; i++) {
            kept_u[0][i] = kept_u[1][i];
            kept_z[0][i] = kept_z[1][i];
        }
    }

  private:
    static __device__ int row_unit(int turn)
    {
        return turn * Shape::row_units::COUNT + lane_of_warp();
    }
    static __device__ int state_unit(int turn)
    {
        return turn * Shape::state_units::COUNT + (int)threadIdx.x % FEEDERS;
    }
    __device__ bool row_there(int turn, struct place at) const
    {
        return Shape::row_units::row(row_unit(turn)) < w->rows &&
               Shape::row_units::step(row_unit(turn)) < at.count;
    }
    __device__ int64_t row_index(int turn, struct place at) const
    {
        return strides_at(&row_at, Shape::row_units::row(row_unit(turn)),
                          at.first + Shape::row_units::step(row_unit(turn)));
    }

    __device__ unit fetch(enum selscan_tensor tensor, int64_t index, bool there) const
    {
        unit value = {};
        if constexpr (Shape::WORDS) {
            if (there)
                value = vector_load<DTYPE, QUAD>(call->tensor[tensor], index);
        } else if (there) {
            value = vector_element<DTYPE>(call->tensor[tensor], index);
        }
        return value;
    }
    static __device__ void spread(unit from, float to[])
    {
        if constexpr (Shape::WORDS)
            vector_floats<DTYPE, QUAD>(from, to);
        else
            to[0] = DTYPE == DTYPE_F32 ? bits_float(from) : vector_pair<DTYPE>(from).x;
    }
    __device__ void store(int64_t index, const float y[]) const
    {
        void *const out = call->tensor[SELSCAN_OUT];
        if constexpr (Shape::WORDS)
            vector_store<DTYPE, QUAD>(out, index, vector_pack<DTYPE, QUAD>(y));
        else if constexpr (DTYPE == DTYPE_F32)
            ((float *)out)[index] = y[0];
        else
            ((uint16_t *)out)[index] = (uint16_t)vector_pack_pair<DTYPE>(y[0], 0);
    }

    /* The steps of a unit, from the place of its first. */
    static __device__ void keep_steps(struct row_step *to, const struct row_step steps[])
    {
        if constexpr (Shape::WORDS && !Shape::LAST) {
            ((float4 *)to)[0] = make_float4(steps[0].delta, steps[0].x, steps[1].delta, steps[1].x);
            ((float4 *)to)[1] = make_float4(steps[2].delta, steps[2].x, steps[3].delta, steps[3].x);
        } else {
#pragma unroll
            for (int j = 0; j < UNIT; j++)
                *(float2 *)&to[j * (SPAN + 2)] = make_float2(steps[j].delta, steps[j].x);
        }
    }
    static __device__ void keep_states(float4 (*to)[Shape::LANES + 1], int turn, unit from)
    {
        const int n = Shape::state_units::row(state_unit(turn));
        const int step = Shape::state_units::step(state_unit(turn));
        float values[UNIT];
        spread(from, values);
        if constexpr (Shape::WORDS && Shape::LAST)
            to[step][n / QUAD] = make_float4(values[0], values[1], values[2], values[3]);
        else
#pragma unroll
            for (int j = 0; j < UNIT; j++)
                ((float *)to[step + j])[n] = values[j];
    }

    /* The sums over the lanes of a unit's rows, from the place of its first. */
    static __device__ void sum_lanes(const float *from, float y[])
    {
#pragma unroll
        for (int lane = 0; lane < Shape::LANES; lane++) {
            float part[UNIT];
            if constexpr (Shape::WORDS && !Shape::LAST) {
                const float4 four = *(const float4 *)&from[lane * Shape::Y_LANE];
                part[0] = four.x, part[1] = four.y, part[2] = four.z, part[3] = four.w;
            } else {
#pragma unroll
                for (int j = 0; j < UNIT; j++)
                    part[j] = from[j * Shape::Y_ROW + lane * Shape::Y_LANE];
            }
#pragma unroll
            for (int j = 0; j < UNIT; j++)
                y[j] = lane ? y[j] + part[j] : part[j];
        }
    }
};

#endif
