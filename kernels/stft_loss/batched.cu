/* stft_loss/batched: frame by frame within a block; no spectrum leaves it.
 *
 * Computes   loss and gradient of reference/stft_loss.h: transforms in fp32, sums of the loss in
 *            double.
 * Accepts    any problem. Inputs are only read.
 * Layout     block = 128 threads and 4096 samples: one run (runs.h) of windows of 4096, two of
 *            2048, ... 128 of 32, by n/32 threads each; a thread holds 16 pairs of samples of each
 *            signal. Shared: both spectra, and a ring of n samples in which a run's frames are
 *            added up, even ones first, so that neighbours reach neighbouring banks.
 * Algorithm  of each frame: a transform of n/2 complex numbers, pairs of samples, for each signal
 *            (fft.cuh); bins k and n/2-k of both come out of numbers k and n/2-k, become slopes
 *            (slope.cuh) and go back in their place; a third transform, real and imaginary parts
 *            exchanged, which makes it the one back, windowed, added to the ring. What no later
 *            frame of the run reaches leaves the ring for the run's stretch. A bin in doubt: all
 *            lanes of the warp, in double. One launch before: windows and units; two behind:
 *            samples of the gradient from stretches, the loss from parts.
 * Cost       bytes: stretches are written and read once, at hop 147 some 7 floats a sample, beside
 *            the compulsory ones; samples are loaded n/hop times, from the L1 cache. A bin in
 *            doubt: n/32 rounds of its warp, in double; of frames that are the same but not silent
 *            every bin is, which takes many times as long.
 * Error      f32 6e-7 at worst in cases/quick.ini and stft.ini.
 * Source     written from the definition; fft.cuh has the source of the transform's order.
 */
#include "fft.cuh"
#include "runs.h"
#include "slope.cuh"

enum { THREADS = 128, HELD = THREADS * FFT_HELD, FINISH = 256, TOTAL = 1024 };

/* What the blocks of the main kernel share. */
struct batched {
    struct stft_plan plan;
    struct stft_call call;
    float *table;                             /* windows: n samples, n/2 units, and so on */
    int64_t block[STFT_LOSS_RESOLUTIONS_MAX]; /* the first one of each window */
    int64_t blocks, table_size;
};

/* The window's samples, and exp(-2 pi i m / n), m = 0 ... n/2-1, which follow them. */
static inline HOST_DEVICE
float *table_of(const struct batched *w, int r)
{
    return w->table + 4 * (w->plan.p.window - (w->plan.p.window >> r));
}

static __global__ void __launch_bounds__(FINISH)
    fill_table(const __grid_constant__ struct batched w)
{
    const int64_t i = thread_index();
    int r = 0;
    while (r < w.plan.p.resolutions - 1 && i >= table_of(&w, r + 1) - w.table)
        r++;
    const int n = w.plan.window[r].n, j = (int)(i - (table_of(&w, r) - w.table));
    double unit[2];
    if (j < n)
        w.table[i] = stft_window(j, n);
    else if (j < 2 * n) {
        stft_unit((j - n) / 2, n, unit);
        w.table[i] = (float)unit[j % 2];
    }
}

/* One thread's place in a run of frames of windows of 2M samples. */
template <int M>
struct place {
    int thread;         /* of the M/16 of its run */
    const float *e, *t; /* of the run's first frame */
    const float2 *window, *units;
    float2 *E, *T; /* FFT_SPACE<M> */
    float *sums;   /* two for each warp or, where it is smaller, team of the block */
    float *ring;   /* 2M: even samples, then odd ones */
};

/* Where sample `at` of a row, counted from the run's first, lies in the ring. */
template <int M>
static inline __device__ unsigned ring_place(unsigned at)
{
    return at % 2 * M + at / 2 % M;
}

/* The sum over the threads of a run, those of whole warps through `sums`, which has one for each
 * warp; it is there after the next barrier, and run_sum() has it. */
template <int M>
static inline __device__ void run_sum_begin(float value, float sums[])
{
    constexpr int LANES = M / FFT_HELD < 32 ? M / FFT_HELD : 32;
#pragma unroll
    for (int lanes = LANES / 2; lanes; lanes /= 2)
        value += __shfl_xor_sync(ALL_LANES, value, lanes);
    if (threadIdx.x % LANES == 0)
        sums[threadIdx.x / LANES] = value;
}
template <int M>
static inline __device__ float run_sum(const float sums[])
{
    constexpr int WARPS = M / FFT_HELD < 32 ? 1 : M / FFT_HELD / 32;
    float sum = 0;
#pragma unroll
    for (int warp = 0; warp < WARPS; warp++)
        sum += sums[threadIdx.x * FFT_HELD / M * WARPS + warp];
    return sum;
}

