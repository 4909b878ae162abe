/* A case made ready: its inputs and what the reference says of them. */
#ifndef SSMBENCH_PREPARE_H
#define SSMBENCH_PREPARE_H

#include "cases.h"

/* A case with its inputs and the reference's outputs in main memory, shared by its trials. */
struct prepared {
    const struct test_case *item;
    int64_t seed;
    struct tensor tensor[MAX_TENSORS];
    struct fill fill[MAX_TENSORS];
    void *input[MAX_TENSORS];
    double *reference[MAX_TENSORS];
    double *scale[MAX_TENSORS]; /* of outputs that end rows: see operation.h */
    bool one_backend;           /* nothing to compare with: outputs are not kept */
    struct kept *kept; /* outputs of variants that passed, for other backends of the same name */
};

/* Bytes of main memory that prepare() will take. */
double prepare_bytes(const struct test_case *item);

/* Draws the inputs and runs the reference. */
void prepare(const struct test_case *item, struct prepared *prepared);
void prepared_free(struct prepared *prepared);

#endif
