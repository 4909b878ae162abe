/* The shared memory of selscan/scalar_mma, and how what it holds gets there.
 *
 * Warps      A warp has WIDTH channels and 16 steps at a time. Of its lane l = 4g + q a thread has,
 *            of each 16 of the channels, those from 2g on, and of the eight pairs of steps numbers
 *            q and 7 - q: so each product of matrices gives and takes what is its own.
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
#define SCALAR_MMA_RESIDENT 2
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
    EIGHTS = STATES / 8,
    PARTS = 4, /* warps that make G */
    PART_PITCH = STEPS + 8,
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

    float C[STAGES][STEPS][STATES + 8], B[STAGES][STEPS][STATES + 4];
    float part[PARTS][STEPS * PART_PITCH]; /* of the sums of G: [t][s] */
    uint4 level[LEVELS][32];               /* of each lane, two elements of G and their rests */
    float2 diagonal[STEPS];                /* of each step, its elements of G from its pair */
    element in[STREAMS][WARPS][STEPS][PITCH];
};

template <enum dtype DTYPE>
static inline size_t shared_bytes(const struct selscan *p)
{
    typedef struct blocks_shared<DTYPE> Shared;
    return sizeof(Shared) - (p->gate ? 0 : sizeof(Shared::in) / STREAMS);
}

/* How far apart neighbours are: of the streams, of B and C, in elements; a step in the recurrence's
 * own direction. */
struct strides {
    int64_t step, channel, state_step, state;
};

static inline struct strides strides_of(const struct selscan *p)
{
    const bool last = p->layout == CHANNEL_LAST;
    const int64_t forth = p->reverse ? -1 : 1;
    struct strides s;
    s.step = forth * (last ? p->channels : 1);
    s.channel = last ? 1 : p->length;
    s.state_step = forth * (last ? p->groups * p->state : 1);
    s.state = last ? 1 : p->length;
    return s;
}

