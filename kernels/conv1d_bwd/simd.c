/* conv1d_bwd/simd: time in the lanes of a vector, or channels when channel_last.
 *
 * Computes   dx, dweight, dbias and dinitial of reference/conv1d_bwd.h: sums over taps in fp32,
 *            sums over batch and length of at most 256 terms each in fp32, then in double.
 * Accepts    any shape; every option. Inputs are only read.
 * Layout     channel_first: lane = one of LANES neighbouring steps of a row; channel_last: one of
 *            LANES channels. Tiles of 1024 steps, or of 64 when channel_last, are widened on the
 *            stack in the order of steps, x with width-1 steps on each side. Turns are a channel,
 *            or LANES of them, of 16 sequences, spread over OpenMP threads.
 * Algorithm  per tile: g of its steps and of width-1 behind; dx; products for the weights, a tap
 *            after the other. All are sums of vectors that lie one step apart, loaded unaligned.
 *            With seq_idx, lanes whose sequences differ are masked.
 * Cost       bytes: conv1d_bwd's; what lies around a tile is loaded and computed again: with width
 *            4, 0.3 % (channel_first) and 5 %. Workspace: 8 bytes for each sum and 16 sequences.
 * Error      f32 1e-6 at worst. Order of the sums: a lane's terms within a tile, ascending; lanes,
 *            tiles and sequences in double, ascending; whatever the number of threads.
 * Source     written from the definition.
 */
#include "../simd.h"
#include "common.h"
#include <stdbool.h>

enum { GROUP = 16, HALO_MAX = CONV1D_WIDTH_MAX - 1, STEPS_FIRST = 1024, STEPS_LAST = 64 };

/* Floats of a tile with what lies around it, in either layout; vectors may stick out behind. */
enum {
    FLOATS_FIRST = STEPS_FIRST + 2 * HALO_MAX,
    FLOATS_LAST = (STEPS_LAST + 2 * HALO_MAX) * LANES
};
enum { FLOATS = (FLOATS_FIRST > FLOATS_LAST ? FLOATS_FIRST : FLOATS_LAST) + 2 * LANES };

/* Steps first ... first + steps-1 of channels d ... d + lanes-1 of sequence b; lanes is 1 when
 * channel_first. A step is `stride` floats. x and sequence begin at step
 * first - halo, g at step first. */
struct tile {
    const struct conv1d *p;
    void *const *tensor;
    int64_t b, d, lanes, first, steps;
    int64_t halo, stride;
    floats weight[CONV1D_WIDTH_MAX], bias;
    double sum[CONV1D_WIDTH_MAX + 1][LANES]; /* of dweight, then dbias */
    float x[FLOATS], g[FLOATS];
    int32_t sequence[FLOATS];
};

static inline floats load(const float *from)
{
    floats value;
    memcpy(&value, from, sizeof value);
    return value;
}

static inline ints load_ints(const int32_t *from)
{
    ints value;
    memcpy(&value, from, sizeof value);
    return value;
}

/* `value` in the lanes where two steps are of one sequence, else 0. */
static inline floats where_joined(const int32_t *a, const int32_t *b, floats value)
{
    return (floats)((uints)value & (uints)(load_ints(a) == load_ints(b)));
}

static void reverse_floats(float value[], int64_t count)
{
    for (int64_t i = 0; i < count / 2; i++) {
        const float other = value[i];
        value[i] = value[count - 1 - i];
        value[count - 1 - i] = other;
    }
}

