/* How every .cu file launches a kernel and names its shared memory: by nvcc for a GPU, or by the
 * host compiler over harness/simt. */
#ifndef SSMBENCH_LAUNCH_CUH
#define SSMBENCH_LAUNCH_CUH

#include <cuda_runtime.h>
#include <stdint.h>

/* launch(kernel, blocks, threads, shared_bytes, stream, arguments...) enqueues the kernel on
 * `blocks` blocks of `threads` threads with that much dynamic shared memory and returns the
 * cudaError_t of the launch. */
#define launch(...) launch_named(#__VA_ARGS__, __VA_ARGS__)

/* SHARED(float, tile, [8][33]) declares a shared array, DYNAMIC_SHARED(float, tile) names the
 * dynamic shared memory; both are aligned to 16 bytes. */
#ifdef __CUDACC__
#define SHARED(type, name, dimensions) __shared__ __align__(16) type name dimensions
#define DYNAMIC_SHARED(type, name)                                                                 \
    extern __shared__ uint4 dynamic_shared_memory[];                                               \
    type *const name = (type *)dynamic_shared_memory
#else
#define SHARED(type, name, dimensions)                                                             \
    typedef type name##_shared dimensions;                                                         \
    name##_shared &name = *(name##_shared *)simt::shared({__FILE__, "shared " #name, __LINE__},    \
                                                         sizeof(name##_shared))
#define DYNAMIC_SHARED(type, name)                                                                 \
    type *const name = (type *)simt::dynamic_shared({__FILE__, "shared " #name, __LINE__})
#endif

/* Bytes of dynamic shared memory that a kernel gets without asking for more first. */
enum { SHARED_UNASKED = 48 * 1024 };

/* launch_after() is a launch() of a kernel that goes on from the one before it in the stream: on a
 * GPU of compute capability 9.0 or more it may start while that one runs, once all of its blocks
 * have called let_next_start(), and its threads have to call wait_for_previous() before they read
 * what that one writes, or write anything. Elsewhere the three are launch() and nothing. */
#define launch_after(...) launch_after_named(#__VA_ARGS__, __VA_ARGS__)

static inline __device__ void let_next_start(void)
{
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents;");
#endif
}

/* Returns when all blocks of the kernel before have ended and what they wrote can be read. */
static inline __device__ void wait_for_previous(void)
{
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

template <typename... Parameters, typename... Arguments>
static inline int launch_named(const char *call, void (*kernel)(Parameters...), int64_t blocks,
                               int threads, size_t shared_bytes, void *stream,
                               Arguments... arguments)
{
    if (blocks < 1 || blocks > INT32_MAX)
        return cudaErrorInvalidConfiguration;
#ifdef __CUDACC__
    (void)call;
    if (shared_bytes > SHARED_UNASKED) {
        const cudaError_t error = cudaFuncSetAttribute(
            kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)shared_bytes);
        if (error)
            return error;
    }
    kernel<<<(unsigned)blocks, (unsigned)threads, shared_bytes, (cudaStream_t)stream>>>(
        arguments...);
    return cudaGetLastError();
#else
    (void)stream;
    auto body = [&] { kernel(arguments...); };
    return simt::run(
        call, {(unsigned)blocks, 1, 1}, {(unsigned)threads, 1, 1}, shared_bytes,
        [](void *b) { (*(decltype(body) *)b)(); }, &body);
#endif
}

template <typename... Parameters, typename... Arguments>
static inline int launch_after_named(const char *call, void (*kernel)(Parameters...),
                                     int64_t blocks, int threads, size_t shared_bytes, void *stream,
                                     Arguments... arguments)
{
#ifdef __CUDACC__
    int device = 0, major = 0;
    cudaError_t error = cudaGetDevice(&device);
    if (!error)
        error = cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device);
    if (!error && shared_bytes > SHARED_UNASKED)
        error = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                     (int)shared_bytes);
    if (error)
        return error;
    if (major >= 9 && blocks > 0 && blocks <= INT32_MAX) {
        cudaLaunchAttribute attribute = {};
        attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
        attribute.val.programmaticStreamSerializationAllowed = 1;
        cudaLaunchConfig_t config = {};
        config.gridDim = dim3((unsigned)blocks);
        config.blockDim = dim3((unsigned)threads);
        config.dynamicSmemBytes = shared_bytes;
        config.stream = (cudaStream_t)stream;
        config.attrs = &attribute;
        config.numAttrs = 1;
        return cudaLaunchKernelEx(&config, kernel, Parameters(arguments)...);
    }
#endif
    return launch_named(call, kernel, blocks, threads, shared_bytes, stream, arguments...);
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
