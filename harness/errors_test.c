/* The error rule: what it finds, what it forgives, and along which axis it looks. */
#include "errors.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>

__extension__ typedef _Float16 float16;

/* A tensor of one row. */
static struct tensor row(enum dtype dtype, int64_t length)
{
    return (struct tensor){"out", true, true, dtype, 1, {length}, 0};
}

static struct tensor cube(int row_axis)
{
    return (struct tensor){"out", true, true, DTYPE_F32, 3, {2, 3, 4}, row_axis};
}

/* The error of one f32 output in a row whose other element is 8. */
static struct tensor_error compare_one(float out, double reference)
{
    const struct tensor tensor = row(DTYPE_F32, 2);
    return tensor_compare(&tensor, (float[]){8, out}, (double[]){8, reference}, NULL);
}

/* The error of one 16-bit output in a row whose other element is 1. */
static struct tensor_error compare_16(enum dtype dtype, uint16_t out, double reference)
{
    const struct tensor tensor = row(dtype, 2);
    const uint16_t one = dtype == DTYPE_BF16 ? 0x3f80 : 0x3c00;
    return tensor_compare(&tensor, (uint16_t[]){one, out}, (double[]){1, reference}, NULL);
}

Test(errors, exact_match_is_zero)
{
    const struct tensor tensor = row(DTYPE_F32, 3);
    const struct tensor_error e =
        tensor_compare(&tensor, (float[]){1, -2, 0x1p-140f}, (double[]){1, -2, 0x1p-140}, NULL);
    cr_assert(eq(dbl, e.error, 0));
    cr_assert(eq(i64, e.unwritten, 0));
    cr_assert(eq(i64, e.nonfinite, 0));
}

Test(errors, error_is_relative_to_the_largest_of_the_row)
{
    cr_assert(eq(dbl, compare_one(1.5f, 1).error, 0.5 / 8));
    cr_assert(eq(dbl, compare_one(-2, 2).error, 4.0 / 8));
    cr_assert(eq(dbl, compare_one(-16, -15).error, 1.0 / 15));
    cr_assert(eq(dbl, compare_one(24, 0).error, 24.0 / 8), "the output is no part of the scale");
}

Test(errors, one_wrong_element_in_a_million_is_found_and_named)
{
    enum { ROWS = 1000, LENGTH = 1000, AT = 123456 };
    const struct tensor tensor = {"out", true, true, DTYPE_F32, 2, {ROWS, LENGTH}, 1};
    float *out = malloc(sizeof(float) * ROWS * LENGTH);
    double *reference = malloc(sizeof(double) * ROWS * LENGTH);
    for (int i = 0; i < ROWS * LENGTH; i++) {
        out[i] = (float)(i % 7 - 3);
        reference[i] = i % 7 - 3;
    }
    out[AT] += 0x1p-16f; /* 3 is the largest of a row: 5.1e-6 */
    out[AT + 5000] -= 0x1p-14f;
    const struct tensor_error e = tensor_compare(&tensor, out, reference, NULL);
    cr_assert(eq(i64, e.worst, AT + 5000));
    cr_assert(eq(dbl, e.error, 0x1p-14 / 3));
    cr_assert(eq(dbl, e.wanted, (AT + 5000) % 7 - 3));
    cr_assert(eq(dbl, e.got, (AT + 5000) % 7 - 3 - 0x1p-14));
    out[AT + 5000] = (float)reference[AT + 5000];
    cr_assert(eq(i64, tensor_compare(&tensor, out, reference, NULL).worst, AT));
    free(out);
    free(reference);
}

Test(errors, not_a_number_fails)
{
    const struct tensor_error e = compare_one(NAN, 2);
    cr_assert(eq(dbl, e.error, INFINITY));
    cr_assert(not(e.error <= ERROR_LIMIT));
    cr_assert(eq(i64, e.worst, 1));
    cr_assert(eq(i64, e.nonfinite, 1));
    cr_assert(eq(i64, e.unwritten, 0));
}

