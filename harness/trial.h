/* A trial: one variant on one case, checked, and timed when it is correct. */
#ifndef SSMBENCH_TRIAL_H
#define SSMBENCH_TRIAL_H

#include "cases.h"
#include "errors.h"
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
    STATUS_CRASH,            /* the process that ran it ended */
    STATUS_TIMEOUT,          /* it took longer than a row may */
    STATUS_SKIPPED,          /* not run, `detail` says why */
    STATUS_COUNT
};

extern const char *const STATUS_NAMES[STATUS_COUNT];

/* A case with its inputs and the reference's outputs in main memory, shared by its trials. */
struct prepared {
    const struct test_case *item;
    struct tensor tensor[MAX_TENSORS];
    struct fill fill[MAX_TENSORS];
    void *input[MAX_TENSORS];
    double *reference[MAX_TENSORS];
    double *scale[MAX_TENSORS]; /* of outputs that end rows: see operation.h */
    bool drawn;                 /* inputs are those of `fill`, which a backend draws by itself */
    bool one_backend;           /* nothing to compare with: outputs are not kept */
    struct kept *kept; /* outputs of variants that passed, for other backends of the same name */

    /* Unless null, is shown the outputs of a variant's first run, null where there are none. */
    void (*take)(void *taker, const struct entry *entry, void *const output[]);
    void *taker;
};

struct outcome {
    enum status status;
    char detail[512];  /* a sentence unless the status is PASS */
    bool lacks_memory; /* skipped because memory does not suffice */
    double run_s;      /* wall time of the first run */
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

/* Draws the inputs and runs the reference. */
void prepare(const struct test_case *item, struct prepared *prepared);

/* The same with the caller's inputs, in their tensors' types, null where absent: they are
 * prepared_free()'s from then on. */
void prepare_given(const struct test_case *item, void *const input[], struct prepared *prepared);
void prepared_free(struct prepared *prepared);

/* Runs `entry` on the case: backend->runs times from poisoned outputs for the checks; then, when
 * all of them pass and limit_s > 0, for the clock; then looks at the outputs once more. False when
 * interrupted: there is no outcome then. */
bool trial_run(struct prepared *prepared, const struct entry *entry, const struct backend *backend,
               double limit_s, const volatile sig_atomic_t *interrupted, struct outcome *outcome);

#endif
