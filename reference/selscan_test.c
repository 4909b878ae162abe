/* The reference along time: closed forms of the recurrence, and problems rearranged by hand. */
#include "operation.h"
#include "selscan.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>

extern const struct operation selscan_operation;

static const struct selscan PLAIN = {
    .batch = 1, .channels = 1, .length = 1, .state = 1, .groups = 1};

/* Every option, three groups, no size equal to another. */
static const struct selscan RICH = {.batch = 2,
                                    .channels = 6,
                                    .length = 17,
                                    .state = 5,
                                    .groups = 3,
                                    .skip = 1,
                                    .gate = 1,
                                    .bias = 1,
                                    .softplus = 1,
                                    .initial = 1,
                                    .final = 1};

/* A problem in memory: f32 inputs, zero until they are set; outputs NaN until they are computed. */
struct fixture {
    struct selscan p;
    int64_t elements[SELSCAN_TENSORS];
    void *in[SELSCAN_TENSORS];
    double *out, *final, *scale; /* scale is that of final */
};

static struct fixture setup(const struct selscan *p)
{
    const int64_t u = p->batch * p->channels * p->length, h = p->batch * p->channels * p->state;
    const int64_t b = p->batch * p->groups * p->state * p->length, d = p->channels;
    const int64_t a = p->a == A_SCALAR ? d : d * p->state;
    struct fixture f = {*p, {u, u, a, b, b, d, u, d, h, u, h}, {0}, NULL, NULL, NULL};
    for (int i = 0; i < SELSCAN_OUT; i++)
        f.in[i] = calloc((size_t)f.elements[i], sizeof(float));
    f.out = malloc((size_t)u * sizeof(double));
    f.final = malloc((size_t)h * sizeof(double));
    f.scale = malloc((size_t)h * sizeof(double));
    for (int64_t i = 0; i < u; i++)
        f.out[i] = NAN;
    for (int64_t i = 0; i < h; i++)
        f.final[i] = f.scale[i] = NAN;
    return f;
}

static void release(struct fixture *f)
{
    for (int i = 0; i < SELSCAN_OUT; i++)
        free(f->in[i]);
    free(f->out);
    free(f->final);
    free(f->scale);
}

static void scan(struct fixture *f)
{
    const void *input[SELSCAN_TENSORS] = {0};
    double *output[SELSCAN_TENSORS] = {0}, *scale[SELSCAN_TENSORS] = {0};
    for (int i = 0; i < SELSCAN_OUT; i++)
        input[i] = f->in[i];
    output[SELSCAN_OUT] = f->out;
    output[SELSCAN_FINAL] = f->final;
    scale[SELSCAN_FINAL] = f->scale;
    selscan_operation.reference(&f->p, input, output, scale);
}

static void fill(struct fixture *f, int tensor, float value)
{
    for (int64_t i = 0; i < f->elements[tensor]; i++)
        ((float *)f->in[tensor])[i] = value;
}

/* Multiples of 1/64 in [low, high), another sequence for every tensor. */
static void draw(struct fixture *f, int tensor, double low, double high)
{
    uint32_t random = 12345u + 977u * (uint32_t)tensor;
    for (int64_t i = 0; i < f->elements[tensor]; i++) {
        random = random * 1664525u + 1013904223u;
        const double unit = (double)(random >> 8) * 0x1p-24;
        ((float *)f->in[tensor])[i] = (float)(floor((low + (high - low) * unit) * 64) / 64);
    }
}

static void draw_all(struct fixture *f)
{
    for (int i = 0; i < SELSCAN_OUT; i++)
        draw(f, i, -1, 1);
    draw(f, SELSCAN_A, -1, 0);
}

static bool near(double got, double wanted, double relative)
{
    return fabs(got - wanted) <= relative * fabs(wanted);
}

/* The largest difference over the largest wanted value. */
static double distance(const double got[], const double wanted[], int64_t count)
{
    double difference = 0, scale = 0;
    for (int64_t i = 0; i < count; i++) {
        if (!(fabs(got[i] - wanted[i]) <= difference))
            difference = fabs(got[i] - wanted[i]);
        scale = fmax(scale, fabs(wanted[i]));
    }
    return difference / scale;
}

Test(selscan_reference, zero_A_is_a_prefix_sum)
{
    enum { BATCH = 2, CHANNELS = 3, LENGTH = 50, STATE = 4 };
    struct selscan p = PLAIN;
    p.batch = BATCH, p.channels = CHANNELS, p.length = LENGTH, p.state = STATE;
    struct fixture f = setup(&p);
    draw(&f, SELSCAN_U, -192, 192);
    draw(&f, SELSCAN_DELTA, 0, 128);
    draw(&f, SELSCAN_B, -128, 128);
    draw(&f, SELSCAN_C, -128, 128);
    scan(&f);

    const float *u = f.in[SELSCAN_U], *delta = f.in[SELSCAN_DELTA];
    const float *B = f.in[SELSCAN_B], *C = f.in[SELSCAN_C];
    for (int row = 0; row < BATCH * CHANNELS; row++) {
        double sum[STATE] = {0};
        for (int t = 0; t < LENGTH; t++) {
            const int i = row * LENGTH + t, b = row / CHANNELS;
            double y = 0;
            for (int n = 0; n < STATE; n++) {
                sum[n] += (double)delta[i] * (double)B[(b * STATE + n) * LENGTH + t] * (double)u[i];
                y += (double)C[(b * STATE + n) * LENGTH + t] * sum[n];
            }
            cr_assert(eq(dbl, f.out[i], y), "row %d, time %d", row, t);
        }
    }
    release(&f);
}

