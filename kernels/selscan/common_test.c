/* Decays in two parts, held against libm in double. */
#include "pair.h"

#include <criterion/criterion.h>

static double value(struct decay decay)
{
    return (double)decay.whole + (double)decay.rest;
}

/* |got - wanted| in ulps of the f32 `got`. */
static double ulps(float got, double wanted)
{
    const double ulp = (double)nextafterf(fabsf(got), INFINITY) - fabs((double)got);
    return fabs((double)got - wanted) / ulp;
}

Test(decay, keeps_the_digits_of_its_rest)
{
    double worst = 0;
    for (double v = 1e-12; v < 87; v *= 1.0001)
        for (int sign = -1; sign <= 1; sign += 2) {
            const float x = (float)(sign * v);
            const struct decay decay = decay_of(x);
            const bool near = decay.whole == 1;
            cr_assert(near || decay.whole == 0);
            cr_assert(near ? fabsf(x) < 0.35f : fabsf(x) > 0.34f, "%g", (double)x);
            worst = fmax(worst, ulps(decay.rest, near ? expm1((double)x) : exp((double)x)));
        }
    cr_assert(worst < 1.5, "%g ulps", worst);
}

Test(decay, of_nothing_is_exactly_one)
{
    const struct decay decay = decay_of(0);
    cr_assert(decay.whole == 1 && decay.rest == 0);
    cr_assert(selscan_step(3, decay, 5, 7) == 38);
}

Test(decay, far_ends_and_nan)
{
    cr_assert(value(decay_of(-1e30f)) >= 0 && value(decay_of(-INFINITY)) < 1e-37);
    cr_assert(value(decay_of(1e30f)) > 1e38);
    cr_assert(isnan(value(decay_of(NAN))));
}

Test(decay, packed_costs_one_ulp)
{
    for (float v = -90; v < 3; v += 0.0117f) {
        const struct decay decay = decay_of(v), again = decay_unpack(decay_pack(decay));
        cr_assert(again.whole == decay.whole);
        cr_assert(ulps(again.rest, (double)decay.rest) <= 1, "%g", (double)v);
    }
    const struct decay nan = {0, bits_float(0x7fffffffu)}; /* a GPU's NaN */
    cr_assert(isnan(decay_unpack(decay_pack(nan)).rest));
}

/* Joins the pairs of `steps` steps as a tree, or one after the other. */
static struct pair join_all(const float v[], const float x[], int steps, bool tree)
{
    if (steps == 1)
        return pair_of(decay_of(v[0]), x[0]);
    const int half = tree ? steps / 2 : steps - 1;
    return pair_join(join_all(v, x, half, tree), join_all(v + half, x + half, steps - half, tree));
}

Test(pair, joined_in_any_grouping_is_the_recurrence)
{
    enum { STEPS = 200 };
    static const double scale[] = {-1e-5, -1e-2, -0.3, -3, -40, 0.01};
    for (size_t k = 0; k < sizeof scale / sizeof *scale; k++)
        for (int tree = 0; tree < 2; tree++) {
            float v[STEPS], x[STEPS];
            double h = 1e4;
            for (int i = 0; i < STEPS; i++) {
                v[i] = (float)(scale[k] * (1 + 0.5 * sin(i)));
                x[i] = (float)(1 + cos(3 * i));
                h = exp((double)v[i]) * h + (double)x[i];
            }
            const double got = (double)pair_apply(join_all(v, x, STEPS, tree), 1e4f);
            cr_assert(fabs(got - h) <= 2e-6 * fabs(h), "%g: %.9g, not %.9g", scale[k], got, h);
        }
}
