/* The chunks of selscan/scalar_lookback: where they are published, and how a block learns from
 * those before it what its own begins with. */
#ifndef SSMBENCH_SELSCAN_SCALAR_LOOKBACK_CUH
#define SSMBENCH_SELSCAN_SCALAR_LOOKBACK_CUH

/* Knobs: warps that share a block's channels, and its steps. */
#ifndef SCALAR_LOOKBACK_SIDES
#define SCALAR_LOOKBACK_SIDES 2
#endif
#ifndef SCALAR_LOOKBACK_TURNS
#define SCALAR_LOOKBACK_TURNS 4
#endif
#ifndef SCALAR_MMA_TILES
#define SCALAR_MMA_TILES 1
#endif
#define SCALAR_MMA_WARPS  (SCALAR_LOOKBACK_SIDES * SCALAR_LOOKBACK_TURNS)
#define SCALAR_MMA_STAGES SCALAR_LOOKBACK_TURNS
#include "scalar_mma_steps.cuh"

enum {
    SIDES = SCALAR_LOOKBACK_SIDES,
    TURNS = SCALAR_LOOKBACK_TURNS,
    SPAN = TURNS * STEPS,
    BLOCK_WIDTH = SIDES * WIDTH,
    FOURS = SIDES * TILES * EIGHTS, /* of states that the lanes of a warp have for the block */
    EACH = FOURS / WARPS,           /* those that a warp joins, of the same channels */
    WINDOW = 32,                    /* chunks whose flags a warp sees at once */
    POLL_NS = 20,
    CLEARING = 256 /* threads of a block that clears */
};
static_assert(FOURS % WARPS == 0 && EIGHTS % EACH == 0,
              "the fours that a warp joins are of a tile");

enum published { NOTHING, FROM_ZERO, TRUE_STATE };

struct chunks {
    unsigned long long *counter; /* of blocks that have begun; NULL: all begin at once */
    unsigned *published;         /* (tiles, chunks): enum published */
    struct decay *decay;         /* (chunks, tiles, BLOCK_WIDTH) */
    float4 *from_zero;           /* (chunks, tiles, FOURS, 32): states as threads have them */
    float4 *after;               /* the same of true ones, or NULL */
    int64_t chunks, tiles, group_tiles, group_channels; /* the latter two of a batch and group */
};

static const size_t FLAGS_ALIGNED = 256;

static size_t flags_bytes(const struct chunks *w)
{
    const size_t bytes =
        sizeof(unsigned long long) + (size_t)(w->chunks * w->tiles) * sizeof *w->published;
    return (bytes + FLAGS_ALIGNED - 1) / FLAGS_ALIGNED * FLAGS_ALIGNED;
}

static size_t states_of(const struct chunks *w)
{
    return (size_t)(w->chunks * w->tiles) * FOURS * 32;
}

static size_t chunks_bytes(const struct chunks *w)
{
    return flags_bytes(w) + (size_t)(w->chunks * w->tiles) * BLOCK_WIDTH * sizeof *w->decay +
           states_of(w) * (w->chunks > WINDOW ? 2 : 1) * sizeof(float4);
}

static struct chunks chunks_carve(const struct selscan *p, void *memory)
{
    struct chunks w;
    w.group_channels = p->channels / p->groups;
    w.group_tiles = blocks_for(w.group_channels, BLOCK_WIDTH);
    w.tiles = p->batch * p->groups * w.group_tiles;
    w.chunks = blocks_for(p->length, SPAN);
    w.counter = (unsigned long long *)memory;
    w.published = (unsigned *)(w.counter + 1);
    w.decay = (struct decay *)((char *)memory + flags_bytes(&w));
    w.from_zero = (float4 *)(w.decay + w.chunks * w.tiles * BLOCK_WIDTH);
    w.after = w.chunks > WINDOW ? w.from_zero + states_of(&w) : NULL;
    return w;
}

template <typename Shared>
struct chunk_shared {
    union {
        struct part part[WARPS];
        float4 state[TURNS][FOURS][32]; /* what 16 steps reach from zero; what they begin with */
    };
    struct within within[TURNS];
    struct decay decay[TURNS][BLOCK_WIDTH];
    float exponent[TURNS][BLOCK_WIDTH]; /* of the same */
    long long number, known;            /* of the block; of the chunk that it comes forward from */
    alignas(16) Shared blocks;
};

