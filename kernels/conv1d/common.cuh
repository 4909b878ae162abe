/* What the .cu variants of conv1d share. */
#ifndef SSMBENCH_CONV1D_COMMON_CUH
#define SSMBENCH_CONV1D_COMMON_CUH

#include "../device/math.cuh"
#include "common.h"
#include <type_traits>

/* conv1d_finish() in few instructions. */
static inline __device__ float conv1d_finish_ex2(const struct conv1d *p, float pre,
                                                 int32_t sequence)
{
    const float out = p->act == ACT_SILU ? pre * sigmoid_ex2(pre) : pre;
    return sequence == -1 ? 0.0f : out;
}

/* This thread's share of `final`, which all threads of a kernel write together. */
static inline __device__ void conv1d_keep_share(const struct conv1d_call *call)
{
    const struct conv1d *p = &call->p;
    const int64_t states = p->width - 1, count = p->final ? p->batch * p->channels * states : 0;
    for (int64_t i = thread_index(); i < count; i += (int64_t)gridDim.x * blockDim.x)
        conv1d_keep(p, call->tensor, i / states / p->channels, i / states % p->channels,
                    i % states);
}

/* The taps and the bias of channel d, in loads that do not wait for one another. DTYPE is p->dtype.
 */
template <enum dtype DTYPE, int WIDTH>
static inline __device__ void conv1d_filter(const struct conv1d *p, void *const tensor[], int64_t d,
                                            float tap[WIDTH], float *bias)
{
    const void *const weight = tensor[CONV1D_WEIGHT], *const biases = tensor[CONV1D_BIAS];
    *bias = 0;
    if (DTYPE == DTYPE_F32 || p->weights == WEIGHTS_F32) {
#pragma unroll
        for (int w = 0; w < WIDTH; w++)
            tap[w] = dtype_load(weight, DTYPE_F32, d * WIDTH + w);
        if (p->bias)
            *bias = dtype_load(biases, DTYPE_F32, d);
    } else {
#pragma unroll
        for (int w = 0; w < WIDTH; w++)
            tap[w] = dtype_load(weight, DTYPE, d * WIDTH + w);
        if (p->bias)
            *bias = dtype_load(biases, DTYPE, d);
    }
}

/* run(constant of the type), where `dtype` is known at compile time as decltype(constant)::value.
 */
template <typename Run>
static int conv1d_for_dtype(int64_t dtype, Run run)
{
    if (dtype == DTYPE_F32)
        return run(std::integral_constant<enum dtype, DTYPE_F32>());
    if (dtype == DTYPE_BF16)
        return run(std::integral_constant<enum dtype, DTYPE_BF16>());
    return run(std::integral_constant<enum dtype, DTYPE_F16>());
}

/* Taps of the variants that know their width at compile time. */
enum { TAPS_MAX = 4 };

/* run(constant) likewise for a width of 1 ... TAPS_MAX. */
template <typename Run>
static int conv1d_for_width(int64_t width, Run run)
{
    switch (width) {
    case 1:
        return run(std::integral_constant<int, 1>());
    case 2:
        return run(std::integral_constant<int, 2>());
    case 3:
        return run(std::integral_constant<int, 3>());
    default:
        return run(std::integral_constant<int, TAPS_MAX>());
    }
}

/* `accepts` of those variants, each of which is written for one layout. */
static inline const char *conv1d_accepts_few_taps(const void *problem, enum conv1d_layout layout)
{
    const struct conv1d *p = (const struct conv1d *)problem;
    if (p->layout != layout)
        return layout == CONV1D_CHANNEL_LAST ? "layout = channel_last" : "layout = channel_first";
    return p->width <= TAPS_MAX ? NULL : "width <= 4";
}

#endif
