/* launch_follow() is launch_after() (launch.cuh) of a kernel that may need more shared memory than
 * a kernel gets unasked. */
#ifndef SSMBENCH_FOLLOW_CUH
#define SSMBENCH_FOLLOW_CUH

#include "launch.cuh"

#define launch_follow(...) launch_follow_named(#__VA_ARGS__, __VA_ARGS__)

template <typename... Parameters, typename... Arguments>
static inline int launch_follow_named(const char *call, void (*kernel)(Parameters...),
                                      int64_t blocks, int threads, size_t shared_bytes,
                                      void *stream, Arguments... arguments)
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

#endif
