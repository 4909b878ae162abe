/* Planted bugs: every kind of fault a kernel can have is found, named, and never timed. */
#include "../reference/selscan.h"
#include "fit.h"
#include "trial.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* 1 sequence, 8 channels, 32 steps, 4 states; the planted faults are at out[0,3,17]. */
enum { CHANNELS = 8, LENGTH = 32, STATE = 4, AT = 3 * LENGTH + 17 };

typedef int run_function(const void *problem, void *const tensor[], void *workspace, void *stream);

static volatile sig_atomic_t interrupted;
static int calls; /* of the planted variant in this trial */

static const struct variant *sequential(void)
{
    for (const struct entry *entry = ENTRIES; entry->op; entry++)
        if (!strcmp(entry->full, "selscan/sequential@cpu"))
            return entry->variant;
    cr_fatal("no selscan/sequential@cpu");
    return NULL;
}

/* Runs the real variant into the tensors of a planted one. */
static void run_right(const void *problem, void *const tensor[])
{
    sequential()->run(problem, tensor, NULL, NULL);
    calls++;
}

static struct test_case new_case(void)
{
    const struct operation *op = operation_find("selscan");
    struct selscan *p = problem_new(op);
    p->channels = CHANNELS, p->length = LENGTH, p->state = STATE;
    p->skip = p->final = 1;
    return (struct test_case){"planted", "fault", "to be found", op, p};
}

static struct outcome run_trial(const struct test_case *item, const struct variant *variant,
                                const struct backend *backend, double limit_s)
{
    const struct entry entry = {"selscan", "planted", "cpu", "selscan/planted@cpu", variant};
    struct prepared prepared;
    struct outcome outcome;
    calls = 0;
    prepare(item, &prepared);
    cr_assert(trial_run(&prepared, &entry, backend, limit_s, &interrupted, &outcome));
    prepared_free(&prepared);
    return outcome;
}

/* With time for samples, so that a fault that were timed would be seen. */
static void assert_found(const struct variant *variant, enum status status, const char *detail)
{
    const struct test_case item = new_case();
    const struct outcome outcome = run_trial(&item, variant, &backend_cpu, 0.1);
    cr_assert(eq(str, (char *)STATUS_NAMES[outcome.status], (char *)STATUS_NAMES[status]), "%s",
              outcome.detail);
    cr_assert(ne(ptr, strstr(outcome.detail, detail), NULL), "expected '%s', got: %s", detail,
              outcome.detail);
    cr_assert(not(outcome.timed), "a wrong variant was timed");
    cr_assert(eq(int, outcome.timing.summary.count, 0), "a wrong variant was timed");
    free(item.problem);
}

static void assert_found_in(run_function *run, enum status status, const char *detail)
{
    assert_found(&(const struct variant){.run = run}, status, detail);
}

static int skips_a_store(const void *problem, void *const tensor[], void *workspace, void *stream)
{
    static float whole[CHANNELS * LENGTH];
    void *mine[SELSCAN_TENSORS];
    (void)workspace, (void)stream;
    memcpy(mine, tensor, sizeof mine);
    mine[SELSCAN_OUT] = whole;
    run_right(problem, mine);
    for (int i = 0; i < CHANNELS * LENGTH; i++)
        if (i != AT)
            ((float *)tensor[SELSCAN_OUT])[i] = whole[i];
    return 0;
}

Test(trial, a_skipped_store)
{
    assert_found_in(skips_a_store, STATUS_UNWRITTEN, "1 elements of out, such as out[0,3,17]");
}

/* A variant that does what is right and then something else. */
#define SPOILS(name, ...)                                                                          \
    static int name(const void *problem, void *const tensor[], void *workspace, void *stream)      \
    {                                                                                              \
        float *out = tensor[SELSCAN_OUT], *final = tensor[SELSCAN_FINAL], *u = tensor[SELSCAN_U];  \
        run_right(problem, tensor);                                                                \
        __VA_ARGS__;                                                                               \
        (void)workspace, (void)stream, (void)out, (void) final, (void)u;                           \
        return 0;                                                                                  \
    }

