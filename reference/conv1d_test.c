/* The reference of conv1d along time: impulses, states, and problems rearranged by hand. */
#include "conv1d_fixture.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

extern const struct variant conv1d_direct_cpu;

static const struct conv1d PLAIN = {.batch = 1, .channels = 1, .length = 1, .width = 4};

/* Every option that goes with states, no size equal to another. */
static const struct conv1d RICH = {.batch = 2,
                                   .channels = 3,
                                   .length = 17,
                                   .width = 5,
                                   .act = ACT_SILU,
                                   .bias = 1,
                                   .initial = 1,
                                   .final = 1};

static bool near(double got, double wanted)
{
    return fabs(got - wanted) <= 1e-14 * fmax(1, fabs(wanted));
}

Test(conv1d, an_impulse_gives_the_weights_back)
{
    enum { AT = 7 };
    struct conv1d p = {.batch = 1, .channels = 3, .length = 20, .width = 5};
    for (p.layout = 0; p.layout < 2; p.layout++)
        for (p.reverse = 0; p.reverse < 2; p.reverse++) {
            struct fixture f = setup(&conv1d_operation, &p);
            memset(f.in[CONV1D_X], 0, (size_t)f.elements[CONV1D_X] * sizeof(float));
            for (int d = 0; d < 3; d++)
                f.in[CONV1D_X][conv1d_at(&p, 0, d, AT)] = 1;
            run(&f);
            for (int d = 0; d < 3; d++)
                for (int t = 0; t < p.length; t++) {
                    const int w = 4 - (p.reverse ? AT - t : t - AT);
                    const double wanted =
                        w >= 0 && w < 5 ? (double)f.in[CONV1D_WEIGHT][d * 5 + w] : 0;
                    cr_assert(eq(dbl, f.out[CONV1D_OUT][conv1d_at(&p, 0, d, t)], wanted));
                }
            release(&f);
        }
}

Test(conv1d, by_hand)
{
    const float x[] = {2, 3, 5}, weight[] = {7, 11, 13, 17}, bias = 0.5f, initial[] = {19, 23, 29};
    const void *input[CONV1D_TENSORS] = {x, weight, &bias, initial};
    const double silu_2_5 = 2.310354549946891122;
    double out[3], final[3], *output[CONV1D_TENSORS] = {NULL, NULL, NULL, NULL, NULL, out, final};
    struct conv1d p = PLAIN;
    p.length = 3, p.bias = p.initial = p.final = 1;
    conv1d_operation.reference(&p, input, output, NULL);
    cr_assert(eq(dbl, out[0], 0.5 + 7 * 19 + 11 * 23 + 13 * 29 + 17 * 2));
    cr_assert(eq(dbl, out[1], 0.5 + 7 * 23 + 11 * 29 + 13 * 2 + 17 * 3));
    cr_assert(eq(dbl, out[2], 0.5 + 7 * 29 + 11 * 2 + 13 * 3 + 17 * 5));
    p.reverse = 1; /* the sample before the first step, 29, lies behind x[2] = 5 */
    conv1d_operation.reference(&p, input, output, NULL);
    cr_assert(eq(dbl, out[2], 0.5 + 7 * 19 + 11 * 23 + 13 * 29 + 17 * 5));
    cr_assert(eq(dbl, out[0], 0.5 + 7 * 29 + 11 * 5 + 13 * 3 + 17 * 2));
    cr_assert(final[0] == 5 && final[1] == 3 && final[2] == 2);
    p.length = 1, p.width = 1, p.act = ACT_SILU, p.initial = p.final = 0;
    const float two = 2, one = 1;
    input[CONV1D_X] = &two, input[CONV1D_WEIGHT] = &one;
    conv1d_operation.reference(&p, input, output, NULL);
    cr_assert(near(out[0], silu_2_5));
}

/* What is wanted of step `step` of initial followed by x. */
static float sample(const struct fixture *f, int64_t b, int64_t d, int64_t step)
{
    const struct conv1d *p = &f->p;
    if (step < 0)
        return p->initial ? f->in[CONV1D_INITIAL][conv1d_state_at(p, b, d, step + p->width - 1)]
                          : 0;
    return f->in[CONV1D_X][conv1d_at(p, b, d, p->reverse ? p->length - 1 - step : step)];
}

Test(conv1d, final_is_the_last_samples)
{
    struct conv1d p = {.batch = 2, .channels = 3, .final = 1, .pad = 2};
    for (p.width = 1; p.width < 7; p.width++)
        for (p.length = 1; p.length < 8; p.length++)
            for (int options = 0; options < 8; options++) {
                p.initial = options & 1, p.reverse = options >> 1 & 1, p.layout = options >> 2;
                struct fixture f = setup(&conv1d_operation, &p);
                run(&f);
                for (int b = 0; b < 2; b++)
                    for (int d = 0; d < 3; d++)
                        for (int j = 0; j < p.width - 1; j++)
                            cr_assert(eq(dbl, f.out[CONV1D_FINAL][conv1d_state_at(&p, b, d, j)],
                                         (double)sample(&f, b, d, p.length - p.width + 1 + j)));
                release(&f);
            }
}

