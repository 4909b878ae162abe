/* The convolution as a framework has it, one pass over whole tensors after another, element by
 * element, for conv1d/padded on a CPU and a GPU.
 *
 *     padded = the width-1 samples before the first step, x in the order of steps, width-1 zeros
 *     full   = bias + convolution of padded with the taps, at every place where they fit
 *     sliced = the first `length` of full
 *     out    = silu(sliced)
 *
 * x and padded have the type of x, full and sliced are fp32: in 16 bits they would be rounded more
 * than once. Without silu, sliced is out itself.
 */
#ifndef SSMBENCH_CONV1D_PADDED_H
#define SSMBENCH_CONV1D_PADDED_H

#include "common.h"

struct padded {
    float *full;   /* (batch, channels, length + width-1) */
    float *sliced; /* (batch, channels, length) */
    void *padded;  /* (batch, channels, length + 2*(width-1)), in the type of x */
    int64_t rows, outputs, full_row, padded_row;
};

/* `full` must be aligned for floats, and goes first; the bytes in all: padded_bytes(). */
static inline struct padded padded_carve(const struct conv1d *p, void *workspace)
{
    struct padded w;
    w.rows = p->batch * p->channels;
    w.outputs = w.rows * p->length;
    w.full_row = p->length + p->width - 1;
    w.padded_row = p->length + 2 * (p->width - 1);
    w.full = (float *)workspace;
    w.sliced = w.full + w.rows * w.full_row;
    w.padded = w.sliced + (p->act == ACT_SILU ? w.outputs : 0);
    return w;
}

static inline size_t padded_bytes(const void *problem)
{
    const struct conv1d *p = (const struct conv1d *)problem;
    const int64_t rows = p->batch * p->channels, full = p->length + p->width - 1;
    return (size_t)(rows * (full + (p->act == ACT_SILU ? p->length : 0))) * sizeof(float) +
           (size_t)(rows * (full + p->width - 1)) * dtype_size((enum dtype)p->dtype);
}

/* A padded convolution knows one sequence a row. */
static inline const char *padded_accepts(const void *problem)
{
    return ((const struct conv1d *)problem)->seq_idx ? "seq_idx = off" : NULL;
}

/* Element i of padded. */
static inline HOST_DEVICE
void padded_pad(const struct conv1d_call *call, const struct padded *w, int64_t i)
{
    const struct conv1d *p = &call->p;
    const int64_t row = i / w->padded_row, step = i % w->padded_row - (p->width - 1);
    dtype_store(w->padded, (enum dtype)p->dtype, i,
                conv1d_sample_or_zero(p, call->tensor, row / p->channels, row % p->channels, step));
}

/* Element i of full. */
static inline HOST_DEVICE
void padded_convolve(const struct conv1d_call *call, const struct padded *w, int64_t i)
{
    const struct conv1d *p = &call->p;
    const int64_t row = i / w->full_row, first = row * w->padded_row + i % w->full_row;
    const int64_t d = row % p->channels;
    float sum = conv1d_bias(p, call->tensor, d);
    for (int64_t k = 0; k < p->width; k++)
        sum = fmaf(conv1d_weight(p, call->tensor, d, k),
                   dtype_load(w->padded, (enum dtype)p->dtype, first + k), sum);
    w->full[i] = sum;
}

/* Rounds `value` into out of step `i % length` of row `i / length`. */
static inline HOST_DEVICE
void padded_out(const struct conv1d_call *call, int64_t i, float value)
{
    const struct conv1d *p = &call->p;
    const int64_t row = i / p->length, step = i % p->length;
    dtype_store(call->tensor[CONV1D_OUT], (enum dtype)p->dtype,
                conv1d_at(p, row / p->channels, row % p->channels, conv1d_time(p, step)), value);
}

/* Element i of sliced. */
static inline HOST_DEVICE
void padded_slice(const struct conv1d_call *call, const struct padded *w, int64_t i)
{
    const float value = w->full[i / call->p.length * w->full_row + i % call->p.length];
    if (call->p.act == ACT_SILU)
        w->sliced[i] = value;
    else
        padded_out(call, i, value);
}

/* The output of element i of sliced. */
static inline HOST_DEVICE
void padded_silu(const struct conv1d_call *call, const struct padded *w, int64_t i)
{
    padded_out(call, i, conv1d_finish(&call->p, w->sliced[i], 0));
}

/* Element i of final, in the order of (batch, channels, width-1): the end of x within padded. */
static inline HOST_DEVICE
void padded_keep(const struct conv1d_call *call, const struct padded *w, int64_t i)
{
    const struct conv1d *p = &call->p;
    const int64_t states = p->width - 1, row = i / states, j = i % states;
    conv1d_copy(call->tensor[CONV1D_FINAL],
                conv1d_state_at(p, row / p->channels, row % p->channels, j), w->padded,
                row * w->padded_row + p->length + j, (enum dtype)p->dtype);
}

#endif
