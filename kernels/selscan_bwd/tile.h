/* A tile of steps of a block of channels in vectors: its inputs, what they are turned into before
 * and after the walks of selscan_bwd/simd, and its outputs. */
#ifndef SSMBENCH_SELSCAN_BWD_TILE_H
#define SSMBENCH_SELSCAN_BWD_TILE_H

#include "../simd.h"
#include "sums.h"

enum { STEPS = 32, VECTORS = STATE_MAX / LANES };

/* Times t ... t + steps-1 of a block of channels. */
struct tile {
    const struct selscan_bwd_call *call;
    const struct block *block;
    int64_t t, steps, vectors;
    floats A[BLOCK][VECTORS], dh[BLOCK][VECTORS]; /* dh is that which passes into the tile */
    double dA[BLOCK][STATE_MAX], dD[BLOCK], ddelta_bias[BLOCK];
    floats B[VECTORS][STEPS], C[VECTORS][STEPS], dB[VECTORS][STEPS], dC[VECTORS][STEPS];
    float u[BLOCK][STEPS], delta[BLOCK][STEPS], x[BLOCK][STEPS]; /* delta', x = delta'*u */
    float whole[BLOCK][STEPS], rest[BLOCK][STEPS]; /* of exp(delta'*A) where A is scalar */
    float slope[BLOCK][STEPS];                     /* of softplus */
    float dy[BLOCK][STEPS], dz[BLOCK][STEPS];      /* dz but for its factor y + D*u */
};

static inline floats load(const float *from)
{
    return simd_load(from, DTYPE_F32, 0, LANES);
}

static inline void store(float *to, floats value)
{
    simd_store(to, DTYPE_F32, 0, LANES, value);
}

/* Vector v of the states of row `row`, in a tensor with the shape of A or initial. */
static inline floats load_states(const struct tile *k, const float *from, int64_t row, int64_t v)
{
    const int64_t state = k->call->in.p.state;
    return simd_load(from, DTYPE_F32, row * state + v * LANES, state - v * LANES);
}

/* Vector v of the states at each time, of B or C. */
static inline struct simd_tile shared_tile(const struct tile *k, enum selscan_bwd_tensor tensor,
                                           int64_t v)
{
    const struct selscan *p = &k->call->in.p;
    const int64_t left = p->state - v * LANES;
    return (struct simd_tile){.array = k->call->tensor[tensor],
                              .dtype = (enum dtype)p->dtype,
                              .first = selscan_bc_at(p, k->block->b, k->block->g, v * LANES, k->t),
                              .lane_stride = selscan_bc_at(p, 0, 0, 1, 0),
                              .row_stride = selscan_bc_at(p, 0, 0, 0, 1),
                              .lanes = left < LANES ? left : LANES,
                              .rows = k->steps};
}

/* LANES steps from `from` on of each channel, of a tensor like u. */
static inline struct simd_tile signal_tile(const struct tile *k, enum selscan_bwd_tensor tensor,
                                           int64_t from)
{
    const struct selscan *p = &k->call->in.p;
    const int64_t left = k->steps - from;
    return (struct simd_tile){.array = k->call->tensor[tensor],
                              .dtype = (enum dtype)p->dtype,
                              .first = selscan_at(p, k->block->b, k->block->d, k->t + from),
                              .lane_stride = selscan_at(p, 0, 0, 1),
                              .row_stride = selscan_at(p, 0, 1, 0),
                              .lanes = left < LANES ? left : LANES,
                              .rows = k->block->channels};
}

static inline void load_signals(const struct tile *k, enum selscan_bwd_tensor tensor,
                                float out[BLOCK][STEPS])
{
    for (int64_t from = 0; from < k->steps; from += LANES) {
        const struct simd_tile tile = signal_tile(k, tensor, from);
        floats row[BLOCK];
        simd_load_tile(&tile, row);
        for (int64_t c = 0; c < k->block->channels; c++)
            store(&out[c][from], row[c]);
    }
}

