/* The shared memory of selscan/scalar_mma, scalar_lookback and scalar_cluster, and how what it
 * holds gets there.
 *
 * Warps      A warp has WIDTH channels and 16 steps at a time. Of its lane l = 4g + q a thread has,
 *            of each 16 of the channels, those from 2g on, and of the eight pairs of steps numbers
 *            q and 7 - q: so each product of matrices gives and takes what is its own.
 * Copies     BY_WORD: rows along channels and states that consist of aligned words, BY_LINE: such
 *            rows along time, of f32, not backwards; by lanes of one word each. BY_ELEMENT: all
 *            else; lanes along what is contiguous in memory. f32 is copied asynchronously, one
 *            block of steps ahead or more; of 16 bits only rows of words are.
 */
#ifndef SSMBENCH_SELSCAN_SCALAR_MMA_CUH
#define SSMBENCH_SELSCAN_SCALAR_MMA_CUH

#include "../device/async.cuh"
#include "../device/mma.cuh"
#include "../device/vector.cuh"
#include "strides.cuh"

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
    PART_PITCH = STEPS + 8,
    LEVELS = 3,
    STREAMS = 3,
    COPIES = 2 * STEPS * STATES / THREADS /* elements of B and C of a thread */
};

/* The streams of a channel; out takes the place of delta. */
enum stream { STREAM_U, STREAM_DELTA, STREAM_Z };

/* A part of the sums of G of a block of steps: [t][s]. */
struct part {
    float G[STEPS * PART_PITCH];
};

/* G, as the warps read it. */
struct within {
    uint4 level[LEVELS][32]; /* of each lane, two elements of G and their rests */
    float2 diagonal[STEPS];  /* of each step, its elements of G from its pair */
};

/* How a problem's tensors are copied (above). */
enum way { BY_ELEMENT, BY_WORD, BY_LINE };

enum { QUAD = 4, LINE_WORDS = STEPS / QUAD, LINE = STEPS + QUAD };

/* The pitches put what a warp reads at once into different banks. */
template <enum dtype TYPE, enum way WAY>
struct blocks_shared {
    typedef std::conditional_t<TYPE == DTYPE_F32, uint32_t, uint16_t> element;
    static const enum dtype DTYPE = TYPE;
    static const enum way BY = WAY;
    static const int PITCH = WIDTH + 16 / (int)sizeof(element);

    float C[STAGES][STEPS][STATES + 8], B[STAGES][STEPS][STATES + 4];
    element in[STREAMS][WARPS][STEPS][PITCH];
};

template <enum dtype TYPE>
struct blocks_shared<TYPE, BY_LINE> {
    typedef uint32_t element;
    static const enum dtype DTYPE = TYPE;
    static const enum way BY = BY_LINE;

    alignas(16) float C[STAGES][STATES][LINE];
    alignas(16) float B[STAGES][STATES][LINE];
    alignas(16) element in[STREAMS][WARPS][WIDTH][LINE];
};

