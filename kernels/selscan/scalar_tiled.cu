/* selscan/scalar_tiled: A scalar; several channels a thread share what it reads of B and C.
 *
 * Computes   out and final of reference/selscan.h, in fp32.
 * Accepts    a = scalar, state <= 64; every other option.
 * Layout     block = 2 warps and 64 channels of one batch and group, a thread with 4 channels of 16
 *            states (scalar_tile.cuh), walking tiles of 16 steps; where those are too few to fill a
 *            GPU, 1 warp and 32 channels, and time cut into chunks. Workspace: the state after each
 *            chunk but the last, (chunks - 1, batch, channels, state), and its sum of delta'.
 * Algorithm  A tile is fetched while the one before it is walked; u and delta turn into delta'*u
 *            and expm1(delta'*A) once for all states. Chunks: three passes, as in selscan/chunked.
 * Cost       bytes: B and C once for 64 channels, else selscan's; chunks add delta, u and B once
 *            more. 3 multiply-adds a step and state, and 1 in 6 instructions beside them.
 * Error      f32 1.5e-6 at worst. d = expm1(delta'*A) is added, h + d*h: a decay that leaves next
 *            to nothing leaves 6e-8 of the state before, too. Where that is an initial state, of
 *            which no output tells, the first step takes its decay in two parts.
 * Source     written from the definition; chunks: Blelloch, CMU-CS-90-190, section 1.3.
 */
#include "tile.cuh" /* first: it has a variable of a name that cuda_fp16.h takes */

#include "chunked.h"
#include "scalar_tile.cuh"

#ifndef SCALAR_WIDE_SHAPE
#define SCALAR_WIDE_SHAPE  2, 1, 4, 16
#define SCALAR_WIDE_BLOCKS 6
#endif
#ifndef SCALAR_SHORT_SHAPE
#define SCALAR_SHORT_SHAPE  1, 1, 4, 16
#define SCALAR_SHORT_BLOCKS 8
#endif
typedef scalar_tile<SCALAR_WIDE_SHAPE> wide_tile;
typedef scalar_tile<SCALAR_SHORT_SHAPE> short_tile;

enum { CARRY_THREADS = 128, ENOUGH_BLOCKS = 300 };

template <typename Tile>
static inline __device__ struct scalar_block block_of(const struct selscan *p,
                                                      const struct chunked *w, int64_t row_blocks)
{
    const int64_t chunk = blockIdx.x / row_blocks;
    const struct tile_rows rows = tile_rows_of<Tile>(p, blockIdx.x % row_blocks);
    struct scalar_block k;
    k.b = rows.b;
    k.group = rows.group;
    k.channel = rows.channel;
    k.rows = rows.rows;
    k.first = chunk * w->steps;
    k.end = chunked_end(p, w, chunk);
    return k;
}

/* The states that the block starts from. The first step of the problem is taken here as far as its
 * decay goes, in two parts; what it finds then is no decay. */
template <bool OUT, enum dtype DTYPE, typename Tile>
static inline __device__ void begin(const struct selscan_call *call, const struct chunked *w,
                                    const struct scalar_block *k, Tile *tile,
                                    float h[Tile::CHANNELS][Tile::STATES])
{
    const struct selscan *p = &call->p;
    const int64_t chunk = k->first / w->steps;
    const bool decays = OUT && chunk == 0 && p->initial && p->length;
#pragma unroll
    for (int c = 0; c < Tile::CHANNELS; c++) {
        const int row = scalar_row<Tile>(c);
        const int64_t d = k->channel + row;
        const bool inside = OUT && row < k->rows;
        struct decay a = {1.0f, 0.0f};
        if (decays && inside)
            a = decay_ex2(
                selscan_delta(call, DTYPE, d, selscan_at(p, k->b, d, selscan_time(p, 0))) *
                ((const float *)call->tensor[SELSCAN_A])[d]);
#pragma unroll
        for (int s = 0; s < Tile::STATES; s++) {
            const int n = scalar_state<Tile>(s);
            h[c][s] = inside && n < p->state
                          ? decay_apply(a, chunked_start(call, w, chunk, k->b * p->channels + d, n))
                          : 0.0f;
        }
        if (decays && threadIdx.x % Tile::LANES == 0) /* one of those that share the row */
            tile->d[0][row] = 0;
    }
}

template <typename Tile>
struct shared {
    Tile stage[2];
    scalar_rows<Tile> rows;
};

