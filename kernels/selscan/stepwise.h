/* The workspace and the elementwise passes of selscan/stepwise, for stepwise.c and stepwise.cu. */
#ifndef SSMBENCH_SELSCAN_STEPWISE_H
#define SSMBENCH_SELSCAN_STEPWISE_H

#include "common.h"

struct stepwise {
    float *a, *x;    /* exp(delta*A), packed, and delta*B*u: (batch, length, channels, state) */
    float *y;        /* (batch, length, channels) */
    float *h;        /* (batch, channels, state) */
    int64_t rows;    /* batch*channels */
    int64_t outputs; /* rows*length */
};

static inline size_t stepwise_workspace(const void *problem)
{
    const struct selscan *p = (const struct selscan *)problem;
    const int64_t rows = p->batch * p->channels, outputs = rows * p->length;
    return (size_t)((2 * outputs + rows) * p->state + outputs) * sizeof(float);
}

static inline struct stepwise stepwise_carve(const struct selscan *p, void *memory)
{
    struct stepwise w;
    w.rows = p->batch * p->channels;
    w.outputs = w.rows * p->length;
    w.a = (float *)memory;
    w.x = w.a + w.outputs * p->state;
    w.y = w.x + w.outputs * p->state;
    w.h = w.y + w.outputs;
    return w;
}

/* Row of a, x and y that belongs to (batch, channel) row `row` at time t. */
static inline HOST_DEVICE
int64_t stepwise_at(const struct selscan *p, int64_t row, int64_t t)
{
    return (row / p->channels * p->length + t) * p->channels + row % p->channels;
}

/* Batch, channel and time of element i of y. */
static inline HOST_DEVICE
void stepwise_split(const struct selscan *p, int64_t i, int64_t *b, int64_t *d, int64_t *t)
{
    *d = i % p->channels;
    *t = i / p->channels % p->length;
    *b = i / p->channels / p->length;
}

/* a and x of all states of element i of y: `lane`, lane + lanes, ... */
static inline HOST_DEVICE
void stepwise_materialise(const struct selscan_call *call, const struct stepwise *w, int64_t i,
                          int lane, int lanes)
{
    const struct selscan *p = &call->p;
    const enum dtype dtype = (enum dtype)p->dtype;
    const float *A = (const float *)call->tensor[SELSCAN_A];
    int64_t b, d, t;
    stepwise_split(p, i, &b, &d, &t);
    const int64_t at = selscan_at(p, b, d, t), g = selscan_group(p, d);
    const float delta = selscan_delta(call, dtype, d, at);
    const float x = delta * dtype_load(call->tensor[SELSCAN_U], dtype, at);
    for (int64_t n = lane; n < p->state; n += lanes) {
        const float B = dtype_load(call->tensor[SELSCAN_B], dtype, selscan_bc_at(p, b, g, n, t));
        w->a[i * p->state + n] = decay_pack(decay_of(delta * A[selscan_a_at(p, d, n)]));
        w->x[i * p->state + n] = x * B;
    }
}

/* The step of state element i = row*state + n at time t. */
static inline HOST_DEVICE
void stepwise_update(const struct selscan *p, const struct stepwise *w, int64_t i, int64_t t)
{
    const int64_t at = stepwise_at(p, i / p->state, t) * p->state + i % p->state;
    w->h[i] = selscan_step(w->h[i], decay_unpack(w->a[at]), w->x[at], 1.0f);
}

/* The part of <C, h> of row `row` at time t that states lane, lane + lanes, ... contribute. */
static inline HOST_DEVICE
float stepwise_contract(const struct selscan_call *call, const struct stepwise *w, int64_t row,
                        int64_t t, int lane, int lanes)
{
    const struct selscan *p = &call->p;
    const int64_t b = row / p->channels, g = selscan_group(p, row % p->channels);
    float y = 0;
    for (int64_t n = lane; n < p->state; n += lanes)
        y = fmaf(
            dtype_load(call->tensor[SELSCAN_C], (enum dtype)p->dtype, selscan_bc_at(p, b, g, n, t)),
            w->h[row * p->state + n], y);
    return y;
}

/* Skip and gate of element i of y. */
static inline HOST_DEVICE
void stepwise_finish(const struct selscan_call *call, const struct stepwise *w, int64_t i)
{
    const enum dtype dtype = (enum dtype)call->p.dtype;
    int64_t b, d, t;
    stepwise_split(&call->p, i, &b, &d, &t);
    const int64_t at = selscan_at(&call->p, b, d, t);
    const float u = dtype_load(call->tensor[SELSCAN_U], dtype, at);
    selscan_finish(call, dtype, d, at, u, w->y[i]);
}

#endif
