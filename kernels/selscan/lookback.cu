/* selscan/lookback: a single pass over time; a block looks back for the state it starts from.
 *
 * Computes   out and final of reference/selscan.h, in fp32.
 * Accepts    state <= 256; every option.
 * Layout     block = 64 steps of up to 64, 32 or 8 channels (state <= 16, 64, 256) of one batch and
 *            group, 4, 8 or 32 threads a channel; the tile stays in shared memory (tile.cuh).
 *            Workspace: for every chunk a flag, the sum of delta', and two states, (chunks, batch,
 *            channels, state) each.
 * Algorithm  blocks take their chunks from a counter, in the order of time, so that those before
 *            have started. A block walks its tile from a zero state and publishes what it reaches;
 *            goes back to the nearest chunk that has published its true last state; comes forward
 *            again, h = decay of the chunk * h + what it reaches from zero; publishes its own true
 *            last state, and walks the tile again with outputs. Wherever the way back ends, the way
 *            forward does the same operations in the same order: the same bits every run.
 * Cost       bytes: up to 4*state*4 a chunk of a channel; B and C again for every further block of
 *            channels. Exponentials twice.
 * Error      f32 1e-6 at worst.
 * Source     Merrill and Garland, Single-pass parallel prefix scan with decoupled look-back, NVIDIA
 *            NVR-2016-002; the fixed order is ours.
 */
#include "tile.cuh"

enum { STEPS = 64, POLL_NS = 20 };

enum published { NOTHING, FROM_ZERO, TRUE_STATE };

struct chunks {
    unsigned long long *counter;
    unsigned *published; /* (chunks, row blocks): enum published */
    float *total;        /* (chunks, rows): sum of delta' */
    float *from_zero; /* (chunks, rows, state): the state after the chunk when it starts from 0 */
    float *after;     /* (chunks, rows, state): the state after the chunk */
    int64_t rows, row_blocks, chunks;
};

static size_t chunks_bytes(const struct chunks *w, int64_t state)
{
    return sizeof *w->counter + (size_t)(w->chunks * w->row_blocks) * sizeof *w->published +
           (size_t)(w->chunks * w->rows * (1 + 2 * state)) * sizeof(float);
}

static struct chunks chunks_carve(const struct selscan *p, int64_t row_blocks, void *memory)
{
    struct chunks w;
    w.rows = p->batch * p->channels;
    w.row_blocks = row_blocks;
    w.chunks = blocks_for(p->length, STEPS);
    w.counter = (unsigned long long *)memory;
    w.published = (unsigned *)(w.counter + 1);
    w.total = (float *)(w.published + w.chunks * row_blocks);
    w.from_zero = w.total + w.chunks * w.rows;
    w.after = w.from_zero + w.chunks * w.rows * p->state;
    return w;
}

/* Says that what the block has written for its chunk may be read. */
static inline __device__ void publish(unsigned *published, enum published what)
{
    __threadfence();
    __syncthreads(); /* all threads have written, and fenced what they wrote */
    if (threadIdx.x == 0)
        atomicExch(published, (unsigned)what);
}

/* The nearest chunk before `chunk` whose true last state is there; all between have published
 * theirs from zero. For thread 0. */
static inline __device__ int64_t look_back(const struct chunks *w, int64_t chunk, int64_t block)
{
    for (;;) {
        const unsigned what = atomicAdd(&w->published[(chunk - 1) * w->row_blocks + block], 0u);
        if (what == TRUE_STATE)
            break;
        if (what == NOTHING)
            __nanosleep(POLL_NS);
        else
            chunk--;
    }
    __threadfence();
    return chunk - 1;
}