static inline void store_signals(const struct tile *k, enum selscan_bwd_tensor tensor,
                                 float value[BLOCK][STEPS])
{
    for (int64_t from = 0; from < k->steps; from += LANES) {
        const struct simd_tile tile = signal_tile(k, tensor, from);
        floats row[BLOCK];
        for (int64_t c = 0; c < BLOCK; c++)
            row[c] = load(&value[c][from]);
        simd_store_tile(&tile, row);
    }
}

/* B, u, and what the way forward wants to know of delta'. Lanes beyond the tile's steps are 0. */
static inline void prepare(struct tile *k, int64_t step)
{
    const struct selscan *p = &k->call->in.p;
    const float *bias = k->call->tensor[SELSCAN_BWD_DELTA_BIAS];
    k->steps = p->length - step < STEPS ? p->length - step : STEPS;
    k->t = p->reverse ? p->length - step - k->steps : step;
    for (int64_t v = 0; v < k->vectors; v++) {
        const struct simd_tile B = shared_tile(k, SELSCAN_BWD_B, v);
        simd_load_tile(&B, k->B[v]);
    }
    load_signals(k, SELSCAN_BWD_U, k->u);
    load_signals(k, SELSCAN_BWD_DELTA, k->delta);
    for (int64_t c = 0; c < k->block->channels; c++)
        for (int64_t i = 0; i < k->steps; i += LANES) {
            const floats raw = load(&k->delta[c][i]) + (bias ? bias[k->block->d + c] : 0);
            const floats delta = p->softplus ? simd_softplus(raw) : raw;
            store(&k->slope[c][i], p->softplus ? 1 / (1 + simd_exp(-raw)) : simd_all(1));
            store(&k->delta[c][i], delta);
            store(&k->x[c][i], delta * load(&k->u[c][i]));
            if (p->a == A_SCALAR) { /* cost only: nobody else looks at them */
                floats whole;
                store(&k->rest[c][i], simd_decay(delta * k->A[c][0], &whole));
                store(&k->whole[c][i], whole);
            }
        }
}

/* C, dy, what dz is, and sums to be added to. */
static inline void prepare_back(struct tile *k)
{
    const struct selscan *p = &k->call->in.p;
    for (int64_t v = 0; v < k->vectors; v++) {
        const struct simd_tile C = shared_tile(k, SELSCAN_BWD_C, v);
        simd_load_tile(&C, k->C[v]);
        memset(k->dB[v], 0, sizeof k->dB[v]);
        memset(k->dC[v], 0, sizeof k->dC[v]);
    }
    load_signals(k, SELSCAN_BWD_DOUT, k->dy);
    if (!p->gate)
        return;
    load_signals(k, SELSCAN_BWD_Z, k->dz);
    for (int64_t c = 0; c < k->block->channels; c++)
        for (int64_t i = 0; i < k->steps; i += LANES) {
            const floats z = load(&k->dz[c][i]), dout = load(&k->dy[c][i]);
            const floats r = 1 / (1 + simd_exp(-z));
            store(&k->dy[c][i], dout * (z * r));
            store(&k->dz[c][i], dout * (r * simd_fma(z, 1 - r, simd_all(1))));
        }
}

static inline void store_tile(struct tile *k)
{
    const struct selscan *p = &k->call->in.p;
    store_signals(k, SELSCAN_BWD_DU, k->u);
    store_signals(k, SELSCAN_BWD_DDELTA, k->delta);
    if (p->gate)
        store_signals(k, SELSCAN_BWD_DZ, k->dz);
    for (int64_t v = 0; v < k->vectors; v++)
        for (int64_t i = 0; i < k->steps; i++) {
            const int64_t at = (k->t + i) * p->state + v * LANES, left = p->state - v * LANES;
            simd_store(k->block->dB, DTYPE_F32, at, left, k->dB[v][i]);
            simd_store(k->block->dC, DTYPE_F32, at, left, k->dC[v][i]);
        }
}

#endif