/* Bits that a conversion to float and back would change: NaNs with a payload, of either kind. */
Test(conv1d, final_of_the_direct_variant_has_the_same_bits)
{
    const uint16_t x[] = {0x7c01, 0xfe02, 1}, weight[4] = {0}, initial[] = {0x7d03, 0x8001, 0xfc04};
    for (int64_t dtype = DTYPE_BF16; dtype <= DTYPE_F16; dtype++)
        for (int64_t length = 1; length <= 3; length++) {
            struct conv1d p = PLAIN;
            uint16_t out[3], final[3], all[6];
            void *tensor[CONV1D_TENSORS] = {(void *)x, (void *)weight, NULL, (void *)initial, NULL,
                                            out,       final};
            p.length = length, p.dtype = dtype, p.initial = p.final = 1;
            memcpy(all, initial, sizeof initial);
            memcpy(all + 3, x, sizeof x);
            cr_assert(zero(int, conv1d_direct_cpu.run(&p, tensor, NULL, NULL)));
            cr_assert(zero(int, memcmp(final, all + length, sizeof final)));
        }
}

/* Steps `from` ... `from`+`length`-1 of a channel_first problem, as a problem of its own. */
static struct fixture part(const struct fixture *whole, int64_t from, int64_t length)
{
    struct conv1d p = whole->p;
    p.length = length, p.seq_idx = 0;
    struct fixture f = setup(&conv1d_operation, &p);
    for (int64_t row = 0; row < p.batch * p.channels; row++)
        memcpy(f.in[CONV1D_X] + row * length, whole->in[CONV1D_X] + row * whole->p.length + from,
               (size_t)length * sizeof(float));
    return f;
}

static void assert_part(const struct fixture *whole, const struct fixture *f, int64_t from)
{
    for (int64_t row = 0; row < f->p.batch * f->p.channels; row++)
        for (int64_t t = 0; t < f->p.length; t++)
            cr_assert(eq(dbl, f->out[CONV1D_OUT][row * f->p.length + t],
                         whole->out[CONV1D_OUT][row * whole->p.length + from + t]));
}

Test(conv1d, split_and_resume_equals_whole)
{
    struct fixture whole = setup(&conv1d_operation, &RICH);
    run(&whole);
    for (int64_t split = 1; split < RICH.length; split++) {
        struct fixture first = part(&whole, 0, split);
        struct fixture second = part(&whole, split, RICH.length - split);
        run(&first);
        for (int64_t i = 0; i < first.elements[CONV1D_FINAL]; i++)
            second.in[CONV1D_INITIAL][i] = (float)first.out[CONV1D_FINAL][i];
        run(&second);
        assert_part(&whole, &first, 0);
        assert_part(&whole, &second, split);
        for (int64_t i = 0; i < whole.elements[CONV1D_FINAL]; i++)
            cr_assert(eq(dbl, second.out[CONV1D_FINAL][i], whole.out[CONV1D_FINAL][i]));
        release(&first);
        release(&second);
    }
    release(&whole);
}

Test(conv1d, sequences_in_a_row_equal_separate_ones)
{
    static const int64_t parts[][2] = {{0, 3}, {4, 1}, {5, 12}}; /* as drawn_sequence() has them */
    struct conv1d p = RICH;
    p.initial = p.final = 0, p.seq_idx = 1;
    for (p.reverse = 0; p.reverse < 2; p.reverse++) {
        struct fixture whole = setup(&conv1d_operation, &p);
        run(&whole);
        for (int i = 0; i < 3; i++) {
            struct fixture f = part(&whole, parts[i][0], parts[i][1]);
            run(&f);
            assert_part(&whole, &f, parts[i][0]);
            release(&f);
        }
        for (int64_t row = 0; row < p.batch * p.channels; row++)
            cr_assert(eq(dbl, whole.out[CONV1D_OUT][row * p.length + 3], 0), "padding");
        release(&whole);
    }
}

/* Runs `p`, whose x is RICH's put in other places, and compares what comes out: channel_last,
 * padded rows, and time backwards with x flipped change nothing but the places. */
