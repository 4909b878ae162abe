/* The roofs of a GPU: device 0, the default stream, each the median of some rounds of a millisecond
 * or more, timed by events, after one that is not timed.
 *
 * copy     cudaMemcpy of COPY_BYTES within the device's memory
 * cache    reads past L1 of an array of a fourth to a half of L2, by all threads, again and again
 * shared   chases through a tile of shared memory, 16 bytes a thread side by side: no conflicts
 * fma, ex2 CHAINS chains a thread of fused multiply-adds, and of ex2.approx
 *
 * Every kernel fills the multiprocessors with threads, and stores what it got only if that is a
 * value that it cannot be, so that nothing but the work itself is done.
 *
 * Peaks are multiprocessors times highest clock times what one does a cycle; of memory, the width
 * of the bus times two transfers a cycle of its clock.
 * Source   CUDA C++ Programming Guide, "Arithmetic Instructions": results a cycle and
 *          multiprocessor. Shared memory: 32 banks of 4 bytes.
 */
#include "../kernels/device/math.cuh"
#include "backend.h"

#include <algorithm>

enum { THREADS = 256, BLOCKS_PER_UNIT = 8, ROUNDS = 11, COPY_ROUNDS = 21 };
enum { CHAINS = 8, FMA_STEPS = 1 << 15, EX2_STEPS = 1 << 12 };
enum { CHASES = 1 << 14, READS = 1 << 11, SHARED_CYCLE_BYTES = 128 };
static const size_t COPY_BYTES = (size_t)1 << 30;

/* What a round works on. */
struct round {
    void *from, *to;
    size_t bytes;
    int blocks;
};

static __global__ void multiply_add(float *out, float factor, float addend)
{
    float chain[CHAINS], sum = 0;
    for (int j = 0; j < CHAINS; j++)
        chain[j] = (float)(threadIdx.x + j);
#pragma unroll 32
    for (int step = 0; step < FMA_STEPS; step++)
#pragma unroll
        for (int j = 0; j < CHAINS; j++)
            chain[j] = fmaf(chain[j], factor, addend);
    for (int j = 0; j < CHAINS; j++)
        sum += chain[j];
    if (sum == -1)
        out[thread_index()] = sum;
}

/* Chains that go to where ex2(-x) is x. */
static __global__ void exponentiate(float *out)
{
    float chain[CHAINS], sum = 0;
    for (int j = 0; j < CHAINS; j++)
        chain[j] = (float)(threadIdx.x & 7) * 0.125f + (float)j;
#pragma unroll 16
    for (int step = 0; step < EX2_STEPS; step++)
#pragma unroll
        for (int j = 0; j < CHAINS; j++)
            chain[j] = ex2(-chain[j]);
    for (int j = 0; j < CHAINS; j++)
        sum += chain[j];
    if (sum == -1)
        out[thread_index()] = sum;
}

/* Each element of the tile has the place of the next one, a warp further. */
static __global__ void chase_shared(uint32_t *out)
{
    SHARED(uint4, tile, [THREADS]);
    uint32_t at = threadIdx.x, sum = 0;
    tile[at] = make_uint4((at + 32) % THREADS, 1, 1, 1);
    __syncthreads(); /* the tile is written before it is read */
#pragma unroll 16
    for (int chase = 0; chase < CHASES; chase++) {
        const uint4 next = tile[at];
        at = next.x;
        sum += next.y + next.z + next.w;
    }
    if (sum == 1)
        out[thread_index()] = at;
}

/* `mask` is the number of elements less one, a power of two less one. */
static __global__ void read_cache(const uint4 *from, uint32_t mask, uint32_t *out)
{
    const uint32_t stride = gridDim.x * blockDim.x;
    uint32_t at = (uint32_t)thread_index(), sum = 0;
#pragma unroll 8
    for (int read = 0; read < READS; read++, at += stride) {
        const uint4 value = __ldcg(&from[at & mask]);
        sum += (value.x ^ value.y) + (value.z ^ value.w);
    }
    if (sum == 1)
        out[thread_index()] = sum;
}

static int start_copy(const struct round *r)
{
    return cudaMemcpyAsync(r->to, r->from, r->bytes, cudaMemcpyDeviceToDevice, 0);
}

static int start_cache(const struct round *r)
{
    const uint32_t mask = (uint32_t)(r->bytes / sizeof(uint4) - 1);
    return launch(read_cache, r->blocks, THREADS, 0, NULL, (const uint4 *)r->from, mask,
                  (uint32_t *)r->to);
}

static int start_shared(const struct round *r)
{
    return launch(chase_shared, r->blocks, THREADS, 0, NULL, (uint32_t *)r->to);
}

