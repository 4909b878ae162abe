/* Where tensors lie in a trial: off alignment, with gaps between rows, and with int32 elements. */
#include "../reference/conv1d.h"
#include "fill.h"
#include "fit.h"
#include "trial.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

enum { CHANNELS = 4, LENGTH = 9, PAD = 3, PITCH = LENGTH + PAD, OFFSET = 5 };

static volatile sig_atomic_t interrupted;

static struct test_case new_case(void)
{
    const struct operation *op = operation_find("conv1d");
    struct conv1d *p = problem_new(op);
    p->channels = CHANNELS, p->length = LENGTH, p->pad = PAD, p->offset = OFFSET, p->bias = 1;
    return (struct test_case){"planted", "fault", "to be found", op, p};
}

static struct outcome run_trial(const struct test_case *item, const struct variant *variant)
{
    const struct entry entry = {"conv1d", "planted", "cpu", "conv1d/planted@cpu", variant};
    struct prepared prepared;
    struct outcome outcome;
    prepare(item, &prepared);
    cr_assert(trial_run(&prepared, &entry, &backend_cpu, 0, &interrupted, &outcome));
    prepared_free(&prepared);
    return outcome;
}

static void run_right(const void *problem, void *const tensor[])
{
    for (const struct entry *entry = ENTRIES; entry->op; entry++)
        if (!strcmp(entry->full, "conv1d/direct@cpu"))
            entry->variant->run(problem, tensor, NULL, NULL);
}

static uintptr_t seen[CONV1D_TENSORS]; /* the pointers of the latest run */

/* A variant that does what is right and then something else. */
#define SPOILS(name, ...)                                                                          \
    static int name(const void *problem, void *const tensor[], void *workspace, void *stream)      \
    {                                                                                              \
        float *out = tensor[CONV1D_OUT];                                                           \
        run_right(problem, tensor);                                                                \
        for (int i = 0; i < CONV1D_TENSORS; i++)                                                   \
            seen[i] = (uintptr_t)tensor[i];                                                        \
        __VA_ARGS__;                                                                               \
        (void)workspace, (void)stream, (void)out;                                                  \
        return 0;                                                                                  \
    }

SPOILS(spoils_nothing, )
SPOILS(writes_before, out[-1] = 1)
SPOILS(writes_far_before, ((char *)out)[-256] = 1)
SPOILS(writes_behind, out[CHANNELS * PITCH] = 1)
SPOILS(writes_a_gap, out[PITCH + LENGTH + 1] = 0)
SPOILS(writes_the_last_gap, out[CHANNELS * PITCH - 1] = 0)

static void assert_status(int (*run)(const void *, void *const[], void *, void *), int64_t layout,
                          enum status status, const char *detail)
{
    const struct variant variant = {.run = run};
    const struct test_case item = new_case();
    ((struct conv1d *)item.problem)->layout = layout;
    const struct outcome outcome = run_trial(&item, &variant);
    cr_assert(eq(int, outcome.status, status), "%s", outcome.detail);
    cr_assert(ne(ptr, strstr(outcome.detail, detail), NULL), "%s", outcome.detail);
    free(item.problem);
}

Test(layout, tensors_lie_off_alignment)
{
    for (int64_t dtype = DTYPE_F32; dtype <= DTYPE_F16; dtype++) {
        const struct variant variant = {.run = spoils_nothing};
        const struct test_case item = new_case();
        struct conv1d *p = item.problem;
        p->dtype = dtype, p->weights = WEIGHTS_F32, p->seq_idx = 1;
        const struct outcome outcome = run_trial(&item, &variant);
        cr_assert(eq(int, outcome.status, STATUS_PASS), "%s", outcome.detail);
        for (int i = 0; i < CONV1D_TENSORS; i++) {
            const bool wide = i == CONV1D_WEIGHT || i == CONV1D_BIAS || i == CONV1D_SEQ_IDX;
            const size_t size = wide ? 4 : dtype_size((enum dtype)dtype);
            const size_t offset = OFFSET + (i == CONV1D_WEIGHT || i == CONV1D_BIAS);
            if (seen[i])
                cr_assert(eq(sz, seen[i] % 64, offset * size), "tensor %d", i);
        }
        free(item.problem);
    }
}

