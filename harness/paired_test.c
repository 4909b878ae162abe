/* Verdicts on rounds whose truth is known. */
#include "paired.h"
#include "stats.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdint.h>

enum { ROUNDS = 52, TABLES = 400 };

/* A uniform number in (0, 1), the same in every run. */
static double uniform(void)
{
    static uint64_t state = 1;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return ((double)(state >> 11) + 0.5) * 0x1p-53;
}

/* A time about `ms`, with noise of that standard deviation and now and then a long one. */
static double noisy(double ms, double noise)
{
    const double normal = sqrt(-2 * log(uniform())) * cos(6.283185307179586 * uniform());
    return ms * exp(noise * normal) * (uniform() < 0.05 ? 1.5 : 1);
}

static struct comparison compare(double slower, double noise, double drift, int comparisons)
{
    struct round rounds[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        const double now = 1 + drift * i;
        rounds[i] = (struct round){noisy(now, noise), noisy(now * slower, noise),
                                   noisy(now * slower, noise), noisy(now, noise)};
    }
    return paired_compare(rounds, ROUNDS, comparisons);
}

Test(paired, tells_faster_slower_and_the_same)
{
    const struct comparison slower = compare(1.05, 0.001, 0, 1);
    cr_assert(eq(int, (int)slower.verdict, VERDICT_SLOWER));
    cr_assert(lt(dbl, fabs(slower.ratio - 1.05), 0.002));
    cr_assert(lt(dbl, slower.low, slower.ratio));
    cr_assert(gt(dbl, slower.high, slower.ratio));
    cr_assert(lt(dbl, fabs(slower.a_ms - 1), 0.01));
    cr_assert(lt(dbl, fabs(slower.b_ms - 1.05), 0.01));
    cr_assert(eq(int, slower.rounds, ROUNDS));
    cr_assert(eq(int, (int)compare(0.9, 0.001, 0, 1).verdict, VERDICT_FASTER));
    cr_assert(eq(int, (int)compare(1.001, 0.0001, 0, 1).verdict, VERDICT_SAME));
}

/* Half a percent is within the band, whatever the noise. */
Test(paired, says_nothing_of_what_nobody_cares_for)
{
    const struct comparison c = compare(1.004, 0.0001, 0, 1);
    cr_assert(eq(int, (int)c.verdict, VERDICT_SAME));
    cr_assert(ge(dbl, c.band, PAIRED_BAND));
    cr_assert(eq(int, (int)compare(1.008, 0.0001, 0, 1).verdict, VERDICT_SLOWER));
}

/* Where a thing differs from itself by a lot, nothing is called the same. */
Test(paired, noise_is_not_sameness)
{
    struct round rounds[ROUNDS];
    for (int i = 0; i < ROUNDS; i++)
        rounds[i] = i % 2 ? (struct round){1.1, 1.1, 1.1, 1.1} : (struct round){1, 1, 1, 1};
    const struct comparison c = paired_compare(rounds, ROUNDS, 1);
    cr_assert(gt(dbl, c.band, 0.09));
    cr_assert(eq(int, (int)c.verdict, VERDICT_UNRESOLVED));
}

/* A clock that falls by half over the rounds touches both alike. */
Test(paired, a_drift_cancels)
{
    const struct comparison c = compare(1, 0.0001, 0.02, 1);
    cr_assert(lt(dbl, fabs(c.ratio - 1), 0.001));
    cr_assert(eq(int, (int)c.verdict, VERDICT_SAME));
}

/* Of tables of one comparison of equal things, at most 5 % may say otherwise; and 5 % of a
 * difference is found in 99 of 100, at a noise of 1 %. */
Test(paired, false_alarms_are_rare_and_differences_found)
{
    int alarms = 0, found = 0;
    for (int i = 0; i < TABLES; i++) {
        const enum verdict equal = compare(1, 0.02, 0, 1).verdict;
        alarms += equal == VERDICT_FASTER || equal == VERDICT_SLOWER;
        found += compare(1.05, 0.01, 0, 1).verdict == VERDICT_SLOWER;
    }
    cr_assert(le(int, alarms, TABLES / 20), "%d", alarms);
    cr_assert(ge(int, found, TABLES * 99 / 100), "%d", found);
}

/* More comparisons in a table make each interval wider. */
Test(paired, the_interval_is_that_of_the_table)
{
    struct round rounds[ROUNDS];
    for (int i = 0; i < ROUNDS; i++)
        rounds[i] = (struct round){1, 1 + 0.001 * i, 1 + 0.001 * i, 1};
    const struct comparison one = paired_compare(rounds, ROUNDS, 1);
    const struct comparison many = paired_compare(rounds, ROUNDS, 100);
    cr_assert(lt(dbl, many.low, one.low));
    cr_assert(gt(dbl, many.high, one.high));
    /* The sign test of 52 at 95 %: ranks 18 and 33, from 0 on. */
    cr_assert(epsilon_eq(dbl, one.low, 1.018, 1e-12));
    cr_assert(epsilon_eq(dbl, one.high, 1.033, 1e-12));
}

Test(paired, too_few_rounds_tell_nothing)
{
    const struct round rounds[] = {{1, 2, 2, 1}, {1, 2, 2, 1}, {1, 2, 2, 1}};
    cr_assert(eq(int, (int)paired_compare(rounds, 3, 1).verdict, VERDICT_UNRESOLVED));
    cr_assert(eq(int, (int)paired_compare(rounds, 0, 1).verdict, VERDICT_UNRESOLVED));
}
