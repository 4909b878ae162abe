/* What shapes tell: the tensors of every case of two suites, without a word beside them, lead to a
 * problem that has just these tensors. */
#include "infer.h"
#include "registry.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

static struct stored_tensor stored[MAX_TENSORS];
static const struct stored_tensor *given[MAX_TENSORS];
static bool fixed[MAX_KEYS];

/* The tensors of a problem as a file would hold them; outputs in double, as `export` writes them.
 */
static void bring(const struct operation *op, const void *problem)
{
    struct tensor tensor[MAX_TENSORS];
    op->tensors(problem, tensor);
    for (int i = 0; i < op->tensor_count; i++) {
        stored[i] =
            (struct stored_tensor){.name = (char *)(uintptr_t)tensor[i].name,
                                   .dtype = tensor[i].output ? "F64" : dtype_word(tensor[i].dtype),
                                   .rank = tensor[i].rank};
        memcpy(stored[i].dim, tensor[i].dim, sizeof tensor[i].dim);
        given[i] = tensor_elements(&tensor[i]) ? &stored[i] : NULL;
    }
}

static void read_suites(struct case_list *cases)
{
    struct message message;
    cr_assert(cases_read("cases/quick.ini", cases, &message), "%s", message.text);
    cr_assert(cases_read("cases/edge.ini", cases, &message), "%s", message.text);
}

Test(infer, finds_a_problem_with_the_tensors_of_every_case)
{
    struct case_list cases = {0};
    struct message message;
    int with_inputs = 0;
    read_suites(&cases);
    for (int i = 0; i < cases.count; i++) {
        const struct test_case *item = &cases.item[i];
        void *problem = problem_new(item->op);
        bring(item->op, item->problem);
        keys_infer(item->op, given, fixed, problem);
        cr_assert(tensors_fit(item->op, given, problem, item->name, &message), "%s: %s",
                  item->op->name, message.text);
        with_inputs += given[0] != NULL;
        free(problem);
    }
    cr_assert(gt(int, with_inputs, 100));
    cases_free(&cases);
}

static struct selscan_like {
    const struct operation *op;
    void *problem;
} scan(const char *keys)
{
    struct message message;
    struct selscan_like like = {operation_find("selscan"), NULL};
    like.problem = problem_new(like.op);
    cr_assert(keys_assign(like.op, keys, like.problem, NULL, &message), "%s", message.text);
    return like;
}

static void expect(const struct selscan_like *like, const char *name, const char *value)
{
    char text[KEY_VALUE_SIZE];
    key_print(key_find(like->op, name), like->problem, text, sizeof text);
    cr_assert(eq(str, text, (char *)(uintptr_t)value), "%s", name);
}

Test(infer, reads_sizes_options_layout_and_type)
{
    const struct selscan_like from = scan(
        "batch = 3, channels = 8, length = 21, state = 5, groups = 2, gate = on, initial = on, "
        "layout = channel_last, dtype = bf16, a = scalar");
    const struct selscan_like to = scan("");
    bring(from.op, from.problem);
    keys_infer(to.op, given, fixed, to.problem);
    expect(&to, "batch", "3");
    expect(&to, "channels", "8");
    expect(&to, "length", "21");
    expect(&to, "state", "5");
    expect(&to, "groups", "2");
    expect(&to, "gate", "on");
    expect(&to, "bias", "off");
    expect(&to, "initial", "on");
    expect(&to, "layout", "channel_last");
    expect(&to, "dtype", "bf16");
    expect(&to, "a", "scalar");
    free(from.problem);
    free(to.problem);
}

Test(infer, leaves_what_is_fixed)
{
    const struct selscan_like from = scan("batch = 2, channels = 6, length = 6, state = 3");
    const struct selscan_like to = scan("layout = channel_last");
    bring(from.op, from.problem);
    fixed[key_find(to.op, "layout") - to.op->keys] = true;
    keys_infer(to.op, given, fixed, to.problem);
    expect(&to, "layout", "channel_last");
    fixed[key_find(to.op, "layout") - to.op->keys] = false;
    free(from.problem);
    free(to.problem);
}

Test(infer, names_the_tensor_that_does_not_fit)
{
    struct message message;
    const struct selscan_like from = scan("channels = 6, length = 9, state = 3");
    const struct selscan_like to = scan("");
    bring(from.op, from.problem);
    stored[1].dim[2] = 10; /* delta */
    keys_infer(to.op, given, fixed, to.problem);
    cr_assert(not(tensors_fit(to.op, given, to.problem, "x", &message)));
    cr_assert(
        eq(int,
           strncmp(message.text, "x: tensor delta is F32 [1, 6, 10]: expected F32 [1, 6, 9]", 57),
           0),
        "%s", message.text);
    given[1] = NULL;
    cr_assert(not(tensors_fit(to.op, given, to.problem, "x", &message)));
    cr_assert(ne(ptr, strstr(message.text, "tensor delta is missing"), NULL), "%s", message.text);
    free(from.problem);
    free(to.problem);
}

/* Sizes that no key may have, and those at the end of what a number holds. */
Test(infer, survives_any_size)
{
    static const int64_t sizes[] = {0, 1, INT64_MAX, INT64_MAX / 2, 1 << 30};
    struct message message;
    const struct selscan_like from = scan("channels = 6, length = 9, state = 3");
    for (int i = 0; i < 5; i++) {
        const struct selscan_like to = scan("");
        bring(from.op, from.problem);
        stored[0].dim[2] = sizes[i];
        keys_infer(to.op, given, fixed, to.problem);
        cr_assert(not(tensors_fit(to.op, given, to.problem, "x", &message)), "%d", i);
        free(to.problem);
    }
    free(from.problem);
}
