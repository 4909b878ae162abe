/* What a block of selscan/coarsened has of a span of time, and how it gets there.
 *
 * Units      A thread loads and stores by four neighbours in memory, a word where alignment allows.
 *            Of B and C: steps of a state, or with channel_last states of a step. Of a channel:
 *            four steps, by the warp that walks it and in registers all along; with channel_last
 *            four channels of a step, which change hands in shared memory.
 * Banks      Rows of steps are PITCH apart: what the lanes of a warp read at once, four steps of
 *            two runs and four states, lies in different banks.
 */
#ifndef SSMBENCH_SELSCAN_COARSENED_CUH
#define SSMBENCH_SELSCAN_COARSENED_CUH

#include "../device/vector.cuh"
#include "strides.cuh"

/* Knobs: channels of a block, one a warp; blocks that a multiprocessor shall hold. */
#ifndef COARSENED_ROWS
#define COARSENED_ROWS 4
#endif
#ifndef COARSENED_RESIDENT
#define COARSENED_RESIDENT 2
#endif

enum {
    WARP = 32,
    QUAD = 4,
    ROWS = COARSENED_ROWS,
    RESIDENT = COARSENED_RESIDENT,
    THREADS = ROWS * WARP,
    LANES = 4, /* that share a run of steps ... */
    HELD = 4,  /* ... and have as many states each */
    STATES = LANES * HELD,
    RUNS = WARP / LANES,
    RUN = LANES * QUAD, /* steps: four of them are the lane's own */
    SPAN = RUNS * RUN,
    PITCH = SPAN + QUAD,
    STAGES = 2,
    KINDS = 2, /* B, C */
    STREAMS = 3,
    STATE_UNITS = STATES * SPAN / QUAD / THREADS /* of a thread, of each kind */
};
static_assert(STATE_UNITS * QUAD * THREADS == STATES * SPAN && ROWS % QUAD == 0 &&
                  ROWS / QUAD * SPAN == THREADS,
              "all threads have as many units");

enum stream { STREAM_U, STREAM_DELTA, STREAM_Z };

/* With channel_last: streams and y as they lie in memory, by row. */
template <bool LAST>
struct turned {
};
template <>
struct turned<true> {
    float in[STAGES][STREAMS][ROWS][PITCH], y[STAGES][ROWS][PITCH];
};

template <enum dtype DTYPE_, bool LAST_, bool WORDS_>
struct shape {
    static const enum dtype DTYPE = DTYPE_;
    static const bool LAST = LAST_, WORDS = WORDS_;
    struct elements {
        unsigned bits[QUAD];
    };
    typedef std::conditional_t<WORDS, vector<DTYPE, QUAD>, elements> unit;

    float states[STAGES][KINDS][STATES][PITCH];
    float delta[ROWS][SPAN], x[ROWS][SPAN]; /* delta' and delta'*u */
    float left[ROWS][STATES][RUNS];         /* what runs make of zero; what they begin with */
    float decay[ROWS][STATES][RUNS];        /* over them */
    alignas(16) struct turned<LAST> turned;
};

/* The rows of a block: `rows` channels from `channel` on, of one batch and group. */
struct block_rows {
    int64_t b, group, channel;
    int rows;
};

static inline __device__ int lane_of(void)
{
    return (int)threadIdx.x % WARP;
}
static inline __device__ int row_of(void)
{
    return (int)threadIdx.x / WARP;
}
static inline __device__ int run_of(void)
{
    return lane_of() / LANES;
}
/* The thread's k-th state. */
static inline __device__ int state_of(int k)
{
    return lane_of() % LANES + k * LANES;
}

/* Four neighbours, from element `at` on and `apart` from each other, of which `there` are there. */
template <typename Shape>
static inline __device__ typename Shape::unit fetch(const void *array, int64_t at, int64_t apart,
                                                    int there)
{
    typename Shape::unit unit = {};
    if constexpr (Shape::WORDS) {
        (void)apart;
        if (there > 0)
            unit = vector_load<Shape::DTYPE, QUAD>(array, at);
    } else {
#pragma unroll
        for (int j = 0; j < QUAD; j++)
            if (j < there)
                unit.bits[j] = vector_element<Shape::DTYPE>(array, at + j * apart);
    }
    return unit;
}

template <typename Shape>
static inline __device__ void floats_of(const typename Shape::unit &unit, float to[QUAD])
{
    if constexpr (Shape::WORDS)
        vector_floats<Shape::DTYPE, QUAD>(unit, to);
    else
#pragma unroll
        for (int j = 0; j < QUAD; j++)
            to[j] = Shape::DTYPE == DTYPE_F32 ? bits_float(unit.bits[j])
                                              : vector_pair<Shape::DTYPE>(unit.bits[j]).x;
}

template <typename Shape>
static inline __device__ void store(void *array, int64_t at, int64_t apart, int there,
                                    const float from[QUAD])
{
    if constexpr (Shape::WORDS) {
        (void)apart;
        if (there > 0)
            vector_store<Shape::DTYPE, QUAD>(array, at, vector_pack<Shape::DTYPE, QUAD>(from));
    } else {
#pragma unroll
        for (int j = 0; j < QUAD; j++)
            if (j < there && Shape::DTYPE == DTYPE_F32)
                ((float *)array)[at + j * apart] = from[j];
            else if (j < there)
                ((uint16_t *)array)[at + j * apart] =
                    (uint16_t)vector_pack_pair<Shape::DTYPE>(from[j], 0);
    }
}

