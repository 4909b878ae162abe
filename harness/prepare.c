#include "prepare.h"
#include "backend.h"
#include "kept.h"

#include <stdlib.h>
#include <string.h>

static int64_t case_seed(const struct test_case *item)
{
    char text[32] = "1";
    const struct key *key = key_find(item->op, "seed");
    if (key)
        key_print(key, item->problem, text, sizeof text);
    return strtoll(text, NULL, 10);
}

/* Runs the reference on the inputs. */
static void prepare_outputs(struct prepared *prepared)
{
    const struct operation *op = prepared->item->op;
    for (int i = 0; i < op->tensor_count; i++) {
        const struct tensor *tensor = &prepared->tensor[i];
        const size_t elements = (size_t)tensor_elements(tensor);
        if (!elements || !tensor->output)
            continue;
        prepared->reference[i] = must_allocate(elements, sizeof(double));
        if (tensor->ends_rows)
            prepared->scale[i] = must_allocate(elements, sizeof(double));
    }
    op->reference(prepared->item->problem, (const void *const *)prepared->input,
                  prepared->reference, prepared->scale);
}

void prepare(const struct test_case *item, struct prepared *prepared)
{
    *prepared = (struct prepared){.item = item, .seed = case_seed(item), .drawn = true};
    item->op->tensors(item->problem, prepared->tensor);
    item->op->inputs(item->problem, prepared->fill);
    for (int i = 0; i < item->op->tensor_count; i++) {
        const struct tensor *tensor = &prepared->tensor[i];
        const int64_t elements = tensor_elements(tensor);
        if (!elements || tensor->output)
            continue;
        prepared->input[i] = must_allocate((size_t)elements, tensor_element_size(tensor));
        inputs_generate(prepared->input[i], &prepared->fill[i], tensor->dtype, elements,
                        inputs_key(prepared->seed, i));
    }
    prepare_outputs(prepared);
}

void prepare_given(const struct test_case *item, void *const input[], struct prepared *prepared)
{
    *prepared = (struct prepared){.item = item};
    item->op->tensors(item->problem, prepared->tensor);
    memcpy(prepared->input, input, (size_t)item->op->tensor_count * sizeof *input);
    prepare_outputs(prepared);
}

void prepared_free(struct prepared *prepared)
{
    for (int i = 0; i < MAX_TENSORS; i++) {
        free(prepared->input[i]);
        free(prepared->reference[i]);
        free(prepared->scale[i]);
    }
    kept_free(prepared->kept);
    *prepared = (struct prepared){0};
}