/* A and bias of the block's channels. */
template <typename Tile>
static inline __device__ void load_rows(const struct selscan_call *call,
                                        const struct scalar_block *k, scalar_rows<Tile> *rows)
{
    const float *bias = (const float *)call->tensor[SELSCAN_DELTA_BIAS];
    for (int row = (int)threadIdx.x; row < Tile::ROWS; row += Tile::THREADS) {
        const bool inside = row < k->rows;
        rows->A[row] = inside ? ((const float *)call->tensor[SELSCAN_A])[k->channel + row] : 0.0f;
        rows->bias[row] = inside && call->p.bias ? bias[k->channel + row] : 0.0f;
    }
}

/* Adds up what the lanes of a warp have seen of each row's delta'. */
template <typename Tile>
static inline __device__ void keep_total(const struct chunked *w, const struct scalar_block *k,
                                         const struct selscan *p, float total[4])
{
    const int WORDS = Tile::WARP_ROWS / 4, lane = (int)threadIdx.x % 32;
    const int row = (int)threadIdx.x / 32 * Tile::WARP_ROWS + lane % WORDS * 4;
    const int64_t to = k->first / w->steps * w->rows + k->b * p->channels + k->channel + row;
#pragma unroll
    for (int i = 0; i < 4; i++) {
#pragma unroll
        for (int far = 16; far >= WORDS; far /= 2)
            total[i] += __shfl_xor_sync(0xffffffffu, total[i], far);
        if (lane < WORDS && row + i < k->rows)
            w->total[to + i] = total[i];
    }
}

template <typename Tile>
static inline __device__ void end(const struct selscan_call *call, const struct chunked *w,
                                  const struct scalar_block *k, bool out,
                                  float h[Tile::CHANNELS][Tile::STATES])
{
    const struct selscan *p = &call->p;
    const int64_t row = k->b * p->channels + k->channel, chunk = k->first / w->steps;
#pragma unroll
    for (int c = 0; c < Tile::CHANNELS; c++)
#pragma unroll
        for (int s = 0; s < Tile::STATES; s++) {
            const int n = scalar_state<Tile>(s), r = scalar_row<Tile>(c);
            if (r >= k->rows || n >= p->state)
                continue;
            if (out)
                selscan_final(call, row + r, n, h[c][s]);
            else
                w->state[(chunk * w->rows + row + r) * p->state + n] = h[c][s];
        }
}

/* Chunks and row blocks share the grid's one dimension. Without OUT, a chunk is walked from zero
 * and leaves its state and its sum of delta'. */
template <bool OUT, enum dtype DTYPE, bool WIDE, int BLOCKS, typename Tile>
static __global__ void __launch_bounds__(Tile::THREADS, BLOCKS)
    walk(const struct selscan_call call, const struct chunked w, int64_t row_blocks)
{
    DYNAMIC_SHARED(shared<Tile>, s);
    const struct scalar_block k = block_of<Tile>(&call.p, &w, row_blocks);
    float h[Tile::CHANNELS][Tile::STATES], total[4] = {0, 0, 0, 0};

    if (OUT)
        let_next_start();
    scalar_load<DTYPE, WIDE, OUT>(&call, &k, k.first, &s->stage[0]);
    copy_async_commit();
    load_rows(&call, &k, &s->rows);
    int stage = 0;
    for (int64_t first = k.first; first < k.end; first += Tile::TIME, stage ^= 1) {
        Tile *const tile = &s->stage[stage];
        if (first + Tile::TIME < k.end) /* cost only: elsewhere zeros come */
            scalar_load<DTYPE, WIDE, OUT>(&call, &k, first + Tile::TIME, &s->stage[stage ^ 1]);
        copy_async_commit();
        copy_async_wait<1>();
        __syncthreads(); /* the tile is whole */
        if (call.p.softplus || call.p.bias)
            scalar_prepare<false, OUT>(&s->rows, call.p.softplus, k.end - first, tile, total);
        else
            scalar_prepare<true, OUT>(&s->rows, false, k.end - first, tile, total);
        __syncwarp(); /* the warp's rows are prepared */
        if (first == k.first) {
            begin<OUT, DTYPE>(&call, &w, &k, tile, h);
            __syncwarp(); /* the first step does not decay again */
        }
        scalar_walk<OUT>(tile, h);
        __syncwarp(); /* the warp's y are whole */
        if (OUT)      /* cost only: the other pass writes them again */
            scalar_store<DTYPE, WIDE>(&call, &k, first, tile);
        __syncthreads(); /* GPU only: the tile is read before it is filled again */
    }
    if (!OUT)
        keep_total<Tile>(&w, &k, &call.p, total);
    if (!OUT || k.end == call.p.length)
        end<Tile>(&call, &w, &k, OUT, h);
}

