/* The reference within one step: softplus, bias, skip, gate, groups, and the decoding of 16-bit
 * inputs. With u = 2, B = C = 1 and A = 0, y of the first step is 2*(delta' + D). */
#include "operation.h"
#include "selscan.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>

enum { PATTERNS = 65536 };

__extension__ typedef _Float16 float16;

extern const struct operation selscan_operation;

static const struct selscan PLAIN = {
    .batch = 1, .channels = 1, .length = 1, .state = 1, .groups = 1};

static double one_step(const struct selscan *p, float delta, float bias, float D, float z)
{
    const float zero = 0, one = 1, two = 2;
    const void *input[SELSCAN_TENSORS] = {&two, &delta, &zero, &one, &one, &D, &z, &bias};
    double out = NAN, *output[SELSCAN_TENSORS] = {[SELSCAN_OUT] = &out};
    selscan_operation.reference(p, input, output, NULL);
    return out;
}

static bool near(double got, double wanted)
{
    return fabs(got - wanted) <= 1e-15 * fabs(wanted);
}

Test(selscan_step, softplus_alone)
{
    static const double x_y[][2] = {
        {-30, 9.357622968839736779e-14},
        {-1, 0.3132616875182228340},
        {0, 0.6931471805599453094},
        {1, 1.313261687518222834},
        {2.5, 2.578889734292549623},
        {19.5, 19.50000000339826781},
        {20, 20.00000000206115362},
        {20.5, 20.5}, /* above the threshold x itself, which is 1.25e-9 less */
        {1000, 1000},
    };
    struct selscan p = PLAIN;
    p.softplus = 1;
    for (size_t i = 0; i < sizeof x_y / sizeof *x_y; i++) {
        const double got = one_step(&p, (float)x_y[i][0], 9, 9, 9);
        cr_assert(near(got, 2 * x_y[i][1]), "2*softplus(%g) = %.17g", x_y[i][0], got);
    }
}

Test(selscan_step, gate_alone)
{
    static const double z_y[][2] = {
        {-100, -3.720075976020835963e-42}, {-1, -0.2689414213699951207}, {0, 0},
        {1, 0.7310585786300048793},        {2.5, 2.310354549946891122},  {100, 100},
    };
    struct selscan p = PLAIN;
    p.gate = 1;
    for (size_t i = 0; i < sizeof z_y / sizeof *z_y; i++) {
        const double got = one_step(&p, 2, 9, 9, (float)z_y[i][0]);
        cr_assert(near(got, 4 * z_y[i][1]), "4*silu(%g) = %.17g", z_y[i][0], got);
    }
}

Test(selscan_step, bias_and_skip_are_added_in_double)
{
    struct selscan bias = PLAIN, skip = PLAIN;
    bias.bias = skip.skip = 1;
    cr_assert(eq(dbl, one_step(&PLAIN, 1, 0x1p-30f, 0x1p-30f, 9), 2));
    cr_assert(eq(dbl, one_step(&bias, 1, 0x1p-30f, 9, 9), 2 + 0x1p-29));
    cr_assert(eq(dbl, one_step(&skip, 1, 9, 0x1p-30f, 9), 2 + 0x1p-29));
}

Test(selscan_step, bias_before_softplus_and_skip_before_gate)
{
    const double softplus_1 = 1.313261687518222834, silu_2_5 = 2.310354549946891122;
    struct selscan p = PLAIN;
    p.bias = p.softplus = p.skip = p.gate = 1;
    cr_assert(near(one_step(&p, -2, 3, 5, 2.5f), 2 * (softplus_1 + 5) * silu_2_5));
}

Test(selscan_step, channels_of_a_group_are_neighbours)
{
    const float ones[6] = {1, 1, 1, 1, 1, 1}, zeros[6] = {0};
    const float B[] = {2, 3, 5}, C[] = {7, 11, 13};
    const double wanted[] = {14, 14, 33, 33, 65, 65};
    struct selscan p = PLAIN;
    p.channels = 6, p.groups = 3;
    const void *input[SELSCAN_TENSORS] = {ones, ones, zeros, B, C};
    double out[6], *output[SELSCAN_TENSORS] = {[SELSCAN_OUT] = out};
    selscan_operation.reference(&p, input, output, NULL);
    for (int d = 0; d < 6; d++)
        cr_assert(eq(dbl, out[d], wanted[d]), "channel %d", d);
}

static double decoded(enum dtype dtype, uint16_t bits)
{
    const uint32_t wide = (uint32_t)bits << 16;
    float16 half;
    float value;
    memcpy(&half, &bits, sizeof half);
    memcpy(&value, &wide, sizeof value);
    return dtype == DTYPE_BF16 ? (double)value : (double)half;
}

/* One channel, in a group of its own, for each 16-bit pattern in `tensor`; ones in the others. */
static void assert_decodes(enum dtype dtype, int tensor)
{
    struct selscan p = PLAIN;
    p.channels = p.groups = PATTERNS, p.dtype = dtype, p.a = A_SCALAR, p.gate = tensor == SELSCAN_Z;
    uint16_t *every = malloc(PATTERNS * sizeof *every), *ones = malloc(PATTERNS * sizeof *ones);
    float *zeros = calloc(PATTERNS, sizeof *zeros);
    double *out = malloc(PATTERNS * sizeof *out);
    const void *input[SELSCAN_TENSORS] = {ones, ones, zeros, ones, ones};
    double *output[SELSCAN_TENSORS] = {[SELSCAN_OUT] = out};
    for (int i = 0; i < PATTERNS; i++) {
        every[i] = (uint16_t)i;
        ones[i] = dtype == DTYPE_BF16 ? 0x3f80 : 0x3c00;
    }
    input[tensor] = every;
    selscan_operation.reference(&p, input, output, NULL);

    for (int i = 0; i < PATTERNS; i++) {
        const double x = decoded(dtype, (uint16_t)i);
        const double y = tensor == SELSCAN_Z ? x / (1 + exp(-x)) : x;
        if (isnan(x) ? !isnan(out[i]) : isfinite(x) && !near(out[i], y))
            cr_fatal("tensor %d, pattern 0x%04x: %g, expected %g", tensor, i, out[i], y);
    }
    free(every);
    free(ones);
    free(zeros);
    free(out);
}

Test(selscan_step, all_bf16_inputs_are_decoded)
{
    static const int tensors[] = {SELSCAN_U, SELSCAN_DELTA, SELSCAN_B, SELSCAN_C, SELSCAN_Z};
    for (int i = 0; i < 5; i++)
        assert_decodes(DTYPE_BF16, tensors[i]);
}

Test(selscan_step, all_f16_inputs_are_decoded)
{
    static const int tensors[] = {SELSCAN_U, SELSCAN_DELTA, SELSCAN_B, SELSCAN_C, SELSCAN_Z};
    for (int i = 0; i < 5; i++)
        assert_decodes(DTYPE_F16, tensors[i]);
}