Test(selscan_reference, the_scale_of_a_final_state_is_its_peak_after_a_step)
{
    struct selscan p = PLAIN;
    p.length = 3, p.initial = p.final = 1;
    struct fixture f = setup(&p);
    const float u[] = {1, -7, 3};
    memcpy(f.in[SELSCAN_U], u, sizeof u);
    fill(&f, SELSCAN_DELTA, 1);
    fill(&f, SELSCAN_B, 1);
    fill(&f, SELSCAN_INITIAL, 100);
    fill(&f, SELSCAN_A, -1e6f); /* forgets at once: h = 1, -7, 3 */
    scan(&f);
    cr_assert(eq(dbl, f.final[0], 3));
    cr_assert(eq(dbl, f.scale[0], 7));
    release(&f);
}

Test(selscan_reference, constant_input_is_a_geometric_series)
{
    struct selscan p = PLAIN;
    p.length = 200, p.final = 1;
    struct fixture f = setup(&p);
    fill(&f, SELSCAN_U, 3);
    fill(&f, SELSCAN_DELTA, 0.5f);
    fill(&f, SELSCAN_A, -0.25f);
    fill(&f, SELSCAN_B, 2);
    fill(&f, SELSCAN_C, -1.5f);
    scan(&f);

    const double ratio = exp(-0.125);
    double h = 0;
    for (int t = 0; t < 200; t++) {
        h = 0.5 * 2 * 3 * (1 - exp(-0.125 * (t + 1))) / (1 - ratio);
        cr_assert(near(f.out[t], -1.5 * h, 1e-13), "time %d: %.17g", t, f.out[t]);
    }
    cr_assert(near(f.final[0], h, 1e-13));
    release(&f);
}

/* y[t] = sum over n of C[n,t] B[n,s] delta[s] u[s] exp(A[n] (delta[s+1] + ... + delta[t])). */
Test(selscan_reference, impulse_response)
{
    enum { LENGTH = 40, STATE = 3, AT = 7 };
    struct selscan p = PLAIN;
    p.length = LENGTH, p.state = STATE;
    struct fixture f = setup(&p);
    draw_all(&f);
    draw(&f, SELSCAN_DELTA, 0.125, 0.5);
    fill(&f, SELSCAN_U, 0);
    ((float *)f.in[SELSCAN_U])[AT] = 4;
    scan(&f);

    const float *delta = f.in[SELSCAN_DELTA], *A = f.in[SELSCAN_A];
    const float *B = f.in[SELSCAN_B], *C = f.in[SELSCAN_C];
    double passed = 0;
    for (int t = 0; t < AT; t++)
        cr_assert(eq(dbl, f.out[t], 0), "an output before its cause");
    for (int t = AT; t < LENGTH; t++) {
        double y = 0, scale = 0;
        passed += t > AT ? (double)delta[t] : 0;
        for (int n = 0; n < STATE; n++) {
            const double term = (double)C[n * LENGTH + t] * (double)B[n * LENGTH + AT] *
                                (double)delta[AT] * 4 * exp((double)A[n] * passed);
            y += term;
            scale += fabs(term);
        }
        cr_assert(le(dbl, fabs(f.out[t] - y), 1e-14 * scale), "time %d", t);
    }
    release(&f);
}

Test(selscan_reference, initial_state_decays)
{
    enum { LENGTH = 30, STATE = 2 };
    struct selscan p = PLAIN;
    p.length = LENGTH, p.state = STATE, p.initial = p.final = 1;
    struct fixture f = setup(&p);
    draw_all(&f);
    fill(&f, SELSCAN_U, 0);
    fill(&f, SELSCAN_DELTA, 0.25f);
    fill(&f, SELSCAN_C, 1);
    scan(&f);

    const float *A = f.in[SELSCAN_A], *initial = f.in[SELSCAN_INITIAL];
    for (int t = 0; t < LENGTH; t++) {
        const double h[] = {(double)initial[0] * exp(0.25 * (double)A[0] * (t + 1)),
                            (double)initial[1] * exp(0.25 * (double)A[1] * (t + 1))};
        cr_assert(le(dbl, fabs(f.out[t] - h[0] - h[1]), 1e-14 * (fabs(h[0]) + fabs(h[1]))));
    }
    for (int n = 0; n < STATE; n++)
        cr_assert(near(f.final[n], (double)initial[n] * exp(0.25 * (double)A[n] * LENGTH), 1e-14));
    release(&f);
}

