/* The part of CUDA's run-time header that the kernels use, over simt.h. The host compiler finds it
 * in place of CUDA's; docs/simt.md says how to add to it. */
#ifndef SSMBENCH_SIMT_CUDA_RUNTIME_H
#define SSMBENCH_SIMT_CUDA_RUNTIME_H

#include "simt.h"

#include <algorithm>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <type_traits>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __grid_constant__
#define __launch_bounds__(...)
#define __restrict__ __restrict

extern thread_local simt::index3 threadIdx, blockIdx, blockDim, gridDim;
static const int warpSize = 32;

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_)
    {
    }
};

struct alignas(4) uchar4 {
    unsigned char x, y, z, w;
};
struct alignas(4) short2 {
    short x, y;
};
struct alignas(8) short4 {
    short x, y, z, w;
};
struct alignas(4) ushort2 {
    unsigned short x, y;
};
struct alignas(8) ushort4 {
    unsigned short x, y, z, w;
};
struct alignas(16) double2 {
    double x, y;
};
struct alignas(8) float2 {
    float x, y;
};
struct alignas(16) float4 {
    float x, y, z, w;
};
struct alignas(8) int2 {
    int x, y;
};
struct alignas(16) int4 {
    int x, y, z, w;
};
struct alignas(8) uint2 {
    unsigned x, y;
};
struct alignas(16) uint4 {
    unsigned x, y, z, w;
};
static inline float2 make_float2(float x, float y)
{
    return {x, y};
}
static inline float4 make_float4(float x, float y, float z, float w)
{
    return {x, y, z, w};
}
static inline double2 make_double2(double x, double y)
{
    return {x, y};
}
static inline ushort2 make_ushort2(unsigned short x, unsigned short y)
{
    return {x, y};
}
static inline ushort4 make_ushort4(unsigned short x, unsigned short y, unsigned short z,
                                   unsigned short w)
{
    return {x, y, z, w};
}
static inline int2 make_int2(int x, int y)
{
    return {x, y};
}
static inline int4 make_int4(int x, int y, int z, int w)
{
    return {x, y, z, w};
}
static inline uint2 make_uint2(unsigned x, unsigned y)
{
    return {x, y};
}
static inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w)
{
    return {x, y, z, w};
}

/* Streams, events and errors: a launch is over when it returns. */
typedef void *cudaStream_t;
typedef void *cudaEvent_t;
typedef int cudaError_t;
enum {
    cudaSuccess = 0,
    cudaErrorInvalidValue = 1,
    cudaErrorMemoryAllocation = 2,
    cudaErrorInvalidConfiguration = 9
};
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize };
enum cudaDeviceAttr { cudaDevAttrMultiProcessorCount };
static inline cudaError_t cudaGetLastError(void)
{
    return cudaSuccess;
}
static inline cudaError_t cudaPeekAtLastError(void)
{
    return cudaSuccess;
}
static inline cudaError_t cudaStreamSynchronize(cudaStream_t)
{
    return cudaSuccess;
}
static inline cudaError_t cudaMemsetAsync(void *memory, int byte, size_t bytes, cudaStream_t)
{
    memset(memory, byte, bytes);
    return cudaSuccess;
}
static inline cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, int,
                                          cudaStream_t)
{
    memcpy(to, from, bytes);
    return cudaSuccess;
}
enum cudaMemcpyKind { cudaMemcpyHostToDevice = 1, cudaMemcpyDeviceToDevice = 3 };
enum { cudaStreamNonBlocking = 1, cudaEventDisableTiming = 2 };
static inline cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned)
{
    *stream = NULL;
    return cudaSuccess;
}
static inline cudaError_t cudaStreamDestroy(cudaStream_t)
{
    return cudaSuccess;
}
static inline cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned)
{
    return cudaSuccess;
}
static inline cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned)
{
    *event = NULL;
    return cudaSuccess;
}
static inline cudaError_t cudaEventDestroy(cudaEvent_t)
{
    return cudaSuccess;
}
static inline cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t)
{
    return cudaSuccess;
}
static inline cudaError_t cudaEventSynchronize(cudaEvent_t)
{
    return cudaSuccess;
}
template <typename T>
static inline cudaError_t cudaMallocHost(T **memory, size_t bytes)
{
    *memory = (T *)malloc(bytes ? bytes : 1);
    return *memory ? cudaSuccess : cudaErrorMemoryAllocation;
}
static inline cudaError_t cudaFreeHost(void *memory)
{
    free(memory);
    return cudaSuccess;
}
static inline cudaError_t cudaGetDevice(int *device)
{
    *device = 0;
    return cudaSuccess;
}
static inline cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr, int)
{
    *value = 4; /* multiprocessors: few, so that blocks outnumber them */
    return cudaSuccess;
}
template <typename Function>
static inline cudaError_t cudaFuncSetAttribute(Function, enum cudaFuncAttribute, int)
{
    return cudaSuccess;
}