static void assert_rearranged(const struct conv1d *p)
{
    struct fixture f = setup(&conv1d_operation, &RICH), other = setup(&conv1d_operation, p);
    for (int64_t b = 0; b < p->batch; b++)
        for (int64_t d = 0; d < p->channels; d++) {
            for (int64_t t = 0; t < p->length; t++)
                other.in[CONV1D_X][conv1d_at(p, b, d, conv1d_time(p, t))] =
                    f.in[CONV1D_X][conv1d_at(&RICH, b, d, t)];
            for (int64_t j = 0; j < p->width - 1; j++)
                other.in[CONV1D_INITIAL][conv1d_state_at(p, b, d, j)] =
                    f.in[CONV1D_INITIAL][conv1d_state_at(&RICH, b, d, j)];
        }
    run(&f);
    run(&other);
    int64_t gaps = 0;
    for (int64_t i = 0; i < other.elements[CONV1D_OUT]; i++)
        gaps += isnan(other.out[CONV1D_OUT][i]);
    cr_assert(eq(i64, gaps, other.elements[CONV1D_OUT] - f.elements[CONV1D_OUT]));
    for (int64_t b = 0; b < p->batch; b++)
        for (int64_t d = 0; d < p->channels; d++) {
            for (int64_t t = 0; t < p->length; t++)
                cr_assert(eq(dbl, other.out[CONV1D_OUT][conv1d_at(p, b, d, conv1d_time(p, t))],
                             f.out[CONV1D_OUT][conv1d_at(&RICH, b, d, t)]));
            for (int64_t j = 0; j < p->width - 1; j++)
                cr_assert(eq(dbl, other.out[CONV1D_FINAL][conv1d_state_at(p, b, d, j)],
                             f.out[CONV1D_FINAL][conv1d_state_at(&RICH, b, d, j)]));
        }
    release(&f);
    release(&other);
}

Test(conv1d, layout_gaps_and_direction_change_only_places)
{
    struct conv1d p = RICH;
    for (p.layout = 0; p.layout < 2; p.layout++)
        for (p.reverse = 0; p.reverse < 2; p.reverse++)
            for (p.pad = 0; p.pad < 4; p.pad += 3)
                assert_rearranged(&p);
}

/* Batch 2, channels 3, length 5, width 4: x and out 30 elements, weight 12, bias 3, states 18. */
Test(conv1d, cost)
{
    struct conv1d p = {.batch = 2, .channels = 3, .length = 5, .width = 4, .pad = 7};
    cr_assert(eq(dbl, conv1d_operation.cost(&p).bytes, 4 * (2 * 30 + 12)));
    cr_assert(eq(dbl, conv1d_operation.cost(&p).flops, 30 * (4 + 3)));
    cr_assert(eq(dbl, conv1d_operation.cost(&p).exps, 0));
    p.layout = CONV1D_CHANNEL_LAST, p.dtype = DTYPE_F16, p.weights = WEIGHTS_F32;
    p.bias = p.initial = p.final = 1, p.act = ACT_SILU;
    cr_assert(eq(dbl, conv1d_operation.cost(&p).bytes, 2 * (2 * 30 + 2 * 18) + 4 * (12 + 3)));
    cr_assert(eq(dbl, conv1d_operation.cost(&p).flops, 30 * (4 + 3 + 1 + 2)));
    cr_assert(eq(dbl, conv1d_operation.cost(&p).exps, 30));
    p.initial = p.final = 0, p.seq_idx = 1;
    cr_assert(eq(dbl, conv1d_operation.cost(&p).bytes, 2 * 2 * 30 + 4 * (12 + 3) + 4 * 10));
}

Test(conv1d, rows_run_along_time)
{
    struct conv1d p = RICH;
    struct tensor tensor[CONV1D_TENSORS];
    for (p.layout = 0; p.layout < 2; p.layout++) {
        conv1d_operation.tensors(&p, tensor);
        cr_assert(eq(i64, tensor[CONV1D_OUT].dim[tensor[CONV1D_OUT].row_axis], p.length));
        cr_assert(eq(i64, tensor[CONV1D_FINAL].dim[tensor[CONV1D_FINAL].row_axis], p.width - 1));
        for (int i = 0; i < CONV1D_TENSORS; i++)
            cr_assert(eq(int, tensor[i].output, i == CONV1D_OUT || i == CONV1D_FINAL));
    }
}

Test(conv1d, sequences_have_no_states)
{
    struct conv1d p = RICH;
    const char *key = NULL;
    cr_assert_null(conv1d_operation.check(&p, &key));
    p.seq_idx = 1;
    cr_assert_not_null(conv1d_operation.check(&p, &key));
    cr_assert(eq(str, (char *)key, "seq_idx"));
    p.initial = 0;
    cr_assert_not_null(conv1d_operation.check(&p, &key), "final is still there");
    p.final = 0;
    cr_assert_null(conv1d_operation.check(&p, &key));
}

Test(conv1d, whole_numbers_without_silu_are_exact)
{
    struct conv1d p = PLAIN;
    for (p.inputs = 0; p.inputs <= CONV1D_INPUTS_NONFINITE; p.inputs++)
        for (p.act = 0; p.act < 2; p.act++)
            cr_assert(eq(int, conv1d_operation.exact(&p),
                         !p.act && (p.inputs == CONV1D_INPUTS_INTEGERS ||
                                    p.inputs == CONV1D_INPUTS_IMPULSES)));
}
