/* selscan/simd: channels in the lanes of a vector, the state of a few n in registers.
 *
 * Computes   out and final of reference/selscan.h, in fp32.
 * Accepts    state <= 256; every option.
 * Layout     lane = one of LANES channels of a batch and group, a block; up to 4 blocks per loop
 *            turn, turns spread over OpenMP threads. On the stack, per tile of 64 steps: B and C
 *            widened in the order of the tensor, for all blocks of the turn; u, delta, x, y as
 *            [step][lane], transposed on the way where channel_first.
 * Algorithm  per tile and block: softplus, delta*u and, where A is scalar, exp(delta*A) of all
 *            steps; then four states at a time walk the tile in registers, adding C*h to y; then
 *            skip and gate. No sum crosses lanes, so that no state count is a bad one.
 * Cost       bytes: selscan's, plus B and C again for every further turn of a group. Per update:
 *            3 multiply-adds and a product, and 9 multiply-adds more where A is full. Lanes
 *            idle where a group has fewer than LANES channels, threads where there are fewer
 *            blocks.
 * Error      f32 2e-6, and 6e-6 where a state grows for 16384 steps; the sum over n runs in index
 *            order.
 * Source     written from the definition; decays in two parts: docs/numerics.md.
 */
#include "../simd.h"
#include "common.h"
#include <omp.h>
#include <stdbool.h>

enum { STEPS = 64, CHUNK = 4, SHARE = 4 };

/* LANES channels of one group. */
struct block {
    int64_t d, lanes;                  /* channels d ... d + lanes-1 */
    floats A[STATE_MAX], h[STATE_MAX]; /* A[0] is that of all states where A is scalar */
};

/* Times t ... t + steps-1 of group g of batch b: what its blocks share, and scratch of one block.
 */
struct tile {
    const struct selscan_call *call;
    int64_t b, g, t, steps;
    int64_t stride_n, stride_t; /* of B and C */
    float B[STATE_MAX * STEPS], C[STATE_MAX * STEPS];
    floats u[STEPS], x[STEPS], y[STEPS];
    floats delta[STEPS]; /* delta', or the rest of exp(delta'*A) where A is scalar */
    floats whole[STEPS]; /* of exp(delta'*A) where A is scalar */
};

/* `width` fp32 values a channel, those of the block's first channel from element `first` on. */
static struct simd_tile parameters(const struct tile *k, const struct block *block,
                                   enum selscan_tensor tensor, int64_t first, int64_t width)
{
    return (struct simd_tile){.array = k->call->tensor[tensor],
                              .dtype = DTYPE_F32,
                              .first = first,
                              .lane_stride = width,
                              .row_stride = 1,
                              .lanes = block->lanes,
                              .rows = width};
}

/* The tile of u, delta, z or out. */
static struct simd_tile signals(const struct tile *k, const struct block *block,
                                enum selscan_tensor tensor)
{
    const struct selscan *p = &k->call->p;
    return (struct simd_tile){.array = k->call->tensor[tensor],
                              .dtype = (enum dtype)p->dtype,
                              .first = selscan_at(p, k->b, block->d, k->t),
                              .lane_stride = selscan_at(p, 0, 1, 0),
                              .row_stride = selscan_at(p, 0, 0, 1),
                              .lanes = block->lanes,
                              .rows = k->steps};
}

/* The tile of B or C, in whole vectors of whichever axis is contiguous. */
static void load_shared(const struct tile *k, enum selscan_tensor tensor, float *out)
{
    const struct selscan *p = &k->call->p;
    const bool last = p->layout == CHANNEL_LAST;
    const int64_t rows = last ? k->steps : p->state, run = last ? p->state : k->steps;
    const int64_t stride = last ? k->stride_t : k->stride_n;
    for (int64_t row = 0; row < rows; row++) {
        const int64_t at = selscan_bc_at(p, k->b, k->g, last ? 0 : row, k->t + (last ? row : 0));
        for (int64_t i = 0; i < run; i += LANES)
            simd_store(out, DTYPE_F32, row * stride + i, LANES,
                       simd_load(k->call->tensor[tensor], (enum dtype)p->dtype, at + i, run - i));
    }
}

/* u, x = delta'*u, y = 0, and what the walk wants to know of delta'. */
static void prepare(struct tile *k, const struct block *block)
{
    const struct selscan *p = &k->call->p;
    const struct simd_tile u = signals(k, block, SELSCAN_U);
    const struct simd_tile delta = signals(k, block, SELSCAN_DELTA);
    const float *bias = k->call->tensor[SELSCAN_DELTA_BIAS];
    const floats shift = bias ? simd_load(bias, DTYPE_F32, block->d, block->lanes) : simd_all(0);
    simd_load_tile(&u, k->u);
    simd_load_tile(&delta, k->delta);
    for (int64_t i = 0; i < k->steps; i++) {
        const floats raw = k->delta[i] + shift, d = p->softplus ? simd_softplus(raw) : raw;
        k->delta[i] = p->a == A_SCALAR ? simd_decay(d * block->A[0], &k->whole[i]) : d;
        k->x[i] = d * k->u[i];
        k->y[i] = simd_all(0);
    }
}

