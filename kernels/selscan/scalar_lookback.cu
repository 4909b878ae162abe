/* selscan/scalar_lookback: one decay a channel: products of matrices, and time is cut, in one pass.
 *
 * Computes   out and final of reference/selscan.h, in fp32, with tensor cores.
 * Accepts    a = scalar, state <= 64; every other option.
 * Layout     block = 64 steps of 32 channels of one batch and group; each of its eight warps has 16
 *            steps of 16 channels, as they lie in scalar_mma.cuh. Workspace: for every chunk of 64
 *            steps a flag, decays, and the state that it reaches from zero; with more than 32
 *            chunks also the true one.
 * Algorithm  as selscan/scalar_mma within 16 steps, all of them at once, from states of zero. The
 *            block joins what its warps reach and publishes it, looks back for the chunks before it
 *            (32 flags at once), comes forward again from the nearest true state to its own,
 *            h = decay of the chunk * h + what it reaches from zero, and adds
 *            (decays up to t)*<C[t], h of the warp> to each y[t]. Blocks are numbered in the order
 *            of time, by a counter if not all of them fit on the GPU at once; if they do, and other
 *            kernels leave no room, by blocks starting in the order of their index, as they do.
 *            Wherever the way back ends, the way forward does the same operations in the same
 *            order: the same bits every run.
 * Cost       bytes: B and C again for every further 32 channels; two or three states a chunk.
 *            Instructions: those of scalar_mma, and G for every 32 channels. No step waits for
 *            another but those of other chunks, once. Code of 40 KiB: time when no cache has it.
 * Error      as selscan/scalar_mma.
 * Source     Dao and Gu, Transformers are SSMs, arXiv 2405.21060, section 6; Merrill and Garland,
 *            Single-pass parallel prefix scan with decoupled look-back, NVIDIA NVR-2016-002.
 */
#include "scalar_lookback.cuh"

#include "../device/follow.cuh"

/* Joins what the block's steps reach, tells it, learns the state that the block begins with, and
 * puts what each 16 steps begin with in the place of what they reach. */
template <typename Shared>
static inline __device__ void join(const struct selscan_call *call, const struct chunks *w,
                                   const struct warp_rows *r, int64_t chunk, int64_t tile,
                                   struct lookback_shared<Shared> *shared)
{
    const bool last = chunk == w->chunks - 1;
    const int first = warp_of() * EACH, channel = lane_channel(first / EIGHTS);
    const int64_t place = chunk * w->tiles + tile, states = place * FOURS + first;
    float reached[EACH][4] = {}, h[EACH][4];
    struct decay decay[2];
    fold(&shared->chunk, first, reached, decay);
    if (!w->counter)         /* cost only: else it has waited */
        wait_for_previous(); /* GPU only: the flags are cleared */
    if (!last) {             /* cost only: nobody looks back to the last */
#pragma unroll
        for (int i = 0; i < EACH; i++)
            w->from_zero[(states + i) * 32 + lane_of()] = pack(reached[i]);
        if (first % EIGHTS == 0 && lane_quad() == 0) /* cost only: others would write the same */
            *(float4 *)&w->decay[place * BLOCK_WIDTH + channel] =
                make_float4(decay[0].whole, decay[0].rest, decay[1].whole, decay[1].rest);
        publish(&w->published[tile * w->chunks + chunk], FROM_ZERO);
    }
    if (warp_of() == 0) { /* cost only: one warp polls */
        const int64_t known = look_back(w, chunk, tile);
        if (lane_of() == 0)        /* cost only: all have the same */
            shared->known = known; /* GPU only: in simt it is -1 before, from the beginning */
    }
    __syncthreads(); /* the way back has ended */
    come_forward(call, w, r, shared->known, chunk, tile, first, h);
    if (w->after || last)
#pragma unroll
        for (int i = 0; i < EACH; i++) {
            float after[4] = {h[i][0], h[i][1], h[i][2], h[i][3]};
            go_on(after, decay, pack(reached[i]));
            if (!last)
                w->after[(states + i) * 32 + lane_of()] = pack(after);
            else if (call->tensor[SELSCAN_FINAL])
                each_state(&call->p, r, first / EIGHTS, first % EIGHTS + i, after,
                           (float *)call->tensor[SELSCAN_FINAL],
                           [](const float *state, float *to) { *to = *state; });
        }
    if (w->after && !last)
        publish(&w->published[tile * w->chunks + chunk],
                TRUE_STATE); /* cost only: others need not come from the beginning */
    spread(&shared->chunk, first, h);
}

