/* The gradients of selscan: against differences of its outputs, as the adjoint of a linear map, and
 * by hand. */
#include "operation.h"
#include "selscan_bwd.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>

extern const struct operation selscan_operation, selscan_bwd_operation;

/* A problem in memory: f32 inputs with values, outputs NaN; null where absent. */
struct fixture {
    const struct operation *op;
    struct selscan p;
    int64_t elements[MAX_TENSORS]; /* 0 where absent */
    float *in[MAX_TENSORS];
    double *out[MAX_TENSORS], *scale[MAX_TENSORS];
};

/* Multiples of 1/64 in [low, low + 2), another sequence for every tensor. */
static void draw(float value[], int64_t count, int tensor, float low)
{
    uint32_t random = 12345u + 977u * (uint32_t)tensor;
    for (int64_t i = 0; i < count; i++) {
        random = random * 1664525u + 1013904223u;
        value[i] = low + (float)(random >> 25) / 64;
    }
}

static struct fixture setup(const struct operation *op, const struct selscan *p)
{
    struct fixture f = {.op = op, .p = *p};
    struct tensor tensor[MAX_TENSORS];
    op->tensors(p, tensor);
    for (int i = 0; i < op->tensor_count; i++) {
        const int64_t count = f.elements[i] = tensor_elements(&tensor[i]);
        if (tensor[i].output && count) {
            f.out[i] = malloc((size_t)count * sizeof(double));
            f.scale[i] = malloc((size_t)count * sizeof(double));
            for (int64_t j = 0; j < count; j++)
                f.out[i][j] = f.scale[i][j] = NAN;
        } else if (count) {
            f.in[i] = malloc((size_t)count * sizeof(float));
            draw(f.in[i], count, i, i == SELSCAN_A ? -2 : -1);
        }
    }
    return f;
}

static void run(const struct fixture *f)
{
    const void *input[MAX_TENSORS];
    for (int i = 0; i < MAX_TENSORS; i++)
        input[i] = f->in[i];
    f->op->reference(&f->p, input, f->out, f->scale);
}

static void release(struct fixture *f)
{
    for (int i = 0; i < MAX_TENSORS; i++) {
        free(f->in[i]);
        free(f->out[i]);
        free(f->scale[i]);
    }
}

/* The forward problem on the inputs of a backward one. */
static struct fixture forward_of(const struct fixture *f)
{
    struct fixture forward = setup(&selscan_operation, &f->p);
    for (int i = SELSCAN_U; i <= SELSCAN_INITIAL; i++)
        if (f->in[i])
            memcpy(forward.in[i], f->in[i], (size_t)f->elements[i] * sizeof(float));
    return forward;
}

static double product(const float a[], const double b[], int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

/* <out, dout> + <final, dfinal> */
static double objective(const struct fixture *forward, const struct fixture *f)
{
    run(forward);
    return product(f->in[SELSCAN_BWD_DOUT], forward->out[SELSCAN_OUT],
                   forward->elements[SELSCAN_OUT]) +
           product(f->in[SELSCAN_BWD_DFINAL], forward->out[SELSCAN_FINAL],
                   forward->elements[SELSCAN_FINAL]);
}

/* <tensor, its gradient> */
static double along(const struct fixture *f, int tensor, int gradient)
{
    return product(f->in[tensor], f->out[gradient], f->elements[tensor]);
}

static const int GRADIENT_OF[] = {
    [SELSCAN_U] = SELSCAN_BWD_DU,
    [SELSCAN_DELTA] = SELSCAN_BWD_DDELTA,
    [SELSCAN_A] = SELSCAN_BWD_DA,
    [SELSCAN_B] = SELSCAN_BWD_DB,
    [SELSCAN_C] = SELSCAN_BWD_DC,
    [SELSCAN_D] = SELSCAN_BWD_DD,
    [SELSCAN_Z] = SELSCAN_BWD_DZ,
    [SELSCAN_DELTA_BIAS] = SELSCAN_BWD_DDELTA_BIAS,
    [SELSCAN_INITIAL] = SELSCAN_BWD_DINITIAL,
};

/* Every option as a bit of `options`. */
static struct selscan problem(int options)
{
    return (struct selscan){.batch = 2,
                            .channels = 4,
                            .length = 4,
                            .state = 3,
                            .groups = 2,
                            .a = options & 1,
                            .layout = options >> 1 & 1,
                            .skip = options >> 2 & 1,
                            .gate = options >> 3 & 1,
                            .bias = options >> 4 & 1,
                            .softplus = options >> 5 & 1,
                            .initial = options >> 6 & 1,
                            .final = options >> 7 & 1,
                            .reverse = options >> 8 & 1};
}

enum { OPTIONS = 512 };

/* Every gradient against the central difference of the objective: steps of 2^-16 are exact in f32,
 * and leave an error of 2^-32 of a third derivative. */
static void assert_differences(const struct selscan *p)
{
    const float step = 0x1p-16f;
    struct fixture f = setup(&selscan_bwd_operation, p), forward = forward_of(&f);
    run(&f);
    for (int i = SELSCAN_U; i <= SELSCAN_INITIAL; i++) {
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
            if (!(fabs(gradient[j] - wanted) <= 1e-7 * fmax(1, fabs(wanted))))
                cr_fatal("tensor %d, element %lld: %.9g, expected %.9g", i, (long long)j,
                         gradient[j], wanted);
        }
    }
    release(&f);
    release(&forward);
}

