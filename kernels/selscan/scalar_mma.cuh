/* The shared memory of selscan/scalar_mma, and how what it holds gets there.
 *
 * Warps      A warp has WIDTH channels and 16 steps at a time. Of its lane l = 4g + q a thread has
 *            the HELD channels from HELD*g on, and the pairs of steps number q and 7 - q of the
 *            eight: so each product of matrices in the block gives and takes what is its own.
 * States     n = 16i + 2c + k is column c of product 2i + k: a thread's are four neighbours.
 * Copies     WORDS: rows along channels and states, whose starts are aligned; by lanes of one word
 *            each. Else element by element, lanes along what is contiguous in memory. f32 is
 *            copied asynchronously, one block of steps ahead or more; of 16 bits only rows of words
 *            are.
 */
#ifndef SSMBENCH_SELSCAN_SCALAR_MMA_CUH
#define SSMBENCH_SELSCAN_SCALAR_MMA_CUH

#include "../device/async.cuh"
#include "../device/mma.cuh"
#include "../device/vector.cuh"
#include "common.h"

/* Knobs: 16 channels each of a warp; warps of a block; blocks of 16 steps whose B and C are in
 * shared memory or on the way; blocks that a multiprocessor shall hold. */
#ifndef SCALAR_MMA_TILES
#define SCALAR_MMA_TILES 2
#endif
#ifndef SCALAR_MMA_WARPS
#define SCALAR_MMA_WARPS 4
#endif
#ifndef SCALAR_MMA_STAGES
#define SCALAR_MMA_STAGES 2
#endif
#ifndef SCALAR_MMA_RESIDENT
#define SCALAR_MMA_RESIDENT 3
#endif

enum {
    TILES = SCALAR_MMA_TILES,
    WARPS = SCALAR_MMA_WARPS,
    STAGES = SCALAR_MMA_STAGES,
    RESIDENT = SCALAR_MMA_RESIDENT,
    THREADS = WARPS * 32,
    HELD = 2 * TILES,
    WIDTH = 16 * TILES,
    ROWS = WARPS * WIDTH,
    STEPS = 16,
    STATES = 64,
    SIXTEENS = STATES / 16,
    PARTS = WARPS < SIXTEENS ? WARPS : SIXTEENS,
    LEVELS = 3,
    STREAMS = 3,
    COPIES = 2 * STEPS * STATES / THREADS /* elements of B and C of a thread */
};

/* The streams of a channel; out takes the place of delta. */
enum stream { STREAM_U, STREAM_DELTA, STREAM_Z };

/* The pitches put what a warp reads at once into different banks. */
template <enum dtype DTYPE>
struct blocks_shared {
    typedef std::conditional_t<DTYPE == DTYPE_F32, uint32_t, uint16_t> element;
    static const int PITCH = WIDTH + 16 / (int)sizeof(element);

    float C[STAGES][STEPS][STATES + 16], B[STAGES][STEPS][STATES + 4];
    float part[PARTS][STEPS][STEPS + 8]; /* of the sums of G: [t][s] */
    float4 level[LEVELS][32];            /* of each lane, its elements of G and their rests */
    float4 diagonal[STEPS / 2];          /* of each pair: G[0,0], G[1,0], G[1,1] */
    element in[STREAMS][WARPS][STEPS][PITCH];
};

template <enum dtype DTYPE>
static inline size_t shared_bytes(const struct selscan *p)
{
    typedef struct blocks_shared<DTYPE> Shared;
    return sizeof(Shared) - (p->gate ? 0 : sizeof(Shared::in) / STREAMS);
}

/* The rows of a warp: `rows` channels from `channel` on, of one batch and group. */
struct warp_rows {
    int64_t b, group, channel;
    int rows;
};

static inline __device__ int lane_of(void)
{
    return (int)threadIdx.x % 32;
}
static inline __device__ int warp_of(void)
{
    return (int)threadIdx.x / 32;
}
/* g and q of the lane. */
static inline __device__ int lane_group(void)
{
    return lane_of() / 4;
}
static inline __device__ int lane_quad(void)
{
    return lane_of() % 4;
}
/* Step i (0 to 3) of the thread's: those of its early pair, then those of its late one. */
static inline __device__ int lane_step(int i)
{
    return i < 2 ? 2 * lane_quad() + i : 12 - 2 * lane_quad() + i;
}
/* The step of column c of a product whose columns are early or late pairs. */
static inline __device__ int column_step(int late, int c)
{
    return late ? 14 - (c & ~1) + (c & 1) : c;
}

