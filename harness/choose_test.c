/* kernels/choose.h: the choice on measured problems, between them, and far from them. */
#include "../kernels/choose.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static const char *accepts_short(const void *problem)
{
    return ((const struct choose_shape *)problem)->length <= 100 ? NULL : "length <= 100";
}

static const char *accepts_none(const void *problem)
{
    (void)problem;
    return "nothing";
}

static const struct variant ANY = {0}, SHORT = {.accepts = accepts_short},
                            NONE = {.accepts = accepts_none};
static const struct variant *const CANDIDATES[] = {&ANY, &SHORT, &NONE};

/* SHORT is fastest up to 64 steps, ANY from 256 on, and more so; a scalar A has its own winner. */
static const struct choose_measured MEASURED[] = {
    {{1, 8, 16, 16, 0, 0, 0}, {2, 1, 3}},
    {{1, 8, 64, 16, 0, 0, 0}, {1.1, 1, 3}},
    {{1, 8, 256, 16, 0, 0, 0}, {1, 2.5, 3}},
    {{1, 8, 16, 16, 1, 0, 0}, {1, 2, 3}},
};
static const struct choose_table TABLE = {MEASURED, 4, 3};

static const struct variant *choice(int64_t length, int scalar)
{
    const struct choose_shape shape = {1, 8, length, 16, scalar, 0, 0};
    return choose(&TABLE, CANDIDATES, &shape, &shape);
}

Test(choose, the_fastest_where_it_was_measured)
{
    cr_assert(choice(16, 0) == &SHORT);
    cr_assert(choice(64, 0) == &SHORT);
    cr_assert(choice(256, 0) == &ANY);
    cr_assert(choice(16, 1) == &ANY);
}

Test(choose, what_loses_least_between_measured_problems)
{
    cr_assert(choice(32, 0) == &SHORT);
    const struct choose_shape amid = {1, 8, 128, 16, 0, 0, 0};
    double expected[CHOOSE_CANDIDATES];
    choose_expect(&TABLE, &amid, expected);
    cr_assert(epsilon_eq(dbl, expected[0] / expected[1], 2.1 / 3.5, 1e-6));
    cr_assert(choice(112, 0) == &ANY, "it loses little at 64, SHORT much at 256");
    cr_assert(choice(90, 0) == &SHORT, "256 is more than twice as far as 64");
}

Test(choose, what_is_far_does_not_count)
{
    const struct choose_measured crowd[] = {
        {{1, 8, 64, 16, 0, 0, 0}, {2, 1, 3}},    {{1, 8, 4096, 16, 0, 0, 0}, {1, 3, 3}},
        {{1, 8, 4096, 16, 0, 1, 0}, {1, 3, 3}},  {{1, 8, 4096, 16, 0, 0, 1}, {1, 3, 3}},
        {{1, 16, 4096, 16, 0, 0, 0}, {1, 3, 3}}, {{2, 16, 4096, 16, 0, 0, 0}, {1, 3, 3}},
    };
    const struct choose_table table = {crowd, 6, 2};
    const struct choose_shape shape = {1, 8, 16, 16, 0, 0, 0};
    cr_assert(choose(&table, CANDIDATES, &shape, &shape) == &SHORT);
}

Test(choose, only_what_accepts_the_problem)
{
    const struct choose_measured lone = {{1, 8, 1000, 16, 0, 0, 0}, {2, 1, 1}};
    const struct choose_table all = {&lone, 1, 3};
    struct choose_shape shape = lone.shape;
    cr_assert(choose(&all, CANDIDATES, &shape, &shape) == &ANY);
    shape.length = 100;
    cr_assert(choose(&all, CANDIDATES, &shape, &shape) == &SHORT);
    const struct choose_table nothing = {NULL, 0, 0};
    cr_assert(choose(&nothing, CANDIDATES, &shape, &shape) == NULL);
    cr_assert(choose(&all, (const struct variant *const[]){&NONE, &NONE, &NONE}, &shape, &shape) ==
              NULL);
}

Test(choose, logarithms_are_exact_at_powers_of_two_and_near_elsewhere)
{
    for (int i = 0; i < 63; i++)
        cr_assert(eq(dbl, choose_log2((int64_t)1 << i), i));
    cr_assert(eq(dbl, choose_log2(3), 1.5));
    for (int64_t value = 1; value < 100000; value += 7) {
        cr_assert(lt(dbl, choose_log2(value), choose_log2(value + 1)));
        const double power = choose_log2(value * value) - 2 * choose_log2(value);
        cr_assert(power > -0.18 && power < 0.18, "%lld", (long long)value);
    }
}

Test(choose, distances_are_in_doublings)
{
    const struct choose_shape a = {2, 8, 64, 16, 0, 0, 0}, b = {4, 4, 64, 16, 0, 0, 0},
                              c = {2, 8, 256, 8, 0, 0, 0}, d = {2, 8, 64, 16, 1, 1, 1};
    cr_assert(eq(dbl, choose_distance(&a, &b), 0), "as many rows");
    cr_assert(eq(dbl, choose_distance(&a, &c), 5));
    cr_assert(
        eq(dbl, choose_distance(&a, &d), CHOOSE_OTHER_A + CHOOSE_OTHER_ORDER + CHOOSE_OTHER_TYPE));
    cr_assert(eq(dbl, choose_distance(&d, &c), choose_distance(&c, &d)));
}