/* Pairs of samples before the first stage, windowed; x is not read unless `active`. Returns this
 * thread's share of the sum of their squares. */
template <int M>
static inline __device__ float load_pairs(const struct place<M> *at, const float *x, bool active,
                                          float2 v[FFT_HELD])
{
    float squares = 0;
#pragma unroll
    for (int i = 0; i < FFT_HELD; i++) {
        const int j = at->thread + fft_before<M, 16>(i);
        const float2 window = at->window[j];
        v[i] = active ? make_float2(window.x * x[2 * j], window.y * x[2 * j + 1]) : float2();
        squares += v[i].x * v[i].x + v[i].y * v[i].y;
    }
    return squares;
}

/* A stage of both signals' transforms, from shared memory to shared memory. */
template <int M, int S, int R>
static inline __device__ void stage_of_both(const struct place<M> *at)
{
    float2 ve[FFT_HELD], vt[FFT_HELD];
    fft_load<M, R>(at->E, at->thread, ve);
    fft_load<M, R>(at->T, at->thread, vt);
    __syncthreads(); /* all have loaded what others are about to overwrite */
    fft_stage<M, S, R>(at->units, at->thread, ve);
    fft_store<M, S, R>(at->E, at->thread, ve);
    fft_stage<M, S, R>(at->units, at->thread, vt);
    fft_store<M, S, R>(at->T, at->thread, vt);
    __syncthreads(); /* numbers are there for the next stage */
}

/* Turns the spectra in shared memory into that of the slope, in the place of E. Returns this
 * thread's share of the differences. */
template <int M>
static inline __device__ float compare(const struct place<M> *at, const float *e, const float *t,
                                       struct stft_doubt doubt)
{
    float sum = 0;
    bool doubtful[2];
#pragma unroll 2
    for (int i = 0; i < FFT_HELD / 2; i++) {
        const int k = at->thread + i * (M / FFT_HELD);
        const int low = fft_place(k), high = fft_place((M - k) % M);
        const float2 unit = at->units[k];
        float2 es[2], ts[2], joined[2];
        split(at->E[low], at->E[high], unit, &es[0], &es[1]);
        split(at->T[low], at->T[high], unit, &ts[0], &ts[1]);
        struct slope a = slope_of(es[0], ts[0], doubt, &doubtful[0]);
        struct slope b = slope_of(es[1], ts[1], doubt, &doubtful[1]);
        if (__any_sync(ALL_LANES, doubtful[0] || doubtful[1])) { /* cost only */
            settle(e, t, 2 * M, k, doubtful[0], &a);
            settle(e, t, 2 * M, M - k, doubtful[1], &b);
        }
        sum += a.difference + b.difference;
        join(a.e, b.e, unit, &joined[0], &joined[1]);
        if (k == 0) {
            at->E[low] = joined[0] + joined[0];
        } else {
            at->E[low] = joined[0];
            at->E[high] = joined[1];
        }
    }
    /* Bin M/2 is number M/2, conjugate. */
    const int middle = fft_place(M / 2);
    const bool first = at->thread == 0;
    const float2 em = at->E[middle], tm = at->T[middle];
    struct slope a = slope_of(make_float2(em.x, -em.y), tm, doubt, &doubtful[0]);
    settle(e, t, 2 * M, M / 2, first && doubtful[0], &a);
    if (first) {
        at->E[middle] = make_float2(-a.e.y, a.e.x);
        sum += a.difference;
    }
    return sum;
}

