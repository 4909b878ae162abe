#include "export.h"
#include "find.h"
#include "fit.h"
#include "infer.h"
#include "prepare.h"
#include "safetensors.h"

#include <stdlib.h>

static bool write_case(const struct test_case *item, const char *path, struct message *message)
{
    struct prepared prepared;
    struct stored_tensor stored[MAX_TENSORS];
    const void *data[MAX_TENSORS];
    int count = 0;
    prepare(item, &prepared);
    for (int i = 0; i < item->op->tensor_count; i++) {
        const struct tensor *tensor = &prepared.tensor[i];
        data[count] = tensor->output ? (void *)prepared.reference[i] : prepared.input[i];
        if (!data[count])
            continue;
        stored[count] =
            (struct stored_tensor){.name = (char *)(uintptr_t)tensor->name,
                                   .dtype = tensor->output ? "F64" : dtype_word(tensor->dtype),
                                   .rank = tensor->rank};
        for (int axis = 0; axis < tensor->rank; axis++)
            stored[count].dim[axis] = tensor->dim[axis];
        count++;
    }
    json_t *metadata = keys_metadata(item->op, item->problem);
    json_object_set_new(metadata, "suite", json_string(item->suite));
    json_object_set_new(metadata, "case", json_string(item->name));
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
