/* The timer on a backend whose runs take as long as the test says. */
#include "time.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { AN_ERROR = 42, NEVER = 1 << 30 };

/* What run() does. Times are made up; `cold_us` is how long a cold run really takes. */
static struct {
    double (*warm_ms)(int run), (*cold_ms)(int run);
    int cold_us;
    int fail_warm, fail_cold, interrupt_warm, interrupt_cold; /* at which run */
    int warm, cold;                                           /* runs so far */
} script;

static volatile sig_atomic_t interrupted;

static int run(const struct launch *launch, bool cold, double *time_ms)
{
    (void)launch;
    const int number = cold ? script.cold++ : script.warm++;
    *time_ms = cold ? script.cold_ms(number) : script.warm_ms(number);
    if (cold)
        usleep((useconds_t)script.cold_us);
    if (number == (cold ? script.interrupt_cold : script.interrupt_warm))
        interrupted = 1;
    return number == (cold ? script.fail_cold : script.fail_warm) ? AN_ERROR : 0;
}

/* Every tenth cold run is at a low clock; every fifth is fed by the host. */
static void latest(struct latest *latest)
{
    latest->clock_mhz = script.cold % 10 == 5 ? 1000 : 2000;
    latest->queued = script.cold % 5 != 0;
}

static const struct backend scripted = {.name = "scripted", .timed = true, .run = run};
static const struct backend clocked = {
    .name = "clocked", .timed = true, .run = run, .latest = latest};

static double constant(int number)
{
    (void)number;
    return 2;
}

static double alternating(int number)
{
    return number % 2 ? 1 : 2;
}

static double counting(int number)
{
    return number + 1;
}

/* Nine of ten samples are the same, one is far off: the median does not mind. */
static double outliers(int number)
{
    return number % 10 ? 2 : 200;
}

static double drifting(int number)
{
    static double start;
    if (number == 0)
        start = now_s();
    return 1 + 100 * (now_s() - start);
}

static void set_script(void)
{
    script.warm_ms = script.cold_ms = constant;
    script.cold_us = 2000;
    script.fail_warm = script.fail_cold = script.interrupt_warm = script.interrupt_cold = NEVER;
}

TestSuite(timer, .init = set_script);

static int time_scripted(double limit_s, struct timing *timing)
{
    const struct launch launch = {0};
    return time_launch(&scripted, &launch, limit_s, NULL, &interrupted, timing);
}

Test(timer, constant_times_stop_by_the_interval)
{
    struct timing timing;
    cr_assert(eq(int, time_scripted(20, &timing), 0));
    cr_assert(eq(str, (char *)timing.warmup, "steady"));
    cr_assert(eq(str, (char *)timing.stop, "interval"));
    cr_assert(ge(int, timing.summary.count, 30));
    cr_assert(le(int, timing.summary.count, 120), "0.2 s are at most 100 samples of 2 ms");
    cr_assert(eq(int, timing.summary.count, script.cold));
    cr_assert(eq(dbl, timing.summary.median, 2));
    cr_assert(eq(dbl, timing.summary.low, 2));
    cr_assert(eq(dbl, timing.summary.high, 2));
    timing_free(&timing);
    cr_assert(eq(ptr, timing.sample_ms, NULL));
}

Test(timer, rare_outliers_do_not_matter)
{
    struct timing timing;
    script.cold_ms = outliers;
    cr_assert(eq(int, time_scripted(20, &timing), 0));
    cr_assert(eq(str, (char *)timing.stop, "interval"));
    cr_assert(eq(dbl, timing.summary.median, 2));
    cr_assert(eq(dbl, timing.summary.max, 200));
    timing_free(&timing);
}

Test(timer, noisy_times_stop_by_the_limit)
{
    struct timing timing;
    const double start = now_s();
    script.cold_ms = alternating;
    script.cold_us = 1000;
    cr_assert(eq(int, time_scripted(1, &timing), 0));
    cr_assert(eq(str, (char *)timing.stop, "limit"));
    cr_assert(ge(dbl, now_s() - start, 1));
    cr_assert(gt(int, timing.summary.count, 30), "it looked at least once");
    cr_assert(eq(dbl, timing.summary.low, 1));
    cr_assert(eq(dbl, timing.summary.high, 2));
    timing_free(&timing);
}

Test(timer, a_drifting_clock_never_is_steady)
{
    struct timing timing;
    script.warm_ms = drifting;
    cr_assert(eq(int, time_scripted(0.8, &timing), 0));
    cr_assert(eq(str, (char *)timing.warmup, "limit"));
    cr_assert(eq(str, (char *)timing.stop, "interval"), "the samples were constant");
    timing_free(&timing);
}

Test(timer, samples_are_kept_in_order)
{
    struct timing timing;
    script.cold_ms = counting;
    cr_assert(eq(int, time_scripted(0.3, &timing), 0));
    for (int i = 0; i < timing.summary.count; i++)
        cr_assert(eq(dbl, timing.sample_ms[i], i + 1));
    cr_assert(eq(dbl, timing.summary.min, 1));
    cr_assert(eq(dbl, timing.summary.max, timing.summary.count));
    timing_free(&timing);
}

Test(timer, three_samples_at_least)
{
    struct timing timing;
    script.cold_us = 50000;
    cr_assert(eq(int, time_scripted(0.02, &timing), 0));
    cr_assert(eq(int, timing.summary.count, 3));
    cr_assert(eq(str, (char *)timing.stop, "limit"));
    timing_free(&timing);
}

