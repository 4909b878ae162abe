/* What the selective scan tells the harness: shapes, compulsory work, refusals. Counted by hand for
 * batch 2, channels 3, length 5, state 4, one group:
 *     u delta z out 30 elements each, B C 40 each, A 12 (scalar 3), D delta_bias 3 each,
 *     initial final 24 each; 30 outputs, 120 updates. */
#include "operation.h"
#include "selscan.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

extern const struct operation selscan_operation;

static const struct selscan SMALL = {
    .batch = 2, .channels = 3, .length = 5, .state = 4, .groups = 1};
static const struct selscan FULL = {.batch = 2,
                                    .channels = 3,
                                    .length = 5,
                                    .state = 4,
                                    .groups = 1,
                                    .skip = 1,
                                    .gate = 1,
                                    .bias = 1,
                                    .softplus = 1,
                                    .initial = 1,
                                    .final = 1};

Test(selscan_operation, compulsory_bytes)
{
    struct selscan scalar = SMALL, half = FULL;
    scalar.a = A_SCALAR;
    half.dtype = DTYPE_BF16;
    const int narrow = 4 * 30 + 2 * 40, wide = 12 + 2 * 3 + 2 * 24;
    cr_assert(eq(dbl, selscan_operation.cost(&SMALL).bytes, 4 * (3 * 30 + 2 * 40 + 12)));
    cr_assert(eq(dbl, selscan_operation.cost(&scalar).bytes, 4 * (3 * 30 + 2 * 40 + 3)));
    cr_assert(eq(dbl, selscan_operation.cost(&FULL).bytes, 4 * (narrow + wide)));
    cr_assert(eq(dbl, selscan_operation.cost(&half).bytes, 2 * narrow + 4 * wide));
}

Test(selscan_operation, groups_multiply_the_bytes_of_B_and_C)
{
    struct selscan p = SMALL;
    p.groups = 3;
    cr_assert(eq(dbl, selscan_operation.cost(&p).bytes, 4 * (3 * 30 + 3 * 2 * 40 + 12)));
}

Test(selscan_operation, exponentials)
{
    struct selscan scalar = SMALL, gate = SMALL, softplus = SMALL;
    scalar.a = A_SCALAR;
    gate.gate = softplus.softplus = 1;
    cr_assert(eq(dbl, selscan_operation.cost(&SMALL).exps, 120));
    cr_assert(eq(dbl, selscan_operation.cost(&scalar).exps, 30));
    cr_assert(eq(dbl, selscan_operation.cost(&gate).exps, 120 + 30));
    cr_assert(eq(dbl, selscan_operation.cost(&softplus).exps, 120 + 2 * 30));
}

/* An update: a*h + x*B (3), y + C*h (2), delta*A (1; an output's where A is scalar). An output:
 * delta*u (1), delta + bias (1), y + D*u (2), silu: 1 + exp, division, product (3), 1 + exp (1). */
Test(selscan_operation, flops)
{
    struct selscan scalar = SMALL;
    scalar.a = A_SCALAR;
    cr_assert(eq(dbl, selscan_operation.cost(&SMALL).flops, 120 * 6 + 30));
    cr_assert(eq(dbl, selscan_operation.cost(&scalar).flops, 120 * 5 + 30 + 30));
    cr_assert(eq(dbl, selscan_operation.cost(&FULL).flops, 120 * 6 + 30 * (1 + 1 + 2 + 3 + 1)));
}

Test(selscan_operation, cost_of_a_large_problem_does_not_wrap)
{
    struct selscan p = SMALL;
    p.batch = p.channels = p.length = INT64_C(1) << 31, p.state = 1;
    cr_assert(eq(dbl, selscan_operation.cost(&p).exps, 0x1p93));
}

Test(selscan_operation, tensors_follow_the_options)
{
    struct tensor tensor[SELSCAN_TENSORS];
    static const int optional[] = {SELSCAN_D, SELSCAN_Z, SELSCAN_DELTA_BIAS, SELSCAN_INITIAL,
                                   SELSCAN_FINAL};
    for (int full = 0; full < 2; full++) {
        selscan_operation.tensors(full ? &FULL : &SMALL, tensor);
        for (int i = 0; i < 5; i++)
            cr_assert(eq(int, tensor[optional[i]].present, full), "%s", tensor[optional[i]].name);
        for (int i = 0; i < SELSCAN_TENSORS; i++)
            cr_assert(eq(int, tensor[i].output, i == SELSCAN_OUT || i == SELSCAN_FINAL), "%s",
                      tensor[i].name);
    }
}

