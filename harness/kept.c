#include "kept.h"

#include <math.h>
#include <stdlib.h>

/* The outputs of a variant on the first backend where it passed. */
struct kept {
    const struct entry *entry;
    void *output[MAX_TENSORS];
    struct kept *next;
};

/* The largest difference between f32 outputs and those kept from another backend. */
static double difference(const struct prepared *prepared, void *const first[],
                         const struct kept *kept)
{
    double worst = 0;
    for (int i = 0; i < prepared->item->op->tensor_count; i++) {
        const struct tensor *tensor = &prepared->tensor[i];
        const int64_t elements = tensor_elements(tensor);
        if (!first[i] || tensor->dtype != DTYPE_F32)
            continue;
        double *wide = must_allocate((size_t)elements, sizeof *wide);
        for (int64_t j = 0; j < elements; j++)
            wide[j] = dtype_load(kept->output[i], tensor->dtype, j);
        worst = fmax(worst, tensor_compare(tensor, first[i], wide, prepared->scale[i]).error);
        free(wide);
    }
    return worst;
}

void kept_meet(struct prepared *prepared, const struct entry *entry, void *first[MAX_TENSORS],
               struct outcome *outcome)
{
    for (const struct kept *kept = prepared->kept; kept; kept = kept->next)
        if (!strcmp(kept->entry->name, entry->name)) {
            outcome->other = kept->entry->backend;
            outcome->difference = difference(prepared, first, kept);
            return;
        }
    if (prepared->one_backend)
        return;
    struct kept *mine = must_allocate(1, sizeof *mine);
    mine->entry = entry;
    mine->next = prepared->kept;
    prepared->kept = mine;
    memcpy(mine->output, first, sizeof mine->output);
    memset(first, 0, sizeof mine->output);
}

void kept_free(struct kept *kept)
{
    while (kept) {
        struct kept *const next = kept->next;
        for (int i = 0; i < MAX_TENSORS; i++)
            free(kept->output[i]);
        free(kept);
        kept = next;
    }
}