SPOILS(spoils_nothing, )
SPOILS(adds_to_out, out[AT] += 1e-3f)
SPOILS(adds_to_final, final[STATE + 2] += 1e-3f)
SPOILS(writes_nan, out[AT] = NAN)
SPOILS(writes_infinity, out[AT] = INFINITY)
SPOILS(writes_behind, out[CHANNELS * LENGTH] = 1)
SPOILS(writes_before, out[-1] = 1)
SPOILS(writes_behind_an_input, u[CHANNELS * LENGTH] = 1)
SPOILS(writes_behind_workspace, ((char *)workspace)[100] = 1)
SPOILS(changes_an_input, u[AT] = -u[AT])
SPOILS(trusts_workspace, out[AT] += ((char *)workspace)[50] != 0)
SPOILS(adds_an_ulp, out[AT] = nextafterf(out[AT], INFINITY))
SPOILS(differs_the_second_time, if (calls == 2) out[AT] = nextafterf(out[AT], INFINITY))
SPOILS(differs_later, if (calls >= 5) out[AT] = nextafterf(out[AT], INFINITY))

static size_t hundred_bytes(const void *problem)
{
    (void)problem;
    return 100;
}

Test(trial, a_wrong_element)
{
    assert_found_in(adds_to_out, STATUS_WRONG, "out[0,3,17] = ");
    assert_found_in(adds_to_out, STATUS_WRONG, "limit 1e-05");
    assert_found_in(adds_to_final, STATUS_WRONG, "final[0,1,2] = ");
}

Test(trial, not_a_number_and_infinity)
{
    assert_found_in(writes_nan, STATUS_NONFINITE, "out[0,3,17] = ");
    assert_found_in(writes_infinity, STATUS_NONFINITE, "out[0,3,17] = inf, expected ");
}

Test(trial, writes_beside_a_buffer)
{
    const struct variant workspace = {.workspace = hundred_bytes, .run = writes_behind_workspace};
    assert_found_in(writes_behind, STATUS_OVERRUN, "a byte behind out was written");
    assert_found_in(writes_before, STATUS_OVERRUN, "a byte before out was written");
    assert_found_in(writes_behind_an_input, STATUS_OVERRUN, "a byte behind u was written");
    assert_found(&workspace, STATUS_OVERRUN, "a byte behind the workspace was written");
}

Test(trial, a_changed_input)
{
    assert_found_in(changes_an_input, STATUS_MUTATED, "input u was written");
}

/* More than the piece in which tensors are compared. */
enum { LONG = (9 << 20) / sizeof(float) };

static int changes_the_end_of_u(const void *problem, void *const tensor[], void *workspace,
                                void *stream)
{
    (void)workspace, (void)stream;
    run_right(problem, tensor);
    ((float *)tensor[SELSCAN_U])[LONG - 1] += 1;
    return 0;
}

Test(trial, an_input_changed_at_its_far_end)
{
    const struct variant variant = {.run = changes_the_end_of_u};
    const struct test_case item = new_case();
    struct selscan *p = item.problem;
    p->channels = p->state = 1, p->length = LONG;
    const struct outcome right = run_trial(&item, sequential(), &backend_cpu, 0);
    cr_assert(eq(int, right.status, STATUS_PASS), "%s", right.detail);
    const struct outcome wrong = run_trial(&item, &variant, &backend_cpu, 0);
    cr_assert(eq(int, wrong.status, STATUS_MUTATED), "%s", wrong.detail);
    free(p);
}

Test(trial, workspace_that_is_taken_for_zero)
{
    const struct variant variant = {.workspace = hundred_bytes, .run = trusts_workspace};
    assert_found(&variant, STATUS_WRONG, "out[0,3,17] = ");
}

Test(trial, other_bits_the_second_time)
{
    assert_found_in(differs_the_second_time, STATUS_NONDETERMINISTIC, "out has other bits");
}

static int fails(const void *problem, void *const tensor[], void *workspace, void *stream)
{
    (void)problem, (void)tensor, (void)workspace, (void)stream;
    return EIO;
}

static int fails_the_second_time(const void *problem, void *const tensor[], void *workspace,
                                 void *stream)
{
    (void)workspace, (void)stream;
    run_right(problem, tensor);
    return calls == 2 ? ENOMEM : 0;
}

Test(trial, errors_of_the_run)
{
    assert_found_in(fails, STATUS_FAILED, "run: Input/output error");
    assert_found_in(fails_the_second_time, STATUS_FAILED, "run: Cannot allocate memory");
}

/* Does nothing once it has been checked. */
static int stops_working(const void *problem, void *const tensor[], void *workspace, void *stream)
{
    (void)workspace, (void)stream;
    return calls++ < 5 ? sequential()->run(problem, tensor, NULL, NULL) : 0;
}

