/* The sums that cross rows, for .c variants of selscan_bwd: dB and dC over channels, dA dD and
 * ddelta_bias over sequences and time.
 *
 * Order      of the channels of a group BLOCK after BLOCK is added up by the variant, in fp32 and
 *            ascending order; the blocks by sums_reduce(), in double and ascending order, as are a
 *            channel's shares, one for each sequence and stretch of time.
 */
#ifndef SSMBENCH_SELSCAN_BWD_SUMS_H
#define SSMBENCH_SELSCAN_BWD_SUMS_H

#include "common.h"

enum { BLOCK = 32 };

struct sums {
    float *dB, *dC; /* (batch, groups, blocks, length, state), times ascending */
    float *share;   /* (stretches, batch, channels, shares): dA, then dD and ddelta_bias */
    int64_t blocks; /* of a group */
    int64_t shares; /* of a row */
    int64_t stretches;
};

/* Elements of dB or dC. */
static inline int64_t sums_elements(const struct selscan *p, const struct sums *s)
{
    return p->batch * p->groups * s->blocks * p->length * p->state;
}

static inline struct sums sums_carve(const struct selscan *p, int64_t stretches, void *memory)
{
    struct sums s;
    s.blocks = (p->channels / p->groups + BLOCK - 1) / BLOCK;
    s.shares = (p->a == A_SCALAR ? 1 : p->state) + 2;
    s.stretches = stretches;
    s.dB = (float *)memory;
    s.dC = s.dB + sums_elements(p, &s);
    s.share = s.dC + sums_elements(p, &s);
    return s;
}

/* Floats of the whole. */
static inline int64_t sums_size(const struct selscan *p, int64_t stretches)
{
    const struct sums s = sums_carve(p, stretches, NULL);
    return 2 * sums_elements(p, &s) + stretches * p->batch * p->channels * s.shares;
}

/* Up to BLOCK channels of a batch and group, and their dB and dC, (length, state). */
struct block {
    int64_t b, g, d, channels; /* d is the first of them */
    float *dB, *dC;
};

/* How many there are. */
static inline int64_t sums_blocks(const struct selscan *p, const struct sums *s)
{
    return p->batch * p->groups * s->blocks;
}

static inline struct block sums_block(const struct selscan *p, const struct sums *s, int64_t i)
{
    const int64_t channels = p->channels / p->groups, pair = i / s->blocks;
    const int64_t first = i % s->blocks * BLOCK, left = channels - first;
    struct block block;
    block.b = pair / p->groups;
    block.g = pair % p->groups;
    block.d = block.g * channels + first;
    block.channels = left < BLOCK ? left : BLOCK;
    block.dB = s->dB + i * p->length * p->state;
    block.dC = s->dC + i * p->length * p->state;
    return block;
}

/* The shares of row `row` in a stretch. */
static inline float *sums_share(const struct selscan *p, const struct sums *s, int64_t stretch,
                                int64_t row)
{
    return s->share + (stretch * p->batch * p->channels + row) * s->shares;
}

/* Keeps those of a row: dA is a sum for each state. */
static inline void sums_keep(const struct selscan *p, float *share, const double dA[], double dD,
                             double ddelta_bias)
{
    double all = 0;
    for (int64_t n = 0; n < p->state; n++) {
        all += dA[n];
        if (p->a == A_FULL)
            *share++ = (float)dA[n];
    }
    if (p->a == A_SCALAR)
        *share++ = (float)all;
    share[0] = (float)dD;
    share[1] = (float)ddelta_bias;
}

/* dB or dC, where `partial` is its sums. */
static inline void sums_reduce_blocks(const struct selscan_bwd_call *call, const struct sums *s,
                                      enum selscan_bwd_tensor tensor, const float *partial)
{
    const struct selscan *p = &call->in.p;
    const int64_t size = p->length * p->state;
#pragma omp parallel for
    for (int64_t j = 0; j < p->batch * p->groups * size; j++) {
        const int64_t pair = j / size, t = j % size / p->state, n = j % p->state;
        double sum = 0;
        for (int64_t block = 0; block < s->blocks; block++)
            sum += (double)partial[(pair * s->blocks + block) * size + j % size];
        dtype_store(call->tensor[tensor], (enum dtype)p->dtype,
                    selscan_bc_at(p, pair / p->groups, pair % p->groups, n, t), (float)sum);
    }
}

static inline void sums_reduce_shares(const struct selscan_bwd_call *call, const struct sums *s)
{
    const struct selscan *p = &call->in.p;
    float *const dA = call->tensor[SELSCAN_BWD_DA], *const dD = call->tensor[SELSCAN_BWD_DD];
    float *const ddelta_bias = call->tensor[SELSCAN_BWD_DDELTA_BIAS];
    const int64_t width = s->shares - 2, channels = p->channels;
#pragma omp parallel for
    for (int64_t i = 0; i < channels * s->shares; i++) {
        const int64_t d = i / s->shares, k = i % s->shares;
        double sum = 0;
        for (int64_t part = 0; part < s->stretches * p->batch; part++)
            sum += (double)s->share[part * channels * s->shares + i];
        if (k < width)
            dA[d * width + k] = (float)sum;
        else if (k == width && p->skip)
            dD[d] = (float)sum;
        else if (k > width && p->bias)
            ddelta_bias[d] = (float)sum;
    }
}

static inline void sums_reduce(const struct selscan_bwd_call *call, const struct sums *s)
{
    sums_reduce_blocks(call, s, SELSCAN_BWD_DB, s->dB);
    sums_reduce_blocks(call, s, SELSCAN_BWD_DC, s->dC);
    sums_reduce_shares(call, s);
}

#endif
