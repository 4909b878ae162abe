/* The roofs of a CPU. All OpenMP threads take part. No data sheet can be read, so no peak is known.
 *
 * copy   COPY_BYTES from one array to another; the fastest of some rounds, as what else runs there
 *        only slows them
 * cache  reads of an array of half the last-level cache, in the same way
 * fma    FMA_CHAINS chains, which fill two units of latency 4 to 6; the sum over threads of each
 *        one's median round, so that a thread that has to wait for its processor does not matter
 * ex2    exponentials as the variants have them, simd_exp(), in the same way
 */
#include "../kernels/simd.h"
#include "backend.h"
#include "stats.h"
#include "time.h"

enum { COPY_BYTES = 1 << 28, COPY_ROUNDS = 5, CACHE_ROUNDS = 5, CHAIN_ROUNDS = 51, AHEAD = 4 };
enum { FMA_CHAINS = 12, FMA_STEPS = 1 << 17, EX2_CHAINS = 8, EX2_STEPS = 1 << 13 };

struct arrays {
    float *from, *to;
    size_t bytes;
};

/* Takes what was computed, so that it is. */
static void consume(floats sum)
{
    static volatile float sink;
    float all = 0;
    for (int lane = 0; lane < LANES; lane++)
        all += sum[lane];
#pragma omp atomic write
    sink = all;
}

/* These two return the bytes that they moved. */
static double copy(const struct arrays *arrays)
{
    const int64_t count = (int64_t)(arrays->bytes / sizeof *arrays->from);
#pragma omp parallel for
    for (int64_t i = 0; i < count; i++)
        arrays->to[i] = arrays->from[i];
    return 2.0 * (double)arrays->bytes;
}

static double read_cache(const struct arrays *arrays)
{
    const int64_t groups = (int64_t)(arrays->bytes / (AHEAD * sizeof(floats)));
#pragma omp parallel
    {
        floats sum[AHEAD] = {{0}};
#pragma omp for nowait
        for (int64_t i = 0; i < groups; i++)
            for (int j = 0; j < AHEAD; j++)
                sum[j] += ((const floats *)arrays->from)[AHEAD * i + j];
        consume(sum[0] + sum[1] + (sum[2] + sum[3]));
    }
    return (double)groups * AHEAD * sizeof(floats);
}

/* The highest rate of some rounds, in 1e9 bytes a second. */
static double fastest(double (*move)(const struct arrays *arrays), const struct arrays *arrays,
                      int rounds)
{
    double best = 0;
    for (int i = 0; i < rounds; i++) {
        const double start = now_s(), bytes = move(arrays);
        best = fmax(best, bytes / (now_s() - start));
    }
    return best * 1e-9;
}

/* Chains that go to 1. */
static floats multiply_add(void)
{
    floats chain[FMA_CHAINS], sum = {0};
    const floats factor = simd_all(0.5f);
    for (int j = 0; j < FMA_CHAINS; j++)
        chain[j] = simd_all((float)j);
    for (int step = 0; step < FMA_STEPS; step++)
        for (int j = 0; j < FMA_CHAINS; j++)
            chain[j] = simd_fma(chain[j], factor, factor);
    for (int j = 0; j < FMA_CHAINS; j++)
        sum += chain[j];
    return sum;
}

/* Chains that go to where exp(-x) is x. */
static floats exponentiate(void)
{
    floats chain[EX2_CHAINS], sum = {0};
    for (int j = 0; j < EX2_CHAINS; j++)
        chain[j] = simd_all((float)j);
    for (int step = 0; step < EX2_STEPS; step++)
        for (int j = 0; j < EX2_CHAINS; j++)
            chain[j] = simd_exp(-chain[j]);
    for (int j = 0; j < EX2_CHAINS; j++)
        sum += chain[j];
    return sum;
}

/* The rate of all threads, in 1e9 operations a second, of a round that has so many in a thread. */
static double together(floats (*compute)(void), double operations)
{
    double rate = 0;
#pragma omp parallel reduction(+ : rate)
    {
        double round_s[CHAIN_ROUNDS];
        for (int i = 0; i < CHAIN_ROUNDS; i++) {
            const double start = now_s();
            consume(compute());
            round_s[i] = now_s() - start;
        }
        rate += operations / summarise(round_s, CHAIN_ROUNDS).median * 1e-9;
    }
    return rate;
}

int roofs_cpu(struct roofs *roofs)
{
    struct machine m;
    struct arrays arrays = {backend_cpu.allocate(COPY_BYTES), backend_cpu.allocate(COPY_BYTES),
                            COPY_BYTES};
    backend_cpu.machine(&m);
    *roofs = (struct roofs){0};
    if (arrays.from && arrays.to) {
        backend_cpu.set(arrays.from, 1, COPY_BYTES);
        backend_cpu.set(arrays.to, 2, COPY_BYTES);
        roofs->copy_gbs = fastest(copy, &arrays, COPY_ROUNDS);
        arrays.bytes = (size_t)fmin(m.cache_bytes / 2, COPY_BYTES);
        roofs->cache_gbs = fastest(read_cache, &arrays, CACHE_ROUNDS);
    }
    roofs->fma_gflops = together(multiply_add, 2.0 * FMA_CHAINS * FMA_STEPS * LANES);
    roofs->ex2_gops = together(exponentiate, (double)EX2_CHAINS * EX2_STEPS * LANES);
    backend_cpu.release(arrays.from);
    backend_cpu.release(arrays.to);
    return 0;
}
