/* A tile of a selective scan in shared memory, for variants that split time among blocks.
 *
 * A block of TILE_THREADS threads owns up to ROWS channels of one batch and group, and walks TIME
 * steps of them at a time. LANES neighbouring threads share a row; each holds QUADS*4 of its
 * states: those of 16-byte words lane, lane + LANES, ... of a step's B and C, so that the lanes of
 * a row read neighbouring banks and the rows of a warp read the same ones. Rows, states and steps
 * that the problem does not have are zeros: they change no state.
 */
#ifndef SSMBENCH_SELSCAN_TILE_CUH
#define SSMBENCH_SELSCAN_TILE_CUH

#include "../device/launch.cuh"
#include "common.h"

enum { TILE_THREADS = 256 };

template <int LANES_, int QUADS_, int TIME_, bool SCALAR_>
struct tile {
    static const int LANES = LANES_, QUADS = QUADS_, TIME = TIME_;
    static const bool SCALAR = SCALAR_;
    static const int ROWS = TILE_THREADS / LANES, STATES = QUADS * 4, CAPACITY = LANES * STATES;

    float delta[ROWS][TIME + 1]; /* delta' */
    float decay[ROWS][TIME + 1]; /* exp(delta'*A), packed, when A is SCALAR */
    float x[ROWS][TIME + 1];     /* delta'*u */
    float y[ROWS][TIME + 1];     /* <C, h> */
    float4 B[TIME][CAPACITY / 4 + 1], C[TIME][CAPACITY / 4 + 1];
};

/* The rows of a block: `rows` channels from `channel` on, of one batch and group. */
struct tile_rows {
    int64_t b, group, channel;
    int rows;
};

static inline int tile_rows_of_a_block(const struct selscan *p)
{
    return TILE_THREADS / (p->state <= 16 ? 4 : p->state <= 64 ? 8 : 32);
}

/* run(shape), where shape is a null pointer to the tile that fits the problem. */
template <int TIME, bool SCALAR, typename Run>
static int tile_dispatch_state(const struct selscan *p, Run run)
{
    if (p->state <= 16)
        return run((const tile<4, 1, TIME, SCALAR> *)NULL);
    if (p->state <= 64)
        return run((const tile<8, 2, TIME, SCALAR> *)NULL);
    return run((const tile<32, 2, TIME, SCALAR> *)NULL);
}
template <int TIME, typename Run>
static int tile_dispatch(const struct selscan *p, Run run)
{
    return p->a == A_SCALAR ? tile_dispatch_state<TIME, true>(p, run)
                            : tile_dispatch_state<TIME, false>(p, run);
}

/* Row blocks of ROWS channels that cover the problem. */
static inline HOST_DEVICE
int64_t tile_row_blocks(const struct selscan *p, int rows)
{
    return p->batch * p->groups * ((p->channels / p->groups + rows - 1) / rows);
}

template <typename Tile>
static inline __device__ struct tile_rows tile_rows_of(const struct selscan *p, int64_t row_block)
{
    const int64_t channels = p->channels / p->groups;
    const int64_t blocks = (channels + Tile::ROWS - 1) / Tile::ROWS, pair = row_block / blocks;
    const int64_t first = row_block % blocks * Tile::ROWS;
    struct tile_rows r;
    r.b = pair / p->groups;
    r.group = pair % p->groups;
    r.channel = r.group * channels + first;
    r.rows = (int)(channels - first < Tile::ROWS ? channels - first : Tile::ROWS);
    return r;
}

/* The thread's row of the block, its lane in the row, and the first state of its quad q. */
template <typename Tile>
static inline __device__ int tile_row(void)
{
    return (int)threadIdx.x / Tile::LANES;
}
template <typename Tile>
static inline __device__ int tile_lane(void)
{
    return (int)threadIdx.x % Tile::LANES;
}
template <typename Tile>
static inline __device__ int tile_state(int s)
{
    return (tile_lane<Tile>() + s / 4 * Tile::LANES) * 4 + s % 4;
}

/* Fills the tile with steps first ... first + TIME - 1 of the recurrence, zeros from step `end` on.
 * Threads run along the axis that is contiguous in memory. */
