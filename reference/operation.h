/* What an operation tells the harness about itself.
 *
 * reference/OP.c defines one `const struct operation OP_operation`; the case parser, the input
 * generator, the checker, the timer and the tables know nothing else about it.
 */
#ifndef SSMBENCH_OPERATION_H
#define SSMBENCH_OPERATION_H

#include "../kernels/dtype.h"
#include <stdbool.h>

enum { MAX_RANK = 4, MAX_TENSORS = 56, MAX_PARTS = 8, WHOLE = -1 };

/* int32_t, the type of inputs that hold indices, beside those that the case key `dtype` offers. A
 * kernel reads such a tensor as what its operation's header says it is. */
#define DTYPE_I32 ((enum dtype)3)

/* A case key: where it lives in the problem struct and what it may be. Fields are int64_t, or
 * double for a KEY_REAL, or const char * for a KEY_TEXT: any text without commas, "" unless given,
 * which is kept until the process ends. Equal texts are the same pointer. */
enum key_kind { KEY_WHOLE, KEY_WORD, KEY_REAL, KEY_TEXT };

struct key {
    const char *name;
    enum key_kind kind;
    size_t offset;           /* of the field in the problem struct */
    double minimum, maximum; /* inclusive; of KEY_WHOLE and KEY_REAL */
    double initial; /* value when a case does not name the key (index of a word); not of KEY_TEXT */
    const char *const *words; /* NULL-terminated; of KEY_WORD */
    const char *meaning;      /* one clause for `ssmbench list ops` */
};

/* One tensor of a problem. `row_axis` is the axis along which a row of the error rule runs, or
 * WHOLE when the whole tensor is one row. */
struct tensor {
    const char *name;
    bool present;
    bool output;
    enum dtype dtype;
    int rank;
    int64_t dim[MAX_RANK];
    int row_axis;
    int64_t offset; /* elements between a boundary of 64 bytes and the first one */
    bool ends_rows; /* each element is the last of a row along time that no tensor holds */
};

/* How an input is drawn. Each kind turns the Philox block of an element into its value with IEEE
 * operations only, so that every machine and backend gets the same bits. */
enum fill_kind {
    FILL_CONSTANT,         /* a */
    FILL_UNIFORM,          /* uniform in [a, b) */
    FILL_BELL,             /* sum of eight uniforms: mean a, standard deviation b */
    FILL_LOG_UNIFORM,      /* 2^x, x uniform in [a, b) */
    FILL_NEGATIVE_LOG,     /* -2^x, x uniform in [a, b) */
    FILL_INVERSE_SOFTPLUS, /* s with softplus(s) = 2^x, x uniform in [a, b), b <= 0 */
    FILL_INTEGERS,         /* whole numbers a ... b */
    FILL_IMPULSES,         /* 0, but in one of 64 elements +a or -a */
    FILL_RAMP,             /* a*(1 + index mod period) */
    FILL_SEQUENCES,        /* indices of short sequences along rows of `period`; -1 is padding */
    FILL_SIGNED_LOG,       /* +2^x or -2^x, x uniform in [a, b) */
    FILL_SPOILED,          /* FILL_BELL, but one of 256 elements NaN or infinite */
};

struct fill {
    enum fill_kind kind;
    double a, b;
    int64_t period;
};

/* The compulsory work of a problem: each input read once, each output written once. */
struct cost {
    double bytes;
    double flops; /* additions and multiplications; a fused multiply-add counts as two */
    double exps;  /* exponentials and logarithms */
};

struct operation {
    const char *name;
    const char *summary;
    const char *baseline;   /* the variant that speedups are relative to */
    const struct key *keys; /* terminated by a NULL name */
    size_t problem_size;
    int tensor_count;

    /* NULL, or one sentence saying what the combination of keys breaks and what would be accepted;
     * *key is then the name of the key to blame. */
    const char *(*check)(const void *problem, const char **key);

    void (*tensors)(const void *problem, struct tensor tensor[]);
    void (*inputs)(const void *problem, struct fill fill[]);
    struct cost (*cost)(const void *problem);

    /* True when every f32 output must equal the reference exactly. NULL where none ever has to. */
    bool (*exact)(const void *problem);

    /* The definition in double precision. `input` holds tensors as the kernels get them, `output`
     * doubles in the memory order of the output tensors; null where absent. Where an output
     * ends_rows, `scale` gets the largest magnitude of each of its rows; null where it does not. An
     * element that nobody may write, as in a gap between rows, is NaN: what a trial puts there
     * before a run is NaN in every type. Uses all OpenMP threads. */
    void (*reference)(const void *problem, const void *const input[], double *const output[],
                      double *const scale[]);

    /* Of an operation made of several: the names of its parts, NULL-terminated, where in the
     * problem the pointer is through which a run tells how many ms each took, and which of them
     * output `tensor` is made by. NULL, 0 and NULL elsewhere. */
    const char *const *parts;
    size_t part_ms;
    int (*part_of)(int tensor);
};

/* Number of elements; 0 when absent. */
static inline int64_t tensor_elements(const struct tensor *tensor)
{
    int64_t elements = tensor->present;
    for (int axis = 0; axis < tensor->rank; axis++)
        elements *= tensor->dim[axis];
    return elements;
}

/* Bytes of one element. */
static inline size_t tensor_element_size(const struct tensor *tensor)
{
    return tensor->dtype == DTYPE_I32 ? sizeof(int32_t) : dtype_size(tensor->dtype);
}

static inline size_t tensor_bytes(const struct tensor *tensor)
{
    return (size_t)tensor_elements(tensor) * tensor_element_size(tensor);
}

/* As tensor_bytes(), but without overflow for sizes that no memory holds. */
static inline double tensor_bytes_real(const struct tensor *tensor)
{
    double bytes = tensor->present ? (double)tensor_element_size(tensor) : 0;
    for (int axis = 0; axis < tensor->rank; axis++)
        bytes *= (double)tensor->dim[axis];
    return bytes;
}

#endif