/* Steps `from` ... of a channel_last problem of one sequence, as a problem of its own. */
static struct fixture part(const struct fixture *whole, int64_t from, int64_t length)
{
    struct selscan p = whole->p;
    p.length = length;
    struct fixture f = setup(&p);
    for (int i = 0; i < SELSCAN_OUT; i++) {
        const bool timed =
            i != SELSCAN_A && i != SELSCAN_D && i != SELSCAN_DELTA_BIAS && i != SELSCAN_INITIAL;
        const int64_t step = timed ? f.elements[i] / length : 0;
        memcpy(f.in[i], (float *)whole->in[i] + from * step, (size_t)f.elements[i] * sizeof(float));
    }
    return f;
}

Test(selscan_reference, split_and_resume_equals_whole)
{
    enum { SPLIT = 7 };
    struct selscan p = RICH;
    p.batch = 1, p.layout = CHANNEL_LAST;
    struct fixture whole = setup(&p);
    draw_all(&whole);
    scan(&whole);
    struct fixture first = part(&whole, 0, SPLIT), second = part(&whole, SPLIT, p.length - SPLIT);
    scan(&first);
    for (int64_t i = 0; i < p.channels * p.state; i++)
        ((float *)second.in[SELSCAN_INITIAL])[i] = (float)first.final[i];
    scan(&second);

    /* The state is rounded to f32 in between. */
    const int64_t head = SPLIT * p.channels, tail = (p.length - SPLIT) * p.channels;
    cr_assert(eq(dbl, distance(first.out, whole.out, head), 0));
    cr_assert(le(dbl, distance(second.out, whole.out + head, tail), 1e-6));
    cr_assert(le(dbl, distance(second.final, whole.final, p.channels * p.state), 1e-6));
    release(&whole);
    release(&first);
    release(&second);
}

/* The element of a rearranged tensor that holds element i of a channel_first tensor with `rows`
 * rows in each sequence. */
typedef int64_t place_function(const struct fixture *f, int64_t rows, int64_t i);

/* The inputs of `f` in other places, for problem `p`. */
static struct fixture rearrange(const struct fixture *f, const struct selscan *p,
                                place_function *place)
{
    struct fixture copy = setup(p);
    const int64_t u = p->channels, b = p->groups * p->state;
    const int64_t rows[SELSCAN_OUT] = {u, u, 0, b, b, 0, u, 0, 0}; /* 0: not along time */
    for (int tensor = 0; tensor < SELSCAN_OUT; tensor++)
        for (int64_t i = 0; i < f->elements[tensor]; i++)
            ((float *)copy.in[tensor])[rows[tensor] ? place(f, rows[tensor], i) : i] =
                ((float *)f->in[tensor])[i];
    return copy;
}

static int64_t flipped(const struct fixture *f, int64_t rows, int64_t i)
{
    const int64_t length = f->p.length;
    (void)rows;
    return i / length * length + length - 1 - i % length;
}

static int64_t transposed(const struct fixture *f, int64_t rows, int64_t i)
{
    const int64_t length = f->p.length, row = i / length % rows, sequence = i / length / rows;
    return (sequence * length + i % length) * rows + row;
}

/* Runs `p`, whose inputs are RICH's put in other places, and compares what comes out. */
static void assert_rearranged(const struct selscan *p, place_function *place)
{
    struct fixture f = setup(&RICH);
    draw_all(&f);
    struct fixture other = rearrange(&f, p, place);
    scan(&f);
    scan(&other);
    const int64_t count = f.elements[SELSCAN_OUT];
    double *expected = malloc((size_t)count * sizeof *expected);
    for (int64_t i = 0; i < count; i++)
        expected[place(&f, f.p.channels, i)] = f.out[i];
    cr_assert(le(dbl, distance(other.out, expected, count), 1e-14));
    cr_assert(le(dbl, distance(other.final, f.final, f.elements[SELSCAN_FINAL]), 1e-14));
    free(expected);
    release(&f);
    release(&other);
}

Test(selscan_reference, reverse_equals_flipped_inputs)
{
    struct selscan p = RICH;
    p.reverse = 1;
    assert_rearranged(&p, flipped);
}

Test(selscan_reference, channel_last_equals_channel_first_transposed)
{
    struct selscan p = RICH;
    p.layout = CHANNEL_LAST;
    assert_rearranged(&p, transposed);
}

Test(selscan_reference, scalar_A_equals_full_A_of_equal_entries)
{
    struct selscan p = RICH;
    p.a = A_SCALAR;
    struct fixture full = setup(&RICH), scalar = setup(&p);
    draw_all(&full);
    draw_all(&scalar);
    for (int64_t i = 0; i < full.elements[SELSCAN_A]; i++)
        ((float *)full.in[SELSCAN_A])[i] = ((float *)scalar.in[SELSCAN_A])[i / p.state];
    scan(&full);
    scan(&scalar);
    cr_assert(le(dbl, distance(scalar.out, full.out, full.elements[SELSCAN_OUT]), 1e-14));
    cr_assert(le(dbl, distance(scalar.final, full.final, full.elements[SELSCAN_FINAL]), 1e-14));
    release(&full);
    release(&scalar);
}
