/* What every causal convolution reads around its sums, in fp32, for .c and .cu variants of conv1d
 * and conv1d_bwd: the tensors of both begin with x, weight, bias, initial and seq_idx.
 *
 * Steps, samples and sequences are those of reference/conv1d.h.
 */
#ifndef SSMBENCH_CONV1D_COMMON_H
#define SSMBENCH_CONV1D_COMMON_H

#include "../../reference/conv1d.h"
#include <math.h>

/* A problem of conv1d and its tensors, in a form that can be passed to a kernel by value. */
struct conv1d_call {
    struct conv1d p;
    void *tensor[CONV1D_TENSORS];
};

static inline struct conv1d_call conv1d_pack(const void *problem, void *const tensor[])
{
    struct conv1d_call call;
    call.p = *(const struct conv1d *)problem;
    for (int i = 0; i < CONV1D_TENSORS; i++)
        call.tensor[i] = tensor[i];
    return call;
}

/* weight[d,w] */
static inline HOST_DEVICE
float conv1d_weight(const struct conv1d *p, void *const tensor[], int64_t d, int64_t w)
{
    return dtype_load(tensor[CONV1D_WEIGHT], conv1d_weight_dtype(p), d * p->width + w);
}

/* bias[d], or 0 without one. */
static inline HOST_DEVICE
float conv1d_bias(const struct conv1d *p, void *const tensor[], int64_t d)
{
    return p->bias ? dtype_load(tensor[CONV1D_BIAS], conv1d_weight_dtype(p), d) : 0.0f;
}

/* The sample of step -(width-1) ... length-1. */
static inline HOST_DEVICE
float conv1d_sample(const struct conv1d *p, void *const tensor[], int64_t b, int64_t d,
                    int64_t step)
{
    const enum dtype dtype = (enum dtype)p->dtype;
    if (step >= 0)
        return dtype_load(tensor[CONV1D_X], dtype, conv1d_at(p, b, d, conv1d_time(p, step)));
    const int64_t j = step + p->width - 1;
    return p->initial ? dtype_load(tensor[CONV1D_INITIAL], dtype, conv1d_state_at(p, b, d, j))
                      : 0.0f;
}

/* The same, and 0 for a step before or behind those. */
static inline HOST_DEVICE
float conv1d_sample_or_zero(const struct conv1d *p, void *const tensor[], int64_t b, int64_t d,
                            int64_t step)
{
    return step > -p->width && step < p->length ? conv1d_sample(p, tensor, b, d, step) : 0.0f;
}

/* The index of the sequence that step 0 ... length-1 belongs to; -1 is padding. */
static inline HOST_DEVICE
int32_t conv1d_sequence(const struct conv1d *p, void *const tensor[], int64_t b, int64_t step)
{
    if (!p->seq_idx)
        return 0;
    return ((const int32_t *)tensor[CONV1D_SEQ_IDX])[b * p->length + conv1d_time(p, step)];
}

/* Whether the sample of step `from` adds to the output of step `to`. */
static inline HOST_DEVICE
int conv1d_joined(const struct conv1d *p, void *const tensor[], int64_t b, int64_t from, int64_t to)
{
    return from < 0 || conv1d_sequence(p, tensor, b, from) == conv1d_sequence(p, tensor, b, to);
}

/* The sum before the activation: bias, then the taps in the order of their samples. */
static inline HOST_DEVICE
float conv1d_pre(const struct conv1d *p, void *const tensor[], int64_t b, int64_t d, int64_t step)
{
    float pre = conv1d_bias(p, tensor, d);
    for (int64_t w = 0; w < p->width; w++) {
        const int64_t from = step - (p->width - 1) + w;
        if (conv1d_joined(p, tensor, b, from, step))
            pre = fmaf(conv1d_weight(p, tensor, d, w), conv1d_sample(p, tensor, b, d, from), pre);
    }
    return pre;
}

/* 1 / (1 + exp(-v)) */
static inline HOST_DEVICE
float sigmoid(float v)
{
    return 1.0f / (1.0f + expf(-v));
}

/* out from the sum of a step that belongs to `sequence`. */
static inline HOST_DEVICE
float conv1d_finish(const struct conv1d *p, float pre, int32_t sequence)
{
    const float out = p->act == ACT_SILU ? pre * sigmoid(pre) : pre;
    return sequence == -1 ? 0.0f : out;
}

/* Copies an element, the same bits. */
static inline HOST_DEVICE
void conv1d_copy(void *to, int64_t to_index, const void *from, int64_t index, enum dtype dtype)
{
    if (dtype == DTYPE_F32)
        ((uint32_t *)to)[to_index] = ((const uint32_t *)from)[index];
    else
        ((uint16_t *)to)[to_index] = ((const uint16_t *)from)[index];
}

/* Writes final j = 0 ... width-2: the last samples, of x or, where it is shorter, of initial. */
static inline HOST_DEVICE
void conv1d_keep(const struct conv1d *p, void *const tensor[], int64_t b, int64_t d, int64_t j)
{
    const enum dtype dtype = (enum dtype)p->dtype;
    const int64_t to = conv1d_state_at(p, b, d, j), step = p->length - (p->width - 1) + j;
    void *const state = tensor[CONV1D_FINAL];
    if (step >= 0)
        conv1d_copy(state, to, tensor[CONV1D_X], conv1d_at(p, b, d, conv1d_time(p, step)), dtype);
    else if (p->initial)
        conv1d_copy(state, to, tensor[CONV1D_INITIAL],
                    conv1d_state_at(p, b, d, step + p->width - 1), dtype);
    else
        dtype_store(state, dtype, to, 0.0f);
}

#endif