Test(timer, slow_samples_are_counted_and_kept)
{
    struct timing timing;
    const struct launch launch = {0};
    cr_assert(eq(int, time_launch(&clocked, &launch, 20, NULL, &interrupted, &timing), 0));
    int slow = 0, fed = 0;
    for (int i = 0; i < timing.summary.count; i++) {
        cr_assert(eq(dbl, timing.clock_mhz[i], (i + 1) % 10 == 5 ? 1000 : 2000));
        slow += (i + 1) % 10 == 5;
        fed += (i + 1) % 5 == 0;
    }
    cr_assert(ge(int, slow, 3));
    cr_assert(eq(int, timing.slow, slow));
    cr_assert(eq(int, timing.fed, fed));
    cr_assert(eq(dbl, timing.median_mhz, 2000));
    timing_free(&timing);
}

Test(timer, the_grain_is_the_smallest_step)
{
    struct timing timing;
    script.cold_ms = alternating;
    cr_assert(eq(int, time_scripted(0.3, &timing), 0));
    cr_assert(eq(dbl, timing.tick_ms, 1));
    timing_free(&timing);
    set_script();
    cr_assert(eq(int, time_scripted(0.3, &timing), 0));
    cr_assert(eq(dbl, timing.tick_ms, 0), "all samples are the same");
    timing_free(&timing);
}

/* A spot check that says no at the `bad`-th look. */
static struct {
    int before, after, bad, cold_before;
} looks;

static bool look_before(void *context)
{
    (void)context;
    looks.cold_before = script.cold;
    looks.before++;
    return true;
}

static bool look_after(void *context)
{
    (void)context;
    cr_assert(eq(int, script.cold, looks.cold_before + 1), "one sample between the two");
    return ++looks.after != looks.bad;
}

static int time_looked_at(int bad, struct timing *timing)
{
    const struct launch launch = {0};
    const struct spot_check spot = {look_before, look_after, NULL};
    memset(&looks, 0, sizeof looks);
    looks.bad = bad;
    return time_launch(&scripted, &launch, 0.3, &spot, &interrupted, timing);
}

Test(timer, a_few_samples_are_looked_at)
{
    struct timing timing;
    cr_assert(eq(int, time_looked_at(0, &timing), 0));
    cr_assert(ge(int, timing.looked_at, 1));
    cr_assert(le(int, timing.looked_at, 3));
    cr_assert(eq(int, looks.before, timing.looked_at));
    cr_assert(eq(int, looks.after, timing.looked_at));
    timing_free(&timing);
    for (int i = 0; i < 3; i++) {
        script.cold_us = 150000; /* no more samples than there always are */
        cr_assert(eq(int, time_looked_at(0, &timing), 0));
        cr_assert(ge(int, timing.looked_at, 1));
        timing_free(&timing);
    }
}

Test(timer, a_sample_that_is_not_right_ends_it)
{
    struct timing timing;
    cr_assert(eq(int, time_looked_at(1, &timing), -2));
    cr_assert(eq(ptr, timing.sample_ms, NULL));
    cr_assert(eq(int, timing.summary.count, 0));
}

static void assert_ends_with(int status)
{
    struct timing timing;
    cr_assert(eq(int, time_scripted(5, &timing), status));
    cr_assert(eq(ptr, timing.sample_ms, NULL));
    cr_assert(eq(int, timing.summary.count, 0));
}

Test(timer, an_interrupt_ends_the_warm_up)
{
    script.interrupt_warm = 3;
    assert_ends_with(-1);
    cr_assert(eq(int, script.warm, 4));
    cr_assert(eq(int, script.cold, 0));
}

Test(timer, an_interrupt_ends_the_sampling)
{
    script.interrupt_cold = 7;
    assert_ends_with(-1);
    cr_assert(eq(int, script.cold, 8));
}

Test(timer, an_error_ends_the_warm_up)
{
    script.fail_warm = 0;
    assert_ends_with(AN_ERROR);
    cr_assert(eq(int, script.warm, 1));
}

Test(timer, an_error_ends_the_sampling)
{
    script.fail_cold = 10;
    assert_ends_with(AN_ERROR);
    cr_assert(eq(int, script.cold, 11));
}

Test(timer, the_clock_counts_seconds)
{
    const double start = now_s();
    usleep(20000);
    cr_assert(ge(dbl, now_s() - start, 0.02));
    cr_assert(le(dbl, now_s() - start, 5));
}

/* Between the least and the most that is foreseen, whatever the runs take. */
Test(timer, takes_what_was_foreseen)
{
    double least_s, most_s, before_s = 0;
    for (double run_s = 1e-6; run_s < 100; run_s *= 3) {
        time_foresee(run_s, 5, &least_s, &most_s);
        cr_expect(le(dbl, least_s, most_s));
        cr_expect(ge(dbl, least_s, 3 * run_s)); /* three samples at least */
        cr_expect(ge(dbl, most_s, before_s * 0.9));
        before_s = most_s;
    }
    time_foresee(1e-6, 5, &least_s, &most_s);
    cr_assert(epsilon_eq(dbl, least_s, 0.45, 0.1)); /* five windows, and the first look */
    cr_assert(epsilon_eq(dbl, most_s, 7.5, 0.2));   /* 2.5 s of warm-up, 5 s of samples */
    time_foresee(10, 5, &least_s, &most_s);
    cr_assert(epsilon_eq(dbl, least_s, 40, 0.1)); /* one run of warm-up or more, three samples */
    cr_assert(epsilon_eq(dbl, most_s, 40, 0.1));
}
