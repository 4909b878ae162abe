/* A problem of conv1d or conv1d_bwd in memory, for tests: f32 inputs with values, outputs NaN. */
#ifndef SSMBENCH_CONV1D_FIXTURE_H
#define SSMBENCH_CONV1D_FIXTURE_H

#include "conv1d_bwd.h"
#include "operation.h"

#include <math.h>
#include <stdlib.h>

extern const struct operation conv1d_operation, conv1d_bwd_operation;

struct fixture {
    const struct operation *op;
    struct conv1d p;
    int64_t elements[MAX_TENSORS]; /* 0 where absent */
    float *in[MAX_TENSORS];
    int32_t *seq_idx;
    double *out[MAX_TENSORS];
};

/* Multiples of 1/64 in [-1, 1), another sequence for every tensor. */
static inline void draw(float value[], int64_t count, int tensor)
{
    uint32_t random = 12345u + 977u * (uint32_t)tensor;
    for (int64_t i = 0; i < count; i++) {
        random = random * 1664525u + 1013904223u;
        value[i] = (float)((int)(random >> 25) - 64) / 64;
    }
}

/* A step's sequence in order of time: three steps, padding, one step, then the rest. */
static inline int32_t drawn_sequence(int64_t t)
{
    return t < 3 ? 5 : t < 4 ? -1 : t < 5 ? 6 : 7;
}

static inline struct fixture setup(const struct operation *op, const struct conv1d *p)
{
    struct fixture f = {.op = op, .p = *p};
    struct tensor tensor[MAX_TENSORS];
    op->tensors(p, tensor);
    for (int i = 0; i < op->tensor_count; i++) {
        const int64_t count = f.elements[i] = tensor_elements(&tensor[i]);
        if (tensor[i].output && count) {
            f.out[i] = malloc((size_t)count * sizeof(double));
            for (int64_t j = 0; j < count; j++)
                f.out[i][j] = NAN;
        } else if (i == CONV1D_SEQ_IDX && count) {
            f.seq_idx = malloc((size_t)count * sizeof(int32_t));
            for (int64_t j = 0; j < count; j++)
                f.seq_idx[j] = drawn_sequence(j % p->length);
        } else if (count) {
            f.in[i] = malloc((size_t)count * sizeof(float));
            draw(f.in[i], count, i);
        }
    }
    return f;
}

static inline void run(const struct fixture *f)
{
    const void *input[MAX_TENSORS];
    for (int i = 0; i < MAX_TENSORS; i++)
        input[i] = i == CONV1D_SEQ_IDX ? (const void *)f->seq_idx : f->in[i];
    f->op->reference(&f->p, input, f->out, NULL);
}

static inline void release(struct fixture *f)
{
    for (int i = 0; i < MAX_TENSORS; i++) {
        free(f->in[i]);
        free(f->out[i]);
    }
    free(f->seq_idx);
}

#endif
