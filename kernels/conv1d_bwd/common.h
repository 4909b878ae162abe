/* What the gradients of a causal convolution read around their sums, in fp32, for .c and .cu
 * variants of conv1d_bwd. Steps, samples, sequences and g are those of reference/conv1d_bwd.h.
 */
#ifndef SSMBENCH_CONV1D_BWD_COMMON_H
#define SSMBENCH_CONV1D_BWD_COMMON_H

#include "../../reference/conv1d_bwd.h"
#include "../conv1d/common.h"

/* A problem and its tensors, in a form that can be passed to a kernel by value. */
struct conv1d_bwd_call {
    struct conv1d p;
    void *tensor[CONV1D_BWD_TENSORS];
};

static inline struct conv1d_bwd_call conv1d_bwd_pack(const void *problem, void *const tensor[])
{
    struct conv1d_bwd_call call;
    call.p = *(const struct conv1d *)problem;
    for (int i = 0; i < CONV1D_BWD_TENSORS; i++)
        call.tensor[i] = tensor[i];
    return call;
}

/* silu'(v). Its two factors sigmoid(v) and sigmoid(-v) come from one exponential that is at most
 * 1; 1 - sigmoid(v) would lose digits. */
static inline HOST_DEVICE
float silu_slope(float v)
{
    const float z = expf(-fabsf(v));
#ifdef __CUDA_ARCH__
    const float large = __fdividef(1.0f, 1.0f + z); /* GPU only: of 1 ... 2, 2 ulp */
#else
    const float large = 1.0f / (1.0f + z);
#endif
    const float small = z * large;
    return (v < 0 ? small : large) * fmaf(v, v < 0 ? large : small, 1.0f);
}

/* g of step 0 ... length-1, from x again. */
static inline HOST_DEVICE
float conv1d_bwd_g(const struct conv1d *p, void *const tensor[], int64_t b, int64_t d, int64_t step)
{
    const int64_t at = conv1d_at(p, b, d, conv1d_time(p, step));
    const float dout = dtype_load(tensor[CONV1D_BWD_DOUT], (enum dtype)p->dtype, at);
    if (conv1d_sequence(p, tensor, b, step) == -1)
        return 0.0f;
    return p->act == ACT_SILU ? dout * silu_slope(conv1d_pre(p, tensor, b, d, step)) : dout;
}

/* What dfinal adds to the gradient of the sample of step -(width-1) ... length-1. */
static inline HOST_DEVICE
float conv1d_bwd_dfinal(const struct conv1d *p, void *const tensor[], int64_t b, int64_t d,
                        int64_t step)
{
    const int64_t j = step - (p->length - (p->width - 1));
    if (!p->final || j < 0)
        return 0.0f;
    return dtype_load(tensor[CONV1D_BWD_DFINAL], (enum dtype)p->dtype, conv1d_state_at(p, b, d, j));
}

/* The gradient of the sample of step -(width-1) ... length-1, taps in ascending order; each g from
 * x again. */
static inline HOST_DEVICE
float conv1d_bwd_sample(const struct conv1d *p, void *const tensor[], int64_t b, int64_t d,
                        int64_t step)
{
    float sum = conv1d_bwd_dfinal(p, tensor, b, d, step);
    for (int64_t w = 0; w < p->width; w++) {
        const int64_t to = step + (p->width - 1) - w;
        if (to >= 0 && to < p->length && conv1d_joined(p, tensor, b, step, to))
            sum = fmaf(conv1d_weight(p, tensor, d, w), conv1d_bwd_g(p, tensor, b, d, to), sum);
    }
    return sum;
}

/* Writes sum k of channel d where it belongs: dweight[d,k], or dbias[d] for k = width. */
static inline HOST_DEVICE
void conv1d_bwd_store_sum(const struct conv1d *p, void *const tensor[], int64_t d, int64_t k,
                          float sum)
{
    if (k < p->width)
        ((float *)tensor[CONV1D_BWD_DWEIGHT])[d * p->width + k] = sum;
    else
        ((float *)tensor[CONV1D_BWD_DBIAS])[d] = sum;
}

/* The sums over batch and length that are wanted of each channel: dweight, and dbias last. */
static inline HOST_DEVICE
int64_t conv1d_bwd_sums(const struct conv1d *p)
{
    return p->width + (p->bias ? 1 : 0);
}

#endif
