/* Probes of copies into and out of shared memory, and into that of other blocks. */
#ifndef SSMBENCH_PROBES_COPY_CUH
#define SSMBENCH_PROBES_COPY_CUH

#include "../../kernels/device/async.cuh"
#include "../../kernels/device/bulk.cuh"
#include "probe.cuh"

enum { COPY_THREADS = 128, BULK_STEPS = 7, BULK_WORDS = COPY_THREADS * BULK_STEPS };

static inline void fill_copies(uint32_t *in)
{
    for (int i = 0; i < COPY_THREADS * 8; i++)
        in[i] = scrambled_float((uint32_t)i);
}

/* Thread t copies t mod (BYTES + 1) of its BYTES, and its neighbour writes them out. */
template <int BYTES>
static __global__ void probe_copy_async(const uint32_t *in, uint32_t *out)
{
    enum { WORDS = BYTES / 4 };
    SHARED(uint32_t, tile, [COPY_THREADS * WORDS]);
    const int t = (int)threadIdx.x, other = (t + 1) % COPY_THREADS;
    copy_async<BYTES>(tile + t * WORDS, in + t * WORDS, t % (BYTES + 1));
    copy_async_commit();
    copy_async_wait<0>();
    __syncthreads();
    for (int i = 0; i < WORDS; i++)
        out[other * WORDS + i] = tile[other * WORDS + i];
}

template <int BYTES>
static inline void expect_copy_async(const uint32_t *in, uint32_t *want, double *)
{
    for (int t = 0; t < COPY_THREADS; t++)
        for (int byte = 0; byte < BYTES; byte++)
            ((unsigned char *)want)[t * BYTES + byte] =
                byte < t % (BYTES + 1) ? ((const unsigned char *)in)[t * BYTES + byte] : 0;
}

/* Whole copies in three groups, the second of them empty, the first read while the last is under
 * way. */
static __global__ void probe_copy_groups(const uint32_t *in, uint32_t *out)
{
    SHARED(uint32_t, first, [COPY_THREADS * 4]);
    SHARED(uint32_t, last, [COPY_THREADS * 2]);
    const int t = (int)threadIdx.x;
    copy_async<16>(first + t * 4, in + t * 4);
    copy_async_commit();
    copy_async_commit();
    copy_async<8>(last + t * 2, in + t * 2);
    copy_async_commit();
    copy_async_wait<2>();
    __syncthreads();
    for (int i = 0; i < 4; i++)
        out[i * COPY_THREADS + t] = first[i * COPY_THREADS + t];
    copy_async_wait<0>();
    __syncthreads();
    for (int i = 0; i < 2; i++)
        out[(4 + i) * COPY_THREADS + t] = last[i * COPY_THREADS + t];
}

static inline void expect_copy_groups(const uint32_t *in, uint32_t *want, double *)
{
    for (int i = 0; i < COPY_THREADS * 6; i++)
        want[i] = in[i % (COPY_THREADS * 4)];
}

/* A pipeline of two stages: thread 0 fills each once all have read it, and all wait for it. */
static __global__ void probe_copy_bulk(const uint32_t *in, uint32_t *out)
{
    SHARED(uint32_t, tile, [2][COPY_THREADS]);
    SHARED(mbarrier, full, [2]);
    SHARED(mbarrier, empty, [2]);
    const int t = (int)threadIdx.x;
    if (t == 0) {
        for (int stage = 0; stage < 2; stage++) {
            mbarrier_init(&full[stage], 1);
            mbarrier_init(&empty[stage], COPY_THREADS);
        }
        mbarrier_init_fence();
    }
    __syncthreads();
    for (int step = -1; step < BULK_STEPS; step++) {
        const int next = step + 1;
        if (t == 0 && next < BULK_STEPS) {
            /* The wait for the first use of a stage is over at once: parity 1. */
            mbarrier_wait(&empty[next % 2], (unsigned)(next / 2 + 1) % 2);
            mbarrier_arrive_expect(&full[next % 2], sizeof tile[0]);
            copy_bulk(tile[next % 2], in + next * COPY_THREADS, sizeof tile[0] / 4,
                      &full[next % 2]);
            copy_bulk(tile[next % 2] + COPY_THREADS / 4,
                      in + next * COPY_THREADS + COPY_THREADS / 4, sizeof tile[0] / 4 * 3,
                      &full[next % 2]);
        }
        if (step < 0)
            continue;
        mbarrier_wait(&full[step % 2], (unsigned)(step / 2) % 2);
        out[step * COPY_THREADS + t] = tile[step % 2][COPY_THREADS - 1 - t];
        mbarrier_arrive(&empty[step % 2]);
    }
}

static inline void expect_copy_bulk(const uint32_t *in, uint32_t *want, double *)
{
    for (int i = 0; i < BULK_WORDS; i++)
        want[i] = in[i / COPY_THREADS * COPY_THREADS + COPY_THREADS - 1 - i % COPY_THREADS];
}

/* Two buffers in turn: one is written again once its group has been read. */
static __global__ void probe_copy_bulk_out(const uint32_t *in, uint32_t *out)
{
    SHARED(uint32_t, tile, [2][COPY_THREADS]);
    const int t = (int)threadIdx.x;
    for (int step = 0; step < BULK_STEPS; step++) {
        if (t == 0)
            copy_bulk_wait_read<1>();
        __syncthreads(); /* the copy of two steps ago has read before all write */
        tile[step % 2][COPY_THREADS - 1 - t] = in[step * COPY_THREADS + t];
        copy_bulk_fence();
        __syncthreads(); /* all have written before the copy reads */
        if (t == 0) {
            copy_bulk_out(out + step * COPY_THREADS, tile[step % 2], sizeof tile[0]);
            copy_bulk_commit();
        }
    }
    if (t == 0)
        copy_bulk_wait_read<0>();
}

enum {
    CLUSTER_OF = 4,
    CLUSTER_BLOCKS = 3 * CLUSTER_OF,
    CLUSTER_WORDS = CLUSTER_BLOCKS * COPY_THREADS
};

static inline void fill_clusters(uint32_t *in)
{
    for (int i = 0; i < CLUSTER_WORDS; i++)
        in[i] = scrambled_float((uint32_t)i);
}

/* Each block takes its next one's words, backwards, and puts them into its last one's memory. */
static __global__ void probe_cluster(const uint32_t *in, uint32_t *out)
{
    SHARED(uint32_t, tile, [COPY_THREADS]);
    const unsigned t = threadIdx.x, size = cluster_size(), rank = cluster_rank();
    tile[t] = in[blockIdx.x * COPY_THREADS + t];
    cluster_arrive();
    cluster_wait(); /* all words are there */
    const uint32_t word = *cluster_at(&tile[COPY_THREADS - 1 - t], (rank + 1) % size);
    cluster_arrive();
    cluster_wait(); /* all words are taken */
    *cluster_at(&tile[t], (rank + size - 1) % size) = word;
    cluster_arrive();
    cluster_wait(); /* all are put */
    out[blockIdx.x * COPY_THREADS + t] = tile[t];
}

static inline void expect_cluster(const uint32_t *in, uint32_t *want, double *)
{
    for (int i = 0; i < CLUSTER_WORDS; i++) {
        const int block = i / COPY_THREADS, rank = block % CLUSTER_OF;
        const int from = block - rank + (rank + 2) % CLUSTER_OF;
        want[i] = in[from * COPY_THREADS + COPY_THREADS - 1 - i % COPY_THREADS];
    }
}

#endif
