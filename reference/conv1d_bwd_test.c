/* The gradients of conv1d: against differences of its outputs, and as the adjoint of a linear map.
 */
#include "conv1d_fixture.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <omp.h>

static const int GRADIENT_OF[] = {
    [CONV1D_X] = CONV1D_BWD_DX,
    [CONV1D_WEIGHT] = CONV1D_BWD_DWEIGHT,
    [CONV1D_BIAS] = CONV1D_BWD_DBIAS,
    [CONV1D_INITIAL] = CONV1D_BWD_DINITIAL,
};

/* The forward problem on the inputs of a backward one. */
static struct fixture forward_of(const struct fixture *f)
{
    struct fixture forward = setup(&conv1d_operation, &f->p);
    for (int i = CONV1D_X; i <= CONV1D_INITIAL; i++)
        if (f->in[i])
            memcpy(forward.in[i], f->in[i], (size_t)f->elements[i] * sizeof(float));
    return forward;
}

/* sum of a*b, where b is not the NaN of a gap */
static double product(const float a[], const double b[], int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += isnan(b[i]) ? 0 : (double)a[i] * b[i];
    return sum;
}

/* <out, dout> + <final, dfinal> */
static double objective(const struct fixture *forward, const struct fixture *f)
{
    run(forward);
    return product(f->in[CONV1D_BWD_DOUT], forward->out[CONV1D_OUT],
                   forward->elements[CONV1D_OUT]) +
           product(f->in[CONV1D_BWD_DFINAL], forward->out[CONV1D_FINAL],
                   forward->elements[CONV1D_FINAL]);
}

/* Every gradient against the central difference of the objective: steps of 2^-12 are exact in f32,
 * and leave an error of 2^-24 of a third derivative. */
static void assert_differences(const struct conv1d *p)
{
    const float step = 0x1p-12f;
    struct fixture f = setup(&conv1d_bwd_operation, p), forward = forward_of(&f);
    run(&f);
    for (int i = CONV1D_X; i <= CONV1D_INITIAL; i++) {
        const double *gradient = f.out[GRADIENT_OF[i]];
        for (int64_t j = 0; j < forward.elements[i]; j++) {
            float *at = &forward.in[i][j];
            const float before = *at;
            *at = before + step;
            const double above = objective(&forward, &f);
            *at = before - step;
            const double below = objective(&forward, &f);
            *at = before;
            const double wanted = (above - below) / (2 * (double)step);
            if (isnan(gradient[j]) ? above != below : !(fabs(gradient[j] - wanted) <= 2e-6))
                cr_fatal("tensor %d, element %lld: %g, expected %g (width %lld, length %lld)", i,
                         (long long)j, gradient[j], wanted, (long long)p->width,
                         (long long)p->length);
        }
    }
    release(&f);
    release(&forward);
}

Test(conv1d_bwd, gradients_are_central_differences)
{
    static const int64_t widths[] = {1, 2, 4, 7}, lengths[] = {1, 3, 9};
    omp_set_num_threads(1);
    for (int options = 0; options < 128; options++)
        for (int size = 0; size < 12; size++) {
            struct conv1d p = {.batch = 2,
                               .channels = 2,
                               .length = lengths[size % 3],
                               .width = widths[size / 3],
                               .act = options & 1,
                               .bias = options >> 1 & 1,
                               .initial = options >> 2 & 1,
                               .final = options >> 3 & 1,
                               .reverse = options >> 4 & 1,
                               .layout = options >> 5 & 1,
                               .seq_idx = options >> 6 & 1};
            const char *key;
            p.pad = p.bias ? 1 : 0;
            if (!conv1d_bwd_operation.check(&p, &key))
                assert_differences(&p);
        }
}

/* Without silu, out and final are linear in (x, initial), and out in (weight, bias). */
Test(conv1d_bwd, adjoint_identities)
{
    for (int options = 0; options < 16; options++) {
        struct conv1d p = {.batch = 3, .channels = 5, .length = 41, .width = 4};
        p.reverse = options & 1, p.layout = options >> 1 & 1, p.seq_idx = options >> 2 & 1;
        p.initial = p.final = !p.seq_idx, p.pad = options >> 3 & 1, p.width = options & 8 ? 64 : 4;
        struct fixture f = setup(&conv1d_bwd_operation, &p), forward = forward_of(&f);
        run(&f);
        const double both = objective(&forward, &f);
        const double x =
            product(f.in[CONV1D_X], f.out[CONV1D_BWD_DX], f.elements[CONV1D_X]) +
            product(f.in[CONV1D_INITIAL], f.out[CONV1D_BWD_DINITIAL], f.elements[CONV1D_INITIAL]);
        cr_assert(epsilon_eq(dbl, both, x, 1e-11));

        const double out =
            product(f.in[CONV1D_BWD_DOUT], forward.out[CONV1D_OUT], forward.elements[CONV1D_OUT]);
        const double weight =
            product(f.in[CONV1D_WEIGHT], f.out[CONV1D_BWD_DWEIGHT], f.elements[CONV1D_WEIGHT]);
        cr_assert(epsilon_eq(dbl, out, weight, 1e-11));
        cr_assert(gt(dbl, fabs(out), 1e-3), "the test says something");
        release(&f);
        release(&forward);
    }
}