static int start_fma(const struct round *r)
{
    return launch(multiply_add, r->blocks, THREADS, 0, NULL, (float *)r->to, 0.5f, 0.5f);
}

static int start_ex2(const struct round *r)
{
    return launch(exponentiate, r->blocks, THREADS, 0, NULL, (float *)r->to);
}

/* The median rate of a round that does `work`, in 1e9 a second; 0 after an error, returned. */
static int measure(int (*start)(const struct round *round), const struct round *round, double work,
                   int rounds, double *rate)
{
    float time_ms[COPY_ROUNDS];
    cudaEvent_t begin = NULL, end = NULL;
    int error = cudaEventCreate(&begin);
    if (!error)
        error = cudaEventCreate(&end);
    if (!error)
        error = start(round);
    for (int i = 0; i < rounds && !error; i++) {
        cudaEventRecord(begin, 0);
        error = start(round);
        cudaEventRecord(end, 0);
        if (!error)
            error = cudaEventSynchronize(end);
        if (!error)
            error = cudaEventElapsedTime(&time_ms[i], begin, end);
    }
    std::nth_element(time_ms, time_ms + rounds / 2, time_ms + rounds);
    *rate = error ? 0 : work / time_ms[rounds / 2] * 1e-6;
    cudaEventDestroy(begin);
    cudaEventDestroy(end);
    return error;
}

static double attribute(enum cudaDeviceAttr name)
{
    int value = 0;
    return cudaDeviceGetAttribute(&value, name, 0) ? 0 : value;
}

/* Fused multiply-adds in f32 that a multiprocessor starts a cycle. */
static int fma_a_cycle(int major, int minor)
{
    return major == 7 || (minor == 0 && (major == 6 || major == 8)) ? 64 : 128;
}

static int ex2_a_cycle(int major, int minor)
{
    return major == 10 && minor == 3 ? 32 : 16;
}

static void set_peaks(const struct machine *m, struct roofs *roofs)
{
    const int major = (int)attribute(cudaDevAttrComputeCapabilityMajor);
    const int minor = (int)attribute(cudaDevAttrComputeCapabilityMinor);
    const double clock_ghz =
        std::max(attribute(cudaDevAttrClockRate) * 1e-6, m->clock_max_mhz * 1e-3);
    const double cycles = m->units * clock_ghz;
    roofs->dram_peak_gbs = 2 * attribute(cudaDevAttrMemoryClockRate) * 1e-6 *
                           attribute(cudaDevAttrGlobalMemoryBusWidth) / 8;
    roofs->shared_peak_gbs = SHARED_CYCLE_BYTES * cycles;
    roofs->fma_peak_gflops = 2 * fma_a_cycle(major, minor) * cycles;
    roofs->ex2_peak_gops = ex2_a_cycle(major, minor) * cycles;
}

/* The largest power of two up to half of L2. */
static size_t cache_part(double cache_bytes)
{
    size_t bytes = (size_t)1 << 16;
    while ((double)(2 * bytes) <= cache_bytes / 2)
        bytes *= 2;
    return bytes;
}

extern "C" int roofs_cuda(struct roofs *roofs)
{
    struct machine m;
    struct round round = {backend_cuda.allocate(COPY_BYTES), backend_cuda.allocate(COPY_BYTES),
                          COPY_BYTES, 0};
    backend_cuda.machine(&m);
    *roofs = {};
    set_peaks(&m, roofs);
    round.blocks = BLOCKS_PER_UNIT * m.units;
    const double threads = (double)round.blocks * THREADS;
    int error = round.from && round.to ? 0 : (int)cudaErrorMemoryAllocation;
    if (!error)
        error = backend_cuda.set(round.from, 1, COPY_BYTES);
    if (!error)
        error =
            measure(start_copy, &round, 2.0 * (double)COPY_BYTES, COPY_ROUNDS, &roofs->copy_gbs);
    round.bytes = cache_part(m.cache_bytes);
    if (!error)
        error = measure(start_cache, &round, threads * READS * sizeof(uint4), ROUNDS,
                        &roofs->cache_gbs);
    if (!error)
        error = measure(start_shared, &round, threads * CHASES * sizeof(uint4), ROUNDS,
                        &roofs->shared_gbs);
    if (!error)
        error = measure(start_fma, &round, 2 * threads * CHAINS * FMA_STEPS, ROUNDS,
                        &roofs->fma_gflops);
    if (!error)
        error = measure(start_ex2, &round, threads * CHAINS * EX2_STEPS, ROUNDS, &roofs->ex2_gops);
    cudaFree(round.from);
    cudaFree(round.to);
    return error;
}
