/* What a sequence gets does not depend on its neighbours: the gradients of each sequence have the
 * same bits alone, among two and among many, in every variant of selscan_bwd; and all gradients
 * have the same bits whatever the number of threads. */
#include "../reference/selscan_bwd.h"
#include "backend.h"
#include "message.h"
#include "registry.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum { POOL = 17 };

/* A problem and its tensors in main memory. */
struct memory {
    struct selscan p;
    struct tensor tensor[MAX_TENSORS];
    void *data[MAX_TENSORS];
};

static const struct operation *operation(void)
{
    return operation_find("selscan_bwd");
}

/* Every option, sizes that fill no block, no tile and no chunk. */
static struct selscan problem(enum selscan_a a, enum selscan_layout layout)
{
    return (struct selscan){.batch = POOL,
                            .channels = 74,
                            .length = 69,
                            .state = 3,
                            .groups = 2,
                            .a = a,
                            .layout = layout,
                            .skip = 1,
                            .gate = 1,
                            .bias = 1,
                            .softplus = 1,
                            .initial = 1,
                            .final = 1};
}

static struct memory allocate(const struct selscan *p)
{
    struct memory m = {.p = *p};
    operation()->tensors(p, m.tensor);
    for (int i = 0; i < operation()->tensor_count; i++)
        if (tensor_elements(&m.tensor[i]))
            m.data[i] = backend_cpu.allocate(tensor_bytes(&m.tensor[i]));
    return m;
}

static void release(struct memory *m)
{
    for (int i = 0; i < MAX_TENSORS; i++)
        free(m->data[i]);
}

/* POOL sequences to choose from. */
static struct memory draw(const struct selscan *p)
{
    struct memory m = allocate(p);
    struct fill fill[MAX_TENSORS];
    operation()->inputs(p, fill);
    for (int i = 0; i < operation()->tensor_count; i++)
        if (m.data[i] && !m.tensor[i].output)
            inputs_generate(m.data[i], &fill[i], m.tensor[i].dtype, tensor_elements(&m.tensor[i]),
                            inputs_key(1, i));
    return m;
}

/* Sequence `at` of tensor i, or all of a parameter. */
static char *slice(const struct memory *m, int i, int64_t at, size_t *size)
{
    const bool parameter = m->tensor[i].row_axis == WHOLE;
    *size = tensor_bytes(&m->tensor[i]) / (size_t)(parameter ? 1 : m->p.batch);
    return (char *)m->data[i] + (parameter ? 0 : at * (int64_t)*size);
}

/* `batch` sequences of the pool, from `first` on. */
static struct memory compose(const struct memory *pool, int64_t first, int64_t batch)
{
    struct selscan p = pool->p;
    size_t size;
    p.batch = batch;
    struct memory m = allocate(&p);
    for (int i = 0; i < operation()->tensor_count; i++)
        for (int64_t b = 0; b < batch && m.data[i] && !m.tensor[i].output; b++) {
            const char *from = slice(pool, i, first + b, &size);
            memcpy(slice(&m, i, b, &size), from, size);
        }
    return m;
}

/* Runs from outputs and workspace full of NaN. */
static void run(const struct entry *entry, struct memory *m)
{
    const size_t bytes = entry->variant->workspace ? entry->variant->workspace(&m->p) : 0;
    void *workspace = backend_cpu.allocate(bytes);
    backend_cpu.set(workspace, 0xFF, bytes);
    for (int i = 0; i < operation()->tensor_count; i++)
        if (m->data[i] && m->tensor[i].output)
            backend_cpu.set(m->data[i], 0xFF, tensor_bytes(&m->tensor[i]));
    cr_assert(zero(int, entry->variant->run(&m->p, m->data, workspace, NULL)), "%s", entry->full);
    free(workspace);
}

/* Whether sequence a of `m` has the bits of sequence b of `other`; `all` asks for the gradients of
 * parameters too. */
static void assert_same(const struct entry *entry, const struct memory *m, int64_t a,
                        const struct memory *other, int64_t b, bool all)
{
    for (int i = 0; i < operation()->tensor_count; i++) {
        size_t size;
        if (!m->data[i] || !m->tensor[i].output || (m->tensor[i].row_axis == WHOLE && !all))
            continue;
        const char *bits = slice(m, i, a, &size);
        cr_assert(zero(int, memcmp(bits, slice(other, i, b, &size), size)), "%s: %s", entry->full,
                  m->tensor[i].name);
    }
}

static bool runs_here(const struct entry *entry, const struct selscan *p)
{
    return !strcmp(entry->op, "selscan_bwd") && strcmp(entry->backend, "cuda") &&
           !(entry->variant->accepts && entry->variant->accepts(p));
}

static void assert_independent(const struct entry *entry, const struct memory *pool)
{
    enum { AT = 7 };
    struct memory alone = compose(pool, AT, 1), last = compose(pool, AT - 1, 2);
    struct memory first = compose(pool, AT, 2), many = compose(pool, 0, POOL);
    run(entry, &alone);
    run(entry, &last);
    run(entry, &first);
    run(entry, &many);
    assert_same(entry, &alone, 0, &last, 1, false);
    assert_same(entry, &alone, 0, &first, 0, false);
    assert_same(entry, &alone, 0, &many, AT, false);
    release(&alone);
    release(&last);
    release(&first);
    release(&many);
}

/* Both layouts and both kinds of A, in three problems. */
Test(batch, a_sequence_has_the_same_gradients_in_any_batch)
{
    static const int a_layout[][2] = {
        {A_FULL, CHANNEL_FIRST}, {A_SCALAR, CHANNEL_LAST}, {A_SCALAR, CHANNEL_FIRST}};
    int variants = 0;
    for (int i = 0; i < 3; i++) {
        const struct selscan p = problem(a_layout[i][0], a_layout[i][1]);
        struct memory pool = draw(&p);
        for (const struct entry *entry = ENTRIES; entry->op; entry++)
            if (runs_here(entry, &p)) {
                assert_independent(entry, &pool);
                variants++;
            }
        release(&pool);
    }
    cr_assert(ge(int, variants, 3 * 4), "the test says something");
}

Test(batch, gradients_have_the_same_bits_on_any_number_of_threads)
{
    const struct selscan p = problem(A_FULL, CHANNEL_FIRST);
    struct memory pool = draw(&p);
    for (const struct entry *entry = ENTRIES; entry->op; entry++) {
        if (!runs_here(entry, &p))
            continue;
        struct memory one = compose(&pool, 0, 5), three = compose(&pool, 0, 5);
        omp_set_num_threads(1);
        run(entry, &one);
        omp_set_num_threads(3);
        run(entry, &three);
        for (int64_t b = 0; b < 5; b++)
            assert_same(entry, &one, b, &three, b, true);
        release(&one);
        release(&three);
    }
    release(&pool);
}