template <typename Tile>
static inline __device__ void tile_load(const struct selscan_call *call, const struct tile_rows *r,
                                        int64_t first, int64_t end, Tile *tile)
{
    const struct selscan *p = &call->p;
    const enum dtype dtype = (enum dtype)p->dtype;
    const bool last = p->layout == CHANNEL_LAST;
    const float *A = (const float *)call->tensor[SELSCAN_A];

    for (int i = (int)threadIdx.x; i < Tile::ROWS * Tile::TIME; i += TILE_THREADS) {
        const int row = last ? i % Tile::ROWS : i / Tile::TIME;
        const int t = last ? i / Tile::ROWS : i % Tile::TIME;
        float delta = 0, x = 0, a = 0;
        if (row < r->rows && first + t < end) {
            const int64_t d = r->channel + row;
            const int64_t at = selscan_at(p, r->b, d, selscan_time(p, first + t));
            delta = selscan_delta(call, dtype, d, at);
            a = Tile::SCALAR ? A[d] : 0.0f;
            x = delta * dtype_load(call->tensor[SELSCAN_U], dtype, at);
        }
        tile->delta[row][t] = delta;
        if (Tile::SCALAR)
            tile->decay[row][t] = decay_pack(decay_of(delta * a));
        tile->x[row][t] = x;
    }
    for (int i = (int)threadIdx.x; i < Tile::CAPACITY * Tile::TIME; i += TILE_THREADS) {
        const int n = last ? i % Tile::CAPACITY : i / Tile::TIME;
        const int t = last ? i / Tile::CAPACITY : i % Tile::TIME;
        float B = 0, C = 0;
        if (n < p->state && first + t < end) {
            const int64_t at = selscan_bc_at(p, r->b, r->group, n, selscan_time(p, first + t));
            B = dtype_load(call->tensor[SELSCAN_B], dtype, at);
            C = dtype_load(call->tensor[SELSCAN_C], dtype, at);
        }
        ((float *)tile->B[t])[n] = B;
        ((float *)tile->C[t])[n] = C;
    }
}

/* A of the thread's states. */
template <typename Tile>
static inline __device__ void tile_load_A(const struct selscan_call *call,
                                          const struct tile_rows *r, float A[])
{
    const int row = tile_row<Tile>();
#pragma unroll
    for (int s = 0; s < Tile::STATES; s++) {
        const int n = tile_state<Tile>(s);
        const bool inside = row < r->rows && n < call->p.state;
        A[s] = inside ? ((const float *)
                             call->tensor[SELSCAN_A])[selscan_a_at(&call->p, r->channel + row, n)]
                      : 0;
    }
}

/* The sum, over the LANES threads of a row, of part[i], for i = the thread's lane. Halves the
 * number of sums at each exchange: LANES - 1 shuffles for LANES sums. */
template <int LANES>
static inline __device__ float sum_transposed(float part[LANES])
{
    const int lane = (int)threadIdx.x % LANES;
#pragma unroll
    for (int half = LANES / 2; half > 0; half /= 2)
#pragma unroll
        for (int i = 0; i < half; i++) {
            const bool upper = lane & half;
            const float give = upper ? part[i] : part[i + half];
            const float keep = upper ? part[i + half] : part[i];
            part[i] = keep + __shfl_xor_sync(0xffffffffu, give, half);
        }
    return part[0];
}

/* Walks the thread's states through the tile; with OUT, leaves <C, h> in tile->y. Returns the sum
 * of delta' over it. */
template <bool OUT, typename Tile>
static inline __device__ float tile_walk(Tile *tile, const float A[], float h[])
{
    const int row = tile_row<Tile>(), lane = tile_lane<Tile>();
    float total = 0;
    for (int first = 0; first < Tile::TIME; first += Tile::LANES) {
        float part[Tile::LANES];
#pragma unroll
        for (int i = 0; i < Tile::LANES; i++) {
            const int t = first + i;
            const float delta = tile->delta[row][t], x = tile->x[row][t];
            float y = 0;
            const struct decay scalar = decay_unpack(Tile::SCALAR ? tile->decay[row][t] : 0.0f);
            total += delta;
#pragma unroll
            for (int q = 0; q < Tile::QUADS; q++) {
                const float4 B4 = tile->B[t][lane + q * Tile::LANES];
                const float4 C4 = OUT ? tile->C[t][lane + q * Tile::LANES] : B4;
                const float B[4] = {B4.x, B4.y, B4.z, B4.w}, C[4] = {C4.x, C4.y, C4.z, C4.w};
#pragma unroll
                for (int j = 0; j < 4; j++) {
                    const int s = q * 4 + j;
                    const struct decay a = Tile::SCALAR ? scalar : decay_of(delta * A[s]);
                    h[s] = selscan_step(h[s], a, x, B[j]);
                    y = fmaf(C[j], h[s], y);
                }
            }
            part[i] = y;
        }
        if (OUT)
            tile->y[row][first + lane] = sum_transposed<Tile::LANES>(part);
    }
    return total;
}

/* Writes out of the tile's steps from tile->y. */
template <typename Tile>
static inline __device__ void tile_store(const struct selscan_call *call, const struct tile_rows *r,
                                         int64_t first, int64_t end, const Tile *tile)
{
    const struct selscan *p = &call->p;
    const enum dtype dtype = (enum dtype)p->dtype;
    const bool last = p->layout == CHANNEL_LAST;
    for (int i = (int)threadIdx.x; i < Tile::ROWS * Tile::TIME; i += TILE_THREADS) {
        const int row = last ? i % Tile::ROWS : i / Tile::TIME;
        const int t = last ? i / Tile::ROWS : i % Tile::TIME;
        if (row < r->rows && first + t < end) {
            const int64_t d = r->channel + row;
            const int64_t at = selscan_at(p, r->b, d, selscan_time(p, first + t));
            const float u = p->skip ? dtype_load(call->tensor[SELSCAN_U], dtype, at) : 0;
            selscan_finish(call, dtype, d, at, u, tile->y[row][t]);
        }
    }
}

#endif