/* Time has 5 steps; a row of initial and final runs along 4 states. */
Test(selscan_operation, rows_run_along_time)
{
    static const int length[SELSCAN_TENSORS] = {5, 5, WHOLE, 5, 5, WHOLE, 5, WHOLE, 4, 5, 4};
    struct tensor tensor[SELSCAN_TENSORS];
    struct selscan p = FULL;
    for (p.layout = CHANNEL_FIRST; p.layout <= CHANNEL_LAST; p.layout++) {
        selscan_operation.tensors(&p, tensor);
        for (int i = 0; i < SELSCAN_TENSORS; i++) {
            const int axis = tensor[i].row_axis;
            cr_assert(lt(int, axis, tensor[i].rank), "%s", tensor[i].name);
            cr_assert(eq(int, axis == WHOLE ? WHOLE : (int)tensor[i].dim[axis], length[i]), "%s",
                      tensor[i].name);
        }
        cr_assert(eq(i64, tensor[SELSCAN_OUT].dim[p.layout == CHANNEL_LAST ? 2 : 1], 3));
    }
}

/* The table of docs/numerics.md; u, B, C, D, z and initial are bells unless it says otherwise. */
Test(selscan_operation, what_is_drawn)
{
    static const struct {
        enum selscan_inputs inputs;
        int scalar, softplus, bias, tensor;
        struct fill fill;
    } drawn[] = {
        {INPUTS_INIT, 0, 0, 0, SELSCAN_DELTA, {FILL_LOG_UNIFORM, -9.965784, -3.321928, 0}},
        {INPUTS_INIT, 0, 1, 0, SELSCAN_DELTA, {FILL_INVERSE_SOFTPLUS, -9.965784, -3.321928, 0}},
        {INPUTS_INIT, 0, 1, 1, SELSCAN_DELTA, {FILL_BELL, 0, 0.2, 0}},
        {INPUTS_INIT,
         0,
         1,
         1,
         SELSCAN_DELTA_BIAS,
         {FILL_INVERSE_SOFTPLUS, -9.965784, -3.321928, 0}},
        {INPUTS_INIT, 0, 0, 0, SELSCAN_A, {FILL_RAMP, -1, 0, 4}},
        {INPUTS_INIT, 1, 0, 0, SELSCAN_A, {FILL_UNIFORM, -16, -1, 0}},
        {INPUTS_INIT, 0, 0, 0, SELSCAN_INITIAL, {FILL_BELL, 0, 1, 0}},
        {INPUTS_TEST, 0, 0, 0, SELSCAN_DELTA, {FILL_UNIFORM, 0, 0.5, 0}},
        {INPUTS_TEST, 0, 0, 1, SELSCAN_DELTA_BIAS, {FILL_UNIFORM, 0, 0.5, 0}},
        {INPUTS_TEST, 0, 0, 0, SELSCAN_A, {FILL_UNIFORM, -0.5, 0, 0}},
        {INPUTS_TEST, 0, 0, 0, SELSCAN_U, {FILL_BELL, 0, 1, 0}},
        {INPUTS_SLOW, 0, 0, 0, SELSCAN_A, {FILL_UNIFORM, -20, -19.8, 0}},
        {INPUTS_SLOW, 0, 0, 0, SELSCAN_U, {FILL_UNIFORM, 0, 1, 0}},
        {INPUTS_SLOW, 0, 0, 0, SELSCAN_B, {FILL_UNIFORM, 0, 1, 0}},
        {INPUTS_STRONG, 0, 0, 0, SELSCAN_A, {FILL_UNIFORM, -20, 0, 0}},
        {INPUTS_IMPULSES, 0, 0, 0, SELSCAN_U, {FILL_IMPULSES, 1, 0, 0}},
        {INPUTS_IMPULSES, 0, 0, 0, SELSCAN_A, {FILL_NEGATIVE_LOG, -4, 4, 0}},
        {INPUTS_LARGE_DELTA, 0, 1, 0, SELSCAN_DELTA, {FILL_UNIFORM, -30, 30, 0}},
        {INPUTS_INTEGERS, 0, 0, 0, SELSCAN_A, {FILL_CONSTANT, 0, 0, 0}},
        {INPUTS_INTEGERS, 0, 0, 0, SELSCAN_INITIAL, {FILL_INTEGERS, -8, 8, 0}},
        {INPUTS_GROWING, 0, 0, 0, SELSCAN_A, {FILL_UNIFORM, 0, 0.02, 0}},
        {INPUTS_GROWING, 0, 0, 0, SELSCAN_DELTA, {FILL_INTEGERS, 0, 1, 0}},
        {INPUTS_MIXED_SCALE, 0, 0, 0, SELSCAN_U, {FILL_SIGNED_LOG, -33, 33, 0}},
        {INPUTS_MIXED_SCALE, 0, 0, 0, SELSCAN_A, {FILL_NEGATIVE_LOG, -4, 4, 0}},
        {INPUTS_FORGOTTEN, 0, 0, 0, SELSCAN_INITIAL, {FILL_BELL, 0, 1e6, 0}},
        {INPUTS_FORGOTTEN, 0, 0, 0, SELSCAN_A, {FILL_UNIFORM, -20, -19.8, 0}},
        {INPUTS_NONFINITE, 0, 0, 0, SELSCAN_U, {FILL_SPOILED, 0, 1, 0}},
    };
    for (size_t i = 0; i < sizeof drawn / sizeof *drawn; i++) {
        struct selscan p = SMALL;
        struct fill fill[SELSCAN_TENSORS];
        p.inputs = drawn[i].inputs, p.a = drawn[i].scalar, p.decay = 2;
        p.softplus = drawn[i].softplus, p.bias = drawn[i].bias;
        selscan_operation.inputs(&p, fill);
        const struct fill *got = &fill[drawn[i].tensor], *wanted = &drawn[i].fill;
        cr_assert(eq(int, got->kind, wanted->kind), "row %zu", i);
        cr_assert(epsilon_eq(dbl, got->a, wanted->a, 1e-12), "row %zu", i);
        cr_assert(epsilon_eq(dbl, got->b, wanted->b, 1e-12), "row %zu", i);
        if (wanted->kind == FILL_RAMP)
            cr_assert(eq(i64, got->period, wanted->period));
    }
}

