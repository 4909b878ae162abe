#include "export.h"
#include "filter.h"
#include "results.h"
#include "safetensors.h"

#include <stdio.h>
#include <stdlib.h>

const char *const EXPORT_DTYPES[] = {"F32", "BF16", "F16", "I32"};
const char *const EXPORT_SCALE = ".scale";

/* Operation, case, keys, and the types that outputs have in the case, all as texts. */
static json_t *metadata_of(const struct test_case *item)
{
    json_t *metadata = json_pack("{s:s, s:s, s:s}", "op", item->op->name, "suite", item->suite,
                                 "case", item->name);
    for (const struct key *key = item->op->keys; key->name; key++) {
        char text[KEY_VALUE_SIZE];
        key_print(key, item->problem, text, sizeof text);
        json_object_set_new(metadata, key->name, json_string(text));
    }
    struct tensor tensor[MAX_TENSORS];
    item->op->tensors(item->problem, tensor);
    for (int i = 0; i < item->op->tensor_count; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s.dtype", tensor[i].name);
        if (tensor[i].output && tensor_elements(&tensor[i]))
            json_object_set_new(metadata, name, json_string(EXPORT_DTYPES[tensor[i].dtype]));
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
            stored_as(tensor, tensor->name, tensor->output ? "F64" : EXPORT_DTYPES[tensor->dtype]);
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

/* How many cases match; leaves the first two of them in `found`. */
static int find_cases(const struct case_list *cases, const struct filter *filter,
                      const struct test_case *found[2])
{
    int count = 0;
    for (int i = 0; i < cases->count; i++) {
        const struct test_case *item = &cases->item[i];
        if (regexec(&filter->op, item->op->name, 0, NULL, 0) ||
            regexec(&filter->item, item->name, 0, NULL, 0))
            continue;
        if (count < 2)
            found[count] = item;
        count++;
    }
    return count;
}

int export_case(const struct campaign_options *options)
{
    struct case_list cases = {0};
    struct filter filter;
    struct message message;
    const struct test_case *found[2] = {NULL, NULL};
    if (!options->out)
        return complain(EXIT_BAD_INPUT, "export: expected --out FILE");
    if (!campaign_cases(options->suites, &cases, &message))
        return complain(EXIT_BAD_INPUT, "%s", message.text);
    int status = filter_open(&filter, options->op, NULL, options->item, "cpu", &message);
    if (status) {
        cases_free(&cases);
        return complain((enum exit_status)status, "%s", message.text);
    }
    const int count = find_cases(&cases, &filter, found);
    if (!count)
        status = complain(EXIT_NOTHING_MATCHED,
                          "no case matches: `ssmbench list cases` names what there is");
    else if (count > 1)
        status =
            complain(EXIT_BAD_INPUT,
                     "export: %d cases match, %s/%s of %s and %s/%s of %s among them: expected "
                     "one, by --case '^NAME$' and --op '^OP$'",
                     count, found[0]->suite, found[0]->name, found[0]->op->name, found[1]->suite,
                     found[1]->name, found[1]->op->name);
    else if (prepare_bytes(found[0]) > (double)host_memory_free())
        status = complain(EXIT_MACHINE_LACKS, "%s needs %.3g GB of memory, %.3g GB are free",
                          found[0]->name, prepare_bytes(found[0]) * 1e-9,
                          (double)host_memory_free() * 1e-9);
    else if (!write_case(found[0], options->out, &message))
        status = complain(EXIT_BAD_INPUT, "%s", message.text);
    filter_close(&filter);
    cases_free(&cases);
    return status;
}