static __global__ void carry(const struct selscan_call call, const struct chunked w)
{
    const int64_t i = thread_index();
    if (i < w.rows * call.p.state)
        chunked_carry(&call, &w, i / call.p.state, i % call.p.state);
}

static bool fills(const struct selscan *p)
{
    return tile_row_blocks(p, wide_tile::ROWS) >= ENOUGH_BLOCKS;
}

/* Row blocks by which time is cut: not at all where the rows alone fill a GPU. */
static int64_t row_blocks_of(const struct selscan *p)
{
    return fills(p) ? (int64_t)WORK_ITEMS : tile_row_blocks(p, short_tile::ROWS);
}

template <typename Tile, int BLOCKS, enum dtype DTYPE, bool WIDE>
static int run_passes(const struct selscan_call &call, const struct chunked &w, void *stream)
{
    const int64_t blocks = tile_row_blocks(&call.p, Tile::ROWS);
    int error = 0;
    if (w.chunks > 1)
        error = launch((walk<false, DTYPE, WIDE, BLOCKS, Tile>), blocks * (w.chunks - 1),
                       Tile::THREADS, sizeof(shared<Tile>), stream, call, w, blocks);
    if (w.chunks > 1 && !error)
        error = launch(carry, blocks_for(w.rows * call.p.state, CARRY_THREADS), CARRY_THREADS, 0,
                       stream, call, w);
    if (!error)
        error = launch((walk<true, DTYPE, WIDE, BLOCKS, Tile>), blocks * w.chunks, Tile::THREADS,
                       sizeof(shared<Tile>), stream, call, w, blocks);
    return error;
}

template <enum dtype DTYPE, bool WIDE>
static int run_shape(const struct selscan_call &call, const struct chunked &w, void *stream)
{
    return fills(&call.p)
               ? run_passes<wide_tile, SCALAR_WIDE_BLOCKS, DTYPE, WIDE>(call, w, stream)
               : run_passes<short_tile, SCALAR_SHORT_BLOCKS, DTYPE, WIDE>(call, w, stream);
}

/* Whether channels and states are neighbours in memory, in whole words of four. */
static bool in_words(const struct selscan_call &call)
{
    static const enum selscan_tensor tensor[] = {SELSCAN_U, SELSCAN_DELTA, SELSCAN_B, SELSCAN_C,
                                                 SELSCAN_OUT};
    const struct selscan *p = &call.p;
    const uintptr_t word = 4 * dtype_size((enum dtype)p->dtype);
    bool whole = p->layout == CHANNEL_LAST && p->channels / p->groups % 4 == 0 && p->state % 4 == 0;
    for (enum selscan_tensor t : tensor)
        whole &= (uintptr_t)call.tensor[t] % word == 0; /* GPU only: simt reads from anywhere */
    return whole;
}

template <enum dtype DTYPE>
static int run_dtype(const struct selscan_call &call, const struct chunked &w, void *stream)
{
    return in_words(call) ? run_shape<DTYPE, true>(call, w, stream)
                          : run_shape<DTYPE, false>(call, w, stream);
}

static const char *accepts(const void *problem)
{
    const struct selscan *p = (const struct selscan *)problem;
    if (p->a != A_SCALAR)
        return "a = scalar; nearest: a = scalar";
    return p->state <= wide_tile::CAPACITY ? NULL : "state <= 64; nearest: state = 64";
}

static size_t workspace(const void *problem)
{
    const struct selscan *p = (const struct selscan *)problem;
    return chunked_bytes(p, row_blocks_of(p));
}

static int run(const void *problem, void *const tensor[], void *memory, void *stream)
{
    const struct selscan_call call = selscan_pack(problem, tensor);
    const struct chunked w = chunked_carve(&call.p, row_blocks_of(&call.p), memory);
    switch ((enum dtype)call.p.dtype) {
    case DTYPE_F32:
        return run_dtype<DTYPE_F32>(call, w, stream);
    case DTYPE_BF16:
        return run_dtype<DTYPE_BF16>(call, w, stream);
    case DTYPE_F16:
        return run_dtype<DTYPE_F16>(call, w, stream);
    }
    return cudaErrorInvalidValue;
}

VARIANT(selscan_scalar_tiled) = {.accepts = accepts, .workspace = workspace, .run = run};