Test(selscan_bwd, gradients_are_central_differences)
{
    static const int64_t lengths[] = {4, 1, 3}, groups[] = {2, 4, 1}, states[] = {3, 1, 5};
    omp_set_num_threads(1);
    for (int options = 0; options < OPTIONS; options++) {
        struct selscan p = problem(options);
        p.length = lengths[options % 3], p.groups = groups[options % 3];
        p.state = states[options / 3 % 3];
        assert_differences(&p);
    }
}

/* out and final are linear in (u, initial); without skip in (B, initial), and out in C. */
Test(selscan_bwd, adjoint_identities)
{
    for (int options = 0; options < OPTIONS; options++) {
        struct selscan p = problem(options);
        p.length = 29, p.state = 7;
        struct fixture f = setup(&selscan_bwd_operation, &p), forward = forward_of(&f);
        run(&f);
        const double both = objective(&forward, &f), limit = 1e-12 * fmax(1, fabs(both));
        const double initial = along(&f, SELSCAN_INITIAL, SELSCAN_BWD_DINITIAL);
        const double out =
            product(f.in[SELSCAN_BWD_DOUT], forward.out[SELSCAN_OUT], f.elements[SELSCAN_U]);
        const double D = along(&f, SELSCAN_D, SELSCAN_BWD_DD);
        cr_assert(epsilon_eq(dbl, both, along(&f, SELSCAN_U, SELSCAN_BWD_DU) + initial, limit));
        cr_assert(epsilon_eq(dbl, both, along(&f, SELSCAN_B, SELSCAN_BWD_DB) + initial + D, limit));
        cr_assert(epsilon_eq(dbl, out, along(&f, SELSCAN_C, SELSCAN_BWD_DC) + D, limit));
        cr_assert(gt(dbl, fabs(both), 1e-3), "the test says something");
        release(&f);
        release(&forward);
    }
}

/* The gradients of 3*(dout, dfinal) - 2*(others) are 3*theirs - 2*the others'. */
Test(selscan_bwd, gradients_are_linear_in_those_of_the_outputs)
{
    for (int options = 0; options < OPTIONS; options++) {
        const struct selscan p = problem(options);
        struct fixture f[3];
        for (int i = 0; i < 3; i++)
            f[i] = setup(&selscan_bwd_operation, &p);
        for (int i = SELSCAN_BWD_DOUT; i <= SELSCAN_BWD_DFINAL; i++) {
            draw(f[1].in[i], f[1].elements[i], 100 + i, -1);
            for (int64_t j = 0; j < f[2].elements[i]; j++)
                f[2].in[i][j] = 3 * f[0].in[i][j] - 2 * f[1].in[i][j];
        }
        for (int i = 0; i < 3; i++)
            run(&f[i]);
        for (int i = SELSCAN_BWD_DU; i < SELSCAN_BWD_TENSORS; i++)
            for (int64_t j = 0; j < f[2].elements[i]; j++)
                cr_assert(epsilon_eq(dbl, f[2].out[i][j], 3 * f[0].out[i][j] - 2 * f[1].out[i][j],
                                     1e-12));
        for (int i = 0; i < 3; i++)
            release(&f[i]);
    }
}

