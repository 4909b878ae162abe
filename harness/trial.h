/* A trial: one variant on one case, checked, and timed when it is correct. */
#ifndef SSMBENCH_TRIAL_H
#define SSMBENCH_TRIAL_H

#include "errors.h"
#include "prepare.h"
#include "profile_range.h"
#include "registry.h"
#include "time.h"

enum status {
    STATUS_PASS,
    STATUS_WRONG,            /* error above the limit */
    STATUS_UNWRITTEN,        /* an output element was left as it was */
    STATUS_OVERRUN,          /* a guard byte beside a buffer changed */
    STATUS_MUTATED,          /* an input changed */
    STATUS_NONFINITE,        /* NaN or infinity where the reference has a number */
    STATUS_NONDETERMINISTIC, /* another run gave other bits */
    STATUS_FAILED,           /* the run itself returned an error */
    STATUS_IMPOSSIBLE,       /* a sample was shorter than any can be */
    STATUS_CRASH,            /* the process that ran it ended */
    STATUS_TIMEOUT,          /* it took longer than a row may */
    STATUS_SKIPPED,          /* not run, `detail` says why */
    STATUS_COUNT
};

extern const char *const STATUS_NAMES[STATUS_COUNT];

struct outcome {
    enum status status;
    char detail[512];  /* a sentence unless the status is PASS */
    bool lacks_memory; /* skipped because memory does not suffice */
    double run_s;      /* wall time of the first run */
    double spent_s;    /* on all of the row, which run_row() sets, */
    double prepare_s;  /* of it on inputs and reference; 0 where a row before had them */
    double error;      /* the worst of the outputs; -1 when nothing was compared */
    double tensor_error[MAX_TENSORS];
    const char *other; /* a backend on which the same variant passed before, or NULL */
    double difference; /* between the f32 outputs of the two, measured as an error is */
    double workspace_bytes;
    double memory_bytes; /* of the backend, that were taken at the end of the runs */
    bool timed;
    struct timing timing;
    int part_runs; /* that told what follows, of an operation with parts: see parts.h */
    double part_ms[MAX_PARTS], parts_whole_ms;
};

/* Runs `entry` on the case: once on inputs of another seed, so that what it keeps from call to call
 * is wrong; backend->runs times from poisoned outputs for the checks; then, when all of them pass
 * and limit_s > 0, for the clock; then looks at the outputs once more. False when interrupted:
 * there is no outcome then. */
bool trial_run(struct prepared *prepared, const struct entry *entry, const struct backend *backend,
               double limit_s, const volatile sig_atomic_t *interrupted, struct outcome *outcome);

/* The same checks; then, when all of them pass, the launches of `range`, for a profiler that
 * watches; then looks at the outputs once more. */
void trial_profile(struct prepared *prepared, const struct entry *entry,
                   const struct backend *backend, const struct range *range,
                   struct outcome *outcome);

/* Checks two variants on the case, each with inputs and outputs of its own, and hands both
 * launches, on the same ones, to `use`, which returns 0 or an error of the backend, if both are
 * correct; then looks at the outputs once more. */
void trial_pair(struct prepared *prepared, const struct entry *const entry[2],
                const struct backend *backend,
                int (*use)(const struct launch launch[2], void *context), void *context,
                struct outcome outcome[2]);

#endif
