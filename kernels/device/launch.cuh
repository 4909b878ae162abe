/* How every .cu file launches a kernel. */
#ifndef SSMBENCH_LAUNCH_CUH
#define SSMBENCH_LAUNCH_CUH

#include <cuda_runtime.h>
#include <stdint.h>

/* Enqueues kernel(args...) on `blocks` blocks of `threads` threads with `shared_bytes` of dynamic
 * shared memory; returns the cudaError_t of the launch. */
template <typename... Parameters, typename... Arguments>
static inline int launch(void (*kernel)(Parameters...), int64_t blocks, int threads,
                         size_t shared_bytes, void *stream, Arguments... arguments)
{
    if (blocks < 1 || blocks > INT32_MAX)
        return cudaErrorInvalidConfiguration;
    kernel<<<(unsigned)blocks, (unsigned)threads, shared_bytes, (cudaStream_t)stream>>>(
        arguments...);
    return cudaGetLastError();
}

/* Blocks of `size` that cover `count`. */
static inline int64_t blocks_for(int64_t count, int64_t size)
{
    return (count + size - 1) / size;
}

/* The first of this thread's elements in a one-dimensional grid. */
static inline __device__ int64_t thread_index(void)
{
    return (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
}

#endif
