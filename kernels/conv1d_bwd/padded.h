/* The workspace and the passes of conv1d_bwd/padded, for padded.c and padded.cu: whole tensors in
 * fp32, in the order of steps, each pass a function of one element.
 */
#ifndef SSMBENCH_CONV1D_BWD_PADDED_H
#define SSMBENCH_CONV1D_BWD_PADDED_H

#include "common.h"

/* Rows have the layout of x and no gaps. `before` is width-1. */
struct padded {
    float *x;     /* length + 2*before: initial or zeros, x, zeros */
    float *pre;   /* length + before: of which the convolution's end is cut off; without act none */
    float *g;     /* length */
    float *whole; /* length + before: g as if nothing had been cut off */
    float *dx;    /* length + before: gradients of initial and x; overwrites pre */
    float *partial;
    int64_t rows, before;
};

static inline struct padded padded_carve(const struct conv1d *p, void *memory)
{
    struct padded w;
    w.rows = p->batch * p->channels;
    w.before = p->width - 1;
    w.x = (float *)memory;
    w.pre = w.dx = w.x + w.rows * (p->length + 2 * w.before);
    w.g = w.pre + w.rows * (p->length + w.before);
    w.whole = w.g + w.rows * p->length;
    w.partial = w.whole + w.rows * (p->length + w.before);
    return w;
}

/* Bytes of all but the partial sums. */
static inline size_t padded_bytes(const struct conv1d *p)
{
    const int64_t steps = 4 * p->length + 4 * (p->width - 1);
    return (size_t)(p->batch * p->channels * steps) * sizeof(float);
}

static inline const char *padded_accepts(const void *problem)
{
    return ((const struct conv1d *)problem)->seq_idx ? "seq_idx = off" : NULL;
}

/* An element of a tensor of the workspace with `steps` steps a row. */
struct padded_place {
    int64_t b, d, step;
};

static inline HOST_DEVICE
struct padded_place padded_split(const struct conv1d *p, int64_t steps, int64_t i)
{
    const int64_t inner = i % (p->channels * steps);
    const int last = p->layout == CONV1D_CHANNEL_LAST;
    struct padded_place at;
    at.b = i / (p->channels * steps);
    at.d = last ? inner % p->channels : inner / steps;
    at.step = last ? inner / p->channels : inner % steps;
    return at;
}

static inline HOST_DEVICE
int64_t padded_index(const struct conv1d *p, int64_t steps, int64_t b, int64_t d, int64_t step)
{
    return p->layout == CONV1D_CHANNEL_LAST ? (b * steps + step) * p->channels + d
                                            : (b * p->channels + d) * steps + step;
}

static inline HOST_DEVICE
void padded_pad(const struct conv1d_bwd_call *call, const struct padded *w, int64_t i)
{
    const struct conv1d *p = &call->p;
    const struct padded_place at = padded_split(p, p->length + 2 * w->before, i);
    w->x[i] = conv1d_sample_or_zero(p, call->tensor, at.b, at.d, at.step - w->before);
}

/* The convolution of the padded rows, wherever it has all its samples. */
static inline HOST_DEVICE
void padded_convolve(const struct conv1d_bwd_call *call, const struct padded *w, int64_t i)
{
    const struct conv1d *p = &call->p;
    const struct padded_place at = padded_split(p, p->length + w->before, i);
    float pre = conv1d_bias(p, call->tensor, at.d);
    for (int64_t tap = 0; tap < p->width; tap++)
        pre =
            fmaf(conv1d_weight(p, call->tensor, at.d, tap),
                 w->x[padded_index(p, p->length + 2 * w->before, at.b, at.d, at.step + tap)], pre);
    w->pre[i] = pre;
}

/* Through the activation, where there is one. */
static inline HOST_DEVICE
void padded_activate(const struct conv1d_bwd_call *call, const struct padded *w, int64_t i)
{
    const struct conv1d *p = &call->p;
    const struct padded_place at = padded_split(p, p->length, i);
    const int64_t x = conv1d_at(p, at.b, at.d, conv1d_time(p, at.step));
    float g = dtype_load(call->tensor[CONV1D_BWD_DOUT], (enum dtype)p->dtype, x);
    if (p->act == ACT_SILU)
        g *= silu_slope(w->pre[padded_index(p, p->length + w->before, at.b, at.d, at.step)]);
    w->g[i] = g;
}

static inline HOST_DEVICE
void padded_uncut(const struct conv1d_bwd_call *call, const struct padded *w, int64_t i)
{
    const struct conv1d *p = &call->p;
    const struct padded_place at = padded_split(p, p->length + w->before, i);
    w->whole[i] =
        at.step < p->length ? w->g[padded_index(p, p->length, at.b, at.d, at.step)] : 0.0f;
}

/* The gradient of sample at.step - before; g before step 0 is none. */
static inline HOST_DEVICE
void padded_convolve_back(const struct conv1d_bwd_call *call, const struct padded *w, int64_t i)
{
    const struct conv1d *p = &call->p;
    const int64_t steps = p->length + w->before;
    const struct padded_place at = padded_split(p, steps, i);
    float dx = 0;
    for (int64_t tap = 0; tap < p->width && tap <= at.step; tap++)
        dx = fmaf(conv1d_weight(p, call->tensor, at.d, tap),
                  w->whole[padded_index(p, steps, at.b, at.d, at.step - tap)], dx);
    w->dx[i] = dx;
}

/* Adds what comes through final, and stores. */
static inline HOST_DEVICE
void padded_unpad(const struct conv1d_bwd_call *call, const struct padded *w, int64_t i)
{
    const struct conv1d *p = &call->p;
    const struct padded_place at = padded_split(p, p->length + w->before, i);
    const int64_t step = at.step - w->before;
    const float dx = w->dx[i] + conv1d_bwd_dfinal(p, call->tensor, at.b, at.d, step);
    if (step >= 0)
        dtype_store(call->tensor[CONV1D_BWD_DX], (enum dtype)p->dtype,
                    conv1d_at(p, at.b, at.d, conv1d_time(p, step)), dx);
    else if (p->initial)
        dtype_store(call->tensor[CONV1D_BWD_DINITIAL], (enum dtype)p->dtype,
                    conv1d_state_at(p, at.b, at.d, at.step), dx);
}

/* Sum k of channel d over `count` steps of all sequences one behind the other, from `first` on. */
static inline HOST_DEVICE
float padded_sum(const struct conv1d *p, const struct padded *w, int64_t d, int64_t k,
                 int64_t first, int64_t count)
{
    const int64_t end = first + count < p->batch * p->length ? first + count : p->batch * p->length;
    float sum = 0;
    for (int64_t i = first; i < end; i++) {
        const int64_t b = i / p->length, step = i % p->length;
        const float g = w->whole[padded_index(p, p->length + w->before, b, d, step)];
        sum = fmaf(g,
                   k < p->width ? w->x[padded_index(p, p->length + 2 * w->before, b, d, step + k)]
                                : 1.0f,
                   sum);
    }
    return sum;
}

#endif
