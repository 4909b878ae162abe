/* selscan/simd: channels in the lanes of a vector, the state of a few n in registers.
 *
 * Computes   out and final of reference/selscan.h, in fp32.
 * Accepts    state <= 256; every option.
 * Layout     lane = one of LANES channels that share a batch and a group; one such block per loop
 *            turn, blocks spread over OpenMP threads. Tiles of 32 steps on the stack: u, delta, x,
 *            y, z as [step][lane], transposed on the way where channel_first; B and C widened in
 *            the order of the tensor.
 * Algorithm  per tile: softplus, delta*u and, where A is scalar, expm1(delta*A) for all steps; then
 *            four states at a time walk the tile in registers, adding C*h to y; then skip and gate.
 *            No sum ever crosses lanes, so a block costs the same for any state.
 * Cost       bytes: selscan's, plus B and C again for every further block, from cache where they
 *            fit. Per update: 3 multiply-adds and an add, and 11 more operations in expm1 where A
 *            is full. Parallelism: only batch*channels/LANES blocks; a group of fewer channels than
 *            LANES leaves lanes idle.
 * Error      f32 1e-6 at worst; the sum over n runs in index order.
 * Source     written from the definition; expm1 carry: docs/numerics.md.
 */
#include "../simd.h"
#include "common.h"
#include <stdbool.h>

enum { STATE_MAX = 256, STEPS = 32, CHUNK = 4 };

/* LANES channels of one group, and the tile of the time axis that they have come to. */
struct block {
    const struct selscan_call *call;
    int64_t b, g, d, lanes;            /* channels d ... d + lanes-1 of batch b, in group g */
    int64_t t, steps;                  /* the tile: times t ... t + steps-1 */
    floats A[STATE_MAX], h[STATE_MAX]; /* A[0] is that of all states where A is scalar */
    floats u[STEPS], delta[STEPS], x[STEPS], y[STEPS], z[STEPS];
    float B[STATE_MAX * STEPS], C[STATE_MAX * STEPS];
    int64_t stride_n, stride_t; /* of B and C here */
};

/* `width` fp32 values a channel, those of channel k->d from element `first` on. */
static struct simd_tile channel_tile(const struct block *k, enum selscan_tensor tensor,
                                     int64_t first, int64_t width)
{
    return (struct simd_tile){k->call->tensor[tensor], DTYPE_F32, first, width, 1, k->lanes, width};
}

/* The tile of u, delta, z or out. */
static struct simd_tile time_tile(const struct block *k, enum selscan_tensor tensor)
{
    const struct selscan *p = &k->call->p;
    const int64_t first = selscan_at(p, k->b, k->d, k->t);
    const int64_t lane_stride = selscan_at(p, 0, 1, 0), row_stride = selscan_at(p, 0, 0, 1);
    return (struct simd_tile){k->call->tensor[tensor],
                              (enum dtype)p->dtype,
                              first,
                              lane_stride,
                              row_stride,
                              k->lanes,
                              k->steps};
}

static void load_tile(struct simd_tile tile, floats row[])
{
    simd_load_tile(&tile, row);
}

/* The tile of B or C, widened, whole vectors of whichever axis is contiguous. */
static void load_shared(const struct block *k, enum selscan_tensor tensor, float *out)
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

/* From u and delta to x = delta'*u and what the walk wants: delta', or expm1(delta'*A). */
static void prepare(struct block *k)
{
    const struct selscan *p = &k->call->p;
    const float *bias = k->call->tensor[SELSCAN_DELTA_BIAS];
    const floats add = p->bias ? simd_load(bias, DTYPE_F32, k->d, k->lanes) : simd_all(0);
    load_tile(time_tile(k, SELSCAN_U), k->u);
    load_tile(time_tile(k, SELSCAN_DELTA), k->delta);
    for (int64_t i = 0; i < k->steps; i++) {
        const floats raw = k->delta[i] + add;
        const floats delta = p->softplus ? simd_softplus(raw) : raw;
        k->x[i] = delta * k->u[i];
        k->delta[i] = p->a == A_SCALAR ? simd_expm1(delta * k->A[0]) : delta;
        k->y[i] = simd_all(0);
    }
}

