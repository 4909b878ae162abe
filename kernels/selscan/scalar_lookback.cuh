/* The chunks of selscan/scalar_lookback: where they are published, and how a block learns from
 * those before it what its own begins with. */
#ifndef SSMBENCH_SELSCAN_SCALAR_LOOKBACK_CUH
#define SSMBENCH_SELSCAN_SCALAR_LOOKBACK_CUH

#include "scalar_chunk.cuh"

enum {
    WINDOW = 32, /* chunks whose flags a warp sees at once */
    POLL_NS = 20,
    CLEARING = 256,                       /* threads of a block that clears ... */
    CLEARED = CLEARING * sizeof(unsigned) /* ... and its bytes */
};

enum published { NOTHING, FROM_ZERO, TRUE_STATE };

struct chunks {
    unsigned long long *counter; /* of blocks that have begun; NULL: all begin at once */
    unsigned *published;         /* (tiles, chunks): enum published */
    struct decay *decay;         /* (chunks, tiles, BLOCK_WIDTH) */
    float4 *from_zero;           /* (chunks, tiles, FOURS, 32): states as threads have them */
    float4 *after;               /* the same of true ones, or NULL */
    size_t cleared, bytes;       /* of the memory: at its begin, and in all */
    int64_t chunks, tiles;       /* of all batches and groups */
    struct tiling tiling;
};

/* Where they lie from `memory` on, which may be NULL. */
static struct chunks chunks_carve(const struct selscan *p, void *memory)
{
    struct chunks w;
    uintptr_t end = (uintptr_t)memory;
    w.tiling = tiling_of(p);
    w.tiles = p->batch * p->groups * w.tiling.tiles;
    w.chunks = blocks_for(p->length, SPAN);
    const size_t blocks = (size_t)(w.chunks * w.tiles), states = blocks * FOURS * 32;
    w.cleared =
        (size_t)blocks_for((int64_t)(sizeof *w.counter + blocks * sizeof *w.published), CLEARED) *
        CLEARED;
    w.counter = (unsigned long long *)end;
    w.published = (unsigned *)(end + sizeof *w.counter);
    w.decay = (struct decay *)(end += w.cleared);
    w.from_zero = (float4 *)(end += blocks * BLOCK_WIDTH * sizeof *w.decay);
    end += states * sizeof *w.from_zero;
    w.after = NULL;
    if (w.chunks > WINDOW) {
        w.after = (float4 *)end;
        end += states * sizeof *w.after;
    }
    w.bytes = end - (uintptr_t)memory;
    return w;
}

template <typename Shared>
struct lookback_shared {
    long long number, known; /* of the block; of the chunk that it comes forward from */
    struct chunk_shared<Shared> chunk;
};

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
            __nanosleep(POLL_NS); /* cost only: or it asks more often */
            continue;
        }
        if (found) {         /* GPU only: in simt one of so many is always true by then */
            __threadfence(); /* GPU only: the flags come before what is read */
            return known;
        }
        last = known; /* GPU only: the same */
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