/* Bytes of a struct that ends with one of those: without a gate its last stream is not there. */
template <typename All, typename Shared>
static inline size_t shared_bytes(const struct selscan *p)
{
    return sizeof(All) - (p->gate ? 0 : sizeof(Shared::in) / STREAMS);
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
template <bool PLAIN, typename Shared>
static inline __device__ void copy_streams(const struct selscan_call *call, const struct strides *s,
                                           const struct warp_rows *r, int64_t at, int left,
                                           Shared *shared)
{
    typedef typename Shared::element element;
    const int tensors[STREAMS] = {SELSCAN_U, SELSCAN_DELTA, SELSCAN_Z};
#pragma unroll
    for (int stream = 0; stream < STREAMS; stream++) {
        if (stream == STREAM_Z && (PLAIN || !call->p.gate))
            continue;
        const element *const from = (const element *)call->tensor[tensors[stream]];
        auto *const to = shared->in[stream][warp_of()];
        if constexpr (Shared::BY == BY_LINE) {
#pragma unroll
            for (int i = 0; i < WIDTH * LINE_WORDS / 32; i++) {
                const int word = lane_of() + 32 * i, c = word / LINE_WORDS;
                const int step = word % LINE_WORDS * QUAD;
                copy_async<16>(&to[c][step], from + at + c * s->channel + step,
                               c < r->rows && step < left ? 16 : 0);
            }
        } else if constexpr (Shared::BY == BY_WORD) {
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
                if constexpr (Shared::DTYPE == DTYPE_F32)
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
template <typename Shared>
static inline __device__ void store_outputs(const struct selscan_call *call,
                                            const struct strides *s, const struct warp_rows *r,
                                            int64_t at, int left, const Shared *shared)
{
    typedef typename Shared::element element;
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

/* The thread's early or late pair of steps of a stream, of its two channels of tile m. */
template <typename Shared>
static inline __device__ void read_pair(const Shared *shared, enum stream stream, int late, int m,
                                        float pair[2][2])
{
    const int step = lane_step(2 * late), c = lane_channel(m);
    const auto *const streams = shared->in[stream][warp_of()];
#pragma unroll
    for (int i = 0; i < 2; i++) {
        if constexpr (Shared::BY == BY_LINE) {
            const auto *const from = &streams[c + i][step];
            const uint2 steps = *(const uint2 *)from;
            pair[0][i] = bits_float(steps.x);
            pair[1][i] = bits_float(steps.y);
        } else {
            const auto *const from = &streams[step + i][c];
            float2 channels;
            if constexpr (Shared::DTYPE == DTYPE_F32) {
                const uint2 bits = *(const uint2 *)from;
                channels = make_float2(bits_float(bits.x), bits_float(bits.y));
            } else {
                channels = vector_pair<Shared::DTYPE>(*(const unsigned *)from);
            }
            pair[i][0] = channels.x;
            pair[i][1] = channels.y;
        }
    }
}

/* The thread's two states of the eight from 8*i on of one step, of C or of B. */
template <typename Shared>
static inline __device__ float2 read_states(const Shared *shared, bool C, int stage, int step,
                                            int i)
{
    const int n = 8 * i + 2 * lane_quad();
    if constexpr (Shared::BY == BY_LINE) {
        const float(*const rows)[LINE] = C ? &shared->C[stage][n] : &shared->B[stage][n];
        return make_float2(rows[0][step], rows[1][step]);
    } else {
        return *(const float2 *)(C ? &shared->C[stage][step][n] : &shared->B[stage][step][n]);
    }
}

/* Its state g of the eight, of B. */
template <typename Shared>
static inline __device__ float read_own_state(const Shared *shared, int stage, int step, int i)
{
    const int n = 8 * i + lane_group();
    if constexpr (Shared::BY == BY_LINE)
        return shared->B[stage][n][step];
    return shared->B[stage][step][n];
}

/* What a thread has loaded of B and C of 16 bits. */
template <typename Shared>
struct states_ahead {
    static const int HOLDS = Shared::DTYPE == DTYPE_F32 ? 1
                             : Shared::BY == BY_WORD    ? COPIES / 2
                                                        : COPIES;
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
template <typename Shared>
static inline __device__ void fetch_states(const struct selscan_call *call, const struct strides *s,
                                           int64_t at, int left, int stage, Shared *shared,
                                           struct states_ahead<Shared> *ahead)
{
    if constexpr (Shared::BY == BY_LINE) {
        (void)ahead;
#pragma unroll
        for (int i = 0; i < 2 * STATES * LINE_WORDS / THREADS; i++) {
            const int word = (int)threadIdx.x + i * THREADS, row = word / LINE_WORDS;
            const int C = row / STATES, n = row % STATES;
            const int step = word % LINE_WORDS * QUAD;
            const float *const from = (const float *)call->tensor[C ? SELSCAN_C : SELSCAN_B];
            copy_async<16>(C ? &shared->C[stage][n][step] : &shared->B[stage][n][step],
                           from + at + n * s->state + step,
                           n < call->p.state && step < left ? 16 : 0);
        }
    } else {
        const int MANY = Shared::BY == BY_WORD ? 4 : 1;
        states_each<MANY>(&call->p, [&](int i, int t, int n, int C) {
            const void *const from = call->tensor[C ? SELSCAN_C : SELSCAN_B];
            const bool there = t < left && n < call->p.state;
            const int64_t from_at = at + t * s->state_step + n * (MANY > 1 ? 1 : s->state);
            if constexpr (Shared::DTYPE == DTYPE_F32) {
                (void)i;
                (void)ahead;
                copy_async<4 * MANY>(C ? &shared->C[stage][t][n] : &shared->B[stage][t][n],
                                     (const float *)from + from_at, there ? 4 * MANY : 0);
            } else if constexpr (MANY > 1) {
                const uint2 word =
                    there ? vector_load<Shared::DTYPE, 4>(from, from_at) : make_uint2(0, 0);
                ahead->bits[2 * i] = word.x;
                ahead->bits[2 * i + 1] = word.y;
            } else {
                ahead->bits[i] = there ? vector_element<Shared::DTYPE>(from, from_at) : 0;
            }
        });
    }
}

/* Writes what was loaded, widened. */
template <typename Shared>
static inline __device__ void fill_states(const struct selscan_call *call, int stage,
                                          Shared *shared, const struct states_ahead<Shared> *ahead)
{
    if constexpr (Shared::DTYPE != DTYPE_F32) {
        const int MANY = Shared::BY == BY_WORD ? 4 : 1;
        states_each<MANY>(&call->p, [&](int i, int t, int n, int C) {
            float *const to = C ? &shared->C[stage][t][n] : &shared->B[stage][t][n];
            const float2 low = vector_pair<Shared::DTYPE>(ahead->bits[MANY > 1 ? 2 * i : i]);
            if constexpr (MANY > 1) {
                const float2 high = vector_pair<Shared::DTYPE>(ahead->bits[2 * i + 1]);
                *(float4 *)to = make_float4(low.x, low.y, high.x, high.y);
            } else {
                *to = low.x;
            }
        });
    }
}

/* Loads A of the thread's channels. */
static inline __device__ void load_A(const struct selscan_call *call, const struct warp_rows *r,
                                     float A[HELD])
{
#pragma unroll
    for (int c = 0; c < HELD; c++) {
        const int at = lane_channel(c / 2) + c % 2;
        A[c] = at < r->rows ? ((const float *)call->tensor[SELSCAN_A])[r->channel + at] : 0;
    }
}

/* Moves the thread's states of tile m and of the eight from 8*i on, from or to an array (batch,
 * channels, state): run(&h, &element). */
template <typename Move>
static inline __device__ void each_state(const struct selscan *p, const struct warp_rows *r, int m,
                                         int i, float h[4], float *array, Move move)
{
#pragma unroll
    for (int j = 0; j < 4; j++) {
        const int c = lane_channel(m) + j / 2, n = 8 * i + 2 * lane_quad() + j % 2;
        if (c < r->rows && n < p->state)
            move(&h[j], &array[(r->b * p->channels + r->channel + c) * p->state + n]);
    }
}

#endif
