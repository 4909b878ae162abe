#include "trial_within.h"

#include <string.h>

struct pairing {
    struct prepared *prepared;
    const struct entry *other;
    struct trial *first; /* the first one's */
    struct launch launch[2];
    int (*use)(const struct launch launch[2], void *context);
    void *context;
    struct outcome *other_outcome;
};

/* Runs the second one where both were compared, and looks at what it made of the outputs. */
static bool look_at_second(struct trial *trial, struct pairing *p)
{
    struct guarded own[MAX_TENSORS];
    double time_ms;
    bool good =
        trial_works(trial, trial->backend->run(&p->launch[1], false, &time_ms), "compared run");
    memcpy(own, trial->buffer, sizeof own);
    memcpy(trial->buffer, p->first->buffer, sizeof own);
    good = good && trial_outputs_same(trial, "after the compared runs");
    memcpy(trial->buffer, own, sizeof own);
    return trial_works(p->first, trial->backend->run(&p->launch[0], false, &time_ms),
                       "compared run") &&
           good;
}

/* Both run on the tensors of the first one, and on the larger workspace: where memory lies makes
 * a difference of up to 1 %. */
static bool use_both(struct trial *trial, const void *context)
{
    struct pairing *p = *(struct pairing *const *)context;
    const bool first_is_larger =
        p->first->buffer[MAX_TENSORS].bytes >= trial->buffer[MAX_TENSORS].bytes;
    p->launch[1] = trial->launch;
    p->launch[1].tensor = p->launch[0].tensor;
    p->launch[first_is_larger].workspace = p->launch[!first_is_larger].workspace;
    if (trial_works(trial, p->use(p->launch, p->context), "compared run"))
        look_at_second(trial, p);
    return true;
}

static bool open_other(struct trial *trial, const void *context)
{
    struct pairing *p = *(struct pairing *const *)context;
    p->launch[0] = trial->launch;
    p->first = trial;
    trial_checked(p->prepared, p->other, trial->backend, use_both, context, p->other_outcome);
    trial_outputs_same(trial, "after the compared runs");
    return true;
}

void trial_pair(struct prepared *prepared, const struct entry *const entry[2],
                const struct backend *backend,
                int (*use)(const struct launch launch[2], void *context), void *context,
                struct outcome outcome[2])
{
    struct pairing pairing = {.prepared = prepared,
                              .other = entry[1],
                              .use = use,
                              .context = context,
                              .other_outcome = &outcome[1]};
    struct pairing *const pointer = &pairing;
    outcome[1] = (struct outcome){.status = STATUS_SKIPPED, .error = -1};
    trial_checked(prepared, entry[0], backend, open_other, &pointer, &outcome[0]);
}
