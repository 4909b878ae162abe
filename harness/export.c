#include "export.h"
#include "find.h"
#include "fit.h"
#include "infer.h"
#include "prepare.h"
#include "safetensors.h"

#include <stdio.h>
#include <stdlib.h>

const char *const EXPORT_SCALE = ".scale";

/* Suite, case, operation, keys, and the types that outputs have in the case, all as texts. */
static json_t *metadata_of(const struct test_case *item)
{
    struct tensor tensor[MAX_TENSORS];
    json_t *metadata = keys_metadata(item->op, item->problem);
    json_object_set_new(metadata, "suite", json_string(item->suite));
    json_object_set_new(metadata, "case", json_string(item->name));
    item->op->tensors(item->problem, tensor);
    for (int i = 0; i < item->op->tensor_count; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s.dtype", tensor[i].name);
        if (tensor[i].output && tensor_elements(&tensor[i]))
            json_object_set_new(metadata, name, json_string(dtype_word(tensor[i].dtype)));
    }
    return metadata;
}

static struct stored_tensor stored_as(const struct tensor *tensor, const char *name,
                                      const char *dtype)
{
    struct stored_tensor stored = {
        .name = (char *)(uintptr_t)name, .dtype = dtype, .rank = tensor->rank};
    for (int axis = 0; axis < tensor->rank; axis++)
        stored.dim[axis] = tensor->dim[axis];
    return stored;
}

static bool write_case(const struct test_case *item, const char *path, struct message *message)
{
    struct prepared prepared;
    struct stored_tensor stored[2 * MAX_TENSORS];
    char scale[MAX_TENSORS][64];
    const void *data[2 * MAX_TENSORS];
    int count = 0;
    prepare(item, &prepared);
    for (int i = 0; i < item->op->tensor_count; i++) {
        const struct tensor *tensor = &prepared.tensor[i];
        data[count] = tensor->output ? (void *)prepared.reference[i] : prepared.input[i];
        if (!data[count])
            continue;
        stored[count++] =
            stored_as(tensor, tensor->name, tensor->output ? "F64" : dtype_word(tensor->dtype));
        if (!prepared.scale[i])
            continue;
        snprintf(scale[i], sizeof scale[i], "%s%s", tensor->name, EXPORT_SCALE);
        data[count] = prepared.scale[i];
        stored[count++] = stored_as(tensor, scale[i], "F64");
    }
    json_t *metadata = metadata_of(item);
    const bool good = safetensors_write(path, stored, data, count, metadata, message);
    json_decref(metadata);
    prepared_free(&prepared);
    return good;
}

int export_case(const struct campaign_options *options)
{
    struct case_list cases = {0};
    struct filter filter;
    struct message message;
    const struct test_case *item;
    if (!options->out)
        return complain(EXIT_BAD_INPUT, "export: expected --out FILE");
    if (!campaign_cases(options->suites, &cases, &message))
        return complain(EXIT_BAD_INPUT, "%s", message.text);
    int status = filter_open(&filter, options->op, NULL, options->item, "cpu", &message);
    if (status) {
        cases_free(&cases);
        return complain((enum exit_status)status, "%s", message.text);
    }
    status = find_case("export", &cases, &filter, false, &item);
    if (!status && prepare_bytes(item) > (double)host_memory_free())
        status =
            complain(EXIT_MACHINE_LACKS, "%s needs %.3g GB of memory, %.3g GB are free", item->name,
                     prepare_bytes(item) * 1e-9, (double)host_memory_free() * 1e-9);
    else if (!status && !write_case(item, options->out, &message))
        status = complain(EXIT_BAD_INPUT, "%s", message.text);
    filter_close(&filter);
    cases_free(&cases);
    return status;
}
