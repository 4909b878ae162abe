/* The threads of selscan/tiled that feed those that walk: they load, prepare and finish spans.
 *
 * Units      A feeder has some elements of each span, all in registers from global memory on: with
 *            WORDS four neighbours in memory, else single ones. They are steps of a row, or with
 *            channel_last rows of a step. Neighbours in memory are those of neighbouring threads.
 * Order      While the walk is at span i - 1, span i is prepared, i - 2 finished, and i + 1 on its
 *            way from memory.
 */
#ifndef SSMBENCH_SELSCAN_FEEDER_CUH
#define SSMBENCH_SELSCAN_FEEDER_CUH

#include "../device/ahead.cuh"
#include "softplus.cuh"
#include "spans.cuh"

/* out of a step, before it is rounded. */
template <bool GATE>
static inline __device__ float out_of(float y, float D, float u, float z)
{
    y = fmaf(D, u, y);
    return GATE ? y * (z * sigmoid_ex2(z)) : y;
}

/* A thread that feeds a warp: its share of the span that is on its way from memory, and u and z of
 * the two spans that are not finished. Its loops are unrolled, without branches, so that its
 * elements are under way together: what is not there is loaded from a place nearby, and blanked. */
template <bool OUT, typename Shape>
struct feeder {
    static const enum dtype DTYPE = Shape::DTYPE;
    static const bool LAST = Shape::LAST;
    static const int UNIT = Shape::UNIT, ALONG = LAST ? UNIT : 1; /* rows of a unit */
    static const int KINDS = OUT ? 2 : 1;                         /* B, and C */
    typedef typename Shape::unit unit;
    typedef units<LAST, UNIT, Shape::WARP_ROWS, WARP> row_units;
    typedef units<LAST, UNIT, KINDS * Shape::CAPACITY, FEEDERS> state_units;
    static const int ROW_TURNS = row_units::TURNS, STATE_TURNS = state_units::TURNS;

    const struct selscan_call *call;
    const struct warp_rows *w;
    Shape *tile;
    typename Shape::rows *rows;
    bool gate;
    int64_t row_at[ROW_TURNS], state_at[STATE_TURNS]; /* at step 0 */
    unit u[KEPT][ROW_TURNS], z[KEPT][ROW_TURNS], delta[ROW_TURNS], states[STATE_TURNS];

    /* Sets it up for a warp of a block, whose threads all call it. */
    __device__ void begin(const struct selscan_call *for_call, const struct warp_rows *of_rows,
                          Shape *of_tile, typename Shape::rows *to)
    {
        const struct selscan *p = &for_call->p;
        const float *const bias = (const float *)for_call->tensor[SELSCAN_DELTA_BIAS];
        const float *const D = (const float *)for_call->tensor[SELSCAN_D];
        const int lane = lane_of_warp();
        call = for_call;
        w = of_rows;
        tile = of_tile;
        rows = to;
        gate = OUT && p->gate;
#pragma unroll
        for (int turn = 0; turn < ROW_TURNS; turn++)
            row_at[turn] = selscan_at(p, w->b, w->channel + nearest(row_of(turn), w->rows),
                                      selscan_time(p, 0));
#pragma unroll
        for (int turn = 0; turn < STATE_TURNS; turn++)
            state_at[turn] = selscan_bc_at(
                p, w->b, w->group, nearest(state_of(turn), (int)p->state), selscan_time(p, 0));
        if (lane < Shape::WARP_ROWS) {
            rows->bias[lane] = lane < w->rows && p->bias ? bias[w->channel + lane] : 0.0f;
            rows->D[lane] = lane < w->rows && p->skip ? D[w->channel + lane] : 0.0f;
        }
#pragma unroll
        for (int i = 0; i < KEPT * ROW_TURNS; i++)
            u[i / ROW_TURNS][i % ROW_TURNS] = z[i / ROW_TURNS][i % ROW_TURNS] = {}; /* GPU only */
        __syncwarp(); /* bias and D are there */
    }