/* One row of length 3, width 2: dout 3, 5, 7 and dfinal 11. */
Test(conv1d_bwd, by_hand)
{
    const struct conv1d p = {
        .batch = 1, .channels = 1, .length = 3, .width = 2, .bias = 1, .initial = 1, .final = 1};
    struct fixture f = setup(&conv1d_bwd_operation, &p);
    const float x[] = {13, 17, 19}, weight[] = {23, 29}, dout[] = {3, 5, 7};
    memcpy(f.in[CONV1D_BWD_X], x, sizeof x);
    memcpy(f.in[CONV1D_BWD_WEIGHT], weight, sizeof weight);
    memcpy(f.in[CONV1D_BWD_DOUT], dout, sizeof dout);
    f.in[CONV1D_BWD_INITIAL][0] = 31, f.in[CONV1D_BWD_DFINAL][0] = 11;
    run(&f);
    cr_assert(eq(dbl, f.out[CONV1D_BWD_DX][0], 29 * 3 + 23 * 5));
    cr_assert(eq(dbl, f.out[CONV1D_BWD_DX][1], 29 * 5 + 23 * 7));
    cr_assert(eq(dbl, f.out[CONV1D_BWD_DX][2], 29 * 7 + 11));
    cr_assert(eq(dbl, f.out[CONV1D_BWD_DINITIAL][0], 23 * 3));
    cr_assert(eq(dbl, f.out[CONV1D_BWD_DWEIGHT][0], 31 * 3 + 13 * 5 + 17 * 7));
    cr_assert(eq(dbl, f.out[CONV1D_BWD_DWEIGHT][1], 13 * 3 + 17 * 5 + 19 * 7));
    cr_assert(eq(dbl, f.out[CONV1D_BWD_DBIAS][0], 3 + 5 + 7));
    release(&f);
}

/* Batch 2, channels 3, length 5, width 4: x dout dx 30 elements, weights 12, biases 3, states 18.
 */
Test(conv1d_bwd, cost)
{
    struct conv1d p = {.batch = 2, .channels = 3, .length = 5, .width = 4, .pad = 7};
    cr_assert(eq(dbl, conv1d_bwd_operation.cost(&p).bytes, 4 * (3 * 30 + 2 * 12)));
    cr_assert(eq(dbl, conv1d_bwd_operation.cost(&p).flops, 30 * (4 + 3 + 8)));
    cr_assert(eq(dbl, conv1d_bwd_operation.cost(&p).exps, 0));
    p.dtype = DTYPE_BF16, p.bias = p.initial = p.final = 1, p.act = ACT_SILU;
    cr_assert(eq(dbl, conv1d_bwd_operation.cost(&p).bytes,
                 2 * (3 * 30 + 12 + 3 + 3 * 18) + 4 * (12 + 3)));
    cr_assert(eq(dbl, conv1d_bwd_operation.cost(&p).flops, 30 * (4 + 3 + 8 + 1 + (4 + 3 + 1) + 7)));
    cr_assert(eq(dbl, conv1d_bwd_operation.cost(&p).exps, 30));
}

Test(conv1d_bwd, gradients_of_parameters_are_f32_and_one_row)
{
    const struct conv1d p = {
        .batch = 2, .channels = 3, .length = 5, .width = 4, .dtype = DTYPE_F16, .bias = 1};
    struct tensor tensor[CONV1D_BWD_TENSORS];
    conv1d_bwd_operation.tensors(&p, tensor);
    for (int i = 0; i < CONV1D_BWD_TENSORS; i++) {
        const bool parameter = i == CONV1D_BWD_DWEIGHT || i == CONV1D_BWD_DBIAS;
        cr_assert(eq(int, tensor[i].output, i >= CONV1D_BWD_DX), "%s", tensor[i].name);
        if (parameter)
            cr_assert(tensor[i].dtype == DTYPE_F32 && tensor[i].row_axis == WHOLE);
        else if (tensor[i].output)
            cr_assert(tensor[i].dtype == DTYPE_F16 && tensor[i].row_axis == 2);
    }
}
