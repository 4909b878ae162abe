/* Barriers in shared memory and bulk copies, which one thread starts for its whole block.
 *
 * Shapes     Bulk copies: addresses and size are multiples of 16 bytes. An mbarrier: 8 bytes of
 *            shared memory; at most 2^20 - 1 arrivals and as many bytes a phase.
 * Phases     A phase ends when `count` arrivals have come and as many bytes as were expected have
 *            been copied. Phases have parity 0, 1, 0, ... from mbarrier_init() on.
 *            mbarrier_wait(parity) returns once the latest phase of that parity has ended: with 1
 *            at once on a new barrier. Whoever waits may miss no phase.
 * Order      What threads did before they arrived, and what was copied, is visible to who has
 *            waited for the phase. In simt a bulk copy is done when somebody polls its barrier;
 *            until then its destination holds NaN patterns.
 * Fences     Bulk copies see shared memory through another proxy than threads do.
 *            mbarrier_init_fence(): by the thread that initialised, before the block's barrier.
 *            copy_bulk_fence(): by each thread that wrote shared memory, before the barrier after
 *            which a bulk copy reads or overwrites it. simt does not notice a missing fence.
 * Needs      compute capability 9.0. Compiles for others, and traps there: a kernel that uses any
 *            of this has to refuse older GPUs before it launches.
 * Source     PTX ISA, "Parallel Synchronization and Communication Instructions: mbarrier",
 *            "cp.async.bulk", "cp.async.bulk.wait_group", "membar/fence", "Async proxy".
 */
#ifndef SSMBENCH_BULK_CUH
#define SSMBENCH_BULK_CUH

#include "ptx.cuh"

/* SHARED(mbarrier, full, [STAGES]); */
#ifdef __CUDACC__
struct mbarrier {
    uint64_t state;
};
#else
typedef simt::mbarrier mbarrier;
#endif

/* Makes a barrier whose phases end after `count` arrivals. By one thread. */
static inline __device__ void mbarrier_init(mbarrier *barrier, unsigned count AND_HERE)
{
#ifdef __CUDACC__
    NEEDS_ARCH(
        90, asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)),
                         "r"(count)
                         : "memory"));
#else
    simt::mbarrier_init(SIMT_SITE("mbarrier_init"), barrier, count);
#endif
}

/* Shows new barriers to bulk copies; to threads, the __syncthreads() after it does. */
static inline __device__ void mbarrier_init_fence(void)
{
#ifdef __CUDACC__
    NEEDS_ARCH(90, asm volatile("fence.mbarrier_init.release.cluster;\n\t"
                                "fence.proxy.async.shared::cta;" ::
                                    : "memory"));
#endif
}

static inline __device__ void mbarrier_arrive(mbarrier *barrier AND_HERE)
{
#ifdef __CUDACC__
    NEEDS_ARCH(
        90, asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(barrier))
                         : "memory"));
#else
    simt::mbarrier_arrive(SIMT_SITE("mbarrier_arrive"), barrier, 0);
#endif
}

/* Arrives, and makes the phase wait for that many bytes of bulk copies more. */
static inline __device__ void mbarrier_arrive_expect(mbarrier *barrier, unsigned bytes AND_HERE)
{
#ifdef __CUDACC__
    NEEDS_ARCH(90, asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(
                                    shared_address(barrier)),
                                "r"(bytes)
                                : "memory"));
#else
    simt::mbarrier_arrive(SIMT_SITE("mbarrier_arrive_expect"), barrier, bytes);
#endif
}

/* Waits for the end of the phase of that parity, 0 or 1. */
static inline __device__ void mbarrier_wait(mbarrier *barrier, unsigned parity AND_HERE)
{
#ifdef __CUDACC__
    unsigned ended = 0;
    NEEDS_ARCH(90, while (!ended) asm volatile(
                       "{\n\t.reg .pred ended;\n\t"
                       "mbarrier.try_wait.parity.shared::cta.b64 ended, [%1], %2;\n\t"
                       "selp.u32 %0, 1, 0, ended;\n\t}"
                       : "=r"(ended)
                       : "r"(shared_address(barrier)), "r"(parity)
                       : "memory"));
#else
    simt::mbarrier_wait(SIMT_SITE("mbarrier_wait"), barrier, parity);
#endif
}

/* Starts to copy from global to shared memory; the bytes count for the barrier's current phase. */
static inline __device__ void copy_bulk(void *shared, const void *global, unsigned bytes,
                                        mbarrier *barrier AND_HERE)
{
#ifdef __CUDACC__
    NEEDS_ARCH(90,
               asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes"
                            " [%0], [%1], %2, [%3];" ::"r"(shared_address(shared)),
                            "l"(global_address(global)), "r"(bytes), "r"(shared_address(barrier))
                            : "memory"));
#else
    simt::copy_bulk(SIMT_SITE("copy_bulk"), shared, global, bytes, barrier);
#endif
}

/* Shows this thread's writes of shared memory to bulk copies that start after the next barrier. */
static inline __device__ void copy_bulk_fence(void)
{
#ifdef __CUDACC__
    NEEDS_ARCH(90, asm volatile("fence.proxy.async.shared::cta;" ::: "memory"));
#endif
}

/* Starts to copy from shared to global memory. This thread then has to commit, and to wait before
 * the shared memory is written again or the block ends. */
static inline __device__ void copy_bulk_out(void *global, const void *shared,
                                            unsigned bytes AND_HERE)
{
#ifdef __CUDACC__
    NEEDS_ARCH(90, asm volatile("cp.async.bulk.global.shared::cta.bulk_group [%0], [%1], %2;" ::"l"(
                                    global_address(global)),
                                "r"(shared_address(shared)), "r"(bytes)
                                : "memory"));
#else
    const simt::site where = SIMT_SITE("copy_bulk_out");
    simt::require_shared(where, shared, bytes, 16);
    simt::require_aligned(where, global, 16);
    if (bytes % 16)
        simt::fail(where, "copies %u bytes: not a multiple of 16", bytes);
    simt::start_copy(simt::COPY_BULK, global, shared, bytes, 0);
#endif
}

/* Closes the group of the copies that this thread has started by copy_bulk_out() since the last. */
static inline __device__ void copy_bulk_commit(void)
{
#ifdef __CUDACC__
    NEEDS_ARCH(90, asm volatile("cp.async.bulk.commit_group;" ::: "memory"));
#else
    simt::commit_copies(simt::COPY_BULK);
#endif
}

/* Waits until this thread's groups, but for the latest GROUPS_LEFT, have read shared memory. What
 * they write is sure to be in global memory only when the kernel is over. */
template <int GROUPS_LEFT>
static inline __device__ void copy_bulk_wait_read(void)
{
#ifdef __CUDACC__
    NEEDS_ARCH(90, asm volatile("cp.async.bulk.wait_group.read %0;" ::"n"(GROUPS_LEFT) : "memory"));
#else
    simt::finish_copies(simt::COPY_BULK, GROUPS_LEFT);
#endif
}

#endif