/* Transforms the slope's spectrum back and adds it to the ring, from its place `start` on. */
template <int M>
static inline __device__ void transform_back(const struct place<M> *at, int start)
{
    float2 v[FFT_HELD];
    constexpr int LAST = FFT_LAST<M>;
    fft_load<M, 16>(at->E, at->thread, v);
    fft_butterfly<16>(v);
    if constexpr (M > 16) {
        fft_store<M, 1, 16>(at->T, at->thread, v);
        __syncthreads(); /* numbers are there for the second stage; E is free */
        if constexpr (M > 256) {
            fft_load<M, 16>(at->T, at->thread, v);
            fft_stage<M, 16, 16>(at->units, at->thread, v);
            fft_store<M, 16, 16>(at->E, at->thread, v);
            __syncthreads(); /* numbers are there for the third stage */
        }
        fft_load<M, LAST>(M > 256 ? at->E : at->T, at->thread, v);
        fft_stage<M, M / LAST, LAST>(at->units, at->thread, v);
    }
    const unsigned even = ring_place<M>((unsigned)start), odd = ring_place<M>((unsigned)start + 1);
#pragma unroll
    for (int i = 0; i < FFT_HELD; i++) {
        const int j = at->thread + fft_after<M, M / LAST, LAST>(i);
        const float2 window = at->window[j];
        at->ring[(even & M) + (even + (unsigned)j) % M] += window.x * v[i].y;
        at->ring[(odd & M) + (odd + (unsigned)j) % M] += window.y * v[i].x;
    }
}

/* One frame: e and t are its samples, or any where it is not `active`. Returns this thread's share
 * of its differences. */
template <int M>
static inline __device__ float frame(const struct place<M> *at, const float *e, const float *t,
                                     bool active, int start)
{
    constexpr int LAST = FFT_LAST<M>;
    float2 ve[FFT_HELD], vt[FFT_HELD];
    const float e_squares = load_pairs<M>(at, e, active, ve);
    const float t_squares = load_pairs<M>(at, t, active, vt);
    run_sum_begin<M>(e_squares, at->sums);
    run_sum_begin<M>(t_squares, at->sums + THREADS);
    fft_butterfly<16>(ve);
    fft_store<M, 1, 16>(at->E, at->thread, ve);
    fft_butterfly<16>(vt);
    fft_store<M, 1, 16>(at->T, at->thread, vt);
    __syncthreads(); /* numbers are there for the second stage, and sums */
    if constexpr (M > 256)
        stage_of_both<M, 16, 16>(at);
    if constexpr (M > 16)
        stage_of_both<M, M / LAST, LAST>(at);
    const struct stft_doubt doubt =
        stft_doubt_of(2 * M, run_sum<M>(at->sums), run_sum<M>(at->sums + THREADS), false);
    const float sum = compare<M>(at, e, t, doubt);
    __syncthreads(); /* the slope's spectrum is there, T and sums are free */
    transform_back<M>(at, start);
    return sum;
}

/* Moves samples of frame f that no later one reaches from the ring to `stretch`, all of it behind
 * the last. */
template <int M>
static inline __device__ void flush(const struct place<M> *at, int start, int hop, bool last,
                                    float *stretch)
{
    const int count = last ? 2 * M : hop;
    for (int i = at->thread; i < count; i += M / FFT_HELD) {
        float *const from = &at->ring[ring_place<M>((unsigned)(start + i))];
        stretch[i] = *from; /* 0 in a gap: this thread has been there before */
        *from = 0;
    }
}

/* The runs of a block; the block's share of the loss, in thread 0. */
template <int M>
static inline __device__ double runs_of_block(const struct batched *w, int r, int64_t block)
{
    constexpr int TEAM = M / FFT_HELD, TEAMS = THREADS / TEAM;
    DYNAMIC_SHARED(float2, shared);
    const struct stft_runs *runs = &w->plan.window[r];
    const int team = (int)threadIdx.x / TEAM, hop = (int)w->plan.p.hop;
    const int64_t i = block * TEAMS + team;
    const bool active = i < w->plan.rows * runs->runs;
    const int64_t row = active ? i / runs->runs : 0;
    const int run = active ? (int)(i - row * runs->runs) : 0;
    const int64_t first = row * w->plan.p.length + (int64_t)run * runs->step;
    const int frames = active ? stft_run_frames(runs, run) : 0;
    float *const stretch = stft_stretch(&w->plan, runs, row, run);
    struct place<M> at;
    double sum = 0;
    at.thread = (int)threadIdx.x % TEAM;
    at.window = (const float2 *)table_of(w, r);
    at.units = at.window + M;
    at.E = shared + team * FFT_SPACE<M>;
    at.T = at.E + TEAMS * FFT_SPACE<M>;
    at.ring = (float *)(shared + 2 * TEAMS * FFT_SPACE<M>)+team * 2 * M;
    at.sums = (float *)(shared + 2 * FFT_SPACE<HELD> + HELD);
    for (int j = at.thread; j < 2 * M; j += TEAM)
        at.ring[j] = 0;
    for (int f = 0; f < (TEAMS == 1 ? frames : runs->length); f++) {
        const int64_t from = first + f * hop;
        sum += frame<M>(&at, w->call.estimate + from, w->call.target + from, f < frames, f * hop);
        __syncthreads(); /* the ring holds this frame; all have read E and T */
        if (f < frames)
            flush<M>(&at, f * hop, hop, f == frames - 1, stretch + f * hop);
    }
    return block_sum<THREADS>(sum);
}

