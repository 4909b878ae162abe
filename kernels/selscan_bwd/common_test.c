/* softplus and its derivative from one exponential, held against libm in double. */
#include "common.h"

#include <criterion/criterion.h>

static double relative(float got, double wanted)
{
    return fabs((double)got - wanted) / wanted;
}

Test(soften, small_values_keep_their_digits)
{
    double value = 0, slope = 0;
    for (float x = -80; x < 60; x += 0.00317f) {
        const struct softened soft = soften(x);
        const double e = exp(-(double)x);
        value = fmax(value, relative(soft.value, x > 0 ? (double)x + log1p(e) : log1p(1 / e)));
        slope = fmax(slope, relative(soft.slope, 1 / (1 + e)));
    }
    cr_assert(value < 4e-7, "%g", value);
    cr_assert(slope < 4e-7, "%g", slope);
}

Test(soften, is_softplus)
{
    for (float x = -30; x < 30; x += 0.0173f)
        cr_assert(relative(soften(x).value, (double)softplus(x)) < 5e-7, "%g", (double)x);
}

Test(soften, far_ends_and_nan)
{
    cr_assert(soften(-INFINITY).value == 0 && soften(-INFINITY).slope == 0);
    cr_assert(isinf(soften(INFINITY).value) && soften(INFINITY).slope == 1);
    cr_assert(isnan(soften(NAN).value) && isnan(soften(NAN).slope));
}
