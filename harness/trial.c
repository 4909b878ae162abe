#include "guarded.h"
#include "judge.h"
#include "kept.h"
#include "parts.h"
#include "trial_within.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { PART_RUNS = 3, LONG_RUN_MS = 5000 }; /* that tell what parts took; a long run is one */

const char *const STATUS_NAMES[STATUS_COUNT] = {
    "PASS",   "WRONG",      "UNWRITTEN", "OVERRUN", "MUTATED", "NONFINITE", "NONDETERMINISTIC",
    "FAILED", "IMPOSSIBLE", "CRASH",     "TIMEOUT", "SKIPPED",
};

/* Keeps the first sentence. */
__attribute__((format(printf, 3, 4))) static bool verdict(struct trial *trial, enum status status,
                                                          const char *format, ...)
{
    va_list arguments;
    if (trial->outcome->status != STATUS_PASS)
        return false;
    va_start(arguments, format);
    trial->outcome->status = status;
    vsnprintf(trial->outcome->detail, sizeof trial->outcome->detail, format, arguments);
    va_end(arguments);
    return false;
}

bool trial_works(struct trial *trial, int error, const char *what)
{
    return !error || verdict(trial, STATUS_FAILED, "%s: %s", what, trial->backend->describe(error));
}

static const char *buffer_name(const struct trial *trial, int i)
{
    return i == MAX_TENSORS ? "the workspace" : trial->prepared->tensor[i].name;
}

static bool allocate(struct trial *trial)
{
    for (int i = 0; i <= MAX_TENSORS; i++) {
        struct guarded *buffer = &trial->buffer[i];
        if (!buffer->bytes)
            continue;
        if (!trial_works(trial, guarded_allocate(trial->backend, buffer), "guards"))
            return false;
        if (!buffer->base)
            return verdict(trial, STATUS_FAILED, "out of memory for %.3g GB of %s",
                           (double)buffer->bytes * 1e-9, buffer_name(trial, i));
        if (i < MAX_TENSORS)
            trial->pointer[i] = buffer->data;
        else
            trial->launch.workspace = buffer->data;
    }
    return true;
}

/* Whether tensor i on the backend has the bytes of `expected`. */
static bool holds(struct trial *trial, int i, const void *expected, bool *same)
{
    return trial_works(trial, guarded_holds(trial->backend, &trial->buffer[i], expected, same),
                       "download");
}

/* Draws input `i` of a seed on the backend, or brings it there when it is not a drawn one. */
static int place_input(const struct trial *trial, int i, int64_t seed)
{
    const struct prepared *prepared = trial->prepared;
    if (!prepared->drawn)
        return trial->backend->upload(trial->pointer[i], prepared->input[i],
                                      trial->buffer[i].bytes);
    return trial->backend->generate(trial->pointer[i], &prepared->fill[i],
                                    prepared->tensor[i].dtype,
                                    tensor_elements(&prepared->tensor[i]), inputs_key(seed, i));
}

static bool place_inputs(struct trial *trial)
{
    const struct prepared *prepared = trial->prepared;
    for (int i = 0; i < trial->tensors; i++) {
        bool same = true;
        if (prepared->input[i] &&
            (!trial_works(trial, place_input(trial, i, prepared->seed), "inputs") ||
             !holds(trial, i, prepared->input[i], &same)))
            return false;
        if (!same)
            return verdict(trial, STATUS_FAILED, "%s %s %s differs from the host's",
                           prepared->tensor[i].name, prepared->drawn ? "drawn on" : "copied to",
                           trial->backend->name);
    }
    return true;
}

/* Fills outputs and workspace with 0xFF. */
static bool poison(struct trial *trial)
{
    for (int i = 0; i <= MAX_TENSORS; i++)
        if (trial->buffer[i].base && (i == MAX_TENSORS || trial->prepared->tensor[i].output) &&
            !trial_works(trial, guarded_poison(trial->backend, &trial->buffer[i]), "fill"))
            return false;
    return true;
}

/* Runs once from poisoned outputs. */
static bool run_poisoned(struct trial *trial, double *wall_s)
{
    double time_ms;
    if (!poison(trial))
        return false;
    const double start = now_s();
    const bool good =
        trial_works(trial, trial->backend->run(&trial->launch, false, &time_ms), "run");
    *wall_s = now_s() - start;
    return good;
}

