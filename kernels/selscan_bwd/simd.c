/* selscan_bwd/simd: states in the lanes of a vector, a tile of steps of a channel in registers and
 * the nearest cache.
 *
 * Computes   all of reference/selscan_bwd.h, in fp32.
 * Accepts    state <= 256; every option.
 * Layout     one block of 32 channels of a batch and group per loop turn, turns spread over OpenMP
 *            threads. Lane = state of a channel; of u delta z dout du ddelta dz lane = step. On the
 *            stack, per tile of 32 steps: B C dB dC as [LANES states][step], shared by the channels
 *            of the block, and what of u delta z dout is wanted, as [channel][step]. Workspace: dB
 *            and dC of each block; the states before each tile of a block, per thread.
 * Algorithm  forward through all tiles but the last, for the states before each; then from the last
 *            tile to the first: its states again, kept, and back. Sums over states stay in lanes
 *            until the tile is done, then LANES steps at a time are transposed and added.
 * Cost       bytes: selscan_bwd's, plus u and delta once more; B twice, C once and 8 bytes for each
 *            of their elements, for each block. Exponentials twice. Lanes idle where state is no
 *            multiple of LANES. Workspace: 8 bytes for each element of B and 32 channels, 4*(state
 *            + 2) for each row (12 where A is scalar), 4*length*state for each thread, lengths and
 *            states in whole tiles and vectors.
 * Error      f32 2e-6; 5e-6 where a state grows for 16384 steps; in dA 5e-7 of the sum of its
 *            terms' sizes. Order: sums over channels and sequences as in sums.h; those over states
 *            lane by lane, states that are LANES apart first.
 * Source     written from the definition; decays in two parts: docs/numerics.md.
 */
#include "tile.h"
#include <omp.h>
#include <stdbool.h>

/* Sums over the states of a channel, each of LANES partial ones, for each step of a tile. */
struct partial {
    floats y[STEPS], dx[STEPS], da[STEPS]; /* of C*h, B*dh, A*a*h'*dh */
};

/* exp(delta'*A) of vector v of channel c at step i, in two parts. */
static inline __attribute__((always_inline)) floats decay(const struct tile *k, int64_t c,
                                                          int64_t v, int64_t i, bool full,
                                                          floats *whole)
{
    if (full) /* cost only: else it is the same in all states */
        return simd_decay(k->delta[c][i] * k->A[c][v], whole);
    *whole = simd_all(k->whole[c][i]);
    return simd_all(k->rest[c][i]);
}

/* The place in time of step `step` of the tile. */
static inline int64_t place(const struct tile *k, int64_t step)
{
    return k->call->in.p.reverse ? k->steps - 1 - step : step;
}

/* Vector v of channel c, from states `from` before the tile to those after it. */
static inline __attribute__((always_inline)) void sweep(const struct tile *k, int64_t c, int64_t v,
                                                        bool full, const float *from, float *to)
{
    floats h = load(from);
    for (int64_t step = 0; step < k->steps; step++) {
        const int64_t i = place(k, step);
        floats whole;
        const floats rest = decay(k, c, v, i, full, &whole);
        h = simd_fma(whole, h, simd_fma(rest, h, k->x[c][i] * k->B[v][i]));
    }
    store(to, h);
}

/* Vector v of channel c through the tile, and back; adds to the sums. */
static inline __attribute__((always_inline)) void walk(struct tile *k, int64_t c, int64_t v,
                                                       bool full, const float *from,
                                                       struct partial *sum)
{
    const floats A = k->A[c][v];
    floats h[STEPS + 1], rest[STEPS], whole[STEPS], dh = k->dh[c][v], dA = simd_all(0);
    h[0] = load(from);
    for (int64_t step = 0; step < k->steps; step++) {
        const int64_t i = place(k, step);
        rest[step] = decay(k, c, v, i, full, &whole[step]);
        h[step + 1] =
            simd_fma(whole[step], h[step], simd_fma(rest[step], h[step], k->x[c][i] * k->B[v][i]));
    }
    floats some = simd_all(0), all = simd_all(1); /* the decay of the step behind */
    for (int64_t step = k->steps - 1; step >= 0; step--) {
        const int64_t i = place(k, step);
        const floats dy = simd_all(k->dy[c][i]), C = k->C[v][i];
        dh = simd_fma(all, dh, simd_fma(some, dh, C * dy));
        all = whole[step], some = rest[step];
        const floats through = simd_fma(all, h[step], some * h[step]) * dh;
        sum->y[i] = simd_fma(C, h[step + 1], sum->y[i]);
        sum->dx[i] = simd_fma(k->B[v][i], dh, sum->dx[i]);
        sum->da[i] = simd_fma(A, through, sum->da[i]);
        k->dB[v][i] = simd_fma(simd_all(k->x[c][i]), dh, k->dB[v][i]);
        k->dC[v][i] = simd_fma(dy, h[step + 1], k->dC[v][i]);
        dA = simd_fma(simd_all(k->delta[c][i]), through, dA);
    }
    k->dh[c][v] = simd_fma(all, dh, some * dh);
    for (int lane = 0; lane < LANES; lane++)
        k->dA[c][v * LANES + lane] += (double)dA[lane];
}

/* The sums of LANES steps; their lanes are those steps then. */
static inline floats add_lanes(floats sum[LANES])
{
    simd_transpose(sum);
    for (int i = 1; i < LANES; i++)
        sum[0] += sum[i];
    return sum[0];
}

/* What lanes hold, in double. */
static inline double total(floats value)
{
    double sum = 0;
    for (int lane = 0; lane < LANES; lane++)
        sum += (double)value[lane];
    return sum;
}

