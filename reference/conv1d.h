/* conv1d: the causal depthwise convolution before a state-space model, forward.
 *
 * For every batch b, channel d and step s, with x(s) the sample of that step:
 *
 *     pre(s) = bias[d] + sum over w of weight[d,w] * x(s - (width-1) + w)      (bias where asked)
 *     out(s) = act(pre(s)),   act = none, or silu(v) = v / (1 + exp(-v))
 *
 * Step s is time s, or with `reverse` time length-1-s: the sums then reach into the future. Samples
 * before step 0 are `initial`, the width-1 of them in the order of their steps, or zero without
 * one; `final` is the last width-1 samples of initial followed by x, in the same order, the same
 * bits.
 *
 * With `seq_idx`, sequences lie one behind the other in a row: a sample adds to an output only
 * where both have the same index, and where the index is -1 the output is 0, whatever act and bias
 * are. It goes with neither initial nor final.
 *
 * Source: causal_conv1d_fn of causal-conv1d (Dao-AILab), whose public interface this is, but for
 * reverse, seq_idx in channel_first, and widths other than 2, 3, 4; its use: Gu and Dao, Mamba,
 * arXiv 2312.00752, section 3.4.
 */
#ifndef SSMBENCH_CONV1D_H
#define SSMBENCH_CONV1D_H

#include "../kernels/kernel.h"

enum conv1d_act { ACT_NONE, ACT_SILU };
enum conv1d_weights { WEIGHTS_SAME, WEIGHTS_F32 };
enum conv1d_layout { CONV1D_CHANNEL_FIRST, CONV1D_CHANNEL_LAST };
enum conv1d_inputs {
    CONV1D_INPUTS_TEST,
    CONV1D_INPUTS_INTEGERS,
    CONV1D_INPUTS_IMPULSES,
    CONV1D_INPUTS_ZEROS,
    CONV1D_INPUTS_NONFINITE
};

enum { CONV1D_WIDTH_MAX = 64 };

/* A problem of conv1d or conv1d_bwd; every field is a case key. Options are 0 or 1. */
struct conv1d {
    int64_t batch, channels, length, width;
    int64_t act;     /* enum conv1d_act */
    int64_t layout;  /* enum conv1d_layout */
    int64_t dtype;   /* enum dtype, of x out initial final and their gradients */
    int64_t weights; /* enum conv1d_weights: weight and bias in dtype, or in f32 */
    int64_t bias, initial, final, reverse, seq_idx;
    int64_t pad;    /* elements between the rows of x and out, which run along the last axis */
    int64_t offset; /* elements between a boundary of 64 bytes and each tensor; unless 0, one more
                     * for weight and bias; rounded down to an even number for dout and dx */
    int64_t inputs; /* enum conv1d_inputs */
    int64_t seed;
};

/* The tensors, in the order of the pointer array that run() gets. Shapes, slowest axis first:
 * x out: (batch, channels, length+pad), or (batch, length, channels+pad) when channel_last; the
 * last `pad` elements of a row are neither read nor written; weight: (channels, width); bias:
 * (channels); seq_idx: (batch, length), int32_t; initial final: (batch, channels, width-1), or
 * (batch, width-1, channels) when channel_last. With width 1 they have no elements, and their
 * pointers are null. */
enum conv1d_tensor {
    CONV1D_X,
    CONV1D_WEIGHT,
    CONV1D_BIAS,
    CONV1D_INITIAL,
    CONV1D_SEQ_IDX,
    CONV1D_OUT,
    CONV1D_FINAL,
    CONV1D_TENSORS
};

/* Element of x, out and their gradients at (batch b, channel d, time t). */
static inline HOST_DEVICE
int64_t conv1d_at(const struct conv1d *p, int64_t b, int64_t d, int64_t t)
{
    return p->layout == CONV1D_CHANNEL_LAST ? (b * p->length + t) * (p->channels + p->pad) + d
                                            : (b * p->channels + d) * (p->length + p->pad) + t;
}

/* Element of initial, final and their gradients at (batch b, channel d), j = 0 ... width-2. */
static inline HOST_DEVICE
int64_t conv1d_state_at(const struct conv1d *p, int64_t b, int64_t d, int64_t j)
{
    return p->layout == CONV1D_CHANNEL_LAST ? (b * (p->width - 1) + j) * p->channels + d
                                            : (b * p->channels + d) * (p->width - 1) + j;
}

/* The time of step `step`, 0 ... length-1. */
static inline HOST_DEVICE
int64_t conv1d_time(const struct conv1d *p, int64_t step)
{
    return p->reverse ? p->length - 1 - step : step;
}

/* The type of weight and bias. */
static inline HOST_DEVICE
enum dtype conv1d_weight_dtype(const struct conv1d *p)
{
    return p->weights == WEIGHTS_F32 ? DTYPE_F32 : (enum dtype)p->dtype;
}

#endif
