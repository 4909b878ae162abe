/* A tile of a selective scan with a scalar A in shared memory: TIME steps of ROWS channels of one
 * batch and group.
 *
 * Threads    LANES neighbours, a group, share QUADS*4 channels: those of 16-byte words group,
 *            group + GROUPS, ... of a warp's. Each holds STATES states of all of them, those of
 *            words lane, lane + LANES, ... of a step's B and C. So a word that is read serves 16
 *            states, and no two threads of a warp read different words of one bank.
 * Warps      A warp's channels are its own: only B and C are shared by the block.
 * Zeros      Channels, states and steps that the problem does not have are zeros: they change no
 *            state.
 */
#ifndef SSMBENCH_SELSCAN_SCALAR_TILE_CUH
#define SSMBENCH_SELSCAN_SCALAR_TILE_CUH

#include "../device/async.cuh"
#include "../device/launch.cuh"
#include "decay.cuh"

template <int WARPS_, int QUADS_, int STATE_QUADS_, int TIME_>
struct scalar_tile {
    static const int LANES = 4, GROUPS = 32 / LANES;
    static const int WARPS = WARPS_, QUADS = QUADS_, STATE_QUADS = STATE_QUADS_, TIME = TIME_;
    static const int THREADS = WARPS * 32, CHANNELS = QUADS * 4, STATES = STATE_QUADS * 4;
    static const int WARP_ROWS = GROUPS * CHANNELS, ROWS = WARPS * WARP_ROWS;
    static const int CAPACITY = LANES * STATES;

    float x[TIME][ROWS + 4]; /* u; then delta'*u; then <C, h> */
    float d[TIME][ROWS + 4]; /* delta; then expm1(delta'*A) */
    float B[TIME][CAPACITY + 4], C[TIME][CAPACITY + 4];
};

/* What a block keeps beside its tiles. */
template <typename Tile>
struct scalar_rows {
    float A[Tile::ROWS], bias[Tile::ROWS];
};

/* Where a tile lies in a tensor: element of its first row or state and step, and distances. */
struct scalar_axes {
    int64_t origin, next, step;
};

/* The channels of a block, and the steps first ... end-1 that it walks. */
struct scalar_block {
    int64_t b, group, channel, first, end;
    int rows;
};

static inline __device__ struct scalar_axes scalar_row_axes(const struct selscan *p,
                                                            const struct scalar_block *k,
                                                            int64_t step)
{
    const int64_t forward = selscan_at(p, 0, 0, 1);
    return {selscan_at(p, k->b, k->channel, selscan_time(p, step)), selscan_at(p, 0, 1, 0),
            p->reverse ? -forward : forward};
}

static inline __device__ struct scalar_axes scalar_state_axes(const struct selscan *p,
                                                              const struct scalar_block *k,
                                                              int64_t step)
{
    const int64_t forward = selscan_bc_at(p, 0, 0, 0, 1);
    return {selscan_bc_at(p, k->b, k->group, 0, selscan_time(p, step)),
            selscan_bc_at(p, 0, 0, 1, 0), p->reverse ? -forward : forward};
}

/* Calls body(i, t) for the thread's share of COUNT rows, states, or words of either, at TIME steps:
 * i runs along the threads if `last`, else t. */
template <int COUNT, int TIME, int THREADS, typename Body>
static inline __device__ void scalar_each(int thread, bool last, Body body)
{
    const int ACROSS = COUNT < THREADS ? COUNT : THREADS;
    static_assert(THREADS % ACROSS == 0 && COUNT % ACROSS == 0, "threads take whole steps");
    static_assert(THREADS % TIME == 0 || TIME % THREADS == 0, "threads take whole rows");
    if (last) { /* cost only: which thread takes what */
        const int i = thread % ACROSS, t = thread / ACROSS;
#pragma unroll
        for (int across = 0; across < COUNT; across += ACROSS)
#pragma unroll
            for (int along = 0; along < TIME; along += THREADS / ACROSS)
                body(i + across, t + along);
    } else {
        const int i = thread / TIME, t = thread % TIME;
#pragma unroll
        for (int across = 0; across < COUNT; across += THREADS / TIME)
            body(i + across, t);
    }
}

