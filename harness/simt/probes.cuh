/* The table of all probes. */
#ifndef SSMBENCH_PROBES_CUH
#define SSMBENCH_PROBES_CUH

#include "probes_copy.cuh"
#include "probes_math.cuh"
#include "probes_mma.cuh"

/* Names, sizes and parts of a probe that reads and writes a word a thread, for all patterns. */
#define PATTERN_PROBE(name, near, fill)                                                            \
    {                                                                                              \
#name, 80, PATTERN_BLOCKS *(near), PATTERN_THREADS, probe_##name, PATTERNS *(near),        \
            PATTERNS *(near), fill, expect_##name                                                  \
    }
#define COPY_PROBE(name, arch, kernel, words, expect)                                              \
    {                                                                                              \
        name, arch, 1, COPY_THREADS, kernel, COPY_THREADS * 8, words, fill_copies, expect          \
    }
#define MMA_PROBE(name, kernel, inner, fill)                                                       \
    {                                                                                              \
        name, 80, MMA_BLOCKS, 32, kernel, MMA_BLOCKS *MMA_INPUTS(inner), MMA_BLOCKS * 128, fill,   \
            expect_mma<inner>                                                                      \
    }

/* copy_bulk_out turns its tiles round too: the same expectation. */
static const struct probe PROBES[] = {
    COPY_PROBE("copy_async_4", 80, probe_copy_async<4>, COPY_THREADS, expect_copy_async<4>),
    COPY_PROBE("copy_async_8", 80, probe_copy_async<8>, COPY_THREADS * 2, expect_copy_async<8>),
    COPY_PROBE("copy_async_16", 80, probe_copy_async<16>, COPY_THREADS * 4, expect_copy_async<16>),
    COPY_PROBE("copy_async_groups", 80, probe_copy_groups, COPY_THREADS * 6, expect_copy_groups),
    COPY_PROBE("copy_bulk", 90, probe_copy_bulk, BULK_WORDS, expect_copy_bulk),
    COPY_PROBE("copy_bulk_out", 90, probe_copy_bulk_out, BULK_WORDS, expect_copy_bulk),
    {"cluster", 90, CLUSTER_BLOCKS, COPY_THREADS, probe_cluster, CLUSTER_WORDS, CLUSTER_WORDS,
     fill_clusters, expect_cluster, CLUSTER_OF},
    {"ldmatrix", 80, 1, 32, probe_ldmatrix, TILE_ROWS *TILE_WORDS, 32 * LOADS, fill_tile,
     expect_ldmatrix},
    MMA_PROBE("mma_tf32", probe_mma_tf32, 8, fill_tf32),
    MMA_PROBE("mma_bf16", probe_mma_b16<DTYPE_BF16>, 16, fill_bf16),
    MMA_PROBE("mma_f16", probe_mma_b16<DTYPE_F16>, 16, fill_f16),
    PATTERN_PROBE(float_tf32, 1, fill_floats),
    PATTERN_PROBE(ex2, 1, fill_floats),
    PATTERN_PROBE(rcp, 1, fill_floats),
    PATTERN_PROBE(lg2, 1, fill_floats),
    PATTERN_PROBE(half_float, 1, fill_nothing),
    PATTERN_PROBE(bfloat16_float, 1, fill_nothing),
    PATTERN_PROBE(float_half, NEAR, fill_near_half),
    PATTERN_PROBE(float_bfloat16, NEAR, fill_near_bfloat16),
    {"half_pairs", 80, 1, PAIR_THREADS, probe_half_pairs, 2 * PAIR_THREADS,
     PAIR_OUTPUTS *PAIR_THREADS, fill_pairs, expect_pairs},
    {"bfloat16_pairs", 80, 1, PAIR_THREADS, probe_bfloat16_pairs, 2 * PAIR_THREADS,
     PAIR_OUTPUTS *PAIR_THREADS, fill_pairs, expect_pairs},
};
enum { PROBE_COUNT = sizeof PROBES / sizeof *PROBES };

#endif
