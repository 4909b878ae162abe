#include "conv1d_bwd.h"
#include "conv1d_shared.h"
#include "operation.h"

#include <stdlib.h>

/* conv1d_row() and conv1d_fill() take the inputs of either operation. */
_Static_assert((int)CONV1D_BWD_X == CONV1D_X && (int)CONV1D_BWD_WEIGHT == CONV1D_WEIGHT &&
                   (int)CONV1D_BWD_BIAS == CONV1D_BIAS &&
                   (int)CONV1D_BWD_INITIAL == CONV1D_INITIAL &&
                   (int)CONV1D_BWD_SEQ_IDX == CONV1D_SEQ_IDX,
               "the inputs of conv1d come first, in its order");

static void tensors(const void *problem, struct tensor tensor[])
{
    const struct conv1d *p = problem;
    const enum dtype weights = conv1d_weight_dtype(p);
    tensor[CONV1D_BWD_X] = conv1d_x(p, "x", false);
    tensor[CONV1D_BWD_WEIGHT] = conv1d_weight(p, "weight", weights);
    tensor[CONV1D_BWD_BIAS] = conv1d_bias(p, "bias", weights);
    tensor[CONV1D_BWD_INITIAL] = conv1d_state(p, "initial", p->initial, false);
    tensor[CONV1D_BWD_SEQ_IDX] = conv1d_seq_idx(p);
    tensor[CONV1D_BWD_DOUT] = conv1d_x(p, "dout", false);
    tensor[CONV1D_BWD_DFINAL] = conv1d_state(p, "dfinal", p->final, false);
    tensor[CONV1D_BWD_DX] = conv1d_x(p, "dx", true);
    tensor[CONV1D_BWD_DWEIGHT] = conv1d_weight(p, "dweight", DTYPE_F32);
    tensor[CONV1D_BWD_DBIAS] = conv1d_bias(p, "dbias", DTYPE_F32);
    tensor[CONV1D_BWD_DINITIAL] = conv1d_state(p, "dinitial", p->initial, true);
    /* Even, so that x may lie otherwise than these. */
    tensor[CONV1D_BWD_DOUT].offset = tensor[CONV1D_BWD_DX].offset = p->offset / 2 * 2;
    tensor[CONV1D_BWD_DWEIGHT].output = tensor[CONV1D_BWD_DBIAS].output = true;
}

static void inputs(const void *problem, struct fill fill[])
{
    const struct conv1d *p = problem;
    const bool whole = p->inputs == CONV1D_INPUTS_INTEGERS || p->inputs == CONV1D_INPUTS_IMPULSES;
    const struct fill uniform = {FILL_UNIFORM, -1, 1, 0};
    conv1d_fill(p, fill);
    fill[CONV1D_BWD_DOUT] = whole ? (struct fill){FILL_INTEGERS, -1, 1, 0} : uniform;
    fill[CONV1D_BWD_DFINAL] = whole ? (struct fill){FILL_INTEGERS, -8, 8, 0} : uniform;
}

/* Per output: dx width products and their sum, dweight 2 for each tap, dbias 1; with silu the sum
 * before it again and 7 more: r (1 + exp, divide), 1 - r, times v, plus 1, times r, times dout. */
static struct cost cost(const void *problem)
{
    const struct conv1d *p = problem;
    const double outputs = conv1d_outputs(p), silu = p->act == ACT_SILU;
    const double sum = (double)(2 * p->width - 1), bias = (double)p->bias;
    struct tensor tensor[CONV1D_BWD_TENSORS];
    tensors(problem, tensor);
    return (struct cost){.bytes = conv1d_bytes(p, tensor, CONV1D_BWD_TENSORS, 3),
                         .flops = outputs *
                                  (sum + 2 * (double)p->width + bias + silu * (sum + bias + 7)),
                         .exps = outputs * silu};
}