/* More sequences than channels, and fewer: either are spread over the threads. */
Test(selscan_bwd, threads_change_nothing)
{
    for (int many = 0; many < 2; many++) {
        struct selscan p = problem(OPTIONS - 1);
        p.batch = many ? 9 : 1, p.channels = many ? 2 : 20, p.length = 33;
        struct fixture alone = setup(&selscan_bwd_operation, &p);
        struct fixture threads = setup(&selscan_bwd_operation, &p);
        omp_set_num_threads(1);
        run(&alone);
        omp_set_num_threads(3);
        run(&threads);
        for (int i = SELSCAN_BWD_DU; i < SELSCAN_BWD_TENSORS; i++)
            for (int64_t j = 0; j < alone.elements[i]; j++)
                cr_assert(epsilon_eq(dbl, threads.out[i][j], alone.out[i][j], 1e-13));
        release(&alone);
        release(&threads);
    }
}

/* A length of 2 with A = 0: h' is 3, then h = 3 + 2*5*7 = 73, then 73 + 4*11*13 = 645; dh is
 * 31*17 + 37 = 564 at last, then 29*19 + 564 = 1115. */
Test(selscan_bwd, by_hand)
{
    const struct selscan p = {.batch = 1,
                              .channels = 1,
                              .length = 2,
                              .state = 1,
                              .groups = 1,
                              .skip = 1,
                              .bias = 1,
                              .initial = 1,
                              .final = 1};
    static const float value[SELSCAN_BWD_DU][2] = {
        {7, 13}, {1.5f, 3.5f}, {0}, {5, 11}, {19, 17}, {23}, {0}, {0.5f}, {3}, {29, 31}, {37}};
    struct fixture f = setup(&selscan_bwd_operation, &p);
    for (int i = 0; i < SELSCAN_BWD_DU; i++)
        if (f.in[i])
            memcpy(f.in[i], value[i], (size_t)f.elements[i] * sizeof(float));
    run(&f);
    const double ddelta[] = {7 * 5 * 1115, 13 * 11 * 564};
    cr_assert(eq(dbl, f.out[SELSCAN_BWD_DU][0], 23 * 29 + 2 * 5 * 1115));
    cr_assert(eq(dbl, f.out[SELSCAN_BWD_DU][1], 23 * 31 + 4 * 11 * 564));
    cr_assert(eq(dbl, f.out[SELSCAN_BWD_DDELTA][0], ddelta[0]));
    cr_assert(eq(dbl, f.out[SELSCAN_BWD_DDELTA][1], ddelta[1]));
    cr_assert(eq(dbl, f.out[SELSCAN_BWD_DA][0], 2 * 3 * 1115 + 4 * 73 * 564));
    cr_assert(eq(dbl, f.out[SELSCAN_BWD_DB][0], 2 * 7 * 1115));
    cr_assert(eq(dbl, f.out[SELSCAN_BWD_DB][1], 4 * 13 * 564));
    cr_assert(eq(dbl, f.out[SELSCAN_BWD_DC][0], 29 * 73));
    cr_assert(eq(dbl, f.out[SELSCAN_BWD_DC][1], 31 * 645));
    cr_assert(eq(dbl, f.out[SELSCAN_BWD_DD][0], 29 * 7 + 31 * 13));
    cr_assert(eq(dbl, f.out[SELSCAN_BWD_DDELTA_BIAS][0], ddelta[0] + ddelta[1]));
    cr_assert(eq(dbl, f.out[SELSCAN_BWD_DINITIAL][0], 1115));
    release(&f);
}

/* dinitial = a*dh of the first step; its scale is the largest a*dh of any step. */
Test(selscan_bwd, the_scale_of_dinitial_is_the_peak_of_what_passes_a_step)
{
    const struct selscan p = {
        .batch = 1, .channels = 1, .length = 3, .state = 1, .groups = 1, .initial = 1};
    struct fixture f = setup(&selscan_bwd_operation, &p);
    const float dout[] = {3, -7, 1};
    memcpy(f.in[SELSCAN_BWD_DOUT], dout, sizeof dout);
    for (int t = 0; t < 3; t++)
        f.in[SELSCAN_BWD_DELTA][t] = f.in[SELSCAN_BWD_C][t] = 1;
    f.in[SELSCAN_BWD_A][0] = -64; /* what passes a step is nearly nothing */
    run(&f);
    cr_assert(epsilon_eq(dbl, f.out[SELSCAN_BWD_DINITIAL][0], 3 * exp(-64), 1e-14 * exp(-64)));
    cr_assert(epsilon_eq(dbl, f.scale[SELSCAN_BWD_DINITIAL][0], 7 * exp(-64), 1e-14 * exp(-64)));
    release(&f);
}