/* Four neighbours from element `at` on. */
template <enum dtype DTYPE>
static inline __device__ float4 scalar_load4(const void *from, int64_t at)
{
    if (DTYPE == DTYPE_F32)
        return *(const float4 *)((const float *)from + at);
    const ushort4 word = *(const ushort4 *)((const uint16_t *)from + at);
    return make_float4(dtype_load(&word.x, DTYPE, 0), dtype_load(&word.y, DTYPE, 0),
                       dtype_load(&word.z, DTYPE, 0), dtype_load(&word.w, DTYPE, 0));
}

template <enum dtype DTYPE>
static inline __device__ void scalar_store4(void *to, int64_t at, float4 value)
{
    if (DTYPE == DTYPE_F32) {
        *(float4 *)((float *)to + at) = value;
        return;
    }
    ushort4 word;
    dtype_store(&word.x, DTYPE, 0, value.x);
    dtype_store(&word.y, DTYPE, 0, value.y);
    dtype_store(&word.z, DTYPE, 0, value.z);
    dtype_store(&word.w, DTYPE, 0, value.w);
    *(ushort4 *)((uint16_t *)to + at) = word;
}

/* Brings `steps` steps of `count` rows or states into to[step][..]; zeros elsewhere. Words of four
 * at a time where WIDE. f32 comes by itself; other types are here on return. */
template <enum dtype DTYPE, bool WIDE, int COUNT, int TIME, int THREADS, int PITCH>
static inline __device__ void scalar_fetch(float (*to)[PITCH], const void *from,
                                           const struct scalar_axes &axes, bool last, int count,
                                           int steps)
{
    if (WIDE) { /* cost only: a thread keeps to one word, whose address it knows */
        const int WORDS = COUNT / 4, word = (int)threadIdx.x % WORDS;
        const int t = (int)threadIdx.x / WORDS;
        const bool inside = word * 4 < count;
        const int64_t at = axes.origin + t * axes.step + (inside ? word * 4 : 0);
#pragma unroll
        for (int along = 0; along < TIME; along += THREADS / WORDS) {
            const int64_t here = at + along * axes.step;
            const bool there = inside && t + along < steps;
            float *const place = &to[t + along][word * 4];
            if (DTYPE == DTYPE_F32)
                copy_async<16>(place, (const float *)from + here, there ? 16 : 0);
            else
                *(float4 *)place =
                    there ? scalar_load4<DTYPE>(from, here) : make_float4(0, 0, 0, 0);
        }
        return; /* cost only: or it comes again */
    }
    scalar_each<COUNT, TIME, THREADS>((int)threadIdx.x, last, [&](int i, int t) {
        const bool inside = i < count && t < steps;
        const int64_t at = inside ? axes.origin + i * axes.next + t * axes.step : axes.origin;
        if (DTYPE == DTYPE_F32)
            copy_async<4>(&to[t][i], (const float *)from + at, inside ? 4 : 0);
        else
            to[t][i] = inside ? dtype_load(from, DTYPE, at) : 0.0f;
    });
}

/* Starts to fill the tile with steps `first` and on. WIDE: rows and states are neighbours, in
 * whole words of four. */
template <enum dtype DTYPE, bool WIDE, bool OUT, typename Tile>
static inline __device__ void scalar_load(const struct selscan_call *call,
                                          const struct scalar_block *k, int64_t first, Tile *tile)
{
    const struct selscan *p = &call->p;
    const bool last = WIDE || (int)p->layout == CHANNEL_LAST; /* cost only: neighbours in memory */
    const int64_t left = k->end - first;
    const int steps = left < Tile::TIME ? (int)left : Tile::TIME, state = (int)p->state;
    const struct scalar_axes rows = scalar_row_axes(p, k, first);
    const struct scalar_axes states = scalar_state_axes(p, k, first);
    scalar_fetch<DTYPE, WIDE, Tile::ROWS, Tile::TIME, Tile::THREADS>(
        tile->x, call->tensor[SELSCAN_U], rows, last, k->rows, steps);
    scalar_fetch<DTYPE, WIDE, Tile::ROWS, Tile::TIME, Tile::THREADS>(
        tile->d, call->tensor[SELSCAN_DELTA], rows, last, k->rows, steps);
    scalar_fetch<DTYPE, WIDE, Tile::CAPACITY, Tile::TIME, Tile::THREADS>(
        tile->B, call->tensor[SELSCAN_B], states, last, state, steps);
    if (OUT) /* cost only: nobody else reads it */
        scalar_fetch<DTYPE, WIDE, Tile::CAPACITY, Tile::TIME, Tile::THREADS>(
            tile->C, call->tensor[SELSCAN_C], states, last, state, steps);
}