/* Takes states n ... n + count-1 of a block through the tile. */
static inline __attribute__((always_inline)) void walk(struct tile *k, struct block *block,
                                                       bool full, int64_t n, int count)
{
    const bool reverse = k->call->p.reverse;
    const int64_t stride_n = k->stride_n, stride_t = k->stride_t;
    floats h[CHUNK];

    memcpy(h, block->h + n, (size_t)count * sizeof *h);
    for (int64_t step = 0; step < k->steps; step++) {
        const int64_t i = reverse ? k->steps - 1 - step : step;
        floats y = k->y[i];
#pragma GCC unroll 4
        for (int j = 0; j < count; j++) {
            const int64_t bc = (n + j) * stride_n + i * stride_t;
            floats whole = k->whole[i], rest = k->delta[i];
            if (full)
                rest = simd_decay(rest * block->A[n + j], &whole);
            h[j] = simd_fma(whole, h[j], simd_fma(rest, h[j], k->x[i] * k->B[bc]));
            y = simd_fma(simd_all(k->C[bc]), h[j], y);
        }
        k->y[i] = y;
    }
    memcpy(block->h + n, h, (size_t)count * sizeof *h);
}

static inline __attribute__((always_inline)) void walk_states(struct tile *k, struct block *block,
                                                              bool full)
{
    const int64_t state = k->call->p.state, whole = state - state % CHUNK;
    for (int64_t n = 0; n < whole; n += CHUNK)
        walk(k, block, full, n, CHUNK);
    for (int64_t n = whole; n < state; n++)
        walk(k, block, full, n, 1);
}

/* Skip, gate, one rounding. */
static void finish(struct tile *k, const struct block *block)
{
    const struct selscan *p = &k->call->p;
    const struct simd_tile z = signals(k, block, SELSCAN_Z);
    const struct simd_tile out = signals(k, block, SELSCAN_OUT);
    if (p->skip) {
        const floats D = simd_load(k->call->tensor[SELSCAN_D], DTYPE_F32, block->d, block->lanes);
        for (int64_t i = 0; i < k->steps; i++)
            k->y[i] = simd_fma(D, k->u[i], k->y[i]);
    }
    if (p->gate) {
        simd_load_tile(&z, k->delta);
        for (int64_t i = 0; i < k->steps; i++)
            k->y[i] *= simd_silu(k->delta[i]);
    }
    simd_store_tile(&out, k->y);
}

/* All times of `count` blocks of the tile's group. */
static void scan_blocks(struct tile *k, struct block block[], int count)
{
    const struct selscan *p = &k->call->p;
    const int64_t padded = (p->state + LANES - 1) / LANES * LANES;
    k->stride_n = p->layout == CHANNEL_LAST ? 1 : STEPS;
    k->stride_t = p->layout == CHANNEL_LAST ? padded : 1;

    for (int i = 0; i < count; i++) {
        const int64_t d = block[i].d, width = selscan_a_at(p, 1, 0);
        const struct simd_tile A = parameters(k, &block[i], SELSCAN_A, d * width, width);
        const struct simd_tile initial = parameters(k, &block[i], SELSCAN_INITIAL,
                                                    (k->b * p->channels + d) * p->state, p->state);
        simd_load_tile(&A, block[i].A);
        memset(block[i].h, 0, sizeof block[i].h);
        if (initial.array)
            simd_load_tile(&initial, block[i].h);
    }
    for (int64_t step = 0; step < p->length; step += STEPS) {
        k->steps = p->length - step < STEPS ? p->length - step : STEPS;
        k->t = p->reverse ? p->length - step - k->steps : step;
        load_shared(k, SELSCAN_B, k->B);
        load_shared(k, SELSCAN_C, k->C);
        for (int i = 0; i < count; i++) {
            prepare(k, &block[i]);
            if (p->a == A_SCALAR)
                walk_states(k, &block[i], false);
            else
                walk_states(k, &block[i], true);
            finish(k, &block[i]);
        }
    }
    for (int i = 0; i < count; i++) {
        const struct simd_tile last = parameters(
            k, &block[i], SELSCAN_FINAL, (k->b * p->channels + block[i].d) * p->state, p->state);
        if (last.array)
            simd_store_tile(&last, block[i].h);
    }
}

static int run(const void *problem, void *const tensor[], void *workspace, void *stream)
{
    const struct selscan_call call = selscan_pack(problem, tensor);
    const struct selscan *p = &call.p;
    const int64_t channels = p->channels / p->groups, pairs = p->batch * p->groups;
    const int64_t blocks = (channels + LANES - 1) / LANES; /* of a pair */
    /* B and C are shared by as many blocks as leave a turn to every thread. */
    const int64_t each = pairs * blocks / omp_get_max_threads();
    const int64_t share = each < 1 ? 1 : each < SHARE ? each : SHARE;
    const int64_t turns = (blocks + share - 1) / share;
    (void)workspace, (void)stream;
#pragma omp parallel for schedule(dynamic)
    for (int64_t turn = 0; turn < pairs * turns; turn++) {
        struct block block[SHARE];
        struct tile k;
        int count = 0;
        k.call = &call;
        k.b = turn / turns / p->groups;
        k.g = turn / turns % p->groups;
        const int64_t first = turn % turns * share * LANES, left = channels - first;
        for (int64_t at = 0; at < left && count < share; at += LANES) {
            block[count].d = k.g * channels + first + at;
            block[count].lanes = left - at < LANES ? left - at : LANES;
            count++;
        }
        scan_blocks(&k, block, count);
    }
    return 0;
}

VARIANT(selscan_simd) = {.accepts = selscan_accepts, .run = run};
