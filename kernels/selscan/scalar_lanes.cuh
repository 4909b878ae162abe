/* The shared memory of selscan/scalar_lanes, and how what it holds gets there.
 *
 * Spans      SPAN steps of the block's rows: of B and C, of u, delta and z, as they lie in memory,
 *            each in a ring; of each row, what a step is to it; of each lane that walks, its part
 *            of y. A span is copied DEPTH spans ahead, prepared, walked and finished.
 * Copies     WORDS: units of four neighbours, whose starts are aligned; else single elements. What
 *            the problem does not have is zeros.
 */
#ifndef SSMBENCH_SELSCAN_SCALAR_LANES_CUH
#define SSMBENCH_SELSCAN_SCALAR_LANES_CUH

#include "tile.cuh" /* first: it has a variable of a name that cuda_fp16.h takes */

#include "../device/async.cuh"
#include "strides.cuh"

#ifndef LANES_DEPTH
#define LANES_DEPTH 2 /* spans on their way from memory */
#endif
#ifndef LANES_SPAN
#define LANES_SPAN 32 /* steps that are prepared, walked and finished at a time */
#endif

enum {
    WARP = 32,
    THREADS = 8 * WARP,
    WALKERS = 2,     /* warps that walk */
    TEAM = 2 * WARP, /* threads that prepare, and as many that finish */
    FEEDERS = 2 * TEAM,
    SPAN = LANES_SPAN,
    WORDS_OF_SPAN = SPAN / 4,
    QUAD = 4,
    EXACT = 16,    /* steps until states are put right */
    WARP_ROWS = 4, /* channels of a warp */
    ROW_LANES = 8, /* lanes of a channel in a warp */
    DEPTH = LANES_DEPTH,
    STATES_RING = DEPTH + 2,  /* and that which is prepared, that which is walked */
    STREAMS_RING = DEPTH + 3, /* and that which is finished */
    STATE_LIMIT = 64
};

static_assert(SPAN % EXACT == 0, "states are put right at the end of a span");

/* A block's shared memory. HELD states of a lane; SHARE warps share the states of a channel.
 * Memory's order is kept: spans of states and streams are rows of steps, or with LAST steps of
 * rows. WORDS: units of four. */
template <int HELD_, int SHARE, bool LAST_, bool WORDS>
struct shape {
    static const bool LAST = LAST_;
    static const int HELD = HELD_, WARP_STATES = ROW_LANES * HELD, CAPACITY = SHARE * WARP_STATES;
    static const int ROWS = WARP_ROWS * WALKERS / SHARE, SUMS = SHARE * ROW_LANES;
    static const int UNIT = WORDS ? QUAD : 1, TURNS = ROWS * SPAN / TEAM;
    static const int RESIDENT = WORDS ? 2 : 1; /* blocks of a multiprocessor, without spills */
    static const int STATE_UNITS = CAPACITY * SPAN / UNIT, ROW_UNITS = ROWS * SPAN / UNIT;
    static const int Y_LANE = SPAN + QUAD, Y_ROW = SUMS * Y_LANE + 16; /* in other banks */

    struct states {
        float B[CAPACITY * SPAN], C[CAPACITY * SPAN];
    } states[STATES_RING];
    struct streams {
        float u[ROWS * SPAN], delta[ROWS * SPAN], z[ROWS * SPAN];
    } streams[STREAMS_RING];
    struct alignas(16) steps {
        float decay[SPAN], x[SPAN];       /* exp(delta'*A), delta'*u */
        struct decay whole[SPAN / EXACT]; /* of EXACT steps, in two parts (common.h) */
    } steps[2][ROWS];
    float y[2][ROWS][Y_ROW]; /* of each lane, y of steps */

    /* Words of a row change places, so that those of eight rows lie in different banks: eight rows
     * further it is the same way. */
    static __device__ int state_place(int n, int t)
    {
        const int turned = t / QUAD ^ n % ROW_LANES * WORDS_OF_SPAN / ROW_LANES;
        return LAST ? t * CAPACITY + n : n * SPAN + turned * QUAD + t % QUAD;
    }
    static __device__ int row_place(int row, int t)
    {
        return LAST ? t * ROWS + row : row * SPAN + t;
    }
    /* The first line (state or row, of LINES) and step of a unit. */
    template <int LINES>
    static __device__ int line_of(int unit)
    {
        return LAST ? unit % (LINES / UNIT) * UNIT : unit / (SPAN / UNIT);
    }
    template <int LINES>
    static __device__ int step_of(int unit)
    {
        return LAST ? unit / (LINES / UNIT) : unit % (SPAN / UNIT) * UNIT;
    }
};

