/* libssmbench: see kernels/ssmbench.h. */
#include "../kernels/ssmbench.h"
#include "backend.h"
#include "cases.h"
#include "fit.h"
#include "registry.h"
#include "version.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { WORKSPACE_ALIGNMENT = 256 };

static_assert((int)SSMBENCH_RANK == (int)MAX_RANK, "a tensor of every operation fits");
static_assert((int)SSMBENCH_MESSAGE_SIZE == (int)MESSAGE_SIZE, "a sentence is not cut");

struct ssmbench_problem {
    const struct operation *op;
    void *keys; /* the operation's struct */
    struct tensor tensor[MAX_TENSORS];
};

/* Hands a sentence to the caller. */
static int say(int status, const struct message *message, char *why, size_t size)
{
    if (size)
        snprintf(why, size, "%s", message->text);
    return status;
}

int ssmbench_abi(void)
{
    return SSMBENCH_ABI;
}

const char *ssmbench_version(void)
{
    return SSMBENCH_COMMIT;
}

const char *ssmbench_variant(int index)
{
    for (int i = 0; i <= index && index >= 0; i++)
        if (!ENTRIES[i].op)
            return NULL;
    return index < 0 ? NULL : ENTRIES[index].full;
}

/* The problem's keys from text. */
static bool set_keys(struct ssmbench_problem *problem, const char *text, struct message *message)
{
    const char *blamed = NULL;
    if (!keys_assign(problem->op, text ? text : "", problem->keys, NULL, message))
        return false;
    const char *reason = problem->op->check(problem->keys, &blamed);
    if (reason)
        return refuse(message, "%s: %s", blamed, reason);
    return !beyond_all_machines(problem->op, problem->keys) ||
           refuse(message, "expected a problem whose sizes a machine can hold");
}

ssmbench_problem *ssmbench_problem_new(const char *op, const char *keys, char *why, size_t size)
{
    struct message message;
    const struct operation *operation = op ? operation_find(op) : NULL;
    if (!operation) {
        refuse(&message, "operation %.80s: expected one of", op ? op : "(null)");
        operations_append(message.text, sizeof message.text);
        say(SSMBENCH_BAD_INPUT, &message, why, size);
        return NULL;
    }
    struct ssmbench_problem *problem = must_allocate(1, sizeof *problem);
    problem->op = operation;
    problem->keys = problem_new(operation);
    if (!set_keys(problem, keys, &message)) {
        say(SSMBENCH_BAD_INPUT, &message, why, size);
        ssmbench_problem_free(problem);
        return NULL;
    }
    operation->tensors(problem->keys, problem->tensor);
    return problem;
}

void ssmbench_problem_free(ssmbench_problem *problem)
{
    if (problem)
        free(problem->keys);
    free(problem);
}

int ssmbench_tensor(const ssmbench_problem *problem, int index, struct ssmbench_tensor *tensor)
{
    static const char *const words[] = {
        [DTYPE_F32] = "f32", [DTYPE_BF16] = "bf16", [DTYPE_F16] = "f16", [DTYPE_I32] = "i32"};
    if (index < 0 || index >= problem->op->tensor_count)
        return SSMBENCH_BAD_INPUT;
    const struct tensor *mine = &problem->tensor[index];
    *tensor = (struct ssmbench_tensor){.name = mine->name,
                                       .dtype = words[mine->dtype],
                                       .present = mine->present,
                                       .output = mine->output,
                                       .rank = mine->rank,
                                       .bytes = (int64_t)tensor_bytes(mine)};
    for (int axis = 0; axis < MAX_RANK; axis++)
        tensor->dim[axis] = axis < mine->rank ? mine->dim[axis] : 1;
    return SSMBENCH_OK;
}

/* The variant of that name for the problem's operation, if it takes the problem; else NULL, and
 * *status and the sentence say why. */
static const struct variant *find_variant(const ssmbench_problem *problem, const char *name,
                                          int *status, struct message *message)
{
    const struct entry *entry = ENTRIES;
    while (entry->op && (!name || strcmp(entry->full, name)))
        entry++;
    *status = SSMBENCH_BAD_INPUT;
    if (!entry->op) {
        refuse(message, "variant %.80s: expected a name that ssmbench_variant() gives",
               name ? name : "(null)");
        return NULL;
    }
    if (strcmp(entry->op, problem->op->name)) {
        refuse(message, "variant %s: expected one of the problem's operation, %s", name,
               problem->op->name);
        return NULL;
    }
    const char *accepted = entry->variant->accepts ? entry->variant->accepts(problem->keys) : NULL;
    if (accepted) {
        refuse(message, "%s accepts %s", name, accepted);
        *status = SSMBENCH_NOT_ACCEPTED;
        return NULL;
    }
    *status = SSMBENCH_OK;
    return entry->variant;
}

static size_t workspace_of(const ssmbench_problem *problem, const struct variant *variant)
{
    return variant->workspace ? variant->workspace(problem->keys) : 0;
}

int ssmbench_accepts(const ssmbench_problem *problem, const char *variant, char *why, size_t size)
{
    struct message message = {""};
    int status;
    find_variant(problem, variant, &status, &message);
    return say(status, &message, why, size);
}

int ssmbench_workspace(const ssmbench_problem *problem, const char *variant, size_t *bytes,
                       char *why, size_t size)
{
    struct message message = {""};
    int status;
    const struct variant *found = find_variant(problem, variant, &status, &message);
    if (found)
        *bytes = workspace_of(problem, found);
    return say(status, &message, why, size);
}

/* Whether the pointers are where they have to be, and none where they may not. */
static bool pointers_good(const ssmbench_problem *problem, void *const tensor[], void *workspace,
                          size_t workspace_bytes, struct message *message)
{
    for (int i = 0; i < problem->op->tensor_count; i++) {
        const struct tensor *mine = &problem->tensor[i];
        const bool wanted = tensor_elements(mine) > 0;
        if (wanted != (tensor[i] != NULL))
            return refuse(message, "tensor %s: expected %s", mine->name,
                          wanted ? "a pointer" : "null, as the problem has none");
        if (wanted && (uintptr_t)tensor[i] % tensor_element_size(mine))
            return refuse(message, "tensor %s: expected a pointer aligned to %zu bytes", mine->name,
                          tensor_element_size(mine));
    }
    if (workspace_bytes && (!workspace || (uintptr_t)workspace % WORKSPACE_ALIGNMENT))
        return refuse(message, "workspace: expected a pointer aligned to %d bytes, to %zu bytes",
                      WORKSPACE_ALIGNMENT, workspace_bytes);
    return true;
}

/* An error of variant `name` in its backend's words. */
static void describe(const char *name, int error, struct message *message)
{
    refuse(message, "%s: %s", name, backend_find(strchr(name, '@') + 1)->describe(error));
}

int ssmbench_run(const ssmbench_problem *problem, const char *variant, void *const tensor[],
                 void *workspace, void *stream, char *why, size_t size)
{
    struct message message = {""};
    int status;
    const struct variant *found = find_variant(problem, variant, &status, &message);
    if (found && !pointers_good(problem, tensor, workspace, workspace_of(problem, found), &message))
        status = SSMBENCH_BAD_INPUT;
    if (status == SSMBENCH_OK) {
        const int error = found->run(problem->keys, tensor, workspace, stream);
        if (error) {
            status = SSMBENCH_FAILED;
            describe(variant, error, &message);
        }
    }
    return say(status, &message, why, size);
}