Test(errors, infinity_fails)
{
    cr_assert(eq(dbl, compare_one(INFINITY, 2).error, INFINITY));
    cr_assert(eq(dbl, compare_one(-INFINITY, 2).error, INFINITY));
    cr_assert(eq(i64, compare_one(-INFINITY, 2).nonfinite, 1));
}

Test(errors, what_the_reference_has_may_stand_there)
{
    cr_assert(eq(dbl, compare_one(NAN, NAN).error, 0));
    cr_assert(eq(dbl, compare_one(INFINITY, INFINITY).error, 0));
    cr_assert(eq(dbl, compare_one(NAN, INFINITY).error, 0));
    cr_assert(eq(dbl, compare_one(-INFINITY, -1e39).error, 0));
    cr_assert(eq(i64, compare_one(NAN, NAN).nonfinite, 0));
}

Test(errors, another_thing_than_the_reference_has_fails)
{
    cr_assert(eq(dbl, compare_one(1, NAN).error, INFINITY));
    cr_assert(eq(dbl, compare_one(INFINITY, -1e39).error, INFINITY));
    cr_assert(eq(dbl, compare_one(3e38f, INFINITY).error, INFINITY));
    cr_assert(eq(dbl, compare_one(NAN, 1e39).error, INFINITY));
}

Test(errors, not_a_number_does_not_hide_a_finite_error)
{
    const struct tensor tensor = row(DTYPE_F32, 3);
    const double reference[] = {NAN, 4, 4};
    cr_assert(eq(dbl, tensor_compare(&tensor, (float[]){NAN, 4, 5}, reference, NULL).error, 0.25));
    cr_assert(eq(dbl, tensor_compare(&tensor, (float[]){NAN, 5, 4}, reference, NULL).error, 0.25));
}

Test(errors, a_zero_row_has_to_be_zero)
{
    for (int dtype = DTYPE_F32; dtype <= DTYPE_F16; dtype++) {
        const struct tensor tensor = row((enum dtype)dtype, 2);
        const double zeros[2] = {0};
        uint32_t out[2] = {0};
        cr_expect(eq(dbl, tensor_compare(&tensor, out, zeros, NULL).error, 0));
        dtype_store(out, (enum dtype)dtype, 1, dtype == DTYPE_F16 ? 0x1p-24f : 0x1p-126f);
        cr_expect(eq(dbl, tensor_compare(&tensor, out, zeros, NULL).error, INFINITY), "dtype %d",
                  dtype);
        cr_expect(eq(i64, tensor_compare(&tensor, out, zeros, NULL).worst, 1), "dtype %d", dtype);
    }
}

/* A zero among numbers: the spacing around it is that of the subnormals, which is next to nothing.
 */
Test(errors, a_zero_of_16_bits_is_allowed_next_to_nothing)
{
    cr_expect(epsilon_eq(dbl, compare_16(DTYPE_BF16, 0x3a80, 0).error, 0x1p-10, 1e-7));
    cr_expect(epsilon_eq(dbl, compare_16(DTYPE_F16, 0x1400, 0).error, 0x1p-10, 1e-7));
}

/* Ones among thousands, and 1.25 for one of them: the error is 0.25 when the ones are a row. */
static void assert_axis(int row_axis, int64_t wrong, const int64_t ones[], int count, double wanted)
{
    const struct tensor tensor = cube(row_axis);
    float out[24];
    double reference[24];
    for (int i = 0; i < 24; i++)
        reference[i] = 1000;
    for (int i = 0; i < count; i++)
        reference[ones[i]] = 1;
    for (int i = 0; i < 24; i++)
        out[i] = (float)reference[i];
    out[wrong] = 1.25f;
    const struct tensor_error e = tensor_compare(&tensor, out, reference, NULL);
    cr_assert(eq(dbl, e.error, wanted), "axis %d", row_axis);
    cr_assert(eq(i64, e.worst, wrong), "axis %d", row_axis);
}

Test(errors, rows_run_along_their_axis)
{
    assert_axis(0, 17, (int64_t[]){5, 17}, 2, 0.25);          /* [*,1,1] */
    assert_axis(1, 18, (int64_t[]){14, 18, 22}, 3, 0.25);     /* [1,*,2] */
    assert_axis(2, 18, (int64_t[]){16, 17, 18, 19}, 4, 0.25); /* [1,1,*] */
    assert_axis(WHOLE, 18, (int64_t[]){16, 17, 18, 19}, 4, 0.25 / 1000);
}

