/* The forecast on campaigns that are made up: what it knows at the start, and how soon it is right
 * about the time that is left. */
#include "backend.h"
#include "forecast.h"
#include "message.h"
#include "time.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>

enum { VARIANTS = 8, CASES = 200, ROWS = VARIANTS * CASES, CAMPAIGNS = 40 };

struct campaign_in_mind {
    struct awaited row[ROWS];
    struct spent spent[ROWS];
    struct forecast forecast;
};

/* A number between 0 and 1; the same one in every run. */
static double uniform(uint64_t campaign, int64_t index)
{
    uint32_t word[4];
    inputs_block(index, campaign, word);
    return (word[0] + 0.5) / 4294967296.0;
}

/* From a normal distribution, of that spread. */
static double normal(uint64_t campaign, int64_t index, double spread)
{
    return spread * sqrt(-2 * log(uniform(campaign, 2 * index))) *
           cos(6.283185307179586 * uniform(campaign, 2 * index + 1));
}

/* Cases whose work is spread over four powers of ten, in no order; variants whose pace is spread
 * over two; each row off its pace, by more than half of it now and then. */
static void imagine(struct campaign_in_mind *c, uint64_t seed, double limit_s)
{
    for (int i = 0; i < ROWS; i++) {
        const int item = i / VARIANTS, variant = i % VARIANTS;
        const double work = pow(10, 6 + 3.5 * uniform(seed, 10000 + item));
        const double pace = pow(10, 8 + 2 * uniform(seed, 20000 + variant));
        const double run_s = work / pace * exp(normal(seed, 30000 + i, 0.4)) + 1e-5;
        double least_s = 0, most_s = 0;
        c->row[i] = (struct awaited){.variant = variant,
                                     .item = item,
                                     .work = work,
                                     .bytes = work / 10,
                                     .pace = 1e9,
                                     .runs = 2,
                                     .limit_s = limit_s};
        if (limit_s > 0)
            time_foresee(run_s, limit_s, &least_s, &most_s);
        c->spent[i] = (struct spent){
            .run_s = run_s,
            .prepare_s = variant ? 0 : work / 1e8 * exp(normal(seed, 50000 + i, 0.2)),
            .row_s = 2 * run_s + work * 1e-9 + least_s +
                     (most_s - least_s) * uniform(seed, 70000 + i) * (variant % 2)};
    }
    forecast_open(&c->forecast, c->row, ROWS);
}

static double whole_s(const struct spent *spent)
{
    return spent->prepare_s + spent->row_s;
}

/* How far off the whole time is, as a share of it, when `part` of it is over. */
static double error_after(struct campaign_in_mind *c, double part)
{
    double all_s = 0, over_s = 0;
    int i = 0;
    for (int j = 0; j < ROWS; j++)
        all_s += whole_s(&c->spent[j]);
    for (; over_s < part * all_s; i++) {
        forecast_done(&c->forecast, i, &c->spent[i]);
        over_s += whole_s(&c->spent[i]);
    }
    return (over_s + forecast_left_s(&c->forecast, i)) / all_s - 1;
}

/* In how many of the made up campaigns it is right within 20 % then. */
static int right_after(double part, double limit_s, double *worst)
{
    struct campaign_in_mind *c = malloc(sizeof *c);
    int right = 0;
    *worst = 0;
    for (uint64_t seed = 0; seed < CAMPAIGNS; seed++) {
        imagine(c, seed, limit_s);
        const double error = error_after(c, part);
        right += fabs(error) <= 0.2;
        *worst = fabs(error) > fabs(*worst) ? error : *worst;
        forecast_close(&c->forecast);
    }
    free(c);
    return right;
}

Test(forecast, is_right_within_a_fifth_after_a_tenth)
{
    static const double limits[] = {0, 0.5, 5};
    double worst;
    for (int i = 0; i < 3; i++) {
        const int right = right_after(0.1, limits[i], &worst);
        cr_expect(ge(int, right, CAMPAIGNS - 2), "limit %g s: %d of %d, worst %+.0f %%", limits[i],
                  right, CAMPAIGNS, 100 * worst);
    }
}

