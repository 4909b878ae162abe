/* A case made ready: its inputs and what the reference says of them. */
#ifndef SSMBENCH_PREPARE_H
#define SSMBENCH_PREPARE_H

#include "cases.h"

struct entry;

/* A case with its inputs and the reference's outputs in main memory, shared by its trials. */
struct prepared {
    const struct test_case *item;
    int64_t seed;
    struct tensor tensor[MAX_TENSORS];
    struct fill fill[MAX_TENSORS];
    void *input[MAX_TENSORS];
    double *reference[MAX_TENSORS];
    double *scale[MAX_TENSORS]; /* of outputs that end rows: see operation.h */
    bool drawn;                 /* inputs are those of `fill`, which a backend draws by itself */
    bool checks_only;           /* no run on other inputs comes before the checked ones */
    bool one_backend;           /* nothing to compare with: outputs are not kept */
    struct kept *kept; /* outputs of variants that passed, for other backends of the same name */

    /* Unless null, is shown the outputs of a variant's first run, null where there are none. */
    void (*take)(void *taker, const struct entry *entry, void *const output[]);
    void *taker;
};

/* Draws the inputs and runs the reference. */
void prepare(const struct test_case *item, struct prepared *prepared);

/* The same with the caller's inputs, in their tensors' types, null where absent: they are
 * prepared_free()'s from then on. */
void prepare_given(const struct test_case *item, void *const input[], struct prepared *prepared);
void prepared_free(struct prepared *prepared);

#endif