template <typename Tile>
static __global__ void __launch_bounds__(TILE_THREADS)
    scan(const struct selscan_call call, const struct chunks w)
{
    DYNAMIC_SHARED(Tile, tile);
    SHARED(long long, shared, [2]);
    const struct selscan *p = &call.p;
    if (threadIdx.x == 0)
        shared[0] = (long long)atomicAdd(w.counter, 1ull);
    __syncthreads(); /* the number of the block is known */
    const int64_t chunk = shared[0] / w.row_blocks, block = shared[0] % w.row_blocks;
    const struct tile_rows r = tile_rows_of<Tile>(p, block);
    const int64_t start = chunk * STEPS,
                  end = start + STEPS < p->length ? start + STEPS : p->length;
    const int64_t row = r.b * p->channels + r.channel + tile_row<Tile>();
    unsigned *const published = &w.published[chunk * w.row_blocks + block];
    const bool inside = tile_row<Tile>() < r.rows, last = chunk == w.chunks - 1;
    float A[Tile::STATES], reached[Tile::STATES], h[Tile::STATES];

    tile_load_A<Tile>(&call, &r, A);
    tile_load(&call, &r, start, end, tile);
    __syncthreads(); /* the tile is whole */
#pragma unroll
    for (int s = 0; s < Tile::STATES; s++)
        reached[s] = 0;
    const float total = last ? 0.0f : tile_walk<false>(tile, A, reached);

    int64_t known = 0;
    if (chunk > 0) {
        if (!last) {
            if (inside && tile_lane<Tile>() == 0)
                w.total[chunk * w.rows + row] = total;
            for (int s = 0; s < Tile::STATES; s++) {
                const int n = tile_state<Tile>(s);
                if (inside && n < p->state)
                    w.from_zero[(chunk * w.rows + row) * p->state + n] = reached[s];
            }
            publish(published, FROM_ZERO);
        }
        if (threadIdx.x == 0)
            shared[1] = look_back(&w, chunk, block);
        __syncthreads(); /* the way back has ended: all chunks up to it may be read */
        known = shared[1];
    }
#pragma unroll
    for (int s = 0; s < Tile::STATES; s++) {
        const int n = tile_state<Tile>(s);
        if (!inside || n >= p->state) {
            h[s] = 0;
            continue;
        }
        h[s] = chunk ? __ldcg(&w.after[(known * w.rows + row) * p->state + n])
                     : selscan_initial(&call, row, n);
        for (int64_t c = known + 1; c < chunk; c++) {
            const float from_zero = __ldcg(&w.from_zero[(c * w.rows + row) * p->state + n]);
            const struct decay a = decay_of(A[s] * __ldcg(&w.total[c * w.rows + row]));
            h[s] = selscan_step(h[s], a, 1.0f, from_zero);
        }
        if (!last)
            w.after[(chunk * w.rows + row) * p->state + n] =
                selscan_step(h[s], decay_of(A[s] * total), 1.0f, reached[s]);
    }
    if (!last)
        publish(published, TRUE_STATE);
    tile_walk<true>(tile, A, h);
    __syncthreads(); /* y is whole */
    tile_store(&call, &r, start, end, tile);
    if (last && inside)
#pragma unroll
        for (int s = 0; s < Tile::STATES; s++)
            if (tile_state<Tile>(s) < p->state)
                selscan_final(&call, row, tile_state<Tile>(s), h[s]);
}

template <typename Tile>
static int run_tiles(const Tile *, const struct selscan_call &call, void *memory, void *stream)
{
    const struct chunks w = chunks_carve(&call.p, tile_row_blocks(&call.p, Tile::ROWS), memory);
    const size_t flags = (size_t)((char *)w.total - (char *)memory);
    const int error = cudaMemsetAsync(memory, 0, flags, (cudaStream_t)stream);
    return error ? error
                 : launch(scan<Tile>, w.chunks * w.row_blocks, TILE_THREADS, sizeof(Tile), stream,
                          call, w);
}

static size_t workspace(const void *problem)
{
    const struct selscan *p = (const struct selscan *)problem;
    const struct chunks w = chunks_carve(p, tile_row_blocks(p, tile_rows_of_a_block(p)), NULL);
    return chunks_bytes(&w, p->state);
}

static int run(const void *problem, void *const tensor[], void *memory, void *stream)
{
    const struct selscan_call call = selscan_pack(problem, tensor);
    return tile_dispatch<STEPS>(
        &call.p, [&](const auto *shape) { return run_tiles(shape, call, memory, stream); });
}

VARIANT(selscan_lookback) = {.accepts = selscan_accepts, .workspace = workspace, .run = run};
