/* The workspace and the passes of selscan_bwd/stepwise, for stepwise.c and stepwise.cu: whole
 * tensors in fp32, each pass a function of one element, or of one of the lanes that share it. */
#ifndef SSMBENCH_SELSCAN_BWD_STEPWISE_H
#define SSMBENCH_SELSCAN_BWD_STEPWISE_H

#include "../selscan/stepwise.h"
#include "common.h"

/* f.a and f.x: (batch, length, channels, state). f.a is exp(delta'*A), packed, then a*h'*dh; f.x is
 * delta'*B*u, then h, then dh. All else: (batch, length, channels). */
struct stepwise_bwd {
    struct stepwise f; /* f.y is <C, h>, then what each element adds to dD; there is no f.h */
    float *delta;      /* delta' */
    float *dy;         /* dy, then what each element adds to ddelta_bias */
};

/* Terms that are added in fp32 before their sum is one of a sum in double. */
enum { STEPWISE_PART = 64 };

static inline size_t stepwise_bwd_workspace(const void *problem)
{
    const struct selscan *p = (const struct selscan *)problem;
    return (size_t)(p->batch * p->length * p->channels * (2 * p->state + 3)) * sizeof(float);
}

static inline struct stepwise_bwd stepwise_bwd_carve(const struct selscan *p, void *memory)
{
    struct stepwise_bwd w;
    w.f.rows = p->batch * p->channels;
    w.f.outputs = w.f.rows * p->length;
    w.f.a = (float *)memory;
    w.f.x = w.f.a + w.f.outputs * p->state;
    w.f.y = w.f.x + w.f.outputs * p->state;
    w.delta = w.f.y + w.f.outputs;
    w.dy = w.delta + w.f.outputs;
    return w;
}

/* delta' and dy of element i. */
static inline HOST_DEVICE
void stepwise_bwd_prepare(const struct selscan_bwd_call *call, const struct stepwise_bwd *w,
                          int64_t i)
{
    const enum dtype dtype = (enum dtype)call->in.p.dtype;
    int64_t b, d, t;
    stepwise_split(&call->in.p, i, &b, &d, &t);
    const int64_t at = selscan_at(&call->in.p, b, d, t);
    w->delta[i] = selscan_delta(&call->in, dtype, d, at);
    w->dy[i] = selscan_bwd_dy(call, dtype, at);
}

/* Element of f.a and f.x that belongs to state element i = row*state + n and step `step`. */
static inline HOST_DEVICE
int64_t stepwise_bwd_at(const struct selscan *p, int64_t i, int64_t step)
{
    return stepwise_at(p, i / p->state, selscan_time(p, step)) * p->state + i % p->state;
}

/* h of state element i after step `step`, the initial state after step -1. */
static inline HOST_DEVICE
float stepwise_bwd_h(const struct selscan_bwd_call *call, const struct stepwise_bwd *w, int64_t i,
                     int64_t step)
{
    const struct selscan *p = &call->in.p;
    return step < 0 ? selscan_initial(&call->in, i / p->state, i % p->state)
                    : w->f.x[stepwise_bwd_at(p, i, step)];
}

/* The step of state element i: its x becomes h. */
static inline HOST_DEVICE
void stepwise_bwd_update(const struct selscan_bwd_call *call, const struct stepwise_bwd *w,
                         int64_t i, int64_t step)
{
    const int64_t at = stepwise_bwd_at(&call->in.p, i, step);
    w->f.x[at] = selscan_step(stepwise_bwd_h(call, w, i, step - 1), decay_unpack(w->f.a[at]),
                              w->f.x[at], 1.0f);
}

/* The step of state element i backwards, from the one behind: its h becomes dh, and a of the step
 * behind, which needs h, a*h'*dh. Step -1 has no dh of its own: what reaches it is dinitial. */
static inline HOST_DEVICE
void stepwise_bwd_back(const struct selscan_bwd_call *call, const struct stepwise_bwd *w, int64_t i,
                       int64_t step)
{
    const struct selscan *p = &call->in.p;
    const int64_t row = i / p->state, n = i % p->state;
    struct decay a = {1.0f, 0.0f};
    float dh;
    if (step + 1 < p->length) {
        const int64_t behind = stepwise_bwd_at(p, i, step + 1);
        a = decay_unpack(w->f.a[behind]);
        dh = w->f.x[behind];
        w->f.a[behind] = selscan_step(stepwise_bwd_h(call, w, i, step), a, 0.0f, 0.0f) * dh;
    } else {
        dh = selscan_bwd_dfinal(call, row, n);
    }
    if (step < 0) {
        selscan_bwd_dinitial(call, row, n, selscan_step(dh, a, 0.0f, 0.0f));
        return;
    }
    const int64_t t = selscan_time(p, step), g = selscan_group(p, row % p->channels);
    const int64_t bc = selscan_bc_at(p, row / p->channels, g, n, t);
    const float C = dtype_load(call->tensor[SELSCAN_BWD_C], (enum dtype)p->dtype, bc);
    w->f.x[stepwise_bwd_at(p, i, step)] = selscan_step(dh, a, C, w->dy[stepwise_at(p, row, t)]);
}