/* ddelta / ddelta' on both sides of softplus's threshold. */
Test(selscan_bwd, slope_of_softplus)
{
    static const double x_slope[][2] = {
        {-30, 9.357622968839298994e-14},
        {-1, 0.2689414213699951207},
        {0, 0.5},
        {19.5, 0.9999999966017321873},
        {20, 0.9999999979388463818},
        {20.5, 1},
        {1000, 1},
    };
    const struct selscan p = {
        .batch = 1, .channels = 1, .length = 1, .state = 1, .groups = 1, .softplus = 1};
    for (size_t i = 0; i < sizeof x_slope / sizeof *x_slope; i++) {
        struct fixture f = setup(&selscan_bwd_operation, &p);
        for (int tensor = 0; tensor < SELSCAN_BWD_DU; tensor++)
            if (f.in[tensor])
                f.in[tensor][0] = 1;
        f.in[SELSCAN_BWD_A][0] = 0, f.in[SELSCAN_BWD_DELTA][0] = (float)x_slope[i][0];
        run(&f);
        const double got = f.out[SELSCAN_BWD_DDELTA][0], wanted = x_slope[i][1];
        cr_assert(epsilon_eq(dbl, got, wanted, 1e-15 * wanted), "at %g", x_slope[i][0]);
        release(&f);
    }
}

/* Batch 2, channels 3, length 5, state 4: u delta dout du ddelta z dz 30 elements, B C dB dC 40, A
 * dA 12 (scalar 3), D dD delta_bias ddelta_bias 3, states 24; 30 outputs, 120 updates. */
Test(selscan_bwd, cost)
{
    struct selscan p = {.batch = 2, .channels = 3, .length = 5, .state = 4, .groups = 1};
    cr_assert(eq(dbl, selscan_bwd_operation.cost(&p).bytes, 4 * (5 * 30 + 4 * 40 + 2 * 12)));
    cr_assert(eq(dbl, selscan_bwd_operation.cost(&p).flops, 120 * 18 + 30 * 4));
    cr_assert(eq(dbl, selscan_bwd_operation.cost(&p).exps, 120));
    p.a = A_SCALAR;
    cr_assert(eq(dbl, selscan_bwd_operation.cost(&p).flops, 120 * 14 + 30 * 7));
    p.dtype = DTYPE_BF16, p.skip = p.gate = p.bias = p.softplus = p.initial = p.final = 1;
    cr_assert(eq(dbl, selscan_bwd_operation.cost(&p).bytes,
                 2 * (7 * 30 + 4 * 40) + 4 * (2 * 3 + 4 * 3 + 3 * 24)));
    cr_assert(
        eq(dbl, selscan_bwd_operation.cost(&p).flops, 120 * 16 + 30 * (7 + 2 + 4 + 2 + 3 + 10)));
    cr_assert(eq(dbl, selscan_bwd_operation.cost(&p).exps, 30 + 30 + 2 * 30));
}

Test(selscan_bwd, gradients_look_like_what_they_are_of)
{
    for (int options = 0; options < OPTIONS; options++) {
        struct selscan p = problem(options);
        struct tensor tensor[SELSCAN_BWD_TENSORS];
        p.dtype = DTYPE_F16;
        selscan_bwd_operation.tensors(&p, tensor);
        for (int i = 0; i < SELSCAN_BWD_TENSORS; i++) {
            cr_assert(eq(int, tensor[i].output, i >= SELSCAN_BWD_DU), "%s", tensor[i].name);
            cr_assert(eq(int, tensor[i].ends_rows, i == SELSCAN_BWD_DINITIAL));
        }
        for (int i = SELSCAN_U; i <= SELSCAN_INITIAL; i++) {
            const struct tensor *of = &tensor[i], *gradient = &tensor[GRADIENT_OF[i]];
            cr_assert(eq(int, gradient->name[0], 'd'));
            cr_assert(eq(str, (char *)gradient->name + 1, (char *)of->name));
            cr_assert(of->present == gradient->present && of->dtype == gradient->dtype &&
                      of->row_axis == gradient->row_axis && of->rank == gradient->rank);
            cr_assert(zero(int, memcmp(of->dim, gradient->dim, sizeof of->dim)));
        }
    }
}