/* expm1(v) to 3 ulp, or to 2^-23 where that is more. */
static inline __device__ float scalar_expm1(float v)
{
    float series = fmaf(fmaf(v, 1.0f / 720, 1.0f / 120), v, 1.0f / 24);
    series = fmaf(fmaf(series, v, 1.0f / 6), v, 0.5f);
    series = fmaf(series, v * v, v);
    const float other = ex2(v * 1.44269504f) - 1.0f;
    return fabsf(v) < 0.25f ? series : other;
}

/* u and delta of the warp's rows become what the walk wants, in `steps` steps. Each lane keeps to
 * one word of rows, and adds delta' of what it has seen to `total`. Where delta' is delta, PLAIN,
 * it is zero beyond the steps as it is. */
template <bool PLAIN, bool OUT, typename Tile>
static inline __device__ void scalar_prepare(const scalar_rows<Tile> *rows, bool softened,
                                             int64_t steps, Tile *tile, float total[4])
{
    const int WORDS = Tile::WARP_ROWS / 4, lane = (int)threadIdx.x % 32;
    const int row = (int)threadIdx.x / 32 * Tile::WARP_ROWS + lane % WORDS * 4;
    const float4 A4 = *(const float4 *)&rows->A[row], bias4 = *(const float4 *)&rows->bias[row];
    const float A[4] = {A4.x, A4.y, A4.z, A4.w};
    const float bias[4] = {bias4.x, bias4.y, bias4.z, bias4.w};
#pragma unroll 2
    for (int t = lane / WORDS; t < Tile::TIME; t += 32 / WORDS) {
        const float4 u4 = *(const float4 *)&tile->x[t][row];
        const float4 raw4 = *(const float4 *)&tile->d[t][row];
        const float u[4] = {u4.x, u4.y, u4.z, u4.w}, raw[4] = {raw4.x, raw4.y, raw4.z, raw4.w};
        float x[4], d[4];
#pragma unroll
        for (int i = 0; i < 4; i++) {
            float delta = raw[i];
            if (!PLAIN) { /* cost only: it is delta */
                delta += bias[i];
                delta = t >= steps ? 0.0f : softened ? softplus(delta) : delta;
            }
            x[i] = delta * u[i];
            d[i] = scalar_expm1(delta * A[i]);
            if (!OUT) /* cost only: nobody asks */
                total[i] += delta;
        }
        *(float4 *)&tile->x[t][row] = make_float4(x[0], x[1], x[2], x[3]);
        *(float4 *)&tile->d[t][row] = make_float4(d[0], d[1], d[2], d[3]);
    }
}

/* The row of the block that a thread's channel c is, and the state that its state s is. */
template <typename Tile>
static inline __device__ int scalar_row(int c)
{
    const int warp = (int)threadIdx.x / 32, group = (int)threadIdx.x % 32 / Tile::LANES;
    return warp * Tile::WARP_ROWS + (c / 4 * Tile::GROUPS + group) * 4 + c % 4;
}
template <typename Tile>
static inline __device__ int scalar_state(int s)
{
    return (s / 4 * Tile::LANES + (int)threadIdx.x % Tile::LANES) * 4 + s % 4;
}

/* The sum of part[i] over the four lanes of a group, for i = the lane. */
static inline __device__ float scalar_sum(const float part[4])
{
    const int lane = (int)threadIdx.x % 4;
    const bool upper = lane & 2, odd = lane & 1;
    float pair[2];
#pragma unroll
    for (int i = 0; i < 2; i++)
        pair[i] = (upper ? part[i + 2] : part[i]) +
                  __shfl_xor_sync(0xffffffffu, upper ? part[i] : part[i + 2], 2);
    return (odd ? pair[1] : pair[0]) + __shfl_xor_sync(0xffffffffu, odd ? pair[0] : pair[1], 1);
}

