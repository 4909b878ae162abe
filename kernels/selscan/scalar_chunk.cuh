/* A chunk of steps of selscan/scalar_lookback and selscan/scalar_cluster: all steps of a block at
 * once, each 16 of them a warp's, from states of zero; then what the state before adds to that. */
#ifndef SSMBENCH_SELSCAN_SCALAR_CHUNK_CUH
#define SSMBENCH_SELSCAN_SCALAR_CHUNK_CUH

/* Knobs: warps that share a block's channels, and its steps. */
#ifndef SCALAR_CHUNK_SIDES
#define SCALAR_CHUNK_SIDES 2
#endif
#ifndef SCALAR_CHUNK_TURNS
#define SCALAR_CHUNK_TURNS 4
#endif
#ifndef SCALAR_MMA_TILES
#define SCALAR_MMA_TILES 1
#endif
#define SCALAR_MMA_WARPS  (SCALAR_CHUNK_SIDES * SCALAR_CHUNK_TURNS)
#define SCALAR_MMA_STAGES SCALAR_CHUNK_TURNS
#include "scalar_mma_steps.cuh"
#include "scalar_mma_ways.cuh"

enum {
    SIDES = SCALAR_CHUNK_SIDES,
    TURNS = SCALAR_CHUNK_TURNS,
    SPAN = TURNS * STEPS,
    BLOCK_WIDTH = SIDES * WIDTH,
    FOURS = SIDES * TILES * EIGHTS, /* of states that the lanes of a warp have for the block */
    EACH = FOURS / WARPS            /* those that a warp joins, of the same channels */
};
static_assert(FOURS % WARPS == 0 && EIGHTS % EACH == 0,
              "the fours that a warp joins are of a tile");

template <typename Shared>
struct chunk_shared {
    union {
        struct part part[WARPS];
        float4 state[TURNS][FOURS][32]; /* what 16 steps reach from zero; what they begin with */
    };
    struct within within[TURNS];
    struct decay decay[TURNS][BLOCK_WIDTH];
    float exponent[TURNS][BLOCK_WIDTH]; /* of the same */
    alignas(16) Shared blocks;
};

/* The channels of a batch and group, and how many tiles of BLOCK_WIDTH have them. */
struct tiling {
    int64_t channels, tiles;
};

static struct tiling tiling_of(const struct selscan *p)
{
    const int64_t channels = p->channels / p->groups;
    return {channels, blocks_for(channels, BLOCK_WIDTH)};
}

