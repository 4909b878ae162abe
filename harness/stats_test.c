/* Order statistics on data small enough to be sorted by eye, and the coverage of the interval. */
#include "stats.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

static void assert_summary(const double sample[], int count, double min, double q1, double median,
                           double q3, double max)
{
    const struct summary s = summarise(sample, count);
    cr_assert(eq(int, s.count, count));
    cr_assert(eq(dbl, s.min, min));
    cr_assert(ieee_ulp_eq(dbl, s.q1, q1, 2));
    cr_assert(ieee_ulp_eq(dbl, s.median, median, 2));
    cr_assert(ieee_ulp_eq(dbl, s.q3, q3, 2));
    cr_assert(eq(dbl, s.max, max));
}

Test(stats, odd_count)
{
    assert_summary((double[]){1, 2, 4, 8, 16}, 5, 1, 2, 4, 8, 16);
}

Test(stats, even_count)
{
    assert_summary((double[]){1, 2, 3, 4}, 4, 1, 1.75, 2.5, 3.25, 4);
}

/* quantile(c(7, 15, 36, 39, 40, 41)) of R. */
Test(stats, quartiles_as_in_R)
{
    assert_summary((double[]){7, 15, 36, 39, 40, 41}, 6, 7, 20.25, 37.5, 39.75, 41);
}

Test(stats, one_sample)
{
    assert_summary((double[]){3}, 1, 3, 3, 3, 3, 3);
}

Test(stats, two_samples)
{
    assert_summary((double[]){5, 1}, 2, 1, 2, 3, 4, 5);
}

Test(stats, ties)
{
    assert_summary((double[]){2, 1, 2, 2, 2, 9, 2}, 7, 1, 2, 2, 2, 9);
}

Test(stats, unsorted_input_is_left_alone)
{
    double sample[] = {9, 1, 8, 2, 7, 3, 6, 4, 5}, before[9];
    memcpy(before, sample, sizeof sample);
    assert_summary(sample, 9, 1, 3, 5, 7, 9);
    cr_assert(zero(int, memcmp(before, sample, sizeof sample)));
}

Test(stats, numbers_are_sorted_as_numbers)
{
    assert_summary((double[]){1e-3, -1e300, 1e300, -1e-3, 0}, 5, -1e300, -1e-3, 0, 1e-3, 1e300);
}

Test(stats, no_sample_has_no_statistics)
{
    const struct summary s = summarise(NULL, 0);
    cr_assert(eq(int, s.count, 0));
    cr_assert(isnan(s.min) && isnan(s.q1) && isnan(s.median) && isnan(s.q3) && isnan(s.max));
    cr_assert(isnan(s.low) && isnan(s.high));
}

Test(stats, quantile_ends)
{
    const double sorted[] = {1, 2, 4, NAN}; /* of which three count */
    cr_assert(eq(dbl, quantile(sorted, 3, 0), 1));
    cr_assert(eq(dbl, quantile(sorted, 3, 1), 4));
    cr_assert(eq(dbl, quantile(sorted, 3, 0.75), 3));
}

/* Ranks from the binomial distribution with p = 1/2, as in tables of the sign test. */
Test(stats, median_interval_ranks)
{
    static const int known[][3] = {{6, 0, 5},    {7, 0, 6},    {8, 0, 7},   {9, 1, 7},
                                   {10, 1, 8},   {15, 3, 11},  {20, 5, 14}, {30, 9, 20},
                                   {50, 17, 32}, {100, 39, 60}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        int low = -1, high = -1;
        cr_assert(median_interval(known[i][0], &low, &high), "%d samples", known[i][0]);
        cr_assert(eq(int, low, known[i][1]), "%d samples", known[i][0]);
        cr_assert(eq(int, high, known[i][2]), "%d samples", known[i][0]);
    }
}

Test(stats, no_interval_below_six_samples)
{
    int low, high;
    for (int count = 0; count < 6; count++)
        cr_assert(eq(int, median_interval(count, &low, &high), 0), "%d samples", count);
    const struct summary five = summarise((double[]){1, 2, 3, 4, 5}, 5);
    cr_assert(isnan(five.low) && isnan(five.high));
    const struct summary six = summarise((double[]){6, 2, 3, 4, 5, 1}, 6);
    cr_assert(eq(dbl, six.low, 1));
    cr_assert(eq(dbl, six.high, 6));
}

/* The interval is the narrowest symmetric one: it covers 95 %, the next smaller one does not. */
Test(stats, interval_is_no_wider_than_needed)
{
    double pmf[512] = {1}; /* of the number of samples below the median */
    for (int count = 1; count <= 500; count++) {
        for (int k = count; k > 0; k--)
            pmf[k] = 0.5 * (pmf[k] + pmf[k - 1]);
        pmf[0] *= 0.5;
        int low, high;
        if (!median_interval(count, &low, &high))
            continue;
        double outside = 0, next;
        for (int k = 0; k <= low; k++)
            outside += pmf[k];
        next = outside + pmf[low + 1];
        cr_assert(eq(int, high, count - 1 - low), "%d samples: not symmetric", count);
        cr_assert(le(dbl, 2 * outside, 0.05), "%d samples: too narrow", count);
        cr_assert(gt(dbl, 2 * next, 0.05), "%d samples: too wide", count);
    }
}

static double uniform(uint64_t *random)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return ((double)(*random >> 11) + 0.5) * 0x1p-53;
}

/* The share of intervals of `count` samples of -log(uniform), median log 2, that hold it. */
static double coverage(int count, int trials)
{
    uint64_t random = 1;
    int hits = 0;
    for (int trial = 0; trial < trials; trial++) {
        double sample[100];
        for (int i = 0; i < count; i++)
            sample[i] = -log(uniform(&random));
        const struct summary s = summarise(sample, count);
        hits += s.low <= 0.69314718055994531 && 0.69314718055994531 <= s.high;
    }
    return (double)hits / trials;
}

/* Binomial: 10 samples cover 97.85 %, 30 cover 95.72 %, 100 cover 96.48 %; 3 standard errors of
 * 20000 trials are 0.4 %. */
Test(stats, intervals_hold_a_known_median)
{
    cr_assert(epsilon_eq(dbl, coverage(10, 20000), 0.9785, 0.004));
    cr_assert(epsilon_eq(dbl, coverage(30, 20000), 0.9572, 0.004));
    cr_assert(epsilon_eq(dbl, coverage(100, 20000), 0.9648, 0.004));
}

/* binom.test() of R. */
Test(stats, rates_have_exact_intervals)
{
    static const struct {
        int hits, count;
        double low, high;
    } known[] = {{0, 10, 0, 0.3084971},
                 {5, 10, 0.1870860, 0.8129140},
                 {10, 10, 0.6915029, 1},
                 {1, 100, 0.0002531460, 0.0544594},
                 {1600, 1800, 0.8734546, 0.9030422}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        double low, high;
        rate_interval(known[i].hits, known[i].count, &low, &high);
        cr_expect(epsilon_eq(dbl, low, known[i].low, 1e-6), "%d of %d: %.9g", known[i].hits,
                  known[i].count, low);
        cr_expect(epsilon_eq(dbl, high, known[i].high, 1e-6), "%d of %d: %.9g", known[i].hits,
                  known[i].count, high);
    }
}
