/* The first run of a trial has other inputs than the checked ones, which shows what is kept. */
#include "../reference/conv1d.h"
#include "fit.h"
#include "trial.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

enum { LENGTH = 32, WIDTH = 2, RUNS_MAX = 8 };

static volatile sig_atomic_t interrupted;
static float seen[RUNS_MAX]; /* the first element of x, run by run */
static int runs;

static int writes_ones(const void *problem, void *const tensor[], void *workspace, void *stream)
{
    (void)problem, (void)workspace, (void)stream;
    for (int i = 0; i < LENGTH; i++)
        ((float *)tensor[CONV1D_OUT])[i] = 1;
    seen[runs++] = *(const float *)tensor[CONV1D_X];
    return 0;
}

static int copies(const void *problem, void *const tensor[], void *workspace, void *stream)
{
    const int error = writes_ones(problem, tensor, workspace, stream);
    memcpy(tensor[CONV1D_OUT], tensor[CONV1D_X], LENGTH * sizeof(float));
    return error;
}

static struct test_case new_case(enum conv1d_inputs inputs)
{
    const struct operation *op = operation_find("conv1d");
    struct conv1d *p = problem_new(op);
    p->batch = p->channels = 1, p->length = LENGTH, p->width = WIDTH, p->inputs = inputs;
    return (struct test_case){"other", "inputs", "to come first", op, p};
}

static struct outcome run_trial(struct prepared *prepared,
                                int (*run)(const void *, void *const[], void *, void *))
{
    const struct variant variant = {.run = run};
    const struct entry entry = {"conv1d", "planted", "cpu", "conv1d/planted@cpu", &variant};
    struct outcome outcome;
    runs = 0;
    cr_assert(trial_run(prepared, &entry, &backend_cpu, 0, &interrupted, &outcome));
    cr_assert(eq(int, outcome.status, STATUS_WRONG), "%s", outcome.detail);
    return outcome;
}

static bool says_same_bits(const struct outcome *outcome)
{
    return strstr(outcome->detail, "; other inputs give the same bits") != NULL;
}

Test(other_inputs, come_first)
{
    const struct test_case item = new_case(CONV1D_INPUTS_TEST);
    struct prepared prepared;
    prepare(&item, &prepared);
    const float x = *(const float *)prepared.input[CONV1D_X];
    const struct outcome outcome = run_trial(&prepared, writes_ones);
    cr_assert(ne(flt, seen[0], x), "the first run had the inputs of the check");
    cr_assert(eq(flt, seen[1], x), "the checked run had others");
    cr_assert(ne(flt, seen[2], x), "the run that tells why had the inputs of the check");
    cr_assert(says_same_bits(&outcome), "%s", outcome.detail);
    cr_assert(eq(int, runs, 3));
    const struct outcome other = run_trial(&prepared, copies);
    cr_assert(not(says_same_bits(&other)), "%s", other.detail);
    prepared_free(&prepared);
    free(item.problem);
}

/* Constant inputs are the same for all seeds, and tell nothing. */
Test(other_inputs, that_are_the_same_are_not_blamed)
{
    const struct test_case item = new_case(CONV1D_INPUTS_ZEROS);
    struct prepared prepared;
    prepare(&item, &prepared);
    prepared.fill[CONV1D_WEIGHT] = (struct fill){FILL_CONSTANT, 2};
    for (int w = 0; w < WIDTH; w++)
        ((float *)prepared.input[CONV1D_WEIGHT])[w] = 2;
    const struct outcome outcome = run_trial(&prepared, writes_ones);
    cr_assert(not(says_same_bits(&outcome)), "%s", outcome.detail);
    prepared_free(&prepared);
    free(item.problem);
}

/* A caller's tensors have no seed: every run has them. */
Test(other_inputs, are_not_drawn_for_given_ones)
{
    const struct test_case item = new_case(CONV1D_INPUTS_TEST);
    void *input[MAX_TENSORS] = {0};
    struct prepared prepared;
    float *const x = must_allocate(LENGTH, sizeof *x), *const weight =
                                                           must_allocate(WIDTH, sizeof *x);
    for (int i = 0; i < LENGTH; i++)
        x[i] = 7;
    weight[0] = weight[1] = 3;
    input[CONV1D_X] = x, input[CONV1D_WEIGHT] = weight;
    prepare_given(&item, input, &prepared);
    run_trial(&prepared, writes_ones);
    for (int i = 0; i < runs; i++)
        cr_assert(eq(flt, seen[i], 7));
    prepared_free(&prepared);
    free(item.problem);
}