/* The warps in fours: two walk, or none, and two feed. So those that walk share a scheduler with
 * nobody. */
static inline __device__ int warp_of(void)
{
    return (int)threadIdx.x / WARP;
}
static inline __device__ bool is_feeder(void)
{
    return warp_of() & 2;
}
static inline __device__ int team_of(void)
{
    return warp_of() / 4;
}
static inline __device__ int place_in_team(void)
{
    return (int)threadIdx.x % TEAM;
}
static inline __device__ int feeder_of_block(void)
{
    return team_of() * TEAM + place_in_team();
}

/* What a thread copies of each span: its units of B, as many of C, and of each stream. */
template <typename Shape>
struct copier {
    static const int BYTES = 4 * Shape::UNIT;
    static const int STATE_TURNS = Shape::STATE_UNITS / FEEDERS;
    static_assert(Shape::STATE_UNITS % FEEDERS == 0, "each feeder has as many units");
    static const int ROW_TURNS = (Shape::ROW_UNITS + FEEDERS - 1) / FEEDERS;
    int64_t state_at[STATE_TURNS], row_at[ROW_TURNS]; /* of the first span */

    __device__ void begin(const struct selscan *p, const struct strides *s,
                          const struct tile_rows *r)
    {
        const int64_t start = selscan_time(p, 0), at = selscan_at(p, r->b, r->channel, start);
        const int64_t bc = selscan_bc_at(p, r->b, r->group, 0, start);
#pragma unroll
        for (int i = 0; i < STATE_TURNS; i++)
            state_at[i] = bc + state_of(i) * s->state + state_step(i) * s->state_step;
#pragma unroll
        for (int i = 0; i < ROW_TURNS; i++)
            row_at[i] = at + row_of(i) * s->channel + row_step(i) * s->step;
    }

    /* Starts to copy the span that begins with step `first`, and zeros for what is not there. */
    __device__ void start(const struct selscan_call *call, const struct strides *s,
                          const struct tile_rows *r, int64_t first, typename Shape::states *states,
                          typename Shape::streams *streams) const
    {
        const struct selscan *p = &call->p;
        const int64_t left = p->length - first;
        const int count = left < SPAN ? (int)left : (int)SPAN;
        const float *const B = (const float *)call->tensor[SELSCAN_B] + first * s->state_step;
        const float *const C = (const float *)call->tensor[SELSCAN_C] + first * s->state_step;
        const float *const u = (const float *)call->tensor[SELSCAN_U] + first * s->step;
        const float *const delta = (const float *)call->tensor[SELSCAN_DELTA] + first * s->step;
        const float *const z =
            p->gate ? (const float *)call->tensor[SELSCAN_Z] + first * s->step : NULL;
#pragma unroll
        for (int i = 0; i < STATE_TURNS; i++) {
            const int place = Shape::state_place(state_of(i), state_step(i));
            const int bytes = state_of(i) < p->state && state_step(i) < count ? BYTES : 0;
            copy_async<BYTES>(&states->B[place], B + state_at[i], bytes);
            copy_async<BYTES>(&states->C[place], C + state_at[i], bytes);
        }
#pragma unroll
        for (int i = 0; i < ROW_TURNS; i++) {
            const int place = Shape::row_place(row_of(i), row_step(i));
            const int bytes = row_of(i) < r->rows && row_step(i) < count ? BYTES : 0;
            if (Shape::ROW_UNITS % FEEDERS && unit_of(i) >= Shape::ROW_UNITS)
                continue;
            copy_async<BYTES>(&streams->u[place], u + row_at[i], bytes);
            copy_async<BYTES>(&streams->delta[place], delta + row_at[i], bytes);
            if (p->gate)
                copy_async<BYTES>(&streams->z[place], z + row_at[i], bytes);
        }
        copy_async_commit();
    }

  private:
    /* The thread's i-th unit, of states or of rows. */
    static __device__ int unit_of(int i)
    {
        return feeder_of_block() + i * FEEDERS;
    }
    static __device__ int state_of(int i)
    {
        return Shape::template line_of<Shape::CAPACITY>(unit_of(i));
    }
    static __device__ int state_step(int i)
    {
        return Shape::template step_of<Shape::CAPACITY>(unit_of(i));
    }
    static __device__ int row_of(int i)
    {
        return Shape::template line_of<Shape::ROWS>(unit_of(i));
    }
    static __device__ int row_step(int i)
    {
        return Shape::template step_of<Shape::ROWS>(unit_of(i));
    }
};

#endif
