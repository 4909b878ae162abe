/* A channel's walk through a stretch of steps and back, states in memory, for .c variants of
 * selscan_bwd. Decays are taken again on the way back. */
#ifndef SSMBENCH_SELSCAN_BWD_WALK_H
#define SSMBENCH_SELSCAN_BWD_WALK_H

#include "sums.h"

/* Steps first ... end-1 of channel d of a block. */
struct stretch {
    const struct selscan_bwd_call *call;
    const struct block *block;
    int64_t d, first, end;
};

/* What is carried from step to step on the way back: dh of the step behind, whose decay is a, and
 * sums. Before the first of these steps, and after the last one, a is 1. */
struct carry {
    float dh[STATE_MAX];
    struct decay a[STATE_MAX];
    double dA[STATE_MAX], dD, ddelta_bias;
};

static inline int64_t stretch_row(const struct stretch *s)
{
    return s->block->b * s->call->in.p.channels + s->d;
}

/* The decay of state n in a step with delta'. */
static inline struct decay stretch_decay(const struct stretch *s, int64_t n, float delta)
{
    const float *A = s->call->tensor[SELSCAN_BWD_A];
    return decay_of(delta * A[selscan_a_at(&s->call->in.p, s->d, n)]);
}

/* h is (steps + 1, state): the states before the first step, which are given, and after each. */
static inline __attribute__((always_inline)) void walk(const struct stretch *s, enum dtype dtype,
                                                       float *h)
{
    const struct selscan *p = &s->call->in.p;
    const int64_t state = p->state;
    for (int64_t step = s->first; step < s->end; step++, h += state) {
        const int64_t t = selscan_time(p, step), at = selscan_at(p, s->block->b, s->d, t);
        const float delta = selscan_delta(&s->call->in, dtype, s->d, at);
        const float x = delta * dtype_load(s->call->tensor[SELSCAN_BWD_U], dtype, at);
        const struct decay scalar = stretch_decay(s, 0, delta);
        for (int64_t n = 0; n < state; n++) {
            const float B = dtype_load(s->call->tensor[SELSCAN_BWD_B], dtype,
                                       selscan_bc_at(p, s->block->b, s->block->g, n, t));
            const struct decay a = p->a == A_SCALAR ? scalar : stretch_decay(s, n, delta);
            h[state + n] = selscan_step(h[n], a, x, B);
        }
    }
}

/* Step t, with h the states after it; those before it come just before them. Writes what is of this
 * step alone, adds to dB and dC of the block. */
static inline __attribute__((always_inline)) void step_back(const struct stretch *s,
                                                            enum dtype dtype, int64_t t,
                                                            const float *h, struct carry *carry)
{
    const struct selscan_bwd_call *call = s->call;
    const struct selscan *p = &call->in.p;
    const int64_t state = p->state, at = selscan_at(p, s->block->b, s->d, t);
    const float delta = selscan_delta(&call->in, dtype, s->d, at), *before = h - state;
    const float x = delta * dtype_load(call->tensor[SELSCAN_BWD_U], dtype, at);
    const float dy = selscan_bwd_dy(call, dtype, at), *A = call->tensor[SELSCAN_BWD_A];
    const struct decay scalar = stretch_decay(s, 0, delta);
    float *const dB = s->block->dB + t * state, *const dC = s->block->dC + t * state;
    float y = 0, dx = 0, da = 0;
    for (int64_t n = 0; n < state; n++) {
        const int64_t bc = selscan_bc_at(p, s->block->b, s->block->g, n, t);
        const float B = dtype_load(call->tensor[SELSCAN_BWD_B], dtype, bc);
        const float C = dtype_load(call->tensor[SELSCAN_BWD_C], dtype, bc);
        const float dh = selscan_step(carry->dh[n], carry->a[n], C, dy);
        const struct decay a = p->a == A_SCALAR ? scalar : stretch_decay(s, n, delta);
        const float through = selscan_step(before[n], a, 0.0f, 0.0f) * dh;
        y = fmaf(C, h[n], y);
        dx = fmaf(B, dh, dx);
        da = fmaf(A[selscan_a_at(p, s->d, n)], through, da);
        dB[n] = fmaf(x, dh, dB[n]);
        dC[n] = fmaf(dy, h[n], dC[n]);
        carry->dA[n] += (double)(delta * through);
        carry->dh[n] = dh;
        carry->a[n] = a;
    }
    const struct selscan_bwd_share share = selscan_bwd_finish(call, dtype, s->d, at, y, dx, da);
    carry->dD += (double)share.dD;
    carry->ddelta_bias += (double)share.ddelta_bias;
}

/* From carry->dh, which passes into the last step, to what passes out of the first one. `h` is what
 * walk() wrote; keeps the stretch's shares. */
static inline __attribute__((always_inline)) void walk_back(const struct stretch *s,
                                                            enum dtype dtype, const float *h,
                                                            struct carry *carry, float *share)
{
    const struct selscan *p = &s->call->in.p;
    carry->dD = carry->ddelta_bias = 0;
    for (int64_t n = 0; n < p->state; n++) {
        carry->a[n].whole = 1;
        carry->a[n].rest = 0;
        carry->dA[n] = 0;
    }
    for (int64_t step = s->end - 1; step >= s->first; step--)
        step_back(s, dtype, selscan_time(p, step), h + (step + 1 - s->first) * p->state, carry);
    for (int64_t n = 0; n < p->state; n++)
        carry->dh[n] = selscan_step(carry->dh[n], carry->a[n], 0.0f, 0.0f);
    sums_keep(p, share, carry->dA, carry->dD, carry->ddelta_bias);
}

/* dB and dC of a block at the times of steps first ... end-1. */
static inline void clear_sums(const struct selscan *p, const struct block *block, int64_t first,
                              int64_t end)
{
    const size_t size = (size_t)p->state * sizeof(float);
    for (int64_t step = first; step < end; step++) {
        memset(block->dB + selscan_time(p, step) * p->state, 0, size);
        memset(block->dC + selscan_time(p, step) * p->state, 0, size);
    }
}

#endif