Test(layout, guards_touch_tensors_off_alignment)
{
    assert_status(writes_before, 0, STATUS_OVERRUN, "a byte before out");
    assert_status(writes_far_before, 0, STATUS_OVERRUN, "a byte before out");
    assert_status(writes_behind, 0, STATUS_OVERRUN, "a byte behind out");
}

Test(layout, nobody_may_write_a_gap)
{
    assert_status(spoils_nothing, CONV1D_CHANNEL_FIRST, STATUS_PASS, "");
    assert_status(writes_a_gap, CONV1D_CHANNEL_FIRST, STATUS_WRONG, "out[0,1,10] = 0, expected ");
    assert_status(writes_the_last_gap, CONV1D_CHANNEL_FIRST, STATUS_WRONG, "out[0,3,11] = 0");
}

/* Rows of CHANNELS+PAD elements: one of them ends where the last gap ends. */
SPOILS(writes_a_channel_gap, out[CHANNELS] = 0)

Test(layout, gaps_between_channels)
{
    assert_status(spoils_nothing, CONV1D_CHANNEL_LAST, STATUS_PASS, "");
    assert_status(writes_a_channel_gap, CONV1D_CHANNEL_LAST, STATUS_WRONG, "out[0,0,4] = 0");
}

/* Each tensor takes OFFSET elements more than without one, weight and bias one more yet. */
Test(layout, memory_for_offsets_is_foreseen)
{
    const struct variant variant = {.run = spoils_nothing};
    const struct test_case item = new_case();
    struct conv1d *p = item.problem;
    const double with = trial_bytes(&item, &variant);
    p->offset = 0;
    cr_assert(eq(dbl, with - trial_bytes(&item, &variant), (CONV1D_TENSORS * OFFSET + 2) * 4.0));
    free(item.problem);
}

Test(layout, int32_elements_are_four_bytes)
{
    const struct tensor tensor = {
        .present = true, .dtype = DTYPE_I32, .rank = 2, .dim = {3, 5}, .row_axis = WHOLE};
    cr_assert(eq(sz, tensor_element_size(&tensor), 4));
    cr_assert(eq(sz, tensor_bytes(&tensor), 60));
    cr_assert(eq(dbl, tensor_bytes_real(&tensor), 60));
}

/* Sequences 0 1 1 2 2 2 padding*4 4*5 5*6 6*7 padding*8 8 ...; row 1 begins at the sixth of them.
 */
Test(layout, sequences_are_short_and_padded)
{
    static const int32_t wanted[2][16] = {{0, 1, 1, 2, 2, 2, -1, -1, -1, -1, 4, 4, 4, 4, 4, 5},
                                          {2, -1, -1, -1, -1, 4, 4, 4, 4, 4, 5, 5, 5, 5, 5, 5}};
    const struct fill fill = {FILL_SEQUENCES, 0, 0, 16};
    int32_t got[2][16];
    inputs_generate(got, &fill, DTYPE_I32, 32, 1);
    cr_assert(zero(int, memcmp(got, wanted, sizeof wanted)));
}

/* Triangular numbers far out: sqrt has to be exact there, and one below them rounded down. */
Test(layout, sequences_begin_at_triangular_numbers)
{
    for (int64_t n = 1; n < INT64_C(1) << 24; n = 2 * n + 1) {
        const int64_t start = n * (n + 1) / 2;
        cr_assert(eq(i64, fill_sequence(start, 0), n % 4 == 3 ? -1 : n));
        cr_assert(eq(i64, fill_sequence(start - 1, 0), (n - 1) % 4 == 3 ? -1 : n - 1));
    }
}