Test(trial, what_goes_wrong_while_it_is_timed)
{
    const char *const looked_at = "out has other bits after a timed run";
    assert_found_in(differs_later, STATUS_NONDETERMINISTIC, looked_at);
    assert_found_in(stops_working, STATUS_NONDETERMINISTIC, looked_at);
}

Test(trial, right_variants_pass)
{
    const struct test_case item = new_case();
    for (const struct entry *entry = ENTRIES; entry->op; entry++) {
        if (strcmp(entry->backend, "cpu") || strcmp(entry->op, "selscan"))
            continue;
        const struct outcome outcome = run_trial(&item, entry->variant, &backend_cpu, 0);
        cr_assert(eq(int, outcome.status, STATUS_PASS), "%s: %s", entry->full, outcome.detail);
        cr_assert(eq(str, (char *)outcome.detail, ""));
        cr_assert(ge(dbl, outcome.error, 0));
        cr_assert(le(dbl, outcome.error, ERROR_LIMIT));
        cr_assert(eq(dbl, outcome.error,
                     fmax(outcome.tensor_error[SELSCAN_OUT], outcome.tensor_error[SELSCAN_FINAL])));
        cr_assert(not(outcome.timed), "timed without being asked");
    }
    free(item.problem);
}

Test(trial, a_right_variant_is_timed)
{
    const struct test_case item = new_case();
    const struct variant variant = {.run = spoils_nothing};
    struct outcome outcome = run_trial(&item, &variant, &backend_cpu, 0.2);
    cr_assert(eq(int, outcome.status, STATUS_PASS), "%s", outcome.detail);
    cr_assert(outcome.timed);
    cr_assert(ge(int, outcome.timing.summary.count, 3));
    cr_assert(gt(dbl, outcome.timing.summary.min, 0));
    cr_assert(gt(int, calls, 2 + outcome.timing.summary.count));
    timing_free(&outcome.timing);
    free(item.problem);
}

Test(trial, a_reduced_variant_may_be_wrong_but_not_careless)
{
    const struct test_case item = new_case();
    const struct variant wrong = {.run = adds_to_out, .grade = GRADE_REDUCED};
    const struct variant nan = {.run = writes_nan, .grade = GRADE_REDUCED};
    const struct variant unwritten = {.run = skips_a_store, .grade = GRADE_REDUCED};
    const struct outcome outcome = run_trial(&item, &wrong, &backend_cpu, 0);
    cr_assert(eq(int, outcome.status, STATUS_PASS), "%s", outcome.detail);
    cr_assert(gt(dbl, outcome.error, 1e-5));
    assert_found(&nan, STATUS_NONFINITE, "out[0,3,17]");
    assert_found(&unwritten, STATUS_UNWRITTEN, "out[0,3,17]");
    free(item.problem);
}

Test(trial, integers_have_to_be_exact)
{
    const struct test_case item = new_case();
    ((struct selscan *)item.problem)->inputs = INPUTS_INTEGERS;
    const struct variant right = {.run = spoils_nothing}, wrong = {.run = adds_an_ulp};
    const struct outcome good = run_trial(&item, &right, &backend_cpu, 0);
    cr_assert(eq(int, good.status, STATUS_PASS), "%s", good.detail);
    cr_assert(eq(dbl, good.error, 0));
    const struct outcome bad = run_trial(&item, &wrong, &backend_cpu, 0);
    cr_assert(eq(int, bad.status, STATUS_WRONG));
    cr_assert(le(dbl, bad.error, 0x1p-23), "the fault was to be one ulp");
    free(item.problem);
}

Test(trial, an_interrupt_leaves_no_outcome)
{
    const struct test_case item = new_case();
    const struct variant variant = {.run = spoils_nothing};
    const struct entry entry = {"selscan", "planted", "cpu", "selscan/planted@cpu", &variant};
    struct prepared prepared;
    struct outcome outcome;
    prepare(&item, &prepared);
    interrupted = 1;
    cr_assert(not(trial_run(&prepared, &entry, &backend_cpu, 1, &interrupted, &outcome)));
    cr_assert(not(outcome.timed));
    prepared_free(&prepared);
    free(item.problem);
}

static int draws_wrong(void *memory, const struct fill *fill, enum dtype dtype, int64_t elements,
                       uint64_t key)
{
    inputs_generate(memory, fill, dtype, elements, key);
    ((unsigned char *)memory)[elements / 2] ^= 1;
    return 0;
}

