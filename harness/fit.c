#include "fit.h"
#include "guarded.h"

#include <math.h>
#include <stdlib.h>

static const double FLOPS_MAX = 1e18;

bool beyond_all_machines(const struct operation *op, const void *problem)
{
    return op->cost(problem).flops > FLOPS_MAX;
}

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

double trial_bytes(const struct test_case *item, const struct variant *variant)
{
    struct tensor tensor[MAX_TENSORS];
    double bytes = 0;
    if (beyond_all_machines(item->op, item->problem))
        return INFINITY;
    if (variant->workspace)
        bytes += (double)variant->workspace(item->problem);
    item->op->tensors(item->problem, tensor);
    for (int i = 0; i < item->op->tensor_count; i++)
        bytes += tensor_bytes_real(&tensor[i]) + 2 * GUARD_BYTES +
                 (double)tensor[i].offset * (double)tensor_element_size(&tensor[i]);
    return bytes;
}

bool bytes_fit(const struct backend *backend, double bytes, double host)
{
    const bool on_host = backend->memory_free == host_memory_free;
    return bytes + (on_host ? host : 0) <= (double)backend->memory_free() &&
           host <= (double)host_memory_free();
}

/* The largest batch, below that of the case, whose trial fits; 0 when there is none. */
static int64_t batch_that_fits(const struct test_case *item, const struct entry *entry,
                               const struct backend *backend)
{
    const struct key *key = key_find(item->op, "batch");
    struct test_case smaller = *item;
    int64_t batch = 0;
    if (!key)
        return 0;
    smaller.problem = must_allocate(1, item->op->problem_size);
    memcpy(smaller.problem, item->problem, item->op->problem_size);
    int64_t *const field = (int64_t *)((char *)smaller.problem + key->offset);
    for (int64_t most = *field - 1; batch < most;) { /* halves the range that the answer is in */
        *field = most - (most - batch) / 2;
        if (bytes_fit(backend, trial_bytes(&smaller, entry->variant), prepare_bytes(&smaller)))
            batch = *field;
        else
            most = *field - 1;
    }
    free(smaller.problem);
    return batch;
}

bool memory_fits(const struct test_case *item, const struct entry *entry,
                 const struct backend *backend, bool is_prepared, struct message *message)
{
    const bool on_host = backend->memory_free == host_memory_free;
    const double host_needs = is_prepared ? 0 : prepare_bytes(item);
    const double trial = trial_bytes(item, entry->variant);
    if (bytes_fit(backend, trial, host_needs))
        return true;
    const double needs = trial + (on_host ? host_needs : 0);
    const double has = (double)backend->memory_free(), host_has = (double)host_memory_free();
    refuse(message, "needs %.3g GB of memory, %.3g GB are free", fmax(needs, host_needs) * 1e-9,
           (needs > has ? has : host_has) * 1e-9);
    const int64_t fits = batch_that_fits(item, entry, backend);
    if (fits)
        append(message->text, sizeof message->text, "; batch = %lld fits", (long long)fits);
    return false;
}

bool trial_fits(const struct test_case *item, const struct entry *entry,
                const struct backend *backend, bool is_prepared, struct outcome *outcome)
{
    struct message message;
    const char *accepted = entry->variant->accepts ? entry->variant->accepts(item->problem) : NULL;
    *outcome = (struct outcome){.error = -1};
    if (accepted)
        append(outcome->detail, sizeof outcome->detail, "accepts %s", accepted);
    else if (memory_fits(item, entry, backend, is_prepared, &message))
        return true;
    else
        append(outcome->detail, sizeof outcome->detail, "%s", message.text);
    outcome->status = STATUS_SKIPPED;
    outcome->lacks_memory = !accepted;
    return false;
}
