/* Asynchronous copies from global to shared memory by single threads.
 *
 * Shapes     4, 8 or 16 bytes a copy; both addresses are multiples of that.
 * Order      A thread's copies form groups, closed by copy_async_commit(). A copy may write its
 *            destination at any time up to the end of copy_async_wait() by the same thread; others
 *            see it after a barrier that follows. What is read before is undefined: in simt, NaN
 *            patterns from the start of the copy on.
 * Needs      compute capability 8.0; traps below.
 * Source     PTX ISA, "cp.async", "cp.async.commit_group", "cp.async.wait_group".
 */
#ifndef SSMBENCH_ASYNC_CUH
#define SSMBENCH_ASYNC_CUH

#include "ptx.cuh"

/* Starts to copy the first valid_bytes (0 to BYTES) of BYTES, and zeros for the others. No byte
 * beyond valid_bytes is read. 16 bytes go past the L1 cache, fewer through it. */
template <int BYTES>
static inline __device__ void copy_async(void *shared, const void *global,
                                         int valid_bytes = BYTES AND_HERE)
{
    static_assert(BYTES == 4 || BYTES == 8 || BYTES == 16, "cp.async copies 4, 8 or 16 bytes");
#ifdef __CUDACC__
    if constexpr (BYTES == 16)
        NEEDS_ARCH(80, asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(
                                        shared_address(shared)),
                                    "l"(global_address(global)), "r"(valid_bytes)
                                    : "memory"));
    else
        NEEDS_ARCH(80, asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(
                                        shared_address(shared)),
                                    "l"(global_address(global)), "n"(BYTES), "r"(valid_bytes)
                                    : "memory"));
#else
    const simt::site where = SIMT_SITE("copy_async");
    simt::require_shared(where, shared, BYTES, BYTES);
    simt::require_aligned(where, global, BYTES);
    if (valid_bytes < 0 || valid_bytes > BYTES)
        simt::fail(where, "has %d valid bytes of %d", valid_bytes, BYTES);
    simt::start_copy(simt::COPY_ASYNC, shared, global, (size_t)valid_bytes,
                     (size_t)(BYTES - valid_bytes));
#endif
}

/* Closes the group of the copies that this thread has started since the last. May be empty. */
static inline __device__ void copy_async_commit(void)
{
#ifdef __CUDACC__
    NEEDS_ARCH(80, asm volatile("cp.async.commit_group;" ::: "memory"));
#else
    simt::commit_copies(simt::COPY_ASYNC);
#endif
}

/* Waits for this thread's groups, but for the latest GROUPS_LEFT. */
template <int GROUPS_LEFT>
static inline __device__ void copy_async_wait(void)
{
#ifdef __CUDACC__
    NEEDS_ARCH(80, asm volatile("cp.async.wait_group %0;" ::"n"(GROUPS_LEFT) : "memory"));
#else
    simt::finish_copies(simt::COPY_ASYNC, GROUPS_LEFT);
#endif
}

#endif
