#include "check.h"
#include "export.h"
#include "infer.h"
#include "judge.h"
#include "results.h"
#include "safetensors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct check {
    struct safetensors exported, outputs;
    const struct operation *op;
    void *problem;
};

/* Operation and problem, as the metadata of the exported case name them. */
static bool read_problem(struct check *c, struct message *message)
{
    const json_t *metadata = c->exported.metadata;
    const char *name = json_string_value(json_object_get(metadata, "op"));
    const char *blamed = "";
    struct message why = {""};
    c->op = name ? operation_find(name) : NULL;
    if (!c->op)
        return refuse(message, "%s: expected a file that `ssmbench export` wrote",
                      c->exported.path);
    c->problem = problem_new(c->op);
    for (const struct key *key = c->op->keys; key->name; key++)
        if (!json_is_string(json_object_get(metadata, key->name)))
            return refuse(message,
                          "%s: its metadata lacks %s: expected a file that `ssmbench "
                          "export` wrote",
                          c->exported.path, key->name);
    if (!keys_from_metadata(c->op, metadata, c->problem, &why))
        return refuse(message, "%s: %.900s", c->exported.path, why.text);
    const char *broken = c->op->check ? c->op->check(c->problem, &blamed) : NULL;
    return !broken || refuse(message, "%s: %s: %s", c->exported.path, blamed, broken);
}

/* The elements of a tensor of the file, which has to look like `like`; NULL with a sentence. */
static void *load(const struct safetensors *file, const char *name, const char *dtype,
                  const struct tensor *like, struct message *message)
{
    const struct stored_tensor *stored = safetensors_find(file, name);
    char shape[128] = "";
    for (int axis = 0; axis < like->rank; axis++)
        append(shape, sizeof shape, "%s%lld", axis ? "," : "", (long long)like->dim[axis]);
    bool same = stored && !strcmp(stored->dtype, dtype) && stored->rank == like->rank;
    for (int axis = 0; same && axis < like->rank; axis++)
        same = stored->dim[axis] == like->dim[axis];
    if (!same) {
        refuse(message, "%s: expected a tensor %s of %s, shape (%s)", file->path, name, dtype,
               shape);
        return NULL;
    }
    void *memory = must_allocate(stored->bytes + 1, 1);
    if (safetensors_read(file, stored, memory, message))
        return memory;
    free(memory);
    return NULL;
}

/* One output. False with a sentence when a file is not right. */
static bool check_output(const struct check *c, const struct tensor *tensor,
                         struct judgement *judgement, struct message *message)
{
    char name[64];
    snprintf(name, sizeof name, "%s%s", tensor->name, EXPORT_SCALE);
    double *reference = load(&c->exported, tensor->name, "F64", tensor, message);
    double *scale =
        reference && tensor->ends_rows ? load(&c->exported, name, "F64", tensor, message) : NULL;
    void *out = reference && (scale || !tensor->ends_rows)
                    ? load(&c->outputs, tensor->name, dtype_word(tensor->dtype), tensor, message)
                    : NULL;
    if (out)
        *judgement = judge(tensor, out, reference, scale, error_limit(c->op, c->problem, tensor));
    free(reference);
    free(scale);
    free(out);
    return out != NULL;
}

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static int check_all(const struct check *c, struct message *message)
{
    struct tensor tensor[MAX_TENSORS];
    struct judgement worst = {.error = -1};
    json_t *errors = json_object();
    c->op->tensors(c->problem, tensor);
    for (int i = 0; i < c->op->tensor_count; i++) {
        struct judgement one;
        if (!tensor[i].output || !tensor_elements(&tensor[i]))
            continue;
        if (!check_output(c, &tensor[i], &one, message)) {
            json_decref(errors);
            return complain(EXIT_BAD_INPUT, "%s", message->text);
        }
        json_object_set_new(errors, tensor[i].name, number(one.error));
        const double error = one.error <= worst.error ? worst.error : one.error;
        if (worst.status == STATUS_PASS)
            worst = one;
        worst.error = error;
    }
    json_t *row = json_pack("{s:s}", "status", STATUS_NAMES[worst.status]);
    if (worst.status != STATUS_PASS)
        json_object_set_new(row, "detail", json_string(worst.detail));
    json_object_set_new(row, "error", number(worst.error));
    json_object_set_new(row, "errors", errors);
    json_dumpf(row, stdout, JSON_COMPACT | JSON_REAL_PRECISION(7));
    putchar('\n');
    json_decref(row);
    return worst.status == STATUS_PASS ? EXIT_WELL : EXIT_CHECK_FAILED;
}

int check_outputs(const char *exported, const char *outputs)
{
    struct check c = {.exported.file = -1, .outputs.file = -1};
    struct message message = {""};
    int status;
    if (!safetensors_open(&c.exported, exported, &message) || !read_problem(&c, &message) ||
        !safetensors_open(&c.outputs, outputs, &message))
        status = complain(EXIT_BAD_INPUT, "%s", message.text);
    else
        status = check_all(&c, &message);
    safetensors_close(&c.exported);
    safetensors_close(&c.outputs);
    free(c.problem);
    return status;
}