/* Steps from ... to-1 of x or dout, all within 0 ... length, in the order of steps. */
static void widen(const struct tile *k, enum conv1d_bwd_tensor tensor, int64_t from, int64_t to,
                  float *out)
{
    const struct conv1d *p = k->p;
    const enum dtype dtype = (enum dtype)p->dtype;
    if (k->stride == 1 && to > from) {
        const int64_t time = p->reverse ? conv1d_time(p, to - 1) : from;
        const int64_t at = conv1d_at(p, k->b, k->d, time);
        int64_t i = 0;
        for (; i + LANES <= to - from; i += LANES)
            simd_store(out, DTYPE_F32, i, LANES,
                       simd_load(k->tensor[tensor], dtype, at + i, LANES));
        simd_store(out, DTYPE_F32, i, to - from - i,
                   simd_load(k->tensor[tensor], dtype, at + i, to - from - i));
        if (p->reverse)
            reverse_floats(out, to - from);
        return;
    }
    for (int64_t step = from; step < to; step++)
        simd_store(out, DTYPE_F32, (step - from) * k->stride, LANES,
                   simd_load(k->tensor[tensor], dtype,
                             conv1d_at(p, k->b, k->d, conv1d_time(p, step)), k->lanes));
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* x, dout in place of g, and sequences; zeros, and sequence -1, outside of the row. */
static void load_tile(struct tile *k)
{
    const struct conv1d *p = k->p;
    const int64_t start = k->first - k->halo, end = k->first + k->steps + k->halo;
    const int64_t from = clamp(start, 0, p->length), to = clamp(end, 0, p->length);
    const int64_t room = (end - start) * k->stride + LANES;
    memset(k->x, 0, (size_t)room * sizeof *k->x);
    memset(k->g, 0, (size_t)(room - k->halo * k->stride) * sizeof *k->g);
    widen(k, CONV1D_BWD_X, from, to, k->x + (from - start) * k->stride);
    widen(k, CONV1D_BWD_DOUT, k->first, to, k->g);
    for (int64_t step = start; step < 0 && p->initial; step++)
        for (int64_t lane = 0; lane < k->lanes && step >= -k->halo; lane++)
            k->x[(step - start) * k->stride + lane] =
                conv1d_sample(p, k->tensor, k->b, k->d + lane, step);
    for (int64_t i = 0; i < room && p->seq_idx; i++) {
        const int64_t step = start + i / k->stride;
        k->sequence[i] =
            step >= 0 && step < p->length ? conv1d_sequence(p, k->tensor, k->b, step) : -1;
    }
}

static floats slope(floats v)
{
    const floats z = simd_exp((floats)((uints)v | 0x80000000u)), large = 1 / (1 + z);
    const floats small = z * large;
    const ints negative = v < 0;
    const floats toward = (floats)simd_choose(negative, (uints)small, (uints)large);
    const floats away = (floats)simd_choose(negative, (uints)large, (uints)small);
    return toward * simd_fma(v, away, simd_all(1));
}

/* dout becomes g, of the tile's steps and of width-1 behind. */
static inline __attribute__((always_inline)) void slopes(struct tile *k, int64_t width, bool seq)
{
    const int64_t stride = k->stride, end = (k->steps + width - 1) * stride;
    const int64_t own = (width - 1) * stride; /* of a step in x, counted from its first sample */
    for (int64_t i = 0; i < end; i += LANES) {
        floats g = load(k->g + i), pre = k->bias;
        if (k->p->act == ACT_SILU) {
            for (int64_t w = 0; w < width; w++) {
                const floats x = load(k->x + i + w * stride);
                const int32_t *s = k->sequence + i;
                pre =
                    simd_fma(k->weight[w], seq ? where_joined(s + w * stride, s + own, x) : x, pre);
            }
            g *= slope(pre);
        }
        const ints real = seq ? load_ints(k->sequence + i + own) != -1 : ~(ints){0};
        g = (floats)((uints)g & (uints)real);
        memcpy(k->g + i, &g, sizeof g);
    }
}

/* Adds to the sums; vectors that stick out behind the tile's steps count in part. */
static inline __attribute__((always_inline)) void add_sums(struct tile *k, int64_t width, bool seq)
{
    const int64_t stride = k->stride, end = k->steps * stride, own = (width - 1) * stride;
    const floats one = simd_all(1);
    ints number;
    for (int i = 0; i < LANES; i++)
        number[i] = i;
    for (int64_t w = 0; w <= width; w++) {
        floats sum = simd_all(0);
        for (int64_t i = 0; i < end; i += LANES) {
            const floats g = load(k->g + i), x = w < width ? load(k->x + i + w * stride) : one;
            const int32_t *s = k->sequence + i;
            ints counts = number < (ints){0} + (int32_t)(end - i);
            if (seq && w < width)
                counts &= load_ints(s + w * stride) == load_ints(s + own);
            sum = (floats)simd_choose(counts, (uints)simd_fma(g, x, sum), (uints)sum);
        }
        for (int lane = 0; lane < LANES; lane++)
            k->sum[w][k->stride == 1 ? 0 : lane] += (double)sum[lane];
    }
}

/* dx of all steps of the tile, over its x, which nobody needs any more. */
static inline __attribute__((always_inline)) void convolve(struct tile *k, int64_t width, bool seq)
{
    const int64_t stride = k->stride, own = (width - 1) * stride;
    for (int64_t i = 0; i < k->steps * stride; i += LANES) {
        floats dx = simd_all(0);
        for (int64_t w = 0; w < width; w++) {
            const floats g = load(k->g + i + own - w * stride);
            const int32_t *s = k->sequence + i + own;
            dx = simd_fma(k->weight[w], seq ? where_joined(s, s + own - w * stride, g) : g, dx);
        }
        memcpy(k->x + i, &dx, sizeof dx);
    }
}

static void store_tile(struct tile *k)
{
    const struct conv1d *p = k->p;
    const enum dtype dtype = (enum dtype)p->dtype;
    void *const to = k->tensor[CONV1D_BWD_DX];
    const int64_t reached = clamp(p->length - k->halo - k->first, 0, k->steps);
    for (int64_t i = reached; i < k->steps && p->final; i++)
        for (int64_t lane = 0; lane < k->lanes; lane++)
            k->x[i * k->stride + lane] +=
                conv1d_bwd_dfinal(p, k->tensor, k->b, k->d + lane, k->first + i);
    if (k->stride == 1) {
        const int64_t time = p->reverse ? conv1d_time(p, k->first + k->steps - 1) : k->first;
        const int64_t at = conv1d_at(p, k->b, k->d, time);
        if (p->reverse)
            reverse_floats(k->x, k->steps);
        for (int64_t i = 0; i < k->steps; i += LANES)
            simd_store(to, dtype, at + i, k->steps - i, load(k->x + i));
        return;
    }
    for (int64_t i = 0; i < k->steps; i++)
        simd_store(to, dtype, conv1d_at(p, k->b, k->d, conv1d_time(p, k->first + i)), k->lanes,
                   load(k->x + i * k->stride));
}

static inline __attribute__((always_inline)) void take_tile(struct tile *k, int64_t width, bool seq)
{
    load_tile(k);
    slopes(k, width, seq);
    add_sums(k, width, seq);
    convolve(k, width, seq);
    store_tile(k);
}

static void take_sequences(struct tile *k)
{
    take_tile(k, k->p->width, true);
}

static void take_4_taps(struct tile *k)
{
    take_tile(k, 4, false);
}

static void take_taps(struct tile *k)
{
    take_tile(k, k->p->width, false);
}

/* Sequence k->b of the tile's channels. */
static void walk(struct tile *k)
{
    const struct conv1d *p = k->p;
    const int64_t steps = k->stride == 1 ? STEPS_FIRST : STEPS_LAST;
    for (k->first = 0; k->first < p->length; k->first += steps) {
        k->steps = p->length - k->first < steps ? p->length - k->first : steps;
        (p->seq_idx ? take_sequences : p->width == 4 ? take_4_taps : take_taps)(k);
    }
    for (int64_t i = 0; i < k->lanes * k->halo && p->initial; i++) {
        const int64_t d = k->d + i % k->lanes, j = i / k->lanes;
        dtype_store(k->tensor[CONV1D_BWD_DINITIAL], (enum dtype)p->dtype,
                    conv1d_state_at(p, k->b, d, j),
                    conv1d_bwd_sample(p, k->tensor, k->b, d, j - k->halo));
    }
}

/* Sequences of one turn; their sums go to `partial`, (sums, lanes) of them. */
static void take_turn(struct tile *k, int64_t end, double *partial)
{
    const struct conv1d *p = k->p;
    const bool last = p->layout == CONV1D_CHANNEL_LAST;
    float parameter[LANES] = {0};
    for (int64_t w = 0; w <= p->width; w++) {
        for (int64_t lane = 0; lane < LANES; lane++) {
            const int64_t d = k->d + (last && lane < k->lanes ? lane : 0);
            parameter[lane] =
                w < p->width ? conv1d_weight(p, k->tensor, d, w) : conv1d_bias(p, k->tensor, d);
        }
        *(w < p->width ? &k->weight[w] : &k->bias) = load(parameter);
    }
    memset(k->sum, 0, sizeof k->sum);
    for (; k->b < end; k->b++)
        walk(k);
    for (int64_t w = 0; w < conv1d_bwd_sums(p); w++)
        for (int64_t lane = 0; lane < k->lanes; lane++)
            partial[w * p->channels + k->d + lane] = k->sum[w][lane];
}

static int64_t parts_of(const struct conv1d *p)
{
    return (p->batch + GROUP - 1) / GROUP;
}

static size_t workspace_bytes(const void *problem)
{
    const struct conv1d *p = problem;
    return (size_t)(parts_of(p) * conv1d_bwd_sums(p) * p->channels) * sizeof(double);
}

static int run(const void *problem, void *const tensor[], void *workspace, void *stream)
{
    const struct conv1d *p = problem;
    const int64_t lanes = p->layout == CONV1D_CHANNEL_LAST ? LANES : 1, parts = parts_of(p);
    const int64_t columns = (p->channels + lanes - 1) / lanes, count = conv1d_bwd_sums(p);
    double *const partial = workspace; /* (parts, sums, channels) */
    (void)stream;
#pragma omp parallel for schedule(dynamic)
    for (int64_t turn = 0; turn < parts * columns; turn++) {
        struct tile k;
        const int64_t part = turn / columns, end = (part + 1) * GROUP;
        k.p = p, k.tensor = tensor;
        k.d = turn % columns * lanes, k.b = part * GROUP;
        k.lanes = p->channels - k.d < lanes ? p->channels - k.d : lanes;
        k.halo = p->width - 1, k.stride = lanes;
        take_turn(&k, end < p->batch ? end : p->batch, partial + part * count * p->channels);
    }
#pragma omp parallel for
    for (int64_t d = 0; d < p->channels; d++)
        for (int64_t w = 0; w < count; w++) {
            double sum = 0;
            for (int64_t part = 0; part < parts; part++)
                sum += partial[(part * count + w) * p->channels + d];
            conv1d_bwd_store_sum(p, tensor, d, w, (float)sum);
        }
    return 0;
}

VARIANT(conv1d_bwd_simd) = {.workspace = workspace_bytes, .run = run};
