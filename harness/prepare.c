#include "prepare.h"
#include "backend.h"
#include "kept.h"

#include <stdlib.h>
#include <string.h>

double prepare_bytes(const struct test_case *item)
{
    struct tensor tensor[MAX_TENSORS];
    double bytes = 0;
    item->op->tensors(item->problem, tensor);
    for (int i = 0; i < item->op->tensor_count; i++) {
        const double mine = tensor_bytes_real(&tensor[i]);
        const double doubles = mine / (double)tensor_element_size(&tensor[i]) * sizeof(double);
        bytes += tensor[i].output ? doubles * (1 + tensor[i].ends_rows) + 2 * mine : mine;
    }
    return bytes;
}

static int64_t case_seed(const struct test_case *item)
{
    char text[32] = "1";
    for (const struct key *key = item->op->keys; key->name; key++)
        if (!strcmp(key->name, "seed"))
            key_print(key, item->problem, text, sizeof text);
    return strtoll(text, NULL, 10);
}

void prepare(const struct test_case *item, struct prepared *prepared)
{
    *prepared = (struct prepared){.item = item, .seed = case_seed(item)};
    item->op->tensors(item->problem, prepared->tensor);
    item->op->inputs(item->problem, prepared->fill);
    for (int i = 0; i < item->op->tensor_count; i++) {
        const struct tensor *tensor = &prepared->tensor[i];
        const int64_t elements = tensor_elements(tensor);
        if (!elements)
            continue;
        if (tensor->output) {
            prepared->reference[i] = must_allocate((size_t)elements, sizeof(double));
            if (tensor->ends_rows)
                prepared->scale[i] = must_allocate((size_t)elements, sizeof(double));
        } else {
            prepared->input[i] = must_allocate((size_t)elements, tensor_element_size(tensor));
            inputs_generate(prepared->input[i], &prepared->fill[i], tensor->dtype, elements,
                            inputs_key(prepared->seed, i));
        }
    }
    item->op->reference(item->problem, (const void *const *)prepared->input, prepared->reference,
                        prepared->scale);
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