/* du, ddelta and dz of channel c take the places of u, delta' and dz's other factor. */
static void finish(struct tile *k, int64_t c, struct partial *sum)
{
    const float *skip = k->call->tensor[SELSCAN_BWD_D];
    const floats D = simd_all(skip ? skip[k->block->d + c] : 0);
    for (int64_t i = 0; i < k->steps; i += LANES) {
        const floats u = load(&k->u[c][i]), dy = load(&k->dy[c][i]);
        const floats y = add_lanes(sum->y + i), dx = add_lanes(sum->dx + i);
        const floats ddelta = simd_fma(u, dx, add_lanes(sum->da + i)) * load(&k->slope[c][i]);
        k->dD[c] += total(dy * u);
        k->ddelta_bias[c] += total(ddelta);
        store(&k->u[c][i], simd_fma(D, dy, load(&k->delta[c][i]) * dx));
        store(&k->delta[c][i], ddelta);
        if (k->call->in.p.gate) /* cost only: it is not stored without */
            store(&k->dz[c][i], load(&k->dz[c][i]) * simd_fma(D, u, y));
    }
}

/* Floats that hold the states of a block before one tile. */
static int64_t states_of(const struct selscan *p)
{
    return BLOCK * ((p->state + LANES - 1) / LANES) * LANES;
}

static int64_t tiles_of(const struct selscan *p)
{
    return (p->length + STEPS - 1) / STEPS;
}

/* A, what passes into the last tile, and the states before the first one, which go to `saved`. */
static void begin(struct tile *k, float *saved)
{
    const struct selscan *p = &k->call->in.p;
    const struct block *block = k->block;
    const float *A = k->call->tensor[SELSCAN_BWD_A];
    const float *initial = k->call->tensor[SELSCAN_BWD_INITIAL];
    const float *dfinal = k->call->tensor[SELSCAN_BWD_DFINAL];
    memset(k->dA, 0, sizeof k->dA);
    memset(k->dD, 0, sizeof k->dD);
    memset(k->ddelta_bias, 0, sizeof k->ddelta_bias);
    for (int64_t c = 0; c < block->channels; c++)
        for (int64_t v = 0; v < k->vectors; v++) {
            const int64_t d = block->d + c, row = block->b * p->channels + d;
            k->A[c][v] = p->a == A_FULL ? load_states(k, A, d, v) : simd_all(A[d]);
            k->dh[c][v] = dfinal ? load_states(k, dfinal, row, v) : simd_all(0);
            store(saved + (c * k->vectors + v) * LANES,
                  initial ? load_states(k, initial, row, v) : simd_all(0));
        }
}

/* What passes out of the first step, and the shares of the channels. */
static void end(const struct tile *k, const struct sums *s)
{
    const struct selscan *p = &k->call->in.p;
    const int64_t row = k->block->b * p->channels + k->block->d;
    for (int64_t c = 0; c < k->block->channels; c++) {
        for (int64_t v = 0; v < k->vectors && p->initial; v++)
            simd_store(k->call->tensor[SELSCAN_BWD_DINITIAL], DTYPE_F32,
                       (row + c) * p->state + v * LANES, p->state - v * LANES, k->dh[c][v]);
        sums_keep(p, sums_share(p, s, 0, row + c), k->dA[c], k->dD[c], k->ddelta_bias[c]);
    }
}

/* All tiles of a block; `saved` is for its states before each. */
static inline __attribute__((always_inline)) void take_block(struct tile *k, bool full,
                                                             float *saved)
{
    const struct selscan *p = &k->call->in.p;
    const int64_t each = states_of(p), tiles = tiles_of(p), channels = k->block->channels;
    for (int64_t tile = 0; tile < tiles - 1; tile++) {
        float *const from = saved + tile * each;
        prepare(k, tile * STEPS);
        for (int64_t i = 0; i < channels * k->vectors; i++)
            sweep(k, i / k->vectors, i % k->vectors, full, from + i * LANES,
                  from + each + i * LANES);
    }
    for (int64_t tile = tiles - 1; tile >= 0; tile--) {
        prepare(k, tile * STEPS);
        prepare_back(k);
        for (int64_t c = 0; c < channels; c++) {
            struct partial sum = {{{0}}};
            for (int64_t v = 0; v < k->vectors; v++)
                walk(k, c, v, full, saved + tile * each + (c * k->vectors + v) * LANES, &sum);
            finish(k, c, &sum);
        }
        store_tile(k);
    }
}

static size_t workspace(const void *problem)
{
    const struct selscan *p = problem;
    const int64_t saved = omp_get_max_threads() * tiles_of(p) * states_of(p);
    return (size_t)(sums_size(p, 1) + saved) * sizeof(float);
}

static int run(const void *problem, void *const tensor[], void *memory, void *stream)
{
    const struct selscan_bwd_call call = selscan_bwd_pack(problem, tensor);
    const struct selscan *p = &call.in.p;
    const struct sums s = sums_carve(p, 1, memory);
    float *const every = (float *)memory + sums_size(p, 1); /* of each thread */
    (void)stream;
#pragma omp parallel for schedule(dynamic)
    for (int64_t i = 0; i < sums_blocks(p, &s); i++) {
        const struct block block = sums_block(p, &s, i);
        float *const saved = every + omp_get_thread_num() * tiles_of(p) * states_of(p);
        struct tile k;
        k.call = &call;
        k.block = &block;
        k.vectors = (p->state + LANES - 1) / LANES;
        begin(&k, saved);
        if (p->a == A_SCALAR)
            take_block(&k, false, saved);
        else
            take_block(&k, true, saved);
        end(&k, &s);
    }
    sums_reduce(&call, &s);
    return 0;
}

VARIANT(selscan_bwd_simd) = {.accepts = selscan_accepts, .workspace = workspace, .run = run};
