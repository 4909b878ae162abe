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

/* How many of the 16 steps from `step` on are there. */
static inline __device__ int left_at(const struct selscan *p, int64_t step)
{
    const int64_t left = p->length - step;
    return left < 0 ? 0 : left < STEPS ? (int)left : (int)STEPS;
}

/* Copies what the block reads to shared memory. */
template <typename Shared>
static inline __device__ void copy_all(const struct selscan_call *call, const struct strides *s,
                                       const struct warp_rows *r, int64_t group, int64_t first,
                                       int64_t at, Shared *shared)
{
    const struct selscan *p = &call->p;
    const int AHEAD = Shared::DTYPE == DTYPE_F32 ? 1 : TURNS; /* of 16 bits all loads come first */
    struct states_ahead<Shared> ahead[AHEAD];
    const int64_t bc = selscan_bc_at(p, r->b, group, 0, selscan_time(p, 0));
#pragma unroll(AHEAD)
    for (int turn = 0; turn < TURNS; turn++) {
        const int64_t step = first + turn * STEPS;
        fetch_states(call, s, bc + step * s->state_step, left_at(p, step), turn, shared,
                     &ahead[turn % AHEAD]);
    }
    copy_streams<false>(call, s, r, at, left_at(p, first + turn_of() * STEPS), shared);
    copy_async_commit();
    if constexpr (Shared::DTYPE != DTYPE_F32)
#pragma unroll
        for (int turn = 0; turn < TURNS; turn++)
            fill_states(call, turn, shared, &ahead[turn]);
    copy_async_wait<0>();
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
        for (int c = 0; c < 2; c++) {
            float *const of[4] = {&y[m][0][2 * c], &y[m][0][2 * c + 1], &y[m][1][2 * c],
                                  &y[m][1][2 * c + 1]};
            contain(&steps[c], &total[2 * m + c], of);
        }
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

/* Joins what the block's steps reach, tells it, learns the state that the block begins with, and
 * puts what each 16 steps begin with in the place of what they reach. */
template <typename Shared>
static inline __device__ void join(const struct selscan_call *call, const struct chunks *w,
                                   const struct warp_rows *r, int64_t chunk, int64_t tile,
                                   struct chunk_shared<Shared> *shared)
{
    const bool last = chunk == w->chunks - 1;
    const int first = warp_of() * EACH, channel = lane_channel(first / EIGHTS);
    const int64_t place = chunk * w->tiles + tile, states = place * FOURS + first;
    float reached[EACH][4] = {}, h[EACH][4], exponent[2] = {};
#pragma unroll
    for (int turn = 0; turn < TURNS; turn++) {
#pragma unroll
        for (int i = 0; i < EACH; i++)
            go_on(reached[i], &shared->decay[turn][channel],
                  shared->state[turn][first + i][lane_of()]);
        exponent[0] += shared->exponent[turn][channel];
        exponent[1] += shared->exponent[turn][channel + 1];
    }
    const struct decay decay[2] = {decay_ex2(exponent[0]), decay_ex2(exponent[1])};
    if (!w->counter)
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
        if (lane_of() == 0)
            shared->known = known;
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

template <typename Shared>
static __global__ void __launch_bounds__(THREADS, RESIDENT)
    scan(const struct selscan_call call, const struct strides s, const struct chunks w)
{
    DYNAMIC_SHARED(struct chunk_shared<Shared>, shared);
    const struct selscan *p = &call.p;
    int64_t number = blockIdx.x;
    if (w.counter) {
        wait_for_previous();  /* GPU only: the counter is cleared */
        if (threadIdx.x == 0) /* cost only: a number more would be a block that nobody does */
            shared->number = (long long)atomicAdd(w.counter, 1ull);
        __syncthreads(); /* the number of the block is known */
        number = shared->number;
    }
    const unsigned which = (unsigned)number, tiles = (unsigned)w.tiles, chunk = which / tiles;
    const unsigned tile = which - chunk * tiles, pair = tile / (unsigned)w.group_tiles;
    const unsigned b = pair / (unsigned)p->groups, group = pair - b * (unsigned)p->groups;
    const int64_t begin = (tile - pair * w.group_tiles) * BLOCK_WIDTH, side = side_of() * WIDTH;
    const int64_t rows = w.group_channels - begin;
    const struct warp_rows all = {b, group * w.group_channels + begin,
                                  (int)min(rows, (int64_t)BLOCK_WIDTH)};
    const struct warp_rows r = {all.b, all.channel + side,
                                (int)min(max(rows - side, (int64_t)0), (int64_t)WIDTH)};
    const int64_t own = (int64_t)chunk * SPAN + turn_of() * STEPS;
    const int64_t at = selscan_at(p, r.b, r.channel, selscan_time(p, 0)) + own * s.step;
    const int left = left_at(p, own);
    float A[HELD], y[TILES][2][4] = {}, reach[TILES][2][4];
#pragma unroll
    for (int c = 0; c < HELD; c++) {
        const int c_at = lane_channel(c / 2) + c % 2;
        A[c] = c_at < r.rows ? ((const float *)call.tensor[SELSCAN_A])[r.channel + c_at] : 0;
    }
    copy_all(&call, &s, &r, group, (int64_t)chunk * SPAN, at, &shared->blocks);
    __syncthreads(); /* all that the block reads is there */
    make_G(shared);
    walk(&call, &r, left, A, shared, y, reach);
    __syncthreads(); /* what all warps reach is there */
    join(&call, &w, &all, chunk, tile, shared);
    __syncthreads(); /* what all warps begin with is there */
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
        finish<false>(&call, &s, &r, at, left, m, y[m], &shared->blocks);
    }
    if constexpr (Shared::BY == BY_ELEMENT) {
        __syncwarp(); /* out is whole */
        store_outputs(&call, &s, &r, at, left, &shared->blocks);
    }
}

/* Clears `count` words. */
static __global__ void __launch_bounds__(CLEARING) clear(unsigned *words, int64_t count)
{
    let_next_start();
    if (thread_index() < count)
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

template <enum dtype DTYPE, enum way WAY>
static int run_scan(const struct selscan_call &call, void *memory, void *stream)
{
    typedef struct blocks_shared<DTYPE, WAY> Shared;
    struct chunks w = chunks_carve(&call.p, memory);
    const int64_t flags = (int64_t)(flags_bytes(&w) / sizeof(unsigned)),
                  blocks = w.chunks * w.tiles;
    const size_t bytes = shared_bytes<struct chunk_shared<Shared>, Shared>(&call.p);
    const int error =
        launch(clear, blocks_for(flags, CLEARING), CLEARING, 0, stream, (unsigned *)memory, flags);
    if (all_at_once(scan<Shared>, blocks, bytes))
        w.counter = NULL;
    return error ? error
                 : launch_follow((scan<Shared>), blocks, THREADS, bytes, stream, call,
                                 strides_of(&call.p), w);
}

template <enum dtype DTYPE>
static int run_typed(const struct selscan_call &call, void *memory, void *stream)
{
    const enum way way = way_of(&call);
    if constexpr (DTYPE == DTYPE_F32)
        if (way == BY_LINE)
            return run_scan<DTYPE, BY_LINE>(call, memory, stream);
    return way == BY_WORD ? run_scan<DTYPE, BY_WORD>(call, memory, stream)
                          : run_scan<DTYPE, BY_ELEMENT>(call, memory, stream);
}

static const char *accepts(const void *problem)
{
    const struct selscan *p = (const struct selscan *)problem;
    return p->a != A_SCALAR    ? "a = scalar; nearest: a = scalar"
           : p->state > STATES ? "state <= 64; nearest: state = 64"
                               : NULL;
}

static size_t workspace(const void *problem)
{
    const struct chunks w = chunks_carve((const struct selscan *)problem, NULL);
    return chunks_bytes(&w);
}

static int run(const void *problem, void *const tensor[], void *memory, void *stream)
{
    const struct selscan_call call = selscan_pack(problem, tensor);
    return call.p.dtype == DTYPE_F32    ? run_typed<DTYPE_F32>(call, memory, stream)
           : call.p.dtype == DTYPE_BF16 ? run_typed<DTYPE_BF16>(call, memory, stream)
                                        : run_typed<DTYPE_F16>(call, memory, stream);
}

VARIANT(selscan_scalar_lookback) = {.accepts = accepts, .workspace = workspace, .run = run};