    /* Starts to load the elements of a span. */
    template <int KEEP>
    __device__ void load(struct place at)
    {
        const struct selscan *p = &call->p;
#pragma unroll
        for (int turn = 0; turn < ROW_TURNS; turn++) {
            const int64_t index = row_index(turn, at);
            u[KEEP][turn] = fetch_row(call->tensor[SELSCAN_U], index);
            delta[turn] = fetch_row(call->tensor[SELSCAN_DELTA], index);
            if (gate)
                z[KEEP][turn] = fetch_row(call->tensor[SELSCAN_Z], index);
        }
#pragma unroll
        for (int turn = 0; turn < STATE_TURNS; turn++)
            states[turn] =
                fetch(call->tensor[kind_of(turn) ? SELSCAN_C : SELSCAN_B],
                      state_at[turn] + step_index(at, state_step_of(turn), p->groups * p->state));
    }

    /* Makes the steps of the span that has been loaded. */
    template <bool SOFTPLUS, int KEEP>
    __device__ void prepare(struct place at, int stage)
    {
#pragma unroll
        for (int turn = 0; turn < ROW_TURNS; turn++) {
            const int row = row_of(turn), step = row_step_of(turn);
            float deltas[UNIT], us[UNIT];
            struct row_step steps[UNIT];
            spread(u[KEEP][turn], us);
            spread(delta[turn], deltas);
            if (!row_units::there(turn, lane_of_warp()))
                break; /* GPU only: behind lies what is walked */
#pragma unroll
            for (int j = 0; j < UNIT; j++) {
                const float raw = deltas[j] + rows->bias[LAST ? row + j : row];
                steps[j].delta = SOFTPLUS ? softplus_ex2(raw) : raw;
                steps[j].x = steps[j].delta * us[j];
            }
            keep_steps(&rows->step[stage][row][step], steps);
        }
#pragma unroll
        for (int turn = 0; turn < STATE_TURNS; turn++)
            keep_states(stage, turn);
        if (at.count < SPAN || call->p.state < Shape::CAPACITY) /* cost only: or none is blank */
            blank(at, stage);
    }

    /* Writes out of a span from the sums that the walk has left. */
    template <bool GATE, int KEEP>
    __device__ void finish(struct place at, int stage) const
    {
#pragma unroll
        for (int turn = 0; turn < ROW_TURNS; turn++) {
            const int row = row_of(turn), step = row_step_of(turn);
            float y[UNIT], us[UNIT], zs[UNIT];
            if (row >= w->rows || step >= at.count)
                continue;
            spread(u[KEEP][turn], us);
            spread(z[KEEP][turn], zs);
            sum_lanes(&rows->y[stage][row][step], y);
#pragma unroll
            for (int j = 0; j < UNIT; j++)
                y[j] = out_of<GATE>(y[j], rows->D[LAST ? row + j : row], us[j], zs[j]);
            store(row_index(turn, at), y);
        }
    }

    /* The `i`-th of a block's spans, of `spans`, with i % KEPT = KEEP: while it is prepared, the
     * walk is at the one before it, and the one before that is finished. */
    template <int KEEP, typename Place>
    __device__ void turn_to(int i, int spans, Place place_at)
    {
        const int stage = i % STAGES, after = (KEEP + 1) % KEPT; /* is i - 2, and i + 1 */
        if (i >= spans + 2)
            return; /* cost only: there is nothing left to do */
        if (OUT && i > 1 && gate)
            finish<true, after>(place_at(i - 2), stage);
        else if (OUT && i > 1)
            finish<false, after>(place_at(i - 2), stage);
        if (i < spans && call->p.softplus)
            prepare<true, KEEP>(place_at(i), stage);
        else if (i < spans) /* cost only: nobody walks it */
            prepare<false, KEEP>(place_at(i), stage);
        if (i + 1 < spans) /* GPU only: there is no such span */
            load<after>(place_at(i + 1));
        if (i <= spans)
            meet();
    }

  private:
    static __device__ int feeder_of_block(void)
    {
        return (int)threadIdx.x % FEEDERS;
    }
    /* The first row and step of a unit. */
    static __device__ int row_of(int turn)
    {
        return row_units::row(turn, lane_of_warp());
    }
    static __device__ int row_step_of(int turn)
    {
        return row_units::step(turn, lane_of_warp());
    }
    static __device__ int state_step_of(int turn)
    {
        return state_units::step(turn, feeder_of_block());
    }
    /* Whether a unit is of C, and the first of its states. */
    static __device__ int kind_of(int turn)
    {
        return state_units::row(turn, feeder_of_block()) / Shape::CAPACITY % KINDS;
    }
    static __device__ int state_of(int turn)
    {
        return state_units::row(turn, feeder_of_block()) % Shape::CAPACITY;
    }