/* The warps in pairs, or more, beside each other; one after another in time. */
static inline __device__ int side_of(void)
{
    return warp_of() % SIDES;
}
static inline __device__ int turn_of(void)
{
    return warp_of() / SIDES;
}

/* Four states in one word. */
static inline __device__ void unpack(float h[4], float4 word)
{
    h[0] = word.x;
    h[1] = word.y;
    h[2] = word.z;
    h[3] = word.w;
}
static inline __device__ float4 pack(const float h[4])
{
    return make_float4(h[0], h[1], h[2], h[3]);
}

/* Four states of two channels a chunk or a block of steps later. */
static inline __device__ void go_on(float h[4], const struct decay decay[2], float4 reached)
{
    float from_zero[4];
    unpack(from_zero, reached);
#pragma unroll
    for (int j = 0; j < 4; j++)
        h[j] = selscan_step(h[j], decay[j / 2], 1.0f, from_zero[j]);
}

/* Says that what the block has written for its chunk may be read. */
static inline __device__ void publish(unsigned *published, enum published what)
{
    __syncthreads();        /* all threads have written */
    if (threadIdx.x == 0) { /* cost only: once is enough */
        __threadfence();    /* GPU only: what was written comes before the flag */
        atomicExch(published, (unsigned)what);
    }
}

/* The nearest chunk before `chunk` whose true last state is there, or -1; all between have
 * published theirs from zero. For all lanes of a warp. */
static inline __device__ int64_t look_back(const struct chunks *w, int64_t chunk, int64_t tile)
{
    for (int64_t last = chunk - 1;;) {
        const int64_t mine = last - lane_of();
        const unsigned what =
            mine < 0 ? (unsigned)TRUE_STATE : atomicAdd(&w->published[tile * w->chunks + mine], 0u);
        const unsigned found = __ballot_sync(0xffffffffu, what == TRUE_STATE);
        const unsigned missing = __ballot_sync(0xffffffffu, what == NOTHING);
        const int64_t known = found ? last - (__ffs((int)found) - 1) : last - WINDOW;
        if (missing & (found ? (found & -found) - 1 : 0xffffffffu)) {
            __nanosleep(POLL_NS);
            continue;
        }
        if (found) {
            __threadfence(); /* GPU only: the flags come before what is read */
            return known;
        }
        last = known;
    }
}

/* The thread's fours of states from `first` on before `chunk`: from the true ones after chunk
 * `known` (-1: before all) over those between. */
static inline __device__ void come_forward(const struct selscan_call *call, const struct chunks *w,
                                           const struct warp_rows *r, int64_t known, int64_t chunk,
                                           int64_t tile, int first, float h[EACH][4])
{
#pragma unroll
    for (int i = 0; i < EACH; i++)
        unpack(
            h[i],
            known < 0
                ? make_float4(0, 0, 0, 0)
                : __ldcg(
                      &w->after[((known * w->tiles + tile) * FOURS + first + i) * 32 + lane_of()]));
    if (known < 0 && call->tensor[SELSCAN_INITIAL])
#pragma unroll
        for (int i = 0; i < EACH; i++)
            each_state(&call->p, r, first / EIGHTS, first % EIGHTS + i, h[i],
                       (float *)call->tensor[SELSCAN_INITIAL],
                       [](float *state, const float *from) { *state = *from; });
    const int channel = lane_channel(first / EIGHTS);
#pragma unroll 3
    for (int64_t c = known + 1; c < chunk; c++) {
        const int64_t at = c * w->tiles + tile;
        const float4 word = __ldcg((const float4 *)&w->decay[at * BLOCK_WIDTH + channel]);
        const struct decay decay[2] = {{word.x, word.y}, {word.z, word.w}};
#pragma unroll
        for (int i = 0; i < EACH; i++)
            go_on(h[i], decay, __ldcg(&w->from_zero[(at * FOURS + first + i) * 32 + lane_of()]));
    }
}

#endif