/* The rows of a warp: `rows` channels from `channel` on, of batch b. */
struct warp_rows {
    int64_t b, channel;
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
/* The first of the thread's two channels of tile m. */
static inline __device__ int lane_channel(int m)
{
    return 16 * m + 2 * lane_group();
}
/* The step of column c of a product whose columns are early or late pairs. */
static inline __device__ int column_step(int late, int c)
{
    return late ? 14 - (c & ~1) + (c & 1) : c;
}

/* Where a lane begins, and goes on to, that takes the warp's steps and channels one by one, along
 * what is contiguous in memory. */
struct stroll {
    int t, c, along, across;
};

static inline __device__ struct stroll stroll_of(const struct selscan *p)
{
    const int lane = lane_of();
    if (p->layout == CHANNEL_LAST) /* cost only: neighbours in memory */
        return {lane / WIDTH, lane % WIDTH, 32 / WIDTH, 0};
    return {lane % STEPS, lane / STEPS, 0, 32 / STEPS};
}

/* Starts to copy the streams of the warp's rows in the block of steps from element `at` on, of
 * which `left` are there, and zeros for the others. */
template <enum dtype DTYPE, bool WORDS, bool PLAIN>
static inline __device__ void copy_streams(const struct selscan_call *call, const struct strides *s,
                                           const struct warp_rows *r, int64_t at, int left,
                                           struct blocks_shared<DTYPE> *shared)
{
    typedef struct blocks_shared<DTYPE> Shared;
    typedef typename Shared::element element;
    const int tensors[STREAMS] = {SELSCAN_U, SELSCAN_DELTA, SELSCAN_Z};
#pragma unroll
    for (int stream = 0; stream < STREAMS; stream++) {
        if (stream == STREAM_Z && (PLAIN || !call->p.gate))
            continue;
        const element *const from = (const element *)call->tensor[tensors[stream]];
        element(*const to)[Shared::PITCH] = shared->in[stream][warp_of()];
        if constexpr (WORDS) {
            const int BYTES = 4 * (int)sizeof(element), ALONG = 128 / WIDTH;
            const int t = lane_of() / (WIDTH / 4), c = lane_of() % (WIDTH / 4) * 4;
            const element *const word = from + at + t * s->step + c;
#pragma unroll
            for (int i = 0; i < STEPS / ALONG; i++) {
                const bool there = t + i * ALONG < left && c < r->rows;
                copy_async<BYTES>(&to[t + i * ALONG][c], word + i * ALONG * s->step,
                                  there ? BYTES : 0);
            }
        } else {
            struct stroll go = stroll_of(&call->p);
            const element *one = from + at + go.t * s->step + go.c * s->channel;
#pragma unroll 4
            for (int i = 0; i < STEPS * WIDTH / 32; i++) {
                const bool there = go.t < left && go.c < r->rows;
                if constexpr (DTYPE == DTYPE_F32)
                    copy_async<4>(&to[go.t][go.c], one, there ? 4 : 0);
                else
                    to[go.t][go.c] = there ? *one : (element)0;
                go.t += go.along;
                go.c += go.across;
                one += go.along * s->step + go.across * s->channel;
            }
        }
    }
}

/* Writes the outputs of the warp's rows, which are in the place of delta. */
template <enum dtype DTYPE>
static inline __device__ void store_outputs(const struct selscan_call *call,
                                            const struct strides *s, const struct warp_rows *r,
                                            int64_t at, int left,
                                            const struct blocks_shared<DTYPE> *shared)
{
    typedef typename blocks_shared<DTYPE>::element element;
    struct stroll go = stroll_of(&call->p);
    element *to = (element *)call->tensor[SELSCAN_OUT] + at + go.t * s->step + go.c * s->channel;
#pragma unroll 4
    for (int i = 0; i < STEPS * WIDTH / 32; i++) {
        if (go.t < left && go.c < r->rows)
            *to = shared->in[STREAM_DELTA][warp_of()][go.t][go.c];
        go.t += go.along;
        go.c += go.across;
        to += go.along * s->step + go.across * s->channel;
    }
}

/* The thread's two channels of tile m of one step of a stream. */
template <enum dtype DTYPE>
static inline __device__ float2 read_stream(const struct blocks_shared<DTYPE> *shared,
                                            enum stream stream, int step, int m)
{
    const auto *const from = &shared->in[stream][warp_of()][step][lane_channel(m)];
    if constexpr (DTYPE == DTYPE_F32) {
        const uint2 bits = *(const uint2 *)from;
        return make_float2(bits_float(bits.x), bits_float(bits.y));
    } else {
        return vector_pair<DTYPE>(*(const unsigned *)from);
    }
}

/* What a thread has loaded of B and C of 16 bits. */
template <enum dtype DTYPE, bool WORDS>
struct states_ahead {
    static const int HOLDS = DTYPE == DTYPE_F32 ? 1 : WORDS ? COPIES / 2 : COPIES;
    unsigned bits[HOLDS];
};

/* Calls copy(i, t, n, C) for what the thread has of B and C of a block of steps: i-th, `MANY`
 * elements from state n of step t on, of C or of B. */
template <int MANY, typename Copy>
static inline __device__ void states_each(const struct selscan *p, Copy copy)
{
    const bool last = MANY > 1 || p->layout == CHANNEL_LAST; /* cost only: neighbours in memory */
#pragma unroll
    for (int i = 0; i < COPIES / MANY; i++) {
        const int word = (int)threadIdx.x + i * THREADS, C = word / (STEPS * STATES / MANY);
        const int w = word % (STEPS * STATES / MANY);
        const int n = (last ? w % (STATES / MANY) : w / STEPS) * MANY;
        copy(i, last ? w / (STATES / MANY) : w % STEPS, n, C);
    }
}

/* Starts to copy or to load B and C of the block of steps from element `at` on, of which `left` are
 * there. */
template <enum dtype DTYPE, bool WORDS>
static inline __device__ void fetch_states(const struct selscan_call *call, const struct strides *s,
                                           int64_t at, int left, int stage,
                                           struct blocks_shared<DTYPE> *shared,
                                           struct states_ahead<DTYPE, WORDS> *ahead)
{
    const int MANY = WORDS ? 4 : 1;
    states_each<MANY>(&call->p, [&](int i, int t, int n, int C) {
        const void *const from = call->tensor[C ? SELSCAN_C : SELSCAN_B];
        const bool there = t < left && n < call->p.state;
        const int64_t from_at = at + t * s->state_step + n * (WORDS ? 1 : s->state);
        if constexpr (DTYPE == DTYPE_F32) {
            (void)i;
            (void)ahead;
            copy_async<4 * MANY>(C ? &shared->C[stage][t][n] : &shared->B[stage][t][n],
                                 (const float *)from + from_at, there ? 4 * MANY : 0);
        } else if constexpr (WORDS) {
            const uint2 word = there ? vector_load<DTYPE, 4>(from, from_at) : make_uint2(0, 0);
            ahead->bits[2 * i] = word.x;
            ahead->bits[2 * i + 1] = word.y;
        } else {
            ahead->bits[i] = there ? vector_element<DTYPE>(from, from_at) : 0;
        }
    });
}

/* Writes what was loaded, widened. */
template <enum dtype DTYPE, bool WORDS>
static inline __device__ void fill_states(const struct selscan_call *call, int stage,
                                          struct blocks_shared<DTYPE> *shared,
                                          const struct states_ahead<DTYPE, WORDS> *ahead)
{
    if constexpr (DTYPE != DTYPE_F32)
        states_each<WORDS ? 4 : 1>(&call->p, [&](int i, int t, int n, int C) {
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