    /* A row of `rows`, or the last that a unit of them begins with. */
    static __device__ int nearest(int row, int rows)
    {
        return row < rows - ALONG ? row : rows - ALONG;
    }
    /* From step 0 to step i of a span, or to its first if there is none; `stride` is that of
     * channel_last. Units of steps go forward. */
    __device__ int64_t step_index(struct place at, int i, int64_t stride) const
    {
        const int64_t step = at.first + (i < at.count ? i : 0);
        if (Shape::WORDS && !LAST)
            return step;
        return (call->p.reverse ? -step : step) * (LAST ? stride : 1);
    }
    __device__ int64_t row_index(int turn, struct place at) const
    {
        return row_at[turn] + step_index(at, row_step_of(turn), call->p.channels);
    }

    static __device__ unit fetch(const void *array, int64_t index)
    {
        if constexpr (Shape::WORDS)
            return vector_load<DTYPE, QUAD>(array, index);
        else
            return vector_element<DTYPE>(array, index);
    }
    /* Of a row, whose next steps are loaded soon. */
    static __device__ unit fetch_row(const void *array, int64_t index)
    {
        if constexpr (Shape::WORDS && !LAST && DTYPE == DTYPE_F32)
            return load_with_neighbours(array, index);
        else
            return fetch(array, index);
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
        if constexpr (Shape::WORDS && !LAST) {
            ((float4 *)to)[0] = make_float4(steps[0].delta, steps[0].x, steps[1].delta, steps[1].x);
            ((float4 *)to)[1] = make_float4(steps[2].delta, steps[2].x, steps[3].delta, steps[3].x);
        } else {
#pragma unroll
            for (int j = 0; j < UNIT; j++)
                *(float2 *)&to[j * (SPAN + 2)] = make_float2(steps[j].delta, steps[j].x);
        }
    }
    __device__ void keep_states(int stage, int turn) const
    {
        const int n = state_of(turn), step = state_step_of(turn);
        float4(*const to)[Shape::LANES + 1] = tile->states[stage][kind_of(turn)];
        float values[UNIT];
        spread(states[turn], values);
        if (!state_units::there(turn, feeder_of_block()))
            return; /* GPU only: behind lies what is walked */
        if constexpr (Shape::WORDS && LAST)
            to[step][n / QUAD] = make_float4(values[0], values[1], values[2], values[3]);
        else
#pragma unroll
            for (int j = 0; j < UNIT; j++)
                ((float *)to[step + j])[n] = values[j];
    }

    /* Zeros in the thread's own places, where there is no step or state: they change nothing. */
    __device__ void blank(struct place at, int stage) const
    {
#pragma unroll 1
        for (int turn = 0; turn < ROW_TURNS; turn++)
            for (int j = 0; j < UNIT && row_units::there(turn, lane_of_warp()); j++) {
                const int step = row_step_of(turn) + (LAST ? 0 : j);
                if (step >= at.count)
                    rows->step[stage][row_of(turn) + (LAST ? j : 0)][step] = {0, 0};
            }
#pragma unroll 1
        for (int turn = 0; turn < STATE_TURNS; turn++)
            for (int j = 0; j < UNIT && state_units::there(turn, feeder_of_block()); j++) {
                const int n = state_of(turn) + (LAST ? j : 0);
                const int step = state_step_of(turn) + (LAST ? 0 : j);
                if (n >= call->p.state || step >= at.count)
                    ((float *)tile->states[stage][kind_of(turn)][step])[n] = 0;
            }
    }

    /* The sums over the lanes of a unit's rows, from the place of its first. */
    static __device__ void sum_lanes(const float *from, float y[])
    {
#pragma unroll
        for (int lane = 0; lane < Shape::LANES; lane++) {
            float part[UNIT];
            if constexpr (Shape::WORDS && !LAST) {
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
