/* The spans of selscan/tiled in shared memory: SPAN steps of the rows of a block.
 *
 * Span       delta' and delta'*u of each row, B and C as floats, and what the walk makes of them:
 *            C*h, summed over the states of a thread. There are STAGES, so that a span is prepared
 *            and another one finished while one is walked.
 * Units      What one thread has of a span in one piece.
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
    STAGES = 2,
    KEPT = STAGES + 1 /* spans whose u and z are kept until they are finished */
};

static_assert(SPAN % EXACT == 0 && SPAN % BACK == 0 && WARP % SPAN == 0,
              "a warp's elements cover whole spans");

/* ROWS rows of a span in units of UNIT elements, among COUNT threads in turns: where the unit of a
 * thread begins. */
template <bool LAST, int UNIT, int ROWS, int COUNT>
struct units {
    static const int ALL = ROWS * SPAN / UNIT, TURNS = (ALL + COUNT - 1) / COUNT;
    static const int MINOR = (LAST ? ROWS : SPAN) / UNIT;
    static_assert(COUNT % MINOR == 0, "a thread has the same place in each turn");

    static __device__ int minor(int thread)
    {
        return thread % MINOR * UNIT;
    }
    static __device__ int major(int turn, int thread)
    {
        return turn * (COUNT / MINOR) + thread / MINOR;
    }
    static __device__ int row(int turn, int thread)
    {
        return LAST ? minor(thread) : major(turn, thread);
    }
    static __device__ int step(int turn, int thread)
    {
        return LAST ? major(turn, thread) : minor(thread);
    }
    static __device__ bool there(int turn, int thread)
    {
        return ALL % COUNT == 0 || turn * COUNT + thread < ALL;
    }
};

template <enum dtype DTYPE_, int LANES_, bool LAST_, bool WORDS_>
struct shape {
    static const enum dtype DTYPE = DTYPE_;
    static const bool LAST = LAST_, WORDS = WORDS_; /* channel_last; units of four */
    static const int LANES = LANES_, CAPACITY = LANES * QUAD, GROUPS = WARP / LANES;
    static const int WARP_ROWS = GROUPS * HELD, ROWS = WARP_ROWS * WARPS;
    static const int UNIT = WORDS ? QUAD : 1;
    typedef std::conditional_t<WORDS, vector<DTYPE, QUAD>, unsigned> unit;

    /* From lane to lane, and from row to row: other banks for rows beside one another where threads
     * have those. */
    static const int Y_LANE = SPAN + 4, Y_ROW = LANES * Y_LANE + (LAST ? 4 : 0);

    struct rows {
        struct row_step step[STAGES][WARP_ROWS][SPAN + 2];
        float y[STAGES][WARP_ROWS][Y_ROW]; /* by lane, step */
        float bias[WARP_ROWS], D[WARP_ROWS];
    };
    float4 states[STAGES][2][SPAN][LANES + 1]; /* of B and of C */
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

/* All of a block, half of it from one place, half from others, which is not what __syncthreads() is
 * for: a span is prepared, another one is walked, a third one is finished. */
static inline __device__ void meet(void)
{
#ifdef __CUDACC__
    asm volatile("bar.sync 1, %0;" ::"n"((int)THREADS) : "memory");
#else
    __syncthreads();
#endif
}

static inline __device__ int lane_of_warp(void)
{
    return (int)threadIdx.x % WARP;
}

#endif
