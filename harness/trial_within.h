/* What the files of a trial know of it. */
#ifndef SSMBENCH_TRIAL_WITHIN_H
#define SSMBENCH_TRIAL_WITHIN_H

#include "guarded.h"
#include "trial.h"

struct trial {
    const struct prepared *prepared;
    const struct backend *backend;
    int tensors;
    struct guarded buffer[MAX_TENSORS + 1]; /* the last one is the workspace */
    void *pointer[MAX_TENSORS];
    void *first[MAX_TENSORS]; /* the outputs of the first run */
    struct launch launch;
    struct outcome *outcome;
};

/* True when `error` is 0; else the outcome says what failed. */
bool trial_works(struct trial *trial, int error, const char *what);

/* True when all outputs are still, or again, those of the first run. */
bool trial_outputs_same(struct trial *trial, const char *when);

/* Checks `entry`, and passes what is correct on to `use`, if any, which returns false when it was
 * interrupted: so does this then. */
bool trial_checked(struct prepared *prepared, const struct entry *entry,
                   const struct backend *backend,
                   bool (*use)(struct trial *trial, const void *context), const void *context,
                   struct outcome *outcome);

#endif
