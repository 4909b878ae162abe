#include "run.h"
#include "export.h"
#include "filter.h"
#include "fit.h"
#include "grid.h"
#include "infer.h"
#include "safetensors.h"

#include <stdio.h>
#include <stdlib.h>

/* All that is to be written. */
struct outputs {
    struct stored_tensor *stored;
    const void **data;
    int count;
};

struct run {
    const struct campaign_options *options;
    struct safetensors file;
    struct test_case item;
    const struct stored_tensor *given[MAX_TENSORS];
    struct prepared prepared;
    struct filter filter;
    struct outputs outputs;
    struct grid grid;
    int column[MAX_TENSORS]; /* of outputs, in the grid */
    int columns;
    int count[STATUS_COUNT];
    bool lacks_memory;
    struct message complaints; /* of rows that did not pass, a line each */
};

static bool find_operation(struct run *run, struct message *message)
{
    const char *name = run->options->op;
    if (!name)
        name = json_string_value(json_object_get(run->file.metadata, "op"));
    run->item.op = name ? operation_find(name) : NULL;
    if (run->item.op)
        return true;
    refuse(message, "--op %.80s: expected one of", name ? name : "(none)");
    operations_append(message->text, sizeof message->text);
    return false;
}

/* Whether a name in a file is that of the tensor, or of the scale that an export has beside it. */
static bool belongs(const char *name, const char *tensor)
{
    const size_t length = strlen(tensor);
    return !strncmp(name, tensor, length) &&
           (!name[length] || !strcmp(name + length, EXPORT_SCALE));
}

/* Finds the operation's tensors in the file, which may have no others. */
static bool find_tensors(struct run *run, struct message *message)
{
    const struct operation *op = run->item.op;
    struct tensor tensor[MAX_TENSORS];
    int found = 0;
    op->tensors(run->item.problem, tensor);
    for (int i = 0; i < op->tensor_count; i++) {
        run->given[i] = safetensors_find(&run->file, tensor[i].name);
        found += run->given[i] != NULL;
    }
    for (int j = 0; j < run->file.count && found < run->file.count; j++) {
        const char *name = run->file.tensor[j].name;
        int i = 0;
        while (i < op->tensor_count && !belongs(name, tensor[i].name))
            i++;
        if (i < op->tensor_count)
            continue;
        refuse(message, "%s: tensor %.80s is none of %s's: expected", run->file.path, name,
               op->name);
        for (i = 0; i < op->tensor_count; i++)
            append(message->text, sizeof message->text, "%s %s", i ? "," : "", tensor[i].name);
        return false;
    }
    return true;
}

/* The problem: keys of the metadata, then those of the command line, then what shapes tell. */
static bool find_problem(struct run *run, const char *keys, struct message *message)
{
    const struct operation *const op = run->item.op;
    const char *blamed = NULL;
    bool fixed[MAX_KEYS] = {false};
    run->item.problem = problem_new(op);
    if (!find_tensors(run, message) ||
        !keys_from_metadata(op, run->file.metadata, run->item.problem, message) ||
        !keys_assign(op, keys ? keys : "", run->item.problem, fixed, message))
        return false;
    keys_infer(op, run->given, fixed, run->item.problem);
    if (!tensors_fit(op, run->given, run->item.problem, run->file.path, message))
        return false;
    const char *reason = op->check(run->item.problem, &blamed);
    return !reason || refuse(message, "%s: %s", run->file.path, reason);
}

/* Reads an input; an F64 one is rounded to the type that it has to have. */
static bool read_input(struct run *run, int i, const struct tensor *tensor, void **memory,
                       struct message *message)
{
    const struct stored_tensor *stored = run->given[i];
    void *raw = must_allocate(stored->bytes, 1);
    *memory = raw;
    if (!safetensors_read(&run->file, stored, raw, message))
        return false;
    if (!strcmp(stored->dtype, dtype_word(tensor->dtype)))
        return true;
    *memory = must_allocate(tensor_bytes(tensor), 1);
    for (int64_t j = 0; j < tensor_elements(tensor); j++)
        dtype_store(*memory, tensor->dtype, j, (float)((double *)raw)[j]);
    free(raw);
    return true;
}