static __global__ void __launch_bounds__(THREADS, 3)
    spectra(const __grid_constant__ struct batched w)
{
    int r = 0;
    double sum = 0;
    while (r < w.plan.p.resolutions - 1 && blockIdx.x >= w.block[r + 1])
        r++;
    const int64_t block = blockIdx.x - w.block[r];
    switch (w.plan.window[r].n) {
    case 4096:
        sum = runs_of_block<2048>(&w, r, block);
        break;
    case 2048:
        sum = runs_of_block<1024>(&w, r, block);
        break;
    case 1024:
        sum = runs_of_block<512>(&w, r, block);
        break;
    case 512:
        sum = runs_of_block<256>(&w, r, block);
        break;
    case 256:
        sum = runs_of_block<128>(&w, r, block);
        break;
    case 128:
        sum = runs_of_block<64>(&w, r, block);
        break;
    case 64:
        sum = runs_of_block<32>(&w, r, block);
        break;
    default:
        sum = runs_of_block<16>(&w, r, block);
        break;
    }
    if (threadIdx.x == 0)
        w.plan.part[blockIdx.x] = w.plan.window[r].weight * sum;
}

/* A piece of a row: its samples of the gradient, and its part of the distance in time. */
static __global__ void __launch_bounds__(FINISH) finish(const __grid_constant__ struct batched w)
{
    const int64_t row = blockIdx.x / w.plan.pieces, first = blockIdx.x % w.plan.pieces * STFT_PIECE;
    double sum = 0;
    for (int64_t at = first + threadIdx.x; at < first + STFT_PIECE && at < w.plan.p.length;
         at += FINISH)
        sum += stft_finish(&w.plan, &w.call, row, (int)at);
    sum = block_sum<FINISH>(sum);
    if (threadIdx.x == 0)
        w.plan.part[w.blocks + blockIdx.x] = stft_loss_sample_weight(&w.plan.p) * sum;
}

/* `memory` holds the plan's arrays, then the table. Parts are those of blocks, which are fewer than
 * runs, then those of pieces. */
static struct batched carve(const void *problem, void *memory)
{
    struct batched w = {};
    w.plan = stft_plan_carve((const struct stft_loss *)problem, memory);
    for (int r = 0; r < w.plan.p.resolutions; r++) {
        w.block[r] = w.blocks;
        w.blocks += blocks_for(w.plan.rows * w.plan.window[r].runs, 2 * HELD / w.plan.window[r].n);
        w.table_size += 2 * w.plan.window[r].n;
    }
    w.table = w.plan.stretch + (w.plan.floats + 1) / 2 * 2;
    return w;
}

static size_t workspace(const void *problem)
{
    const struct batched w = carve(problem, NULL);
    return (size_t)(uintptr_t)(w.table + w.table_size);
}

static int run(const void *problem, void *const tensor[], void *memory, void *stream)
{
    struct batched w = carve(problem, memory);
    const size_t shared =
        (2 * FFT_SPACE<HELD> + HELD) * sizeof(float2) + 2 * THREADS * sizeof(float);
    w.call = stft_pack(problem, tensor);
    int error = launch(fill_table, blocks_for(w.table_size, FINISH), FINISH, 0, stream, w);
    if (!error)
        error = launch(spectra, w.blocks, THREADS, shared, stream, w);
    if (!error)
        error = launch(finish, w.plan.rows * w.plan.pieces, FINISH, 0, stream, w);
    return error ? error
                 : launch(stft_total<TOTAL>, 1, TOTAL, 0, stream, (const double *)w.plan.part,
                          w.blocks + w.plan.rows * w.plan.pieces, w.call.loss);
}

VARIANT(stft_loss_batched) = {.workspace = workspace, .run = run};
