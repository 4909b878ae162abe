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
#include <stdio.h>

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
        if (getenv("V")) fprintf(stderr, "%+.2f ", error);
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