/* Element i of y: the part of <C, h> that states lane, lane + lanes, ... contribute. */
static inline HOST_DEVICE
float stepwise_bwd_contract(const struct selscan_bwd_call *call, const struct stepwise_bwd *w,
                            enum selscan_bwd_tensor tensor, int64_t i, int lane, int lanes)
{
    const struct selscan *p = &call->in.p;
    int64_t b, d, t;
    stepwise_split(p, i, &b, &d, &t);
    float sum = 0;
    for (int64_t n = lane; n < p->state; n += lanes) {
        const int64_t bc = selscan_bc_at(p, b, selscan_group(p, d), n, t);
        sum = fmaf(dtype_load(call->tensor[tensor], (enum dtype)p->dtype, bc),
                   w->f.x[i * p->state + n], sum);
    }
    return sum;
}

/* The like of A*a*h'*dh. */
static inline HOST_DEVICE
float stepwise_bwd_contract_a(const struct selscan_bwd_call *call, const struct stepwise_bwd *w,
                              int64_t i, int lane, int lanes)
{
    const struct selscan *p = &call->in.p;
    const float *A = (const float *)call->tensor[SELSCAN_BWD_A];
    float sum = 0;
    for (int64_t n = lane; n < p->state; n += lanes)
        sum = fmaf(A[selscan_a_at(p, i % p->channels, n)], w->f.a[i * p->state + n], sum);
    return sum;
}

/* Of the sums over channels that element j of (batch, length, groups, state) stands for, either dC,
 * of dy*h, or dB, of delta'*u*dh. */
static inline HOST_DEVICE
void stepwise_bwd_reduce(const struct selscan_bwd_call *call, const struct stepwise_bwd *w,
                         enum selscan_bwd_tensor tensor, int64_t j)
{
    const struct selscan *p = &call->in.p;
    const enum dtype dtype = (enum dtype)p->dtype;
    const int64_t n = j % p->state, g = j / p->state % p->groups,
                  channels = p->channels / p->groups;
    const int64_t t = j / p->state / p->groups % p->length,
                  b = j / p->state / p->groups / p->length;
    double sum = 0;
    for (int64_t first = 0; first < channels; first += STEPWISE_PART) {
        float part = 0;
        for (int64_t c = first; c < first + STEPWISE_PART && c < channels; c++) {
            const int64_t d = g * channels + c, i = (b * p->length + t) * p->channels + d;
            const float u = dtype_load(call->tensor[SELSCAN_BWD_U], dtype, selscan_at(p, b, d, t));
            const float factor = tensor == SELSCAN_BWD_DC ? w->dy[i] : w->delta[i] * u;
            part = fmaf(factor, w->f.x[i * p->state + n], part);
        }
        sum += (double)part;
    }
    dtype_store(call->tensor[tensor], dtype, selscan_bc_at(p, b, g, n, t), (float)sum);
}

/* du, ddelta and dz of element i from its sums, and what it adds to dD and ddelta_bias. */
static inline HOST_DEVICE
void stepwise_bwd_finish(const struct selscan_bwd_call *call, const struct stepwise_bwd *w,
                         int64_t i, float dx, float da)
{
    const struct selscan *p = &call->in.p;
    int64_t b, d, t;
    stepwise_split(p, i, &b, &d, &t);
    const struct selscan_bwd_share share = selscan_bwd_finish(
        call, (enum dtype)p->dtype, d, selscan_at(p, b, d, t), w->f.y[i], dx, da);
    w->f.y[i] = share.dD;
    w->dy[i] = share.ddelta_bias;
}

/* The gradients of parameters of a channel: sums 0 ... are dA, then dD and ddelta_bias, which are
 * summed whether they are wanted or not. */
static inline HOST_DEVICE
int64_t stepwise_bwd_sums(const struct selscan *p)
{
    return (p->a == A_SCALAR ? 1 : p->state) + 2;
}

/* Sum k of channel d over STEPWISE_PART steps of all sequences one behind the other, from `first`
 * on. */
static inline HOST_DEVICE
float stepwise_bwd_sum(const struct selscan_bwd_call *call, const struct stepwise_bwd *w, int64_t d,
                       int64_t k, int64_t first)
{
    const struct selscan *p = &call->in.p;
    const int64_t width = stepwise_bwd_sums(p) - 2, each = p->a == A_SCALAR ? p->state : 1;
    float sum = 0;
    for (int64_t s = first; s < first + STEPWISE_PART && s < p->batch * p->length; s++) {
        const int64_t i = s * p->channels + d;
        if (k < width) {
            float states = 0;
            for (int64_t n = k; n < k + each; n++)
                states += w->f.a[i * p->state + n];
            sum = fmaf(w->delta[i], states, sum);
        } else {
            sum += k == width ? w->f.y[i] : w->dy[i];
        }
    }
    return sum;
}

/* Writes sum k of channel d where it belongs, if anywhere. */
static inline HOST_DEVICE
void stepwise_bwd_store_sum(const struct selscan_bwd_call *call, int64_t d, int64_t k, float sum)
{
    const int64_t width = stepwise_bwd_sums(&call->in.p) - 2;
    float *const dA = (float *)call->tensor[SELSCAN_BWD_DA];
    float *const other =
        (float *)call->tensor[k == width ? SELSCAN_BWD_DD : SELSCAN_BWD_DDELTA_BIAS];
    if (k < width)
        dA[d * width + k] = sum;
    else if (other)
        other[d] = sum;
}

#endif