/* Two cases of two rows, of one variant each, in their order. */
static struct awaited few[] = {
    {.variant = 0, .item = 0, .work = 1e9, .bytes = 1e6, .pace = 1e9, .runs = 2},
    {.variant = 1, .item = 0, .work = 1e9, .bytes = 1e6, .pace = 1e9, .runs = 2},
    {.variant = 0, .item = 1, .work = 4e9, .bytes = 4e6, .pace = 1e9, .runs = 2},
    {.variant = 1, .item = 1, .work = 4e9, .bytes = 4e6, .pace = 1e9, .runs = 2}};

Test(forecast, goes_from_guesses_to_what_was_seen)
{
    struct forecast f;
    forecast_open(&f, few, 4);
    cr_assert(eq(int, forecast_row(&f, 2).basis, BASIS_GUESSED));
    cr_assert(gt(dbl, forecast_row(&f, 0).prepare_s, 0));
    cr_assert(zero(dbl, forecast_row(&f, 1).prepare_s)); /* the row before had paid */
    const struct spent spent = {.prepare_s = 10, .run_s = 3, .row_s = 6};
    forecast_done(&f, 0, &spent);
    cr_assert(eq(int, forecast_row(&f, 2).basis, BASIS_SCALED));
    cr_assert(epsilon_eq(dbl, forecast_row(&f, 2).row_s, 24, 0.5));
    cr_assert(epsilon_eq(dbl, forecast_row(&f, 2).prepare_s, 40, 0.5));
    /* A variant that has not run yet goes by the others of its backend. */
    cr_assert(eq(int, forecast_row(&f, 3).basis, BASIS_GUESSED));
    cr_assert(epsilon_eq(dbl, forecast_row(&f, 3).row_s, 24, 0.5));
    cr_assert(epsilon_eq(dbl, forecast_left_s(&f, 2), 24 + 40 + 24, 1.5));
    forecast_close(&f);
}

Test(forecast, knows_what_was_measured_and_how_much_longer_it_takes_now)
{
    struct awaited row[4];
    struct forecast f;
    for (int i = 0; i < 4; i++) {
        row[i] = few[i];
        row[i].before = (struct spent){.prepare_s = 5, .run_s = 1, .row_s = 100};
    }
    row[3].skipped = true;
    forecast_open(&f, row, 4);
    cr_assert(eq(int, forecast_row(&f, 0).basis, BASIS_MEASURED));
    cr_assert(eq(dbl, forecast_left_s(&f, 0), 3 * 100 + 2 * 5));
    const struct spent slower = {.prepare_s = 5, .run_s = 1.5, .row_s = 150};
    forecast_done(&f, 0, &slower);
    cr_assert(epsilon_eq(dbl, forecast_row(&f, 1).row_s, 150, 1));
    forecast_close(&f);
}

/* Small rows are overhead, large ones are work: neither tells of the other alone. */
Test(forecast, tells_overhead_from_work)
{
    struct awaited row[] = {few[0], few[0], few[0], few[0]};
    struct forecast f;
    row[0].work = 1e4;
    row[1].work = 1e8;
    row[2].work = 1e5;
    row[3].work = 1e9;
    forecast_open(&f, row, 4);
    for (int i = 0; i < 2; i++) {
        const double run_s = 0.02 + row[i].work / 2e8;
        const struct spent spent = {.run_s = run_s, .row_s = 2 * run_s};
        forecast_learn(&f, &row[i], &spent);
    }
    cr_assert(epsilon_eq(dbl, forecast_row(&f, 2).row_s, 0.04, 0.02));
    cr_assert(epsilon_eq(dbl, forecast_row(&f, 3).row_s, 10, 1));
    forecast_close(&f);
}

Test(forecast, durations_read_as_they_are_said)
{
    static const struct {
        double seconds;
        const char *text;
    } known[] = {{0.004, "0.00 s"},      {9.996, "10.0 s"},     {59.94, "59.9 s"},
                 {59.96, "1 min 00 s"},  {119.6, "2 min 00 s"}, {3599.4, "59 min 59 s"},
                 {3599.6, "1 h 00 min"}, {7384, "2 h 03 min"},  {360000, "100 h 00 min"}};
    for (int i = 0; i < (int)(sizeof known / sizeof *known); i++) {
        char text[64] = "";
        append_duration(text, sizeof text, known[i].seconds);
        cr_expect(eq(str, text, (char *)(uintptr_t)known[i].text));
    }
}