/* Takes states n ... n + count-1 through the tile. */
static inline __attribute__((always_inline)) void walk(struct block *k, bool full, int64_t n,
                                                       int count)
{
    const bool reverse = k->call->p.reverse;
    const int64_t stride_n = k->stride_n, stride_t = k->stride_t;
    const float *B = k->B + n * stride_n, *C = k->C + n * stride_n;
    floats h[CHUNK];

    memcpy(h, k->h + n, (size_t)count * sizeof *h);
    for (int64_t step = 0; step < k->steps; step++) {
        const int64_t i = reverse ? k->steps - 1 - step : step;
        floats y = k->y[i];
#pragma GCC unroll 8
        for (int j = 0; j < count; j++) {
            const int64_t bc = j * stride_n + i * stride_t;
            const floats d = full ? simd_expm1(k->delta[i] * k->A[n + j]) : k->delta[i];
            h[j] += simd_fma(d, h[j], k->x[i] * B[bc]);
            y = simd_fma(simd_all(C[bc]), h[j], y);
        }
        k->y[i] = y;
    }
    memcpy(k->h + n, h, (size_t)count * sizeof *h);
}

static inline __attribute__((always_inline)) void walk_states(struct block *k, bool full)
{
    const int64_t state = k->call->p.state, whole = state - state % CHUNK;
    for (int64_t n = 0; n < whole; n += CHUNK)
        walk(k, full, n, CHUNK);
    for (int64_t n = whole; n < state; n++)
        walk(k, full, n, 1);
}

/* Skip, gate, one rounding. */
static void finish(struct block *k)
{
    const struct selscan *p = &k->call->p;
    const struct simd_tile out = time_tile(k, SELSCAN_OUT);
    if (p->skip) {
        const floats D = simd_load(k->call->tensor[SELSCAN_D], DTYPE_F32, k->d, k->lanes);
        for (int64_t i = 0; i < k->steps; i++)
            k->y[i] = simd_fma(D, k->u[i], k->y[i]);
    }
    if (p->gate) {
        load_tile(time_tile(k, SELSCAN_Z), k->z);
        for (int64_t i = 0; i < k->steps; i++)
            k->y[i] *= simd_silu(k->z[i]);
    }
    simd_store_tile(&out, k->y);
}

static void scan_block(struct block *k)
{
    const struct selscan *p = &k->call->p;
    const int64_t state = p->state, row = (k->b * p->channels + k->d) * state;
    const int64_t padded = (state + LANES - 1) / LANES * LANES;
    k->stride_n = p->layout == CHANNEL_LAST ? 1 : STEPS;
    k->stride_t = p->layout == CHANNEL_LAST ? padded : 1;
    load_tile(channel_tile(k, SELSCAN_A, selscan_a_at(p, k->d, 0), selscan_a_at(p, 1, 0)), k->A);
    memset(k->h, 0, sizeof k->h);
    if (p->initial)
        load_tile(channel_tile(k, SELSCAN_INITIAL, row, state), k->h);

    for (int64_t step = 0; step < p->length; step += STEPS) {
        k->steps = p->length - step < STEPS ? p->length - step : STEPS;
        k->t = p->reverse ? p->length - step - k->steps : step;
        load_shared(k, SELSCAN_B, k->B);
        load_shared(k, SELSCAN_C, k->C);
        prepare(k);
        if (p->a == A_SCALAR)
            walk_states(k, false);
        else
            walk_states(k, true);
        finish(k);
    }
    if (p->final) {
        const struct simd_tile last = channel_tile(k, SELSCAN_FINAL, row, state);
        simd_store_tile(&last, k->h);
    }
}

static const char *accepts(const void *problem)
{
    return ((const struct selscan *)problem)->state <= STATE_MAX ? NULL : "state <= 256";
}

static int run(const void *problem, void *const tensor[], void *workspace, void *stream)
{
    const struct selscan_call call = selscan_pack(problem, tensor);
    const struct selscan *p = &call.p;
    const int64_t channels = p->channels / p->groups, blocks = (channels + LANES - 1) / LANES;
    (void)workspace, (void)stream;
#pragma omp parallel for schedule(dynamic)
    for (int64_t i = 0; i < p->batch * p->groups * blocks; i++) {
        const int64_t pair = i / blocks, lane = i % blocks * LANES;
        struct block k;
        k.call = &call;
        k.b = pair / p->groups;
        k.g = pair % p->groups;
        k.d = k.g * channels + lane;
        k.lanes = channels - lane < LANES ? channels - lane : LANES;
        scan_block(&k);
    }
    return 0;
}

VARIANT(selscan_simd) = {.accepts = accepts, .run = run};