/* Starts to copy the streams of the warp's rows from step `first` on, with zeros for what is not
 * there. */
template <enum dtype DTYPE, bool WORDS>
static inline __device__ void copy_streams(const struct selscan_call *call,
                                           const struct warp_rows *r, int64_t first,
                                           struct blocks_shared<DTYPE> *shared)
{
    typedef struct blocks_shared<DTYPE> Shared;
    typedef typename Shared::element element;
    const struct selscan *p = &call->p;
    const int tensors[STREAMS] = {SELSCAN_U, SELSCAN_DELTA, SELSCAN_Z};
#pragma unroll
    for (int stream = 0; stream < STREAMS; stream++) {
        if (stream == STREAM_Z && !p->gate)
            continue;
        const element *const from = (const element *)call->tensor[tensors[stream]];
        element(*const to)[Shared::PITCH] = shared->in[stream][warp_of()];
        if constexpr (WORDS) {
            const int c = HELD * lane_group();
#pragma unroll
            for (int i = 0; i < 4; i++) {
                const int64_t step = first + lane_step(i);
                const bool there = step < p->length && c < r->rows;
                const int64_t at =
                    there ? selscan_at(p, r->b, r->channel + c, selscan_time(p, step)) : 0;
                copy_async<HELD * (int)sizeof(element)>(&to[lane_step(i)][c], from + at,
                                                        there ? HELD * (int)sizeof(element) : 0);
            }
        } else {
            const bool last = p->layout == CHANNEL_LAST; /* cost only: neighbours in memory */
            const int t0 = last ? lane_of() / WIDTH : lane_of() % STEPS;
            const int c0 = last ? lane_of() % WIDTH : lane_of() / STEPS;
            const int along = last ? 32 / WIDTH : 0, across = last ? 0 : 32 / STEPS;
#pragma unroll 4
            for (int i = 0; i < STEPS * WIDTH / 32; i++) {
                const int t = t0 + i * along, c = c0 + i * across;
                const bool there = first + t < p->length && c < r->rows;
                const int64_t at =
                    there ? selscan_at(p, r->b, r->channel + c, selscan_time(p, first + t)) : 0;
                if constexpr (DTYPE == DTYPE_F32)
                    copy_async<4>(&to[t][c], from + at, there ? 4 : 0);
                else
                    to[t][c] = there ? from[at] : (element)0;
            }
        }
    }
}

/* Writes the outputs of the warp's rows from step `first` on, which are in the place of delta. */
template <enum dtype DTYPE>
static inline __device__ void store_outputs(const struct selscan_call *call,
                                            const struct warp_rows *r, int64_t first,
                                            const struct blocks_shared<DTYPE> *shared)
{
    typedef typename blocks_shared<DTYPE>::element element;
    const struct selscan *p = &call->p;
    const bool last = p->layout == CHANNEL_LAST; /* cost only: neighbours in memory */
    const int t0 = last ? lane_of() / WIDTH : lane_of() % STEPS;
    const int c0 = last ? lane_of() % WIDTH : lane_of() / STEPS;
    const int along = last ? 32 / WIDTH : 0, across = last ? 0 : 32 / STEPS;
#pragma unroll 4
    for (int i = 0; i < STEPS * WIDTH / 32; i++) {
        const int t = t0 + i * along, c = c0 + i * across;
        if (first + t < p->length && c < r->rows)
            ((element *)call->tensor[SELSCAN_OUT])[selscan_at(
                p, r->b, r->channel + c, selscan_time(p, first + t))] =
                shared->in[STREAM_DELTA][warp_of()][t][c];
    }
}