static void *has_no_memory(size_t bytes)
{
    (void)bytes;
    return NULL;
}

Test(trial, a_backend_that_draws_other_inputs_or_has_no_memory)
{
    const struct test_case item = new_case();
    struct backend other = backend_cpu, small = backend_cpu;
    other.generate = draws_wrong;
    small.allocate = has_no_memory;
    const struct outcome drawn = run_trial(&item, sequential(), &other, 0);
    cr_assert(eq(int, drawn.status, STATUS_FAILED));
    cr_assert(eq(str, (char *)drawn.detail, "u drawn on cpu differs from the host's"));
    const struct outcome full = run_trial(&item, sequential(), &small, 0);
    cr_assert(eq(int, full.status, STATUS_FAILED));
    cr_assert(ne(ptr, strstr(full.detail, "out of memory for "), NULL), "%s", full.detail);
    free(item.problem);
}

static struct outcome meet(struct prepared *prepared, const struct entry *entry)
{
    struct outcome outcome;
    cr_assert(trial_run(prepared, entry, &backend_cpu, 0, &interrupted, &outcome));
    cr_assert(eq(int, outcome.status, STATUS_PASS), "%s", outcome.detail);
    return outcome;
}

Test(trial, a_variant_meets_itself_on_another_backend)
{
    static const struct variant right = {.run = spoils_nothing};
    static const struct variant wrong = {.run = adds_to_out, .grade = GRADE_REDUCED};
    static const struct entry entries[] = {{"selscan", "a", "one", "selscan/a@one", &right},
                                           {"selscan", "b", "two", "selscan/b@two", &wrong},
                                           {"selscan", "a", "two", "selscan/a@two", &right},
                                           {"selscan", "a", "three", "selscan/a@three", &wrong}};
    const struct test_case item = new_case();
    struct prepared prepared;
    struct outcome outcome[4];
    prepare(&item, &prepared);
    for (int i = 0; i < 4; i++)
        outcome[i] = meet(&prepared, &entries[i]);
    prepared_free(&prepared);

    cr_assert(eq(ptr, (void *)outcome[0].other, NULL), "there was nothing to compare with");
    cr_assert(eq(ptr, (void *)outcome[1].other, NULL), "another variant");
    cr_assert(eq(str, (char *)outcome[2].other, "one"));
    cr_assert(eq(dbl, outcome[2].difference, 0));
    cr_assert(eq(str, (char *)outcome[3].other, "one"));
    cr_assert(gt(dbl, outcome[3].difference, 1e-5));
    cr_assert(le(dbl, outcome[3].difference, 1e-2));
    free(item.problem);
}

Test(trial, the_seed_draws_the_inputs)
{
    const struct test_case item = new_case();
    struct selscan *p = item.problem;
    float u[2][CHANNELS * LENGTH];
    for (int i = 0; i < 2; i++) {
        struct prepared prepared;
        p->seed = 1 + i;
        prepare(&item, &prepared);
        memcpy(u[i], prepared.input[SELSCAN_U], sizeof u[i]);
        prepared_free(&prepared);
        const struct outcome outcome = run_trial(&item, sequential(), &backend_cpu, 0);
        cr_assert(eq(int, outcome.status, STATUS_PASS), "%s", outcome.detail);
    }
    cr_assert(ne(int, memcmp(u[0], u[1], sizeof u[0]), 0));
    free(item.problem);
}

/* u delta out 2^20 elements each, A B C 2^14 each, D 2^10, final 2^14; guards are far smaller. */
Test(trial, memory_is_foreseen)
{
    const struct test_case item = new_case();
    const struct variant variant = {.workspace = hundred_bytes, .run = spoils_nothing};
    struct selscan *p = item.problem;
    p->channels = p->length = 1024, p->state = 16;
    const double large = 1 << 20, small = 1 << 14, tiny = 1 << 10;
    cr_assert(eq(dbl, prepare_bytes(&item),
                 4 * (2 * large + 3 * small + tiny) + (8 + 2 * 4) * (large + small) + 8 * small));
    const double bytes = trial_bytes(&item, &variant) - 4 * (3 * large + 4 * small + tiny) - 100;
    cr_assert(ge(dbl, bytes, 0));
    cr_assert(lt(dbl, bytes, 4 * small), "%g bytes for guards", bytes);
    free(item.problem);
}