template <typename Shared>
static __global__ void __launch_bounds__(THREADS, RESIDENT)
    scan(const struct selscan_call call, const struct strides s, const struct chunks w)
{
    DYNAMIC_SHARED(struct lookback_shared<Shared>, shared);
    const struct selscan *p = &call.p;
    int64_t number = blockIdx.x; /* GPU only: in simt there is a counter */
    if (w.counter) {             /* GPU only: the same */
        wait_for_previous();     /* GPU only: the counter is cleared */
        if (threadIdx.x == 0)    /* cost only: a number more would be a block that nobody does */
            shared->number = (long long)atomicAdd(w.counter, 1ull);
        __syncthreads(); /* the number of the block is known */
        number = shared->number;
    }
    const unsigned which = (unsigned)number, tiles = (unsigned)w.tiles, chunk = which / tiles;
    const unsigned tile = which - chunk * tiles;
    const struct chunk_place place = place_of(p, &w.tiling, tile);
    const struct warp_rows *const r = &place.r;
    const int64_t own = (int64_t)chunk * SPAN + turn_of() * STEPS;
    const int64_t at = selscan_at(p, r->b, r->channel, selscan_time(p, 0)) + own * s.step;
    const int left = left_at(p, own);
    float y[TILES][2][4] = {}, reach[TILES][2][4];
    walk_chunk(&call, &s, &place, (int64_t)chunk * SPAN, at, left, &shared->chunk, y, reach);
    join(&call, &w, &place.all, chunk, tile, shared);
    __syncthreads(); /* what all warps begin with is there */
    give_all(&call, &s, r, at, left, &shared->chunk, y, reach);
}

/* Clears CLEARING words a block. */
static __global__ void __launch_bounds__(CLEARING) clear(unsigned *words)
{
    let_next_start(); /* cost only: or it starts later */
    words[thread_index()] = 0;
}

/* Whether a GPU runs all blocks at once. Not in simt, which runs them in any order. */
template <typename Kernel>
static bool all_at_once(Kernel kernel, int64_t blocks, size_t shared_bytes)
{
#ifdef __CUDACC__
    int device = 0, processors = 0, resident = 0;
    return cudaGetDevice(&device) == cudaSuccess &&
           cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device) ==
               cudaSuccess &&
           cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                (int)shared_bytes) == cudaSuccess &&
           cudaOccupancyMaxActiveBlocksPerMultiprocessor(&resident, kernel, THREADS,
                                                         shared_bytes) == cudaSuccess &&
           blocks <= (int64_t)processors * resident;
#else
    (void)kernel;
    (void)blocks;
    (void)shared_bytes;
    return false;
#endif
}

template <typename Shared>
static int run_scan(const Shared *, const struct selscan_call &call, void *memory, void *stream)
{
    struct chunks w = chunks_carve(&call.p, memory);
    const int64_t blocks = w.chunks * w.tiles;
    const size_t bytes = shared_bytes<struct lookback_shared<Shared>, Shared>(&call.p);
    const int error =
        launch(clear, (int64_t)(w.cleared / CLEARED), CLEARING, 0, stream, (unsigned *)memory);
    if (all_at_once(scan<Shared>, blocks, bytes))
        w.counter = NULL;
    return error ? error
                 : launch_follow((scan<Shared>), blocks, THREADS, bytes, stream, call,
                                 strides_of(&call.p), w);
}

static const char *accepts(const void *problem)
{
    return scalar_mma_accepts((const struct selscan *)problem);
}

static size_t workspace(const void *problem)
{
    return chunks_carve((const struct selscan *)problem, NULL).bytes;
}

static int run(const void *problem, void *const tensor[], void *memory, void *stream)
{
    const struct selscan_call call = selscan_pack(problem, tensor);
    return with_shared(call, [&](auto *of) { return run_scan(of, call, memory, stream); });
}

VARIANT(selscan_scalar_lookback) = {.accepts = accepts, .workspace = workspace, .run = run};