/* With a decay, nonfinite inputs have it in each step, and B is spoiled as well. */
Test(selscan_operation, nonfinite_inputs_may_decay)
{
    struct selscan p = SMALL;
    struct fill fill[SELSCAN_TENSORS];
    p.inputs = INPUTS_NONFINITE;
    selscan_operation.inputs(&p, fill);
    cr_assert(ne(int, fill[SELSCAN_B].kind, FILL_SPOILED));
    cr_assert(eq(int, fill[SELSCAN_DELTA].kind, FILL_UNIFORM));
    cr_assert(epsilon_eq(dbl, fill[SELSCAN_DELTA].b, 0.5, 1e-12));
    p.decay = 2;
    selscan_operation.inputs(&p, fill);
    cr_assert(eq(int, fill[SELSCAN_B].kind, FILL_SPOILED));
    cr_assert(eq(int, fill[SELSCAN_U].kind, FILL_SPOILED));
    cr_assert(epsilon_eq(dbl, fill[SELSCAN_A].a, -20, 1e-12));
}

Test(selscan_operation, check_blames_the_key)
{
    const char *key = NULL;
    struct selscan p = SMALL;
    p.groups = 2;
    cr_assert(eq(str, (char *)selscan_operation.check(&p, &key), "groups must divide channels"));
    cr_assert(eq(str, (char *)key, "groups"));

    p = SMALL;
    p.inputs = INPUTS_INTEGERS, p.gate = 1;
    cr_assert_not_null(selscan_operation.check(&p, &key), "gated integers");
    cr_assert(eq(str, (char *)key, "inputs"));
    p.gate = 0, p.softplus = 1;
    cr_assert_not_null(selscan_operation.check(&p, &key), "integers through softplus");

    p = SMALL;
    p.inputs = INPUTS_SLOW;
    cr_assert_not_null(selscan_operation.check(&p, &key), "slow inputs without a decay");
    p.inputs = INPUTS_STRONG;
    cr_assert_not_null(selscan_operation.check(&p, &key), "strong inputs without a decay");
}

Test(selscan_operation, check_accepts_what_is_right)
{
    const char *key = NULL;
    struct selscan slow = SMALL, integers = FULL;
    slow.inputs = INPUTS_SLOW, slow.decay = 1e-5, slow.groups = 3;
    integers.inputs = INPUTS_INTEGERS, integers.gate = integers.softplus = 0;
    cr_assert_null(selscan_operation.check(&SMALL, &key));
    cr_assert_null(selscan_operation.check(&FULL, &key));
    cr_assert_null(selscan_operation.check(&slow, &key));
    cr_assert_null(selscan_operation.check(&integers, &key));
}

Test(selscan_operation, only_integers_are_exact)
{
    struct selscan p = SMALL;
    for (p.inputs = INPUTS_INIT; p.inputs <= INPUTS_INTEGERS; p.inputs++)
        cr_assert(eq(int, selscan_operation.exact(&p), p.inputs == INPUTS_INTEGERS));
}