/* Runs once on inputs of another seed, if inputs are drawn. What a variant keeps of them is wrong
 * in the runs that follow. */
static bool run_elsewhere(struct trial *trial)
{
    const struct prepared *prepared = trial->prepared;
    double wall_s;
    bool drawn = false;
    for (int i = 0; i < trial->tensors && prepared->drawn; i++) {
        drawn |= prepared->input[i] != NULL;
        if (prepared->input[i] &&
            !trial_works(trial, place_input(trial, i, ~prepared->seed), "inputs"))
            return false;
    }
    return !drawn || run_poisoned(trial, &wall_s);
}

static bool guards_intact(struct trial *trial)
{
    for (int i = 0; i <= MAX_TENSORS; i++) {
        const char *broken = NULL;
        if (trial->buffer[i].base &&
            !trial_works(trial, guarded_check(trial->backend, &trial->buffer[i], &broken),
                         "download"))
            return false;
        if (broken)
            return verdict(trial, STATUS_OVERRUN, "a byte %s %s was written", broken,
                           buffer_name(trial, i));
    }
    return true;
}

static bool inputs_intact(struct trial *trial)
{
    for (int i = 0; i < trial->tensors; i++) {
        bool intact = true;
        if (trial->prepared->input[i] && !holds(trial, i, trial->prepared->input[i], &intact))
            return false;
        if (!intact)
            return verdict(trial, STATUS_MUTATED, "input %s was written",
                           trial->prepared->tensor[i].name);
    }
    return true;
}

/* Compares output i with the reference and keeps its error. */
static bool output_correct(struct trial *trial, int i)
{
    const struct prepared *prepared = trial->prepared;
    const struct tensor *tensor = &prepared->tensor[i];
    const double limit = trial->launch.variant->grade == GRADE_REDUCED
                             ? INFINITY
                             : error_limit(prepared->item->op, prepared->item->problem, tensor);
    const struct judgement j =
        judge(tensor, trial->first[i], prepared->reference[i], prepared->scale[i], limit);

    trial->outcome->tensor_error[i] = j.error;
    if (!(j.error <= trial->outcome->error))
        trial->outcome->error = j.error;
    return j.status == STATUS_PASS || verdict(trial, j.status, "%s", j.detail);
}

bool trial_outputs_same(struct trial *trial, const char *when)
{
    for (int i = 0; i < trial->tensors; i++) {
        bool same = true;
        if (trial->first[i] && !holds(trial, i, trial->first[i], &same))
            return false;
        if (!same)
            return verdict(trial, STATUS_NONDETERMINISTIC, "%s has other bits %s",
                           trial->prepared->tensor[i].name, when);
    }
    return true;
}

/* Says of wrong outputs when they are those of other inputs, too. */
static void blame_cache(struct trial *trial)
{
    bool inputs_same = true, outputs_same = true;
    if (!run_elsewhere(trial))
        return;
    for (int i = 0; i < trial->tensors; i++) {
        bool same = true;
        const void *const input = trial->prepared->input[i], *const first = trial->first[i];
        if ((input || first) && !holds(trial, i, input ? input : first, &same))
            return;
        *(input ? &inputs_same : &outputs_same) &= same;
    }
    if (outputs_same && !inputs_same)
        append(trial->outcome->detail, sizeof trial->outcome->detail,
               "; other inputs give the same bits");
}

static bool check(struct trial *trial)
{
    double again_s;
    bool good = true;
    if ((!trial->prepared->checks_only && !run_elsewhere(trial)) || !place_inputs(trial) ||
        !run_poisoned(trial, &trial->outcome->run_s))
        return false;
    for (int i = 0; i < trial->tensors; i++) {
        if (!trial->prepared->reference[i])
            continue;
        trial->first[i] = must_allocate(trial->buffer[i].bytes, 1);
        if (!trial_works(trial,
                         trial->backend->download(trial->first[i], trial->pointer[i],
                                                  trial->buffer[i].bytes),
                         "download"))
            return false;
    }
    if (!guards_intact(trial) || !inputs_intact(trial))
        return false;
    for (int i = 0; i < trial->tensors; i++) /* all of them, so that the row has every error */
        if (trial->first[i] && !output_correct(trial, i))
            good = false;
    if (trial->outcome->status == STATUS_WRONG)
        blame_cache(trial);
    for (int run = 1; run < trial->backend->runs && good; run++)
        good = run_poisoned(trial, &again_s) && trial_outputs_same(trial, "after another run");
    return good;
}

