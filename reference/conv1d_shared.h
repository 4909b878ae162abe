/* What reference/conv1d.c and reference/conv1d_bwd.c share: keys, the tensors that look alike, and
 * the definition up to the activation, in double precision. */
#ifndef SSMBENCH_CONV1D_SHARED_H
#define SSMBENCH_CONV1D_SHARED_H

#include "conv1d.h"
#include "operation.h"
#include <math.h>

extern const struct key CONV1D_KEYS[];

const char *conv1d_check(const void *problem, const char **key);

/* True when every sum is one of small whole numbers. */
bool conv1d_exact(const void *problem);

/* How x, weight, bias, initial and seq_idx are drawn, the first inputs of both operations. */
void conv1d_fill(const struct conv1d *p, struct fill fill[]);

/* The tensors: x and its like, initial and its like, weight and its like, bias and its like. */
struct tensor conv1d_x(const struct conv1d *p, const char *name, bool output);
struct tensor conv1d_state(const struct conv1d *p, const char *name, bool present, bool output);
struct tensor conv1d_weight(const struct conv1d *p, const char *name, enum dtype dtype);
struct tensor conv1d_bias(const struct conv1d *p, const char *name, enum dtype dtype);
struct tensor conv1d_seq_idx(const struct conv1d *p);

/* The bytes of `count` tensors, without the gaps of the `padded` ones among them that are like x.
 */
double conv1d_bytes(const struct conv1d *p, const struct tensor tensor[], int count, int padded);

/* batch*channels*length */
double conv1d_outputs(const struct conv1d *p);

/* NaN for the gaps of an output like x. */
void conv1d_void_gaps(const struct conv1d *p, double *out);

/* One channel of one sequence. The pointers are those of the tensors, null where absent. */
struct conv1d_row {
    const struct conv1d *p;
    int64_t b, d;
    const void *x, *weight, *bias, *initial;
    const int32_t *seq_idx;
};

static inline struct conv1d_row conv1d_row(const struct conv1d *p, const void *const input[],
                                           int64_t b, int64_t d)
{
    return (struct conv1d_row){p,
                               b,
                               d,
                               input[CONV1D_X],
                               input[CONV1D_WEIGHT],
                               input[CONV1D_BIAS],
                               input[CONV1D_INITIAL],
                               input[CONV1D_SEQ_IDX]};
}

/* weight[d,w] */
static inline double conv1d_tap(const struct conv1d_row *row, int64_t w)
{
    return dtype_load(row->weight, conv1d_weight_dtype(row->p), row->d * row->p->width + w);
}

/* x(step), step = -(width-1) ... length-1 */
static inline double conv1d_sample(const struct conv1d_row *row, int64_t step)
{
    const struct conv1d *p = row->p;
    const enum dtype dtype = (enum dtype)p->dtype;
    if (step >= 0)
        return dtype_load(row->x, dtype, conv1d_at(p, row->b, row->d, conv1d_time(p, step)));
    if (!p->initial)
        return 0;
    return dtype_load(row->initial, dtype, conv1d_state_at(p, row->b, row->d, step + p->width - 1));
}

/* The sequence of step `step` >= 0. */
static inline int32_t conv1d_sequence(const struct conv1d_row *row, int64_t step)
{
    const struct conv1d *p = row->p;
    return p->seq_idx ? row->seq_idx[row->b * p->length + conv1d_time(p, step)] : 0;
}

/* Whether the sample of step `from` adds to the output of step `to`, as far as sequences go. */
static inline bool conv1d_joined(const struct conv1d_row *row, int64_t from, int64_t to)
{
    return from < 0 || conv1d_sequence(row, from) == conv1d_sequence(row, to);
}

/* pre(step), step >= 0 */
static inline double conv1d_pre(const struct conv1d_row *row, int64_t step)
{
    const struct conv1d *p = row->p;
    double pre = p->bias ? dtype_load(row->bias, conv1d_weight_dtype(p), row->d) : 0;
    for (int64_t w = 0; w < p->width; w++) {
        const int64_t from = step - (p->width - 1) + w;
        if (conv1d_joined(row, from, step))
            pre += conv1d_tap(row, w) * conv1d_sample(row, from);
    }
    return pre;
}

#endif