static bool memory_suffices(const struct run *run, struct message *message)
{
    const double needs = prepare_bytes(&run->item), has = (double)host_memory_free();
    return (!beyond_all_machines(run->item.op, run->item.problem) && needs <= has) ||
           refuse(message, "%s: needs %.3g GB of memory, %.3g GB are free", run->file.path,
                  needs * 1e-9, has * 1e-9);
}

static bool prepare_run(struct run *run, struct message *message)
{
    struct tensor tensor[MAX_TENSORS];
    void *input[MAX_TENSORS] = {NULL};
    bool good = true;
    run->item.op->tensors(run->item.problem, tensor);
    for (int i = 0; i < run->item.op->tensor_count && good; i++)
        if (!tensor[i].output && tensor_elements(&tensor[i]))
            good = read_input(run, i, &tensor[i], &input[i], message);
    if (good) {
        prepare_given(&run->item, input, &run->prepared);
        return true;
    }
    for (int i = 0; i < run->item.op->tensor_count; i++)
        free(input[i]);
    return false;
}

/* Keeps an output for the file, under OWNER/NAME. */
static void keep(struct run *run, const char *owner, int i, const char *dtype, const void *data,
                 size_t bytes)
{
    struct outputs *outputs = &run->outputs;
    const struct tensor *tensor = &run->prepared.tensor[i];
    char name[256];
    void *copy = must_allocate(bytes, 1);
    memcpy(copy, data, bytes);
    snprintf(name, sizeof name, "%s/%s", owner, tensor->name);
    const size_t count = (size_t)outputs->count + 1;
    outputs->stored = realloc(outputs->stored, count * sizeof *outputs->stored);
    outputs->data = realloc(outputs->data, count * sizeof *outputs->data);
    if (!outputs->stored || !outputs->data)
        abort();
    struct stored_tensor *stored = &outputs->stored[outputs->count];
    *stored = (struct stored_tensor){.name = strdup(name), .dtype = dtype, .rank = tensor->rank};
    memcpy(stored->dim, tensor->dim, sizeof tensor->dim);
    outputs->data[outputs->count++] = copy;
}

static void take(void *taker, const struct entry *entry, void *const output[])
{
    struct run *run = taker;
    for (int i = 0; i < run->item.op->tensor_count; i++)
        if (output[i])
            keep(run, entry->full, i, dtype_word(run->prepared.tensor[i].dtype), output[i],
                 tensor_bytes(&run->prepared.tensor[i]));
}

static void keep_reference(struct run *run)
{
    for (int i = 0; i < run->item.op->tensor_count; i++)
        if (run->prepared.reference[i])
            keep(run, "reference", i, "F64", run->prepared.reference[i],
                 (size_t)tensor_elements(&run->prepared.tensor[i]) * sizeof(double));
}

static void start_table(struct run *run)
{
    const struct operation *op = run->item.op;
    char value[KEY_VALUE_SIZE];
    printf("%s:", op->name);
    for (const struct key *key = op->keys; key->name; key++) {
        key_print(key, run->item.problem, value, sizeof value);
        printf("%s %s = %s", key == op->keys ? "" : ",", key->name, value);
    }
    puts("\n");
    run->columns = 2;
    for (int i = 0; i < op->tensor_count; i++)
        if (run->prepared.reference[i])
            run->column[i] = run->columns++;
    grid_row(&run->grid, run->columns);
    grid_set(&run->grid, 0, "variant");
    grid_set(&run->grid, 1, "status");
    for (int i = 0; i < op->tensor_count; i++)
        if (run->column[i])
            grid_set(&run->grid, run->column[i], "error of %s", run->prepared.tensor[i].name);
}