/* The rows of a block, and those of the warp among them. */
struct chunk_place {
    struct warp_rows all, r;
    unsigned group;
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

/* The place of the warp in tile number `tile` of all batches and groups. */
static inline __device__ struct chunk_place place_of(const struct selscan *p,
                                                     const struct tiling *tiling, unsigned tile)
{
    const unsigned pair = tile / (unsigned)tiling->tiles, b = pair / (unsigned)p->groups;
    const unsigned group = pair - b * (unsigned)p->groups;
    const int64_t begin = (tile - pair * tiling->tiles) * BLOCK_WIDTH, side = side_of() * WIDTH;
    const int64_t rows = tiling->channels - begin;
    struct chunk_place place;
    place.all = {b, group * tiling->channels + begin, (int)min(rows, (int64_t)BLOCK_WIDTH)};
    place.r = {b, place.all.channel + side, (int)min(max(rows - side, (int64_t)0), (int64_t)WIDTH)};
    place.group = group;
    return place;
}

/* How many of the 16 steps from `step` on are there. */
static inline __device__ int left_at(const struct selscan *p, int64_t step)
{
    const int64_t left = p->length - step;
    return left < 0 ? 0 : left < STEPS ? (int)left : (int)STEPS;
}

/* Starts to copy what the block reads of the steps from `first` on to shared memory; `at` is the
 * element of the warp's first step and channel. */
template <typename Shared>
static inline __device__ void copy_all(const struct selscan_call *call, const struct strides *s,
                                       const struct chunk_place *place, int64_t first, int64_t at,
                                       Shared *shared)
{
    const struct selscan *p = &call->p;
    const int AHEAD = Shared::DTYPE == DTYPE_F32 ? 1 : TURNS; /* of 16 bits all loads come first */
    struct states_ahead<Shared> ahead[AHEAD];
    const int64_t bc = selscan_bc_at(p, place->r.b, place->group, 0, selscan_time(p, 0));
#pragma unroll(AHEAD)
    for (int turn = 0; turn < TURNS; turn++) {
        const int64_t step = first + turn * STEPS;
        fetch_states(call, s, bc + step * s->state_step, left_at(p, step), turn, shared,
                     &ahead[turn % AHEAD]);
    }
    copy_streams<false>(call, s, &place->r, at, left_at(p, first + turn_of() * STEPS), shared);
    copy_async_commit();
#pragma unroll
    for (int turn = 0; turn < TURNS; turn++)
        fill_states(call, turn, shared, &ahead[turn % AHEAD]);
}

/* Makes G of all steps of the block. */
template <typename Shared>
static inline __device__ void make_G(struct chunk_shared<Shared> *shared)
{
    make_part<SIDES>(&shared->blocks, turn_of(), side_of(), &shared->part[warp_of()]);
    __syncthreads(); /* all parts are there */
    const int shares = (LEVELS + 1) * 32;
#pragma unroll
    for (int i = side_of() * 32 + lane_of(); i < shares; i += 32 * SIDES)
        make_levels<SIDES>(&shared->part[turn_of() * SIDES], i, share_of(i),
                           &shared->within[turn_of()]);
    __syncthreads(); /* G lies where all lanes look for it; the parts are done with */
}

/* What the warp's steps do from a state of zero: y, the decays up to each, and, in shared memory,
 * the state after them and their decay. */
template <typename Shared>
static inline __device__ void walk(const struct selscan_call *call, const struct warp_rows *r,
                                   int left, const float A[HELD],
                                   struct chunk_shared<Shared> *shared, float y[TILES][2][4],
                                   float reach[TILES][2][4])
{
    struct split<4> X[2][TILES];
    float total[HELD];
#pragma unroll
    for (int m = 0; m < TILES; m++) {
        struct steps steps[2];
        read_steps<false>(call, r, m, left, &shared->blocks, &A[2 * m], steps, &total[2 * m]);
#pragma unroll
        for (int c = 0; c < 2; c++)
            contain(&steps[c], &total[2 * m + c], y[m], c);
        go_within(&shared->within[turn_of()], steps, y[m], reach[m], &X[0][m], &X[1][m]);
    }
#pragma unroll 1 /* code costs time as well */
    for (int i = 0; i < EIGHTS; i += 2) {
        float brought[TILES][2][4] = {};
        bring(&shared->blocks, turn_of(), i, X, brought);
#pragma unroll
        for (int m = 0; m < TILES; m++)
#pragma unroll
            for (int n = 0; n < 2; n++)
                shared->state[turn_of()][(side_of() * TILES + m) * EIGHTS + i + n][lane_of()] =
                    pack(brought[m][n]);
    }
#pragma unroll
    for (int c = 0; c < HELD; c++)
        if (lane_quad() == 0) { /* cost only: all four have the same */
            const int channel = side_of() * WIDTH + lane_channel(c / 2) + c % 2;
            shared->exponent[turn_of()][channel] = A[c] * total[c];
            shared->decay[turn_of()][channel] = decay_ex2(A[c] * total[c]);
        }
}

/* Copies the steps from `first` on, and takes them from states of zero: walk(), for all warps. */
template <typename Shared>
static inline __device__ void walk_chunk(const struct selscan_call *call, const struct strides *s,
                                         const struct chunk_place *place, int64_t first, int64_t at,
                                         int left, struct chunk_shared<Shared> *shared,
                                         float y[TILES][2][4], float reach[TILES][2][4])
{
    float A[HELD];
    copy_all(call, s, place, first, at, &shared->blocks);
    load_A(call, &place->r, A);
    copy_async_wait<0>();
    __syncthreads(); /* all that the block reads is there */
    make_G(shared);
    walk(call, &place->r, left, A, shared, y, reach);
    __syncthreads(); /* what all warps reach is there */
}

/* What the block's steps reach from zero, of the fours from `first` on, and their decays. */
template <typename Shared>
static inline __device__ void fold(const struct chunk_shared<Shared> *shared, int first,
                                   float reached[EACH][4], struct decay decay[2])
{
    const int channel = lane_channel(first / EIGHTS);
    float exponent[2] = {};
#pragma unroll
    for (int turn = 0; turn < TURNS; turn++) {
#pragma unroll
        for (int i = 0; i < EACH; i++)
            go_on(reached[i], &shared->decay[turn][channel],
                  shared->state[turn][first + i][lane_of()]);
        exponent[0] += shared->exponent[turn][channel];
        exponent[1] += shared->exponent[turn][channel + 1];
    }
    decay[0] = decay_ex2(exponent[0]);
    decay[1] = decay_ex2(exponent[1]);
}

/* Puts what each 16 steps begin with in the place of what they reach, of the fours from `first` on,
 * which begin with h. */
template <typename Shared>
static inline __device__ void spread(struct chunk_shared<Shared> *shared, int first,
                                     float h[EACH][4])
{
    const int channel = lane_channel(first / EIGHTS);
#pragma unroll
    for (int turn = 0; turn < TURNS; turn++)
#pragma unroll
        for (int i = 0; i < EACH; i++) {
            float4 *const here = &shared->state[turn][first + i][lane_of()];
            const float4 reaches = *here;
            *here = pack(h[i]);
            go_on(h[i], &shared->decay[turn][channel], reaches);
        }
}

/* Adds to y what the state that the warp's steps begin with gives, and writes out. */
template <typename Shared>
static inline __device__ void give_all(const struct selscan_call *call, const struct strides *s,
                                       const struct warp_rows *r, int64_t at, int left,
                                       struct chunk_shared<Shared> *shared, float y[TILES][2][4],
                                       const float reach[TILES][2][4])
{
    float given[TILES][2][4] = {};
#pragma unroll 1
    for (int i = 0; i < EIGHTS; i++) {
        float h[TILES][4];
#pragma unroll
        for (int m = 0; m < TILES; m++)
            unpack(h[m], shared->state[turn_of()][(side_of() * TILES + m) * EIGHTS + i][lane_of()]);
        give(&shared->blocks, turn_of(), i, h, given);
    }
#pragma unroll
    for (int m = 0; m < TILES; m++) {
#pragma unroll
        for (int i = 0; i < 8; i++) {
            float *const one = &y[m][i / 4][i % 4];
            *one = fmaf(reach[m][i / 4][i % 4], given[m][i / 4][i % 4], *one);
        }
        finish<false>(call, s, r, at, left, m, y[m], &shared->blocks);
    }
    if constexpr (Shared::BY == BY_ELEMENT) {
        __syncwarp(); /* out is whole */
        store_outputs(call, s, r, at, left, &shared->blocks);
    }
}

#endif
