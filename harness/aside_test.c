/* What is measured beside the cold time, on a backend that counts what is asked of it. */
#include "aside.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

enum { AN_ERROR = 42 };

static struct {
    int runs, batches, graphs, batch, fail_run, fail_batch;
} asked;

static volatile sig_atomic_t interrupted;

static int run(const struct launch *launch, bool cold, double *time_ms)
{
    (void)launch;
    cr_assert(not(cold));
    *time_ms = ++asked.runs;
    return asked.runs == asked.fail_run ? AN_ERROR : 0;
}

static int batch(const struct launch *launch, int count, bool graph, double *time_ms)
{
    (void)launch;
    *time_ms = graph ? 20 : 10;
    asked.batch = count;
    if (graph)
        return ++asked.graphs == asked.fail_batch ? AN_ERROR : 0;
    return ++asked.batches == asked.fail_run ? AN_ERROR : 0;
}

static int floors(struct floors *floors)
{
    *floors = (struct floors){0.001, 0.002};
    return 0;
}

static const struct backend plain = {.name = "plain", .run = run};
static const struct backend whole = {.name = "whole", .run = run, .batch = batch, .floors = floors};
static const struct launch launch;

Test(aside, all_of_a_short_run)
{
    struct aside aside;
    cr_assert(eq(int, aside_measure(&whole, &launch, 0.5, &interrupted, &aside), 0));
    cr_assert(eq(dbl, aside.warm_ms, 8), "the median of fifteen");
    cr_assert(eq(int, aside.runs, 10), "5 ms of them");
    cr_assert(eq(int, asked.batch, 10));
    cr_assert(eq(dbl, aside.batch_ms, 10));
    cr_assert(eq(dbl, aside.graph_ms, 20));
    cr_assert(eq(dbl, aside.floors.pair_ms, 0.001));
    cr_assert(eq(dbl, aside.floors.kernel_ms, 0.002));
}

Test(aside, batches_are_of_64_at_most)
{
    struct aside aside;
    cr_assert(eq(int, aside_measure(&whole, &launch, 0.001, &interrupted, &aside), 0));
    cr_assert(eq(int, aside.runs, 64));
}

Test(aside, of_long_runs_there_is_less)
{
    struct aside aside;
    cr_assert(eq(int, aside_measure(&whole, &launch, 60, &interrupted, &aside), 0));
    cr_assert(eq(int, asked.runs, 3));
    cr_assert(eq(int, asked.batches, 0));
    cr_assert(eq(int, aside.runs, 0));
    cr_assert(eq(dbl, aside.batch_ms, 0));
    cr_assert(eq(int, aside_measure(&whole, &launch, 2000, &interrupted, &aside), 0));
    cr_assert(eq(int, asked.runs, 3), "no more of them");
    cr_assert(eq(dbl, aside.warm_ms, 0));
}

Test(aside, what_a_backend_lacks_is_not_there)
{
    struct aside aside;
    cr_assert(eq(int, aside_measure(&plain, &launch, 0.5, &interrupted, &aside), 0));
    cr_assert(eq(dbl, aside.warm_ms, 8));
    cr_assert(eq(int, aside.runs, 0));
    cr_assert(eq(dbl, aside.floors.pair_ms, 0));
}

Test(aside, what_cannot_be_a_graph_has_no_time_as_one)
{
    struct aside aside;
    asked.fail_batch = 1;
    cr_assert(eq(int, aside_measure(&whole, &launch, 0.5, &interrupted, &aside), 0));
    cr_assert(eq(dbl, aside.batch_ms, 10));
    cr_assert(eq(dbl, aside.graph_ms, 0));
}

Test(aside, an_error_ends_it)
{
    struct aside aside;
    asked.fail_run = 2;
    cr_assert(eq(int, aside_measure(&whole, &launch, 0.5, &interrupted, &aside), AN_ERROR));
    interrupted = 1;
    cr_assert(eq(int, aside_measure(&whole, &launch, 0.5, &interrupted, &aside), -1));
}

Test(aside, an_error_of_a_batch_ends_it)
{
    struct aside aside;
    asked.fail_run = 1, asked.runs = 10;
    cr_assert(eq(int, aside_measure(&whole, &launch, 0.5, &interrupted, &aside), AN_ERROR));
}