Test(errors, a_small_row_has_its_own_scale)
{
    const struct tensor tensor = {"out", true, true, DTYPE_F32, 2, {2, 2}, 1};
    const double reference[] = {1e6, -2e6, 2e-6, 1e-6};
    const float out[] = {1e6f, -2e6f, 2e-6f, 2e-6f};
    const struct tensor_error e = tensor_compare(&tensor, out, reference, NULL);
    cr_assert(epsilon_eq(dbl, e.error, 0.5, 1e-6));
    cr_assert(eq(i64, e.worst, 3));
}

Test(errors, absent_elements_have_no_error)
{
    struct tensor tensor = row(DTYPE_F32, 5);
    tensor.present = false;
    cr_assert(not(tensor_compare(&tensor, NULL, NULL, NULL).error > 0));
}

/* bits of f16 as the compiler rounds, and of bf16 by rounding to 8 significant bits. */
static uint16_t rounded(enum dtype dtype, double value)
{
    if (dtype == DTYPE_F16) {
        const float16 half = (float16)value;
        uint16_t bits;
        memcpy(&bits, &half, sizeof bits);
        return bits;
    }
    int exponent;
    const double fraction = frexp(value, &exponent);
    const float exact = (float)ldexp(nearbyint(ldexp(fraction, 8)), exponent - 8);
    return (uint16_t)(float_bits(exact) >> 16);
}

/* Powers of 2^(1/50) of both signs from 2^-13, and exact powers of two left out: beside those the
 * neighbours are at different distances. */
Test(errors, rounding_the_output_once_is_free_and_one_ulp_more_is_not)
{
    for (int dtype = DTYPE_BF16; dtype <= DTYPE_F16; dtype++)
        for (int i = 1; i < 1300; i++) {
            const double reference = (i % 2 ? 1 : -1) * exp2(-13 + i / 50.0 + 1e-3);
            const uint16_t bits = rounded((enum dtype)dtype, reference);
            const double exact = compare_16((enum dtype)dtype, bits, reference).error;
            const double up = compare_16((enum dtype)dtype, bits + 1, reference).error;
            const double down = compare_16((enum dtype)dtype, bits - 1, reference).error;
            if (!(exact == 0 && up > 0 && down > 0))
                cr_fatal("dtype %d, %.17g: %g, one ulp up %g, down %g", dtype, reference, exact, up,
                         down);
        }
}

/* 1 + 2^-9 lies a quarter ulp above the bf16 number 1: two ulps up it is 7/4 ulps off, less 1/2. */
Test(errors, what_is_beyond_half_an_ulp_counts)
{
    const double reference = 1 + 0x1p-9;
    cr_assert(eq(dbl, compare_16(DTYPE_BF16, 0x3f80, reference).error, 0));
    cr_assert(eq(dbl, compare_16(DTYPE_BF16, 0x3f82, reference).error, 0x1.4p-7 / reference));
    cr_assert(eq(dbl, compare_16(DTYPE_F16, 0x3c00, 1 + 0x1p-10).error, 0x1p-11 / (1 + 0x1p-10)),
              "half of one ulp of f16");
}

Test(errors, f16_subnormals_have_a_fixed_ulp)
{
    cr_assert(eq(dbl, compare_16(DTYPE_F16, 0x0001, 0x1.8p-24).error, 0));
    cr_assert(eq(dbl, compare_16(DTYPE_F16, 0x0002, 0x1.8p-24).error, 0));
    cr_assert(eq(dbl, compare_16(DTYPE_F16, 0x0003, 0x1.8p-24).error, 0x1p-24));
    cr_assert(eq(dbl, compare_16(DTYPE_F16, 0x0000, 0x1.8p-24).error, 0x1p-24));
}

