/* Scans on tensors that lie on a boundary of their elements and of nothing larger, as the library's
 * interface allows: a variant that moves whole words has to notice. */
#include "../kernels/dtype.h"
#include "../kernels/ssmbench.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TENSORS = 32, ALL = TENSORS, NONE };

/* Word-sized in all that could be one. */
static const char *const KEYS[] = {
    "a = full, channels = 4, state = 4, length = 8, layout = channel_first",
    "a = full, channels = 8, state = 8, length = 8, layout = channel_last, dtype = bf16",
    "a = scalar, channels = 4, state = 20, length = 8, layout = channel_first",
    "a = scalar, channels = 4, state = 20, length = 8, layout = channel_last",
    "a = scalar, channels = 8, state = 8, length = 8, layout = channel_last, dtype = bf16",
};
static const char *const OPTIONS =
    "skip = on, gate = on, bias = on, softplus = on, initial = on, final = on";

struct run {
    ssmbench_problem *problem;
    struct ssmbench_tensor tensor[TENSORS];
    char *block[TENSORS], *data[TENSORS];
    int count;
};

static int element_size(const struct ssmbench_tensor *tensor)
{
    return strcmp(tensor->dtype, "f32") == 0 ? 4 : 2;
}

static float element(const struct run *r, int tensor, int64_t i)
{
    return dtype_load(r->data[tensor],
                      element_size(&r->tensor[tensor]) == 4 ? DTYPE_F32 : DTYPE_BF16, i);
}

/* A value of small size; delta is positive, A negative. */
static float value(const char *name, int64_t i)
{
    const float v = (float)((i * 7919 + name[0] * 31) % 97) / 97;
    return strcmp(name, "delta") == 0 ? 0.1f * v : strcmp(name, "A") == 0 ? -v : 2 * v - 1;
}

/* Memory for the tensors, of which number `shifted` begins an element late, or all do, or none. */
static void prepare(struct run *r, const char *op, const char *keys, int shifted)
{
    char text[512], why[SSMBENCH_MESSAGE_SIZE];
    snprintf(text, sizeof text, "%s, %s", keys, OPTIONS);
    r->problem = ssmbench_problem_new(op, text, why, sizeof why);
    cr_assert(ne(ptr, r->problem, NULL), "%s", why);
    r->count = 0;
    while (ssmbench_tensor(r->problem, r->count, &r->tensor[r->count]) == SSMBENCH_OK)
        r->count++;
    for (int t = 0; t < r->count; t++) {
        const struct ssmbench_tensor *const tensor = &r->tensor[t];
        const int size = element_size(tensor);
        r->block[t] = aligned_alloc(256, ((size_t)tensor->bytes + 256 + 255) / 256 * 256);
        r->data[t] =
            tensor->present ? r->block[t] + (shifted == ALL || shifted == t ? size : 0) : NULL;
        for (int64_t i = 0; tensor->present && i < tensor->bytes / size; i++)
            dtype_store(r->data[t], size == 4 ? DTYPE_F32 : DTYPE_BF16, i, value(tensor->name, i));
    }
}

static void release(struct run *r)
{
    for (int t = 0; t < r->count; t++)
        free(r->block[t]);
    ssmbench_problem_free(r->problem);
}

/* Runs a variant; false if it does not take the problem. */
static bool run(struct run *r, const char *variant, int shifted)
{
    char why[SSMBENCH_MESSAGE_SIZE];
    size_t bytes = 0;
    if (ssmbench_workspace(r->problem, variant, &bytes, why, sizeof why) != SSMBENCH_OK)
        return false;
    void *const workspace = aligned_alloc(256, bytes / 256 * 256 + 256);
    const int status =
        ssmbench_run(r->problem, variant, (void *const *)r->data, workspace, NULL, why, sizeof why);
    free(workspace);
    cr_assert(eq(int, status, SSMBENCH_OK), "%s, tensor %d off a word: %s", variant, shifted, why);
    return true;
}

/* Expects the outputs of the two to be alike. */
static void compare(const struct run *a, const struct run *b, const char *variant, int shifted)
{
    for (int t = 0; t < a->count; t++) {
        const struct ssmbench_tensor *const tensor = &a->tensor[t];
        const int size = element_size(tensor);
        double largest = 0, most = 0;
        for (int64_t i = 0; tensor->output && tensor->present && i < tensor->bytes / size; i++) {
            largest = fmax(largest, fabs(element(a, t, i)));
            most = fmax(most, fabs((double)element(a, t, i) - element(b, t, i)));
        }
        cr_assert(le(dbl, most, (size == 4 ? 1e-5 : 1.0 / 128) * largest),
                  "%s: %s with tensor %d off a word", variant, tensor->name, shifted);
    }
}

/* Shifts all tensors, and before that, if asked, each alone. */
static void try_all(const char *op, bool each)
{
    int tried = 0;
    for (int v = 0; ssmbench_variant(v); v++) {
        const char *const variant = ssmbench_variant(v);
        if (strncmp(variant, op, strlen(op)) || variant[strlen(op)] != '/' ||
            strstr(variant, "@cuda"))
            continue;
        for (size_t k = 0; k < sizeof KEYS / sizeof *KEYS; k++) {
            struct run straight, off;
            prepare(&straight, op, KEYS[k], NONE);
            const bool takes = run(&straight, variant, NONE);
            for (int shifted = each ? 0 : ALL; takes && shifted <= ALL; shifted++) {
                if (shifted < ALL &&
                    (shifted >= straight.count || !straight.tensor[shifted].present))
                    continue;
                prepare(&off, op, KEYS[k], shifted);
                run(&off, variant, shifted);
                compare(&straight, &off, variant, shifted);
                release(&off);
                tried++;
            }
            release(&straight);
        }
    }
    cr_assert(gt(int, tried, 0));
}

Test(unaligned, scans_take_tensors_on_a_boundary_of_elements)
{
    try_all("selscan", true);
}

Test(unaligned, gradients_take_tensors_on_a_boundary_of_elements)
{
    try_all("selscan_bwd", false);
}