/* g of a step. */
static double slope(const struct conv1d_row *row, double dout, int64_t step)
{
    if (conv1d_sequence(row, step) == -1)
        return 0;
    if (row->p->act != ACT_SILU)
        return dout;
    const double v = conv1d_pre(row, step), r = 1 / (1 + exp(-v));
    return dout * r * (1 + v * (1 - r));
}

/* The gradient of the sample of step `step` >= -(width-1). */
static double sample_gradient(const struct conv1d_row *row, const double g[], const void *dfinal,
                              int64_t step)
{
    const struct conv1d *p = row->p;
    const int64_t j = step - (p->length - (p->width - 1));
    double sum = p->final && j >= 0 ? dtype_load(dfinal, (enum dtype)p->dtype,
                                                 conv1d_state_at(p, row->b, row->d, j))
                                    : 0;
    for (int64_t w = 0; w < p->width; w++) {
        const int64_t to = step + (p->width - 1) - w;
        if (to >= 0 && to < p->length && conv1d_joined(row, step, to))
            sum += conv1d_tap(row, w) * g[to];
    }
    return sum;
}

/* Adds the row's share of dweight (`width` of them) and dbias. */
static void add_weight_gradients(const struct conv1d_row *row, const double g[], double dweight[],
                                 double *dbias)
{
    const struct conv1d *p = row->p;
    for (int64_t step = 0; step < p->length; step++) {
        for (int64_t w = 0; w < p->width; w++) {
            const int64_t from = step - (p->width - 1) + w;
            if (conv1d_joined(row, from, step))
                dweight[w] += g[step] * conv1d_sample(row, from);
        }
        *dbias += g[step];
    }
}

/* All gradients of channel d; g is scratch for `length` doubles. */
static void channel(const struct conv1d *p, const void *const input[], int64_t d, double g[],
                    double *const output[])
{
    double dweight[CONV1D_WIDTH_MAX] = {0}, dbias = 0;
    for (int64_t b = 0; b < p->batch; b++) {
        const struct conv1d_row row = conv1d_row(p, input, b, d);
        for (int64_t step = 0; step < p->length; step++) {
            const int64_t at = conv1d_at(p, b, d, conv1d_time(p, step));
            g[step] =
                slope(&row, dtype_load(input[CONV1D_BWD_DOUT], (enum dtype)p->dtype, at), step);
        }
        for (int64_t step = 0; step < p->length; step++)
            output[CONV1D_BWD_DX][conv1d_at(p, b, d, conv1d_time(p, step))] =
                sample_gradient(&row, g, input[CONV1D_BWD_DFINAL], step);
        for (int64_t j = 0; j < p->width - 1 && p->initial; j++)
            output[CONV1D_BWD_DINITIAL][conv1d_state_at(p, b, d, j)] =
                sample_gradient(&row, g, input[CONV1D_BWD_DFINAL], j - (p->width - 1));
        add_weight_gradients(&row, g, dweight, &dbias);
    }
    for (int64_t w = 0; w < p->width; w++)
        output[CONV1D_BWD_DWEIGHT][d * p->width + w] = dweight[w];
    if (p->bias)
        output[CONV1D_BWD_DBIAS][d] = dbias;
}

static void reference(const void *problem, const void *const input[], double *const output[],
                      double *const scale[])
{
    const struct conv1d *p = problem;
    (void)scale;
    conv1d_void_gaps(p, output[CONV1D_BWD_DX]);
#pragma omp parallel
    {
        double *g = malloc((size_t)p->length * sizeof *g);
        if (!g)
            abort();
#pragma omp for
        for (int64_t d = 0; d < p->channels; d++)
            channel(p, input, d, g, output);
        free(g);
    }
}

const struct operation conv1d_bwd_operation = {
    .name = "conv1d_bwd",
    .summary = "causal depthwise convolution, gradients",
    .baseline = "padded",
    .keys = CONV1D_KEYS,
    .problem_size = sizeof(struct conv1d),
    .tensor_count = CONV1D_BWD_TENSORS,
    .check = conv1d_check,
    .tensors = tensors,
    .inputs = inputs,
    .cost = cost,
    .exact = conv1d_exact,
    .reference = reference,
};