static inline __device__ void read_four(const float *from, float to[QUAD])
{
    const float4 four = *(const float4 *)from;
    to[0] = four.x, to[1] = four.y, to[2] = four.z, to[3] = four.w;
}
static inline __device__ void write_four(float *to, const float from[QUAD])
{
    *(float4 *)to = make_float4(from[0], from[1], from[2], from[3]);
}

/* What a thread has under way of a span. */
template <typename Shape>
struct loader {
    static const bool LAST = Shape::LAST;
    typename Shape::unit in[STREAMS], states[KINDS][STATE_UNITS];
    int64_t in_at, out_at, states_at; /* of what is loaded next, and written next */

    __device__ void begin(const struct selscan *p, const struct strides *s,
                          const struct block_rows *r)
    {
        in_at = selscan_at(p, r->b, r->channel, selscan_time(p, 0)) + unit_step() * s->step +
                unit_row() * s->channel;
        out_at = in_at;
        states_at = selscan_bc_at(p, r->b, r->group, 0, selscan_time(p, 0)) +
                    state_step(0) * s->state_step + state_begin(0) * s->state;
    }

    /* Starts to load the next span, of which `left` steps are there. */
    __device__ void load(const struct selscan_call *call, const struct strides *s,
                         const struct block_rows *r, int left)
    {
        const int tensors[STREAMS] = {SELSCAN_U, SELSCAN_DELTA, SELSCAN_Z};
#pragma unroll
        for (int stream = 0; stream < STREAMS; stream++)
            if (stream != STREAM_Z || call->p.gate) /* cost only: else it is not read */
                in[stream] = fetch<Shape>(call->tensor[tensors[stream]], in_at,
                                          LAST ? s->channel : s->step, unit_left(r, left));
        in_at += SPAN * s->step;
#pragma unroll
        for (int i = 0; i < STATE_UNITS; i++) {
            const int n = state_begin(i), t = state_step(i);
            const int64_t at =
                states_at + (t - state_step(0)) * s->state_step + (n - state_begin(0)) * s->state;
            const int there =
                LAST ? (t < left ? (int)call->p.state - n : 0) : (n < call->p.state ? left - t : 0);
#pragma unroll
            for (int kind = 0; kind < KINDS; kind++)
                states[kind][i] = fetch<Shape>(call->tensor[kind ? SELSCAN_C : SELSCAN_B], at,
                                               LAST ? s->state : s->state_step, there);
        }
        states_at += SPAN * s->state_step;
    }

    /* Puts what was loaded where all threads, or those of its row, find it. */
    __device__ void put(Shape *shared, int stage) const
    {
#pragma unroll
        for (int kind = 0; kind < KINDS; kind++)
#pragma unroll
            for (int i = 0; i < STATE_UNITS; i++) {
                float *const to = &shared->states[stage][kind][state_begin(i)][state_step(i)];
                float four[QUAD];
                floats_of<Shape>(states[kind][i], four);
                if constexpr (LAST)
#pragma unroll
                    for (int j = 0; j < QUAD; j++)
                        to[j * PITCH] = four[j];
                else
                    write_four(to, four);
            }
        if constexpr (LAST)
#pragma unroll
            for (int stream = 0; stream < STREAMS; stream++) {
                float four[QUAD];
                floats_of<Shape>(in[stream], four);
#pragma unroll
                for (int j = 0; j < QUAD; j++)
                    shared->turned.in[stage][stream][unit_row() + j][unit_step()] = four[j];
            }
    }

    /* A stream in the lane's own steps of its row: with channel_last once it was put. */
    __device__ void own(const Shape *shared, int stage, enum stream stream, float to[QUAD]) const
    {
        if constexpr (LAST)
            read_four(&shared->turned.in[stage][stream][row_of()][lane_of() * QUAD], to);
        else
            floats_of<Shape>(in[stream], to);
    }

    /* Writes the next span of out, of which `left` steps are there, in the thread's own steps; with
     * channel_last what all warps have left of it. */
    __device__ void write(const struct selscan_call *call, const struct strides *s,
                          const struct block_rows *r, int left, const float out[QUAD])
    {
        store<Shape>(call->tensor[SELSCAN_OUT], out_at, LAST ? s->channel : s->step,
                     unit_left(r, left), out);
        out_at += SPAN * s->step;
    }
    __device__ void write_turned(const struct selscan_call *call, const struct strides *s,
                                 const struct block_rows *r, int left, const Shape *shared,
                                 int stage)
    {
        float four[QUAD];
#pragma unroll
        for (int j = 0; j < QUAD; j++)
            four[j] = shared->turned.y[stage][unit_row() + j][unit_step()];
        write(call, s, r, left, four);
    }

  private:
    /* The first row and step of the thread's unit of a stream, and how much of it is there. */
    static __device__ int unit_row(void)
    {
        return LAST ? (int)threadIdx.x % (ROWS / QUAD) * QUAD : row_of();
    }
    static __device__ int unit_step(void)
    {
        return LAST ? (int)threadIdx.x / (ROWS / QUAD) : lane_of() * QUAD;
    }
    static __device__ int unit_left(const struct block_rows *r, int left)
    {
        return LAST ? (unit_step() < left ? r->rows - unit_row() : 0)
                    : (unit_row() < r->rows ? left - unit_step() : 0);
    }
    /* The same of B and C. */
    static __device__ int state_begin(int i)
    {
        const int unit = (int)threadIdx.x + i * THREADS;
        return LAST ? unit % (STATES / QUAD) * QUAD : unit / (SPAN / QUAD);
    }
    static __device__ int state_step(int i)
    {
        const int unit = (int)threadIdx.x + i * THREADS;
        return LAST ? unit / (STATES / QUAD) : unit % (SPAN / QUAD) * QUAD;
    }
};

#endif
