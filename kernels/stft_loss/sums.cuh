/* Sums of the .cu variants of stft_loss, in a fixed order: of a block, of all parts of the loss,
 * and of a bin in doubt by a warp. */
#ifndef SSMBENCH_STFT_LOSS_SUMS_CUH
#define SSMBENCH_STFT_LOSS_SUMS_CUH

#include "../device/launch.cuh"
#include "common.h"

static const unsigned ALL_LANES = 0xffffffffu;

static inline __device__ double warp_sum(double value)
{
    for (int lanes = 16; lanes; lanes /= 2)
        value += __shfl_xor_sync(ALL_LANES, value, lanes);
    return value;
}

/* The sum of the values of a block of THREADS threads, whole warps; thread 0 gets it. */
template <int THREADS>
static inline __device__ double block_sum(double value)
{
    SHARED(double, sums, [THREADS / 32]);
    const double mine = warp_sum(value);
    double sum = 0;
    if (threadIdx.x % 32 == 0)
        sums[threadIdx.x / 32] = mine;
    __syncthreads(); /* all sums of warps are there */
    for (int warp = 0; warp < THREADS / 32 && threadIdx.x == 0; warp++)
        sum += sums[warp];
    return sum;
}

/* loss = the sum of `count` parts, by one block. */
template <int THREADS>
static __global__ void __launch_bounds__(THREADS)
    stft_total(const double *part, int64_t count, float *loss)
{
    double sum = 0;
    for (int64_t i = threadIdx.x; i < count; i += THREADS)
        sum += part[i];
    sum = block_sum<THREADS>(sum);
    if (threadIdx.x == 0)
        *loss = (float)sum;
}

/* Bin k of the frame at e and t, computed by all lanes of a warp, which have the same arguments. */
static inline __device__ struct stft_bin stft_warp_bin(const float *e, const float *t, int n, int k)
{
    double sum[4];
    stft_direct_sum(e, t, n, k, (int)threadIdx.x % 32, 32, sum);
    for (int i = 0; i < 4; i++)
        sum[i] = warp_sum(sum[i]);
    return stft_settled(sum);
}

#endif
