/* The contract between a kernel file and everything else.
 *
 * A kernel file kernels/OP/NAME.c or kernels/OP/NAME.cu defines exactly one symbol,
 *
 *     VARIANT(OP_NAME) = {.accepts = ..., .workspace = ..., .run = ..., .grade = ...};
 *
 * all else in it is static. A .c file makes the variant OP/NAME@cpu; a .cu file OP/NAME@cuda,
 * compiled by nvcc, and OP/NAME@simt, compiled by the host compiler over harness/simt.
 */
#ifndef SSMBENCH_KERNEL_H
#define SSMBENCH_KERNEL_H

#include "dtype.h"

/* GRADE_EXACT variants obey the error rule of docs/numerics.md; a GRADE_REDUCED one is meant to be
 * less precise: it is listed apart, with its measured error, and stays out of the headline tables.
 */
enum grade { GRADE_EXACT, GRADE_REDUCED };

struct variant {
    /* NULL when the problem is accepted, else one clause that says what would be ("state <= 16;
     * nearest: state = 16"). A null pointer accepts every problem of the operation. */
    const char *(*accepts)(const void *problem);

    /* Bytes of scratch memory that run() needs. A null pointer means none. */
    size_t (*workspace)(const void *problem);

    /* Enqueues the computation on `stream` (a cudaStream_t; ignored on a CPU) and returns 0, or the
     * cudaError_t of the first call that failed. `problem` is the operation's struct, `tensor` its
     * pointers in the order of the operation's enum, null where a tensor is absent. Allocates
     * nothing, but for what reading files takes (docs/decisions.md), prints nothing, never exits,
     * writes only outputs and workspace. */
    int (*run)(const void *problem, void *const tensor[], void *workspace, void *stream);

    enum grade grade;
};

#if defined(__CUDACC__)
#define VARIANT_SYMBOL(name) name##_cuda
#elif defined(SSMBENCH_SIMT)
#define VARIANT_SYMBOL(name) name##_simt
#else
#define VARIANT_SYMBOL(name) name##_cpu
#endif

#ifdef __cplusplus
#define VARIANT(name) extern "C" const struct variant VARIANT_SYMBOL(name)
#define DECLARE_VARIANT_ON(op, name, backend)                                                      \
    extern "C" const struct variant op##_##name##_##backend
#else
#define VARIANT(name)                         const struct variant VARIANT_SYMBOL(name)
#define DECLARE_VARIANT_ON(op, name, backend) extern const struct variant op##_##name##_##backend
#endif

/* DECLARE_VARIANT(selscan, chunked); makes another file's variant known to one that is composed of
 * several; VARIANT_OF(selscan, chunked) is then it, on this file's backend. The hash of a file's
 * sources takes in those of the variants that it declares. DECLARE_VARIANT_ON names the backend. */
#if defined(__CUDACC__)
#define DECLARE_VARIANT(op, name) DECLARE_VARIANT_ON(op, name, cuda)
#define VARIANT_OF(op, name)      op##_##name##_cuda
#elif defined(SSMBENCH_SIMT)
#define DECLARE_VARIANT(op, name) DECLARE_VARIANT_ON(op, name, simt)
#define VARIANT_OF(op, name)      op##_##name##_simt
#else
#define DECLARE_VARIANT(op, name) DECLARE_VARIANT_ON(op, name, cpu)
#define VARIANT_OF(op, name)      op##_##name##_cpu
#endif

#endif