static void run_entry(struct run *run, const struct entry *entry, const struct backend *backend)
{
    static const volatile sig_atomic_t never = 0;
    struct outcome outcome;
    if (trial_fits(&run->item, entry, backend, true, &outcome))
        trial_run(&run->prepared, entry, backend, 0, &never, &outcome);
    run->count[outcome.status]++;
    run->lacks_memory |= outcome.lacks_memory;
    grid_row(&run->grid, run->columns);
    grid_set(&run->grid, 0, "%s", entry->full);
    grid_set(&run->grid, 1, "%s", STATUS_NAMES[outcome.status]);
    for (int i = 0; i < run->item.op->tensor_count; i++)
        if (run->column[i] && outcome.error >= 0)
            grid_set(&run->grid, run->column[i], "%.1e", outcome.tensor_error[i]);
    if (outcome.detail[0])
        append(run->complaints.text, sizeof run->complaints.text, "%s %s: %s\n",
               STATUS_NAMES[outcome.status], entry->full, outcome.detail);
}

static bool write_outputs(const struct run *run, struct message *message)
{
    json_t *metadata = keys_metadata(run->item.op, run->item.problem);
    const bool good = safetensors_write(run->options->out, run->outputs.stored, run->outputs.data,
                                        run->outputs.count, metadata, message);
    json_decref(metadata);
    return good;
}

/* Prints the table and writes the outputs. */
static int conclude(struct run *run, struct message *message)
{
    const int passed = run->count[STATUS_PASS], skipped = run->count[STATUS_SKIPPED];
    const int rows = run->grid.rows - 1, failed = rows - passed - skipped;
    if (!rows)
        return complain(EXIT_NOTHING_MATCHED,
                        "no variant of %s matches: `ssmbench list variants` "
                        "names what there is",
                        run->item.op->name);
    grid_print(&run->grid, GRID_TEXT, stdout);
    printf("\n%s%d passed, %d failed, %d skipped\n", run->complaints.text, passed, failed, skipped);
    fflush(stdout);
    if (run->options->out && !write_outputs(run, message))
        return complain(EXIT_BAD_INPUT, "%s", message->text);
    if (failed)
        return EXIT_CHECK_FAILED;
    if (run->lacks_memory)
        return EXIT_MACHINE_LACKS;
    return passed ? EXIT_WELL : EXIT_NOTHING_MATCHED;
}

static void run_free(struct run *run)
{
    for (int i = 0; i < run->outputs.count; i++) {
        free(run->outputs.stored[i].name);
        free((void *)(uintptr_t)run->outputs.data[i]);
    }
    free(run->outputs.stored);
    free(run->outputs.data);
    filter_close(&run->filter);
    grid_free(&run->grid);
    prepared_free(&run->prepared);
    free(run->item.problem);
    safetensors_close(&run->file);
}

int run_tensors(const struct campaign_options *options, const char *tensors, const char *keys)
{
    struct run *run = must_allocate(1, sizeof *run);
    struct message message;
    int status = EXIT_BAD_INPUT;
    run->options = options;
    run->item.suite = run->item.name = (char *)(uintptr_t)tensors;
    if (!tensors) {
        free(run);
        return complain(EXIT_BAD_INPUT, "run: expected --tensors FILE.safetensors");
    }
    /* The backends are asked before the reference starts its threads. */
    bool good = safetensors_open(&run->file, tensors, &message) && find_operation(run, &message) &&
                find_problem(run, keys, &message);
    if (good) {
        status = (int)filter_open(&run->filter, NULL, options->variant, NULL, options->backends,
                                  &message);
        good = !status;
    }
    if (good) {
        status = EXIT_MACHINE_LACKS;
        good = memory_suffices(run, &message);
    }
    if (good) {
        status = EXIT_BAD_INPUT;
        good = prepare_run(run, &message);
    }
    if (good) {
        const struct backend *backend;
        run->prepared.one_backend = true;
        run->prepared.take = options->out ? take : NULL;
        run->prepared.taker = run;
        for (int i = 0; run->filter.backend[i]; i++)
            run->filter.backend[i]->missing();
        start_table(run);
        if (options->out)
            keep_reference(run);
        for (const struct entry *entry = ENTRIES; entry->op; entry++)
            if (filter_matches(&run->filter, &run->item, entry, &backend))
                run_entry(run, entry, backend);
        status = conclude(run, &message);
    } else {
        complain((enum exit_status)status, "%s", message.text);
    }
    run_free(run);
    free(run);
    return status;
}