/* Walks the thread's states through the tile: h = x*B + (h + d*h), rounded twice; with OUT, leaves
 * <C, h> where x was. */
template <bool OUT, typename Tile>
static inline __device__ void scalar_walk(Tile *tile, float h[Tile::CHANNELS][Tile::STATES])
{
    const int lane = (int)threadIdx.x % Tile::LANES, row = scalar_row<Tile>(0);
#pragma unroll 2
    for (int t = 0; t < Tile::TIME; t++) {
        float x[Tile::CHANNELS], d[Tile::CHANNELS], y[Tile::CHANNELS];
#pragma unroll
        for (int q = 0; q < Tile::QUADS; q++) {
            const int at = row + q * Tile::GROUPS * 4;
            const float4 x4 = *(const float4 *)&tile->x[t][at];
            const float4 d4 = *(const float4 *)&tile->d[t][at];
            x[q * 4] = x4.x, x[q * 4 + 1] = x4.y, x[q * 4 + 2] = x4.z, x[q * 4 + 3] = x4.w;
            d[q * 4] = d4.x, d[q * 4 + 1] = d4.y, d[q * 4 + 2] = d4.z, d[q * 4 + 3] = d4.w;
        }
#pragma unroll
        for (int w = 0; w < Tile::STATE_QUADS; w++) {
            const int at = (w * Tile::LANES + lane) * 4;
            const float4 B4 = *(const float4 *)&tile->B[t][at];
            const float4 C4 = *(const float4 *)&tile->C[t][at];
            const float B[4] = {B4.x, B4.y, B4.z, B4.w}, C[4] = {C4.x, C4.y, C4.z, C4.w};
#pragma unroll
            for (int j = 0; j < 4; j++)
#pragma unroll
                for (int c = 0; c < Tile::CHANNELS; c++) {
                    float *const state = &h[c][w * 4 + j];
                    *state = fmaf(x[c], B[j], fmaf(d[c], *state, *state));
                    if (OUT)
                        y[c] = w || j ? fmaf(C[j], *state, y[c]) : C[j] * *state;
                }
        }
#pragma unroll
        for (int q = 0; q < Tile::QUADS && OUT; q++)
            tile->x[t][row + q * Tile::GROUPS * 4 + lane] = scalar_sum(&y[q * 4]);
    }
}

/* Writes out of the warp's rows, from step `first` on. */
template <enum dtype DTYPE, bool WIDE, typename Tile>
static inline __device__ void scalar_store(const struct selscan_call *call,
                                           const struct scalar_block *k, int64_t first,
                                           const Tile *tile)
{
    const struct selscan *p = &call->p;
    const bool last = WIDE || (int)p->layout == CHANNEL_LAST; /* cost only: neighbours in memory */
    const bool plain = !p->skip && !p->gate; /* cost only: else it is more than y */
    const int SIZE = WIDE ? 4 : 1, lane = (int)threadIdx.x % 32;
    const int begin = (int)threadIdx.x / 32 * Tile::WARP_ROWS;
    const int64_t left = k->end - first;
    const struct scalar_axes axes = scalar_row_axes(p, k, first);
    void *const out = call->tensor[SELSCAN_OUT];
    scalar_each<Tile::WARP_ROWS / SIZE, Tile::TIME, 32>(lane, last, [&](int i, int t) {
        const int row = begin + i * SIZE;
        if (row >= k->rows || t >= left)
            return;
        const int64_t at = axes.origin + row * axes.next + t * axes.step;
        if (plain && WIDE)
            scalar_store4<DTYPE>(out, at, *(const float4 *)&tile->x[t][row]);
        else if (plain)
            dtype_store(out, DTYPE, at, tile->x[t][row]);
        else
#pragma unroll
            for (int j = 0; j < SIZE; j++) {
                const float u = p->skip ? dtype_load(call->tensor[SELSCAN_U], DTYPE, at + j) : 0;
                selscan_finish(call, DTYPE, k->channel + row + j, at + j, u, tile->x[t][row + j]);
            }
    });
}

#endif