Test(errors, f16_overflows_where_rounding_does)
{
    enum { INF = 0x7c00, LARGEST = 0x7bff, MINUS = 0x8000 };
    cr_assert(eq(dbl, compare_16(DTYPE_F16, INF, 65520).error, 0));
    cr_assert(eq(dbl, compare_16(DTYPE_F16, INF, 1e9).error, 0));
    cr_assert(eq(dbl, compare_16(DTYPE_F16, INF | MINUS, -65520).error, 0));
    cr_assert(eq(dbl, compare_16(DTYPE_F16, LARGEST, 65519.999).error, 0));
    cr_assert(eq(dbl, compare_16(DTYPE_F16, INF, 65519.999).error, INFINITY));
    cr_assert(eq(dbl, compare_16(DTYPE_F16, LARGEST, 65520).error, INFINITY));
    cr_assert(eq(dbl, compare_16(DTYPE_F16, INF, -65520).error, INFINITY));
    cr_assert(eq(dbl, compare_16(DTYPE_BF16, 0x7f80, 3.4e38).error, 0));
}

Test(errors, unwritten_elements_are_counted_in_all_rows)
{
    omp_set_num_threads(4);
    for (int dtype = DTYPE_F32; dtype <= DTYPE_F16; dtype++) {
        const struct tensor tensor = {"out", true, true, (enum dtype)dtype, 2, {40, 3}, 1};
        float out[120];
        double reference[120];
        memset(out, 0xff, sizeof out);
        for (int i = 0; i < 120; i++) {
            reference[i] = i;
            if (i % 4)
                dtype_store(out, (enum dtype)dtype, i, (float)i);
        }
        const struct tensor_error e = tensor_compare(&tensor, out, reference, NULL);
        cr_assert(eq(i64, e.unwritten, 30), "dtype %d", dtype);
        cr_assert(eq(i64, e.nonfinite, 30), "dtype %d", dtype);
        cr_assert(eq(i64, e.worst % 4, 0), "dtype %d", dtype);
        cr_assert(eq(dbl, e.error, INFINITY), "dtype %d", dtype);
    }
}

Test(errors, elements_are_named_by_their_indices)
{
    const struct tensor tensor = cube(2), line = row(DTYPE_F32, 9);
    char text[64] = "";
    tensor_element_name(&tensor, 23, text, sizeof text);
    cr_assert(eq(str, text, "out[1,2,3]"));
    text[0] = '\0';
    tensor_element_name(&tensor, 14, text, sizeof text);
    cr_assert(eq(str, text, "out[1,0,2]"));
    text[0] = '\0';
    tensor_element_name(&line, 7, text, sizeof text);
    cr_assert(eq(str, text, "out[7]"));
}

Test(errors, below_a_power_of_two_the_spacing_is_the_smaller_one)
{
    const struct tensor tensor = {.name = "out",
                                  .present = true,
                                  .output = true,
                                  .dtype = DTYPE_BF16,
                                  .rank = 1,
                                  .dim = {1},
                                  .row_axis = WHOLE};
    const uint16_t below = 0x3f7f; /* 1 - 2^-8, the number next to 1 */
    const double one = 1, rounds_to_it = 1 - 0x1p-8 + 0x1p-9;
    cr_assert(gt(dbl, tensor_compare(&tensor, &below, &one, NULL).error, 1e-3));
    cr_assert(eq(dbl, tensor_compare(&tensor, &below, &rounds_to_it, NULL).error, 0));
}

Test(errors, an_element_that_ends_its_row_is_measured_by_the_row)
{
    struct tensor tensor = row(DTYPE_F32, 3);
    tensor.ends_rows = true;
    const double reference[] = {1, 0, 8}, scale[] = {4, 2, 8};
    const struct tensor_error e =
        tensor_compare(&tensor, (float[]){1.5f, 0.5f, 9}, reference, scale);
    cr_assert(eq(dbl, e.error, 0.25));
    cr_assert(eq(i64, e.worst, 1));
    const double zeros[] = {0, 0, 0};
    cr_assert(eq(dbl, tensor_compare(&tensor, (float[]){0, 0, 0}, zeros, zeros).error, 0));
    cr_assert(eq(dbl, tensor_compare(&tensor, (float[]){0, 1, 0}, zeros, zeros).error, INFINITY));
}