/* Barriers and fences. */
static inline void __syncthreads(SIMT_HERE)
{
    simt::barrier(SIMT_SITE("__syncthreads"));
}
static inline void __syncwarp(unsigned mask = 0xffffffffu, SIMT_HERE)
{
    simt::collective(SIMT_SITE("__syncwarp"), mask, NULL, NULL, NULL, NULL);
}
static inline void __threadfence(void)
{
    simt::fence();
}
static inline void __threadfence_block(void)
{
    simt::fence();
}
static inline void __nanosleep(unsigned, SIMT_HERE)
{
    simt::yield(SIMT_SITE("__nanosleep"));
}

#include "warp.h"

/* Atomics, for 4 and 8 byte types. */
template <typename T, typename Change>
static inline T simt_atomic(T *address, Change change)
{
    T old, next;
    __atomic_load(address, &old, __ATOMIC_SEQ_CST);
    do
        next = change(old);
    while (!__atomic_compare_exchange(address, &old, &next, false, __ATOMIC_SEQ_CST,
                                      __ATOMIC_SEQ_CST));
    return old;
}
template <typename T>
static inline T atomicAdd(T *address, std::common_type_t<T> value)
{
    return simt_atomic(address, [=](T old) { return (T)(old + value); });
}
template <typename T>
static inline T atomicMax(T *address, std::common_type_t<T> value)
{
    return simt_atomic(address, [=](T old) { return std::max(old, value); });
}
template <typename T>
static inline T atomicMin(T *address, std::common_type_t<T> value)
{
    return simt_atomic(address, [=](T old) { return std::min(old, value); });
}
template <typename T>
static inline T atomicExch(T *address, std::common_type_t<T> value)
{
    return simt_atomic(address, [=](T) { return value; });
}
template <typename T>
static inline T atomicCAS(T *address, std::common_type_t<T> expected, std::common_type_t<T> value)
{
    return simt_atomic(address, [=](T old) { return old == expected ? value : old; });
}

/* Intrinsics. The approximate ones are exact here: simt checks logic, not the hardware's ulps. */
#define __expf(x) expf(x)
#define __logf(x) logf(x)
static inline float __fmaf_rn(float a, float b, float c)
{
    return fmaf(a, b, c);
}
static inline float __fadd_rn(float a, float b)
{
    return a + b;
}
static inline float __fmul_rn(float a, float b)
{
    return a * b;
}
static inline float __fdividef(float a, float b)
{
    return a / b;
}
static inline float rsqrtf(float x)
{
    return 1.0f / sqrtf(x);
}
static inline float __int_as_float(int bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}
static inline float __uint_as_float(unsigned bits)
{
    return __int_as_float((int)bits);
}
static inline int __float_as_int(float value)
{
    int bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}
static inline unsigned __float_as_uint(float value)
{
    return (unsigned)__float_as_int(value);
}
static inline int __popc(unsigned bits)
{
    return __builtin_popcount(bits);
}
static inline int __ffs(int bits)
{
    return __builtin_ffs(bits);
}
static inline int __clz(int bits)
{
    return bits ? __builtin_clz((unsigned)bits) : 32;
}
template <typename T>
static inline T __ldg(const T *address)
{
    return *address;
}
template <typename T>
static inline T __ldcg(const T *address)
{
    return *address;
}
using std::max;
using std::min;

#endif
