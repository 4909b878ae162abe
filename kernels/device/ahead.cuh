/* Loads of words that have the second-level cache fetch what lies around them.
 *
 * Use        Threads that read few neighbouring bytes at a time and those behind them soon after:
 *            some steps of each of many channels. 64 bytes at a time, each waits for DRAM; with
 *            their neighbours one of four does.
 * Needs      As vector_load(): a word that lies on a boundary of its own size.
 * Source     PTX ISA, "ld", .level::prefetch_size; a hint: it changes nothing that is loaded.
 */
#ifndef SSMBENCH_AHEAD_CUH
#define SSMBENCH_AHEAD_CUH

#include "vector.cuh"

/* The word of four f32 that begins with element `index`, from 256 bytes around it. */
#ifdef __CUDACC__
static inline __device__ uint4 load_with_neighbours(const void *array, int64_t index)
{
    uint4 word;
    if constexpr (DEVICE_ARCH < 800)
        word = vector_load<DTYPE_F32>(array, index);
    else
        asm("ld.global.L2::256B.v4.u32 {%0, %1, %2, %3}, [%4];"
            : "=r"(word.x), "=r"(word.y), "=r"(word.z), "=r"(word.w)
            : "l"(global_address((const float *)array + index)));
    return word;
}
#else
static inline uint4 load_with_neighbours(const void *array, int64_t index, SIMT_HERE)
{
    return vector_load<DTYPE_F32>(array, index, file, line);
}
#endif

#endif