/* The thread's HELD channels of one step of a stream. */
template <enum dtype DTYPE>
static inline __device__ void read_stream(const struct blocks_shared<DTYPE> *shared,
                                          enum stream stream, int step, float out[HELD])
{
    const auto *const from = &shared->in[stream][warp_of()][step][HELD * lane_group()];
    if constexpr (DTYPE == DTYPE_F32) {
        struct alignas(4 * HELD) word {
            uint32_t of[HELD];
        };
        const word bits = *(const word *)from;
#pragma unroll
        for (int c = 0; c < HELD; c++)
            out[c] = bits_float(bits.of[c]);
    } else {
#pragma unroll
        for (int c = 0; c < HELD; c += 2) {
            const float2 pair = vector_pair<DTYPE>(*(const unsigned *)(from + c));
            out[c] = pair.x;
            out[c + 1] = pair.y;
        }
    }
}

/* What a thread has loaded of B and C of 16 bits. */
template <enum dtype DTYPE, bool WORDS>
struct states_ahead {
    static const int HOLDS = DTYPE == DTYPE_F32 ? 1 : WORDS ? COPIES / 2 : COPIES;
    unsigned bits[HOLDS];
};

/* Calls copy(i, t, n, C, at) for what the thread has of B and C of the steps from `first` on: i-th,
 * `many` elements from state n of step t on, of C or of B, at element `at`, which is -1 if they are
 * not there. */
template <int MANY, typename Copy>
static inline __device__ void states_each(const struct selscan *p, const struct warp_rows *r,
                                          int64_t first, Copy copy)
{
    const bool last = p->layout == CHANNEL_LAST; /* cost only: neighbours in memory */
#pragma unroll
    for (int i = 0; i < COPIES / MANY; i++) {
        const int word = (int)threadIdx.x + i * THREADS, C = word / (STEPS * STATES / MANY);
        const int w = word % (STEPS * STATES / MANY);
        const int n = (last ? w % (STATES / MANY) : w / STEPS) * MANY;
        const int t = last ? w / (STATES / MANY) : w % STEPS;
        const bool there = first + t < p->length && n < p->state;
        copy(i, t, n, C,
             there ? selscan_bc_at(p, r->b, r->group, n, selscan_time(p, first + t)) : -1);
    }
}

/* Starts to copy or to load B and C of the block's group from step `first` on. */
template <enum dtype DTYPE, bool WORDS>
static inline __device__ void fetch_states(const struct selscan_call *call,
                                           const struct warp_rows *r, int64_t first, int stage,
                                           struct blocks_shared<DTYPE> *shared,
                                           struct states_ahead<DTYPE, WORDS> *ahead)
{
    const int MANY = WORDS ? 4 : 1;
    states_each<MANY>(&call->p, r, first, [&](int i, int t, int n, int C, int64_t at) {
        const void *const from = call->tensor[C ? SELSCAN_C : SELSCAN_B];
        if constexpr (DTYPE == DTYPE_F32) {
            (void)i;
            (void)ahead;
            copy_async<4 * MANY>(C ? &shared->C[stage][t][n] : &shared->B[stage][t][n],
                                 (const float *)from + (at < 0 ? 0 : at), at < 0 ? 0 : 4 * MANY);
        } else if constexpr (WORDS) {
            const uint2 word = at < 0 ? make_uint2(0, 0) : vector_load<DTYPE, 4>(from, at);
            ahead->bits[2 * i] = word.x;
            ahead->bits[2 * i + 1] = word.y;
        } else {
            ahead->bits[i] = at < 0 ? 0 : vector_element<DTYPE>(from, at);
        }
    });
}

/* Writes what was loaded, widened. */
template <enum dtype DTYPE, bool WORDS>
static inline __device__ void fill_states(const struct selscan_call *call,
                                          const struct warp_rows *r, int stage,
                                          struct blocks_shared<DTYPE> *shared,
                                          const struct states_ahead<DTYPE, WORDS> *ahead)
{
    if constexpr (DTYPE != DTYPE_F32)
        states_each<WORDS ? 4 : 1>(&call->p, r, 0, [&](int i, int t, int n, int C, int64_t) {
            float *const to = C ? &shared->C[stage][t][n] : &shared->B[stage][t][n];
            const float2 low = vector_pair<DTYPE>(ahead->bits[WORDS ? 2 * i : i]);
            if constexpr (WORDS) {
                const float2 high = vector_pair<DTYPE>(ahead->bits[2 * i + 1]);
                *(float4 *)to = make_float4(low.x, low.y, high.x, high.y);
            } else {
                *to = low.x;
            }
        });
}

#endif
