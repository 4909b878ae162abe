/* The part of cuFFT that the kernels use, over KISS FFT: batches of real transforms in fp32,
 * packed. The host compiler finds it in place of CUDA's. */
#ifndef SSMBENCH_SIMT_CUFFT_H
#define SSMBENCH_SIMT_CUFFT_H

#include "cuda_runtime.h"
#include <kissfft/kiss_fftr.h>

typedef float cufftReal;
typedef float2 cufftComplex;
typedef struct simt_cufft *cufftHandle;
enum cufftResult { CUFFT_SUCCESS, CUFFT_INVALID_PLAN };
enum cufftType { CUFFT_R2C, CUFFT_C2R };

struct simt_cufft {
    int n, batch;
    kiss_fftr_cfg plan;
};

static inline cufftResult cufftCreate(cufftHandle *handle)
{
    *handle = new simt_cufft();
    return CUFFT_SUCCESS;
}
static inline cufftResult cufftDestroy(cufftHandle handle)
{
    kiss_fftr_free(handle->plan);
    delete handle;
    return CUFFT_SUCCESS;
}
static inline cufftResult cufftSetAutoAllocation(cufftHandle, int)
{
    return CUFFT_SUCCESS;
}
static inline cufftResult cufftMakePlanMany(cufftHandle handle, int rank, int *n, int *inembed, int,
                                            int, int *onembed, int, int, cufftType type, int batch,
                                            size_t *bytes)
{
    if (rank != 1 || inembed || onembed)
        return CUFFT_INVALID_PLAN;
    handle->n = *n;
    handle->batch = batch;
    handle->plan = kiss_fftr_alloc(*n, type == CUFFT_C2R, NULL, NULL);
    *bytes = 16; /* some, so that it is noticed when nobody brings them */
    return CUFFT_SUCCESS;
}
static inline cufftResult cufftSetWorkArea(cufftHandle, void *memory)
{
    memset(memory, 0, 16);
    return CUFFT_SUCCESS;
}
static inline cufftResult cufftSetStream(cufftHandle, cudaStream_t)
{
    return CUFFT_SUCCESS;
}
static inline cufftResult cufftExecR2C(cufftHandle handle, cufftReal *in, cufftComplex *out)
{
    for (int64_t i = 0; i < handle->batch; i++)
        kiss_fftr(handle->plan, in + i * handle->n, (kiss_fft_cpx *)out + i * (handle->n / 2 + 1));
    return CUFFT_SUCCESS;
}
static inline cufftResult cufftExecC2R(cufftHandle handle, cufftComplex *in, cufftReal *out)
{
    for (int64_t i = 0; i < handle->batch; i++)
        kiss_fftri(handle->plan, (kiss_fft_cpx *)in + i * (handle->n / 2 + 1), out + i * handle->n);
    return CUFFT_SUCCESS;
}

#endif
