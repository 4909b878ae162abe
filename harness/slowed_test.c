/* Launches made slower by a known time: on a clock that only counts, and on the CPU's. */
#include "compare.h"
#include "slowed.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>

enum { TICKS_A_MS = 1000 };

/* A backend whose clock is `clock_ms`; each run has some noise, the same in every test. */
static double clock_ms;
static int spins, runs;
static int64_t lost; /* ticks of each wait that do not arrive */

static int count_spin(int64_t ticks, void *stream)
{
    (void)stream;
    spins++;
    clock_ms += (double)(ticks > lost ? ticks - lost : 0) / TICKS_A_MS;
    return 0;
}

static int count_run(const struct launch *launch, bool cold, double *time_ms)
{
    (void)cold;
    clock_ms = 0;
    const int error =
        launch->variant->run(launch->problem, launch->tensor, launch->workspace, NULL);
    *time_ms = clock_ms;
    return error;
}

static const struct backend counted = {.name = "counted", .run = count_run, .spin = count_spin};

/* Takes 10 ms, and 0.1 % more or less. Returns the error that the problem is. */
static int ten_ms(const void *problem, void *const tensor[], void *workspace, void *stream)
{
    (void)tensor;
    (void)workspace;
    (void)stream;
    clock_ms += 10 + 0.01 * sin(++runs * 2.4);
    return problem ? *(const int *)problem : 0;
}

static const struct variant variant = {.run = ten_ms};

/* What compare says of the variant against itself, slower by so many ticks of 1/10000. */
static struct comparison compared(int64_t ticks)
{
    struct slowed slowed[2];
    struct launch launch[2];
    struct comparison result;
    for (int side = 0; side < 2; side++) {
        slowed[side] = (struct slowed){&counted, {.variant = &variant}, side ? ticks : 0};
        launch[side] = slowed_launch(&slowed[side]);
    }
    spins = 0;
    cr_assert(zero(int, compare_launches(&counted, launch, COMPARE_ROUNDS, 1, &result)));
    cr_assert(eq(int, spins, 4 * COMPARE_ROUNDS), "one wait behind each run of either side");
    return result;
}

Test(slowed, compare_finds_what_was_made_slower)
{
    cr_assert(eq(int, (int)compared(0).verdict, VERDICT_SAME));
    const struct comparison one = compared(100), five = compared(500);
    cr_assert(eq(int, (int)one.verdict, VERDICT_SLOWER));
    cr_assert(eq(int, (int)five.verdict, VERDICT_SLOWER));
    cr_assert(epsilon_eq(dbl, one.ratio, 1.01, 1e-3));
    cr_assert(epsilon_eq(dbl, five.ratio, 1.05, 1e-3));
}

Test(slowed, a_tick_is_as_long_as_the_waits_say)
{
    double tick_ms;
    cr_assert(zero(int, slowed_tick_ms(&counted, &tick_ms)));
    cr_assert(epsilon_eq(dbl, tick_ms, 1.0 / TICKS_A_MS, 1e-12));
}

Test(slowed, what_is_lost_of_a_wait_is_found)
{
    struct slowed slowed[2] = {{&counted, {.variant = &variant}, 0},
                               {&counted, {.variant = &variant}, 0}};
    double lost_ms;
    lost = 0;
    cr_assert(zero(int, slowed_lost_ms(slowed, 1.0 / TICKS_A_MS, &lost_ms)));
    cr_assert(zero(dbl, lost_ms));
    lost = 6;
    cr_assert(zero(int, slowed_lost_ms(slowed, 1.0 / TICKS_A_MS, &lost_ms)));
    cr_assert(epsilon_eq(dbl, lost_ms, 6.0 / TICKS_A_MS, 2.0 / TICKS_A_MS));
}

Test(slowed, an_error_of_the_variant_is_passed_on)
{
    static const int error = 5;
    const struct slowed slowed = {&counted, {.variant = &variant, .problem = &error}, 1};
    const struct launch launch = slowed_launch(&slowed);
    double time_ms;
    spins = 0;
    cr_assert(eq(int, counted.run(&launch, false, &time_ms), error));
    cr_assert(zero(int, spins));
}

/* The wait is in the time of a run, and a tick of the CPU is a nanosecond; other work of the
 * machine can only make a run longer. */
Test(slowed, the_cpu_waits_within_the_timed_region)
{
    const struct slowed slowed = {&backend_cpu, {0}, 3000000};
    const struct launch launch = slowed_launch(&slowed);
    double least_ms = INFINITY, time_ms;
    for (int i = 0; i < 20; i++) {
        cr_assert(zero(int, backend_cpu.run(&launch, false, &time_ms)));
        least_ms = fmin(least_ms, time_ms);
    }
    cr_assert(ge(dbl, least_ms, 3));
    cr_assert(lt(dbl, least_ms, 3.3));
}
