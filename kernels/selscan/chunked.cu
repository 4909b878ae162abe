/* selscan/chunked: time in chunks; states of all chunks from zero, carries, then the outputs.
 *
 * Computes   out and final of reference/selscan.h, in fp32.
 * Accepts    state <= 256; every option.
 * Layout     block = one chunk of up to 64, 32 or 8 channels (state <= 16, 64, 256) of one batch
 *            and group, 4, 8 or 32 threads a channel, walking tiles of 32 steps (tile.cuh).
 *            Workspace: the state after each chunk but the last, (chunks - 1, batch, channels,
 *            state).
 * Algorithm  three passes. Local: every chunk but the last is walked from a zero state. Carry: a
 *            thread per (channel, state) goes over the chunks, h = decay of the chunk * h + its
 *            local state; a chunk decays by exp(A * sum of delta'). Fix-up: every chunk is walked
 *            again from its true state, with outputs. The order is fixed: the same bits every run,
 *            on every GPU. One chunk alone skips the first two.
 * Cost       bytes: delta, u and B twice; 3*state*4 a chunk of a channel. Exponentials twice.
 * Error      f32 1e-6 at worst.
 * Source     Blelloch, Prefix sums and their applications, CMU-CS-90-190, section 1.3 (blocks of a
 *            scan); decays in two parts: docs/numerics.md.
 */
#include "chunked.h"
#include "tile.cuh"

enum { CARRY_THREADS = 128 };

/* Chunks and row blocks share the grid's one dimension. */
template <bool OUT, typename Tile>
static __global__ void __launch_bounds__(TILE_THREADS)
    walk(const struct selscan_call call, const struct chunked w, int64_t row_blocks)
{
    DYNAMIC_SHARED(Tile, tile);
    const struct selscan *p = &call.p;
    const int64_t chunk = blockIdx.x / row_blocks;
    const struct tile_rows r = tile_rows_of<Tile>(p, blockIdx.x % row_blocks);
    const int64_t start = chunk * w.steps, end = chunked_end(p, &w, chunk);
    const int64_t row = r.b * p->channels + r.channel + tile_row<Tile>();
    const bool inside = tile_row<Tile>() < r.rows;
    float A[Tile::STATES], h[Tile::STATES], total = 0;

    tile_load_A<Tile>(&call, &r, A);
#pragma unroll
    for (int s = 0; s < Tile::STATES; s++) {
        const int n = tile_state<Tile>(s);
        h[s] = OUT && inside && n < p->state ? chunked_start(&call, &w, chunk, row, n) : 0.0f;
    }
    for (int64_t first = start; first < end; first += Tile::TIME) {
        tile_load(&call, &r, first, end, tile);
        __syncthreads(); /* the tile is whole before it is walked */
        total += tile_walk<OUT>(tile, A, h);
        __syncthreads(); /* y is whole before it is stored, and the walk over before the next tile
                          */
        if (OUT)         /* cost only: the other pass writes them again */
            tile_store(&call, &r, first, end, tile);
    }
    if (!inside || (OUT && end < p->length))
        return;
    if (!OUT && tile_lane<Tile>() == 0)
        w.total[chunk * w.rows + row] = total;
#pragma unroll
    for (int s = 0; s < Tile::STATES; s++) {
        const int n = tile_state<Tile>(s);
        if (n >= p->state)
            continue;
        if (OUT)
            selscan_final(&call, row, n, h[s]);
        else
            w.state[(chunk * w.rows + row) * p->state + n] = h[s];
    }
}

static __global__ void carry(const struct selscan_call call, const struct chunked w)
{
    const int64_t i = thread_index();
    if (i < w.rows * call.p.state)
        chunked_carry(&call, &w, i / call.p.state, i % call.p.state);
}

template <typename Tile>
static int run_tiles(const Tile *, const struct selscan_call &call, void *memory, void *stream)
{
    const int64_t row_blocks = tile_row_blocks(&call.p, Tile::ROWS);
    const struct chunked w = chunked_carve(&call.p, row_blocks, memory);
    int error = 0;
    if (w.chunks > 1)
        error = launch((walk<false, Tile>), row_blocks * (w.chunks - 1), TILE_THREADS, sizeof(Tile),
                       stream, call, w, row_blocks);
    if (w.chunks > 1 && !error)
        error = launch(carry, blocks_for(w.rows * call.p.state, CARRY_THREADS), CARRY_THREADS, 0,
                       stream, call, w);
    if (!error)
        error = launch((walk<true, Tile>), row_blocks * w.chunks, TILE_THREADS, sizeof(Tile),
                       stream, call, w, row_blocks);
    return error;
}

static size_t workspace(const void *problem)
{
    const struct selscan *p = (const struct selscan *)problem;
    return chunked_bytes(p, tile_row_blocks(p, tile_rows_of_a_block(p)));
}

static int run(const void *problem, void *const tensor[], void *memory, void *stream)
{
    const struct selscan_call call = selscan_pack(problem, tensor);
    return tile_dispatch<CHUNK_TILE>(
        &call.p, [&](const auto *shape) { return run_tiles(shape, call, memory, stream); });
}

VARIANT(selscan_chunked) = {.accepts = selscan_accepts, .workspace = workspace, .run = run};
