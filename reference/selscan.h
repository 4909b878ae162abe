/* selscan: the selective scan of Mamba (S6), forward.
 *
 * For every batch b, channel d, state n and time t, with g = d / (channels / groups):
 *
 *     delta' = softplus(delta[b,d,t] + delta_bias[d])     (bias, softplus: each where asked)
 *     h[n]   = exp(delta'*A[d,n]) * h[n] + delta'*B[b,g,n,t]*u[b,d,t]
 *     y      = sum over n of C[b,g,n,t]*h[n]  +  D[d]*u[b,d,t]
 *     out[b,d,t] = y * silu(z[b,d,t])
 *
 * h starts at `initial` (zero without one) and ends in `final`; with `reverse` time runs from
 * length-1 down to 0. softplus(x) = log(1 + exp(x)), and x itself above 20.
 *
 * Source: Gu and Dao, Mamba, arXiv 2312.00752, equations 2 and algorithm 2; a scalar A per channel
 * as in Dao and Gu, Transformers are SSMs, arXiv 2405.21060, section 2.
 */
#ifndef SSMBENCH_SELSCAN_H
#define SSMBENCH_SELSCAN_H

#include "../kernels/kernel.h"

enum selscan_layout { CHANNEL_FIRST, CHANNEL_LAST };
enum selscan_a { A_FULL, A_SCALAR };
enum selscan_inputs {
    INPUTS_INIT,
    INPUTS_TEST,
    INPUTS_SLOW,
    INPUTS_STRONG,
    INPUTS_IMPULSES,
    INPUTS_LARGE_DELTA,
    INPUTS_INTEGERS,
    INPUTS_GROWING,
    INPUTS_MIXED_SCALE,
    INPUTS_FORGOTTEN,
    INPUTS_NONFINITE
};

/* A problem; every field is a case key. Options are 0 or 1. */
struct selscan {
    int64_t batch, channels, length, state, groups;
    int64_t a;      /* enum selscan_a */
    int64_t layout; /* enum selscan_layout */
    int64_t dtype;  /* enum dtype, of u delta B C z out; all else is f32 */
    int64_t skip, gate, bias, softplus, initial, final, reverse;
    int64_t inputs; /* enum selscan_inputs */
    int64_t seed;
    double decay; /* |delta*A| of slow, strong and forgotten inputs */
};

/* The tensors, in the order of the pointer array that run() gets. Shapes, slowest axis first:
 * u delta z out: (batch, channels, length), or (batch, length, channels) when channel_last;
 * A: (channels, state), or (channels) when scalar; B C: (batch, groups, state, length), or
 * (batch, length, groups, state) when channel_last; D delta_bias: (channels);
 * initial final: (batch, channels, state). */
enum selscan_tensor {
    SELSCAN_U,
    SELSCAN_DELTA,
    SELSCAN_A,
    SELSCAN_B,
    SELSCAN_C,
    SELSCAN_D,
    SELSCAN_Z,
    SELSCAN_DELTA_BIAS,
    SELSCAN_INITIAL,
    SELSCAN_OUT,
    SELSCAN_FINAL,
    SELSCAN_TENSORS
};

/* Above this argument softplus(x) is x. */
#define SOFTPLUS_THRESHOLD 20.0f

/* Element of u, delta, z and out at (batch b, channel d, time t). */
static inline HOST_DEVICE
int64_t selscan_at(const struct selscan *p, int64_t b, int64_t d, int64_t t)
{
    return p->layout == CHANNEL_LAST ? (b * p->length + t) * p->channels + d
                                     : (b * p->channels + d) * p->length + t;
}

/* Element of B and C at (batch b, group g, state n, time t). */
static inline HOST_DEVICE
int64_t selscan_bc_at(const struct selscan *p, int64_t b, int64_t g, int64_t n, int64_t t)
{
    return p->layout == CHANNEL_LAST ? ((b * p->length + t) * p->groups + g) * p->state + n
                                     : ((b * p->groups + g) * p->state + n) * p->length + t;
}

/* Element of A at (channel d, state n). */
static inline HOST_DEVICE
int64_t selscan_a_at(const struct selscan *p, int64_t d, int64_t n)
{
    return p->a == A_SCALAR ? d : d * p->state + n;
}

/* The group whose B and C channel d uses. */
static inline HOST_DEVICE
int64_t selscan_group(const struct selscan *p, int64_t d)
{
    return d / (p->channels / p->groups);
}

/* The time of step `step` (0 ... length-1) of the recurrence. */
static inline HOST_DEVICE
int64_t selscan_time(const struct selscan *p, int64_t step)
{
    return p->reverse ? p->length - 1 - step : step;
}

#endif
