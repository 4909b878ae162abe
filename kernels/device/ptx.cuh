/* What the wrappers of PTX instructions share. Each wrapper has the instruction for nvcc and a
 * meaning for harness/simt beside it; docs/simt.md. */
#ifndef SSMBENCH_PTX_CUH
#define SSMBENCH_PTX_CUH

#include "launch.cuh"

#ifdef __CUDACC__
#ifdef __CUDA_ARCH__
#define DEVICE_ARCH __CUDA_ARCH__
#else
#define DEVICE_ARCH 0
#endif

/* NEEDS_ARCH(90, statement): the statement, or a trap in code for GPUs below compute
 * capability 9.0, which have not the instruction. A kernel that may meet such a GPU has to refuse
 * it before it launches anything. */
#define NEEDS_ARCH(arch, ...)                                                                      \
    do {                                                                                           \
        if constexpr (DEVICE_ARCH >= 10 * (arch)) {                                                \
            __VA_ARGS__;                                                                           \
        } else {                                                                                   \
            __trap();                                                                              \
        }                                                                                          \
    } while (0)

/* The last parameter of a wrapper: for simt, the line that calls it. */
#define AND_HERE

/* The address that PTX has for shared memory, and for global memory. */
static inline __device__ uint32_t shared_address(const void *shared)
{
    return (uint32_t)__cvta_generic_to_shared(shared);
}
static inline __device__ uint64_t global_address(const void *global)
{
    return (uint64_t)__cvta_generic_to_global(global);
}
#else
#define AND_HERE , SIMT_HERE
#endif

#endif