struct sampling {
    double limit_s;
    const volatile sig_atomic_t *interrupted;
};

static bool spot_before(void *context)
{
    return poison(context);
}

static bool spot_after(void *context)
{
    return trial_outputs_same(context, "after a timed run");
}

/* Times the launch, and its parts if it has any. False when interrupted. */
static bool measure(struct trial *trial, const void *context)
{
    const struct sampling *sampling = context;
    const struct operation *op = trial->prepared->item->op;
    struct outcome *o = trial->outcome;
    const struct spot_check spot = {spot_before, spot_after, trial};
    const double start = now_s();
    int error = time_launch(trial->backend, &trial->launch, sampling->limit_s, &spot,
                            sampling->interrupted, &o->timing);
    if (error < 0)
        return error != -1;
    o->part_runs = o->timing.summary.median < LONG_RUN_MS ? PART_RUNS : 1;
    if (!error && op->parts)
        error = parts_measure(trial->backend, op, &trial->launch, o->part_runs, o->part_ms,
                              &o->parts_whole_ms);
    o->timing.spent_s = now_s() - start;
    o->timed =
        trial_works(trial, error, "timed run") && trial_outputs_same(trial, "after the timed runs");
    return true;
}

static bool profile(struct trial *trial, const void *context)
{
    const int error = profile_range(trial->backend, &trial->launch, context);
    if (trial_works(trial, error, "profiled run"))
        trial_outputs_same(trial, "after the profiled runs");
    return true;
}

/* Bytes that the buffers take, or more on a GPU, where a variant's libraries take some too. */
static double memory_taken(const struct trial *trial, size_t free_before)
{
    double bytes = 0;
    for (int i = 0; i <= MAX_TENSORS; i++)
        bytes += (double)trial->buffer[i].bytes;
    if (trial->backend->memory_free == host_memory_free)
        return bytes;
    return fmax(bytes, (double)free_before - (double)trial->backend->memory_free());
}

bool trial_checked(struct prepared *prepared, const struct entry *entry,
                   const struct backend *backend,
                   bool (*use)(struct trial *trial, const void *context), const void *context,
                   struct outcome *outcome)
{
    const struct test_case *item = prepared->item;
    struct trial trial = {.prepared = prepared,
                          .backend = backend,
                          .tensors = item->op->tensor_count,
                          .launch = {entry->variant, item->problem, trial.pointer, NULL},
                          .outcome = outcome};
    *outcome = (struct outcome){.error = -1};
    for (int i = 0; i < trial.tensors; i++) {
        const struct tensor *tensor = &prepared->tensor[i];
        trial.buffer[i].offset = (size_t)tensor->offset * tensor_element_size(tensor);
        trial.buffer[i].bytes = tensor_bytes(tensor);
    }
    if (entry->variant->workspace)
        trial.buffer[MAX_TENSORS].bytes = entry->variant->workspace(item->problem);
    outcome->workspace_bytes = (double)trial.buffer[MAX_TENSORS].bytes;

    bool finished = true;
    const size_t free_before = backend->memory_free();
    if (allocate(&trial) && check(&trial) && use)
        finished = use(&trial, context);
    outcome->memory_bytes = memory_taken(&trial, free_before);
    if (finished && prepared->take)
        prepared->take(prepared->taker, entry, trial.first);
    if (finished && outcome->status == STATUS_PASS)
        kept_meet(prepared, entry, trial.first, outcome);
    for (int i = 0; i <= MAX_TENSORS; i++)
        if (trial.buffer[i].base)
            backend->release(trial.buffer[i].base);
    for (int i = 0; i < trial.tensors; i++)
        free(trial.first[i]);
    return finished;
}

bool trial_run(struct prepared *prepared, const struct entry *entry, const struct backend *backend,
               double limit_s, const volatile sig_atomic_t *interrupted, struct outcome *outcome)
{
    const struct sampling sampling = {limit_s, interrupted};
    return trial_checked(prepared, entry, backend, limit_s > 0 ? measure : NULL, &sampling,
                         outcome);
}

void trial_profile(struct prepared *prepared, const struct entry *entry,
                   const struct backend *backend, const struct range *range,
                   struct outcome *outcome)
{
    trial_checked(prepared, entry, backend, profile, range, outcome);
}
