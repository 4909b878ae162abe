#include "conv1d.h"
#include "conv1d_shared.h"
#include "operation.h"

static const char *const OFF_ON[] = {"off", "on", NULL};
static const char *const ACTS[] = {"none", "silu", NULL};
static const char *const LAYOUTS[] = {"channel_first", "channel_last", NULL};
static const char *const DTYPES[] = {"f32", "bf16", "f16", NULL};
static const char *const WEIGHTS[] = {"same", "f32", NULL};
static const char *const INPUTS[] = {"test", "integers", "impulses", "zeros", "nonfinite", NULL};

#define WHOLE_NUMBER(field, low, high, first, text)                                                \
    {                                                                                              \
        .name = #field, .kind = KEY_WHOLE, .offset = offsetof(struct conv1d, field),               \
        .minimum = (low), .maximum = (high), .initial = (first), .meaning = (text)                 \
    }
#define WORD(field, list, text)                                                                    \
    {                                                                                              \
        .name = #field, .kind = KEY_WORD, .offset = offsetof(struct conv1d, field),                \
        .words = (list), .meaning = (text)                                                         \
    }

const struct key CONV1D_KEYS[] = {
    WHOLE_NUMBER(batch, 1, 2147483648.0, 1, "sequences"),
    WHOLE_NUMBER(channels, 1, 2147483648.0, 64, "channels of a sequence"),
    WHOLE_NUMBER(length, 1, 2147483648.0, 128, "time steps"),
    WHOLE_NUMBER(width, 1, CONV1D_WIDTH_MAX, 4, "taps of a channel"),
    WORD(act, ACTS, "what follows the sum"),
    WORD(bias, OFF_ON, "add a bias per channel"),
    WORD(initial, OFF_ON, "samples before the first step are given"),
    WORD(final, OFF_ON, "write the last width-1 samples"),
    WORD(reverse, OFF_ON, "run time backwards"),
    WORD(seq_idx, OFF_ON, "several sequences in a row, told apart by an index"),
    WORD(layout, LAYOUTS, "memory order of x, out and the states"),
    WORD(dtype, DTYPES, "element type of x, out and the states"),
    WORD(weights, WEIGHTS, "element type of weight and bias: that of x, or f32"),
    WHOLE_NUMBER(pad, 0, 2147483648.0, 0, "elements between two rows of x, and of out"),
    WHOLE_NUMBER(
        offset, 0, 63, 0,
        "elements between a boundary of 64 bytes and each tensor, one more for parameters"),
    WORD(inputs, INPUTS, "how inputs are drawn"),
    WHOLE_NUMBER(seed, 0, 4294967295.0, 1, "of the inputs"),
    {0},
};

const char *conv1d_check(const void *problem, const char **key)
{
    const struct conv1d *p = problem;
    *key = "seq_idx";
    return p->seq_idx && (p->initial || p->final) ? "sequences in a row have no state: seq_idx = "
                                                    "on needs initial = off and final = off"
                                                  : NULL;
}

bool conv1d_exact(const void *problem)
{
    const struct conv1d *p = problem;
    return p->act == ACT_NONE &&
           (p->inputs == CONV1D_INPUTS_INTEGERS || p->inputs == CONV1D_INPUTS_IMPULSES);
}

struct tensor conv1d_x(const struct conv1d *p, const char *name, bool output)
{
    const bool last = p->layout == CONV1D_CHANNEL_LAST;
    const int64_t rows = last ? p->length : p->channels, row = last ? p->channels : p->length;
    return (struct tensor){.name = name,
                           .present = true,
                           .output = output,
                           .dtype = (enum dtype)p->dtype,
                           .rank = 3,
                           .dim = {p->batch, rows, row + p->pad},
                           .row_axis = last ? 1 : 2,
                           .offset = p->offset};
}

struct tensor conv1d_state(const struct conv1d *p, const char *name, bool present, bool output)
{
    const bool last = p->layout == CONV1D_CHANNEL_LAST;
    const int64_t samples = p->width - 1;
    return (struct tensor){
        .name = name,
        .present = present,
        .output = output,
        .dtype = (enum dtype)p->dtype,
        .rank = 3,
        .dim = {p->batch, last ? samples : p->channels, last ? p->channels : samples},
        .row_axis = last ? 1 : 2,
        .offset = p->offset};
}

/* One element more than samples have, so that the two are not always aligned alike. */
static int64_t parameter_offset(const struct conv1d *p)
{
    return p->offset ? p->offset + 1 : 0;
}

struct tensor conv1d_weight(const struct conv1d *p, const char *name, enum dtype dtype)
{
    return (struct tensor){.name = name,
                           .present = true,
                           .dtype = dtype,
                           .rank = 2,
                           .dim = {p->channels, p->width},
                           .row_axis = WHOLE,
                           .offset = parameter_offset(p)};
}

struct tensor conv1d_bias(const struct conv1d *p, const char *name, enum dtype dtype)
{
    return (struct tensor){.name = name,
                           .present = p->bias,
                           .dtype = dtype,
                           .rank = 1,
                           .dim = {p->channels},
                           .row_axis = WHOLE,
                           .offset = parameter_offset(p)};
}

struct tensor conv1d_seq_idx(const struct conv1d *p)
{
    return (struct tensor){.name = "seq_idx",
                           .present = p->seq_idx,
                           .dtype = DTYPE_I32,
                           .rank = 2,
                           .dim = {p->batch, p->length},
                           .row_axis = WHOLE,
                           .offset = p->offset};
}

static void tensors(const void *problem, struct tensor tensor[])
{
    const struct conv1d *p = problem;
    const enum dtype weights = conv1d_weight_dtype(p);
    tensor[CONV1D_X] = conv1d_x(p, "x", false);
    tensor[CONV1D_WEIGHT] = conv1d_weight(p, "weight", weights);
    tensor[CONV1D_BIAS] = conv1d_bias(p, "bias", weights);
    tensor[CONV1D_INITIAL] = conv1d_state(p, "initial", p->initial, false);
    tensor[CONV1D_SEQ_IDX] = conv1d_seq_idx(p);
    tensor[CONV1D_OUT] = conv1d_x(p, "out", true);
    tensor[CONV1D_FINAL] = conv1d_state(p, "final", p->final, true);
}

/* With integers and impulses a sum of 64 products and the bias is at most 64*3 + 8, which bf16 has
 * exactly. */
void conv1d_fill(const struct conv1d *p, struct fill fill[])
{
    const bool whole = p->inputs == CONV1D_INPUTS_INTEGERS || p->inputs == CONV1D_INPUTS_IMPULSES;
    const struct fill uniform = {FILL_UNIFORM, -1, 1, 0};
    struct fill x = uniform;
    if (p->inputs == CONV1D_INPUTS_INTEGERS)
        x = (struct fill){FILL_INTEGERS, -1, 1, 0};
    else if (p->inputs == CONV1D_INPUTS_IMPULSES)
        x = (struct fill){FILL_IMPULSES, 1, 0, 0};
    else if (p->inputs == CONV1D_INPUTS_ZEROS)
        x = (struct fill){FILL_CONSTANT, 0, 0, 0};
    fill[CONV1D_X] = fill[CONV1D_INITIAL] = x;
    if (p->inputs == CONV1D_INPUTS_NONFINITE)
        fill[CONV1D_X] = (struct fill){FILL_SPOILED, 0, 1, 0};
    fill[CONV1D_WEIGHT] = whole ? (struct fill){FILL_INTEGERS, -3, 3, 0} : uniform;
    fill[CONV1D_BIAS] = whole ? (struct fill){FILL_INTEGERS, -8, 8, 0} : uniform;
    fill[CONV1D_SEQ_IDX] = (struct fill){FILL_SEQUENCES, 0, 0, p->length};
}

static void inputs(const void *problem, struct fill fill[])
{
    conv1d_fill(problem, fill);
}

double conv1d_bytes(const struct conv1d *p, const struct tensor tensor[], int count, int padded)
{
    const int64_t rows = p->layout == CONV1D_CHANNEL_LAST ? p->length : p->channels;
    double bytes = -(double)padded * (double)p->batch * (double)rows * (double)p->pad *
                   (double)dtype_size((enum dtype)p->dtype);
    for (int i = 0; i < count; i++)
        bytes += tensor_bytes_real(&tensor[i]);
    return bytes;
}

double conv1d_outputs(const struct conv1d *p)
{
    return (double)p->batch * (double)p->channels * (double)p->length;
}

/* Per output: width products and their sum, bias 1, silu 2 (1 + exp, divide). */
static struct cost cost(const void *problem)
{
    const struct conv1d *p = problem;
    const double outputs = conv1d_outputs(p);
    struct tensor tensor[CONV1D_TENSORS];
    tensors(problem, tensor);
    return (struct cost){.bytes = conv1d_bytes(p, tensor, CONV1D_TENSORS, 2),
                         .flops = outputs *
                                  (double)(2 * p->width - 1 + p->bias + 2 * (p->act == ACT_SILU)),
                         .exps = outputs * (double)(p->act == ACT_SILU)};
}

void conv1d_void_gaps(const struct conv1d *p, double *out)
{
    const bool last = p->layout == CONV1D_CHANNEL_LAST;
    const int64_t rows = p->batch * (last ? p->length : p->channels);
    const int64_t row = last ? p->channels : p->length;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < p->pad; j++)
            out[i * (row + p->pad) + row + j] = NAN;
}

static void convolve(const struct conv1d_row *row, double *const output[])
{
    const struct conv1d *p = row->p;
    for (int64_t step = 0; step < p->length; step++) {
        const double pre = conv1d_pre(row, step);
        const double act = p->act == ACT_SILU ? pre / (1 + exp(-pre)) : pre;
        output[CONV1D_OUT][conv1d_at(p, row->b, row->d, conv1d_time(p, step))] =
            conv1d_sequence(row, step) == -1 ? 0 : act;
    }
    for (int64_t j = 0; j < p->width - 1 && p->final; j++)
        output[CONV1D_FINAL][conv1d_state_at(p, row->b, row->d, j)] =
            conv1d_sample(row, p->length - (p->width - 1) + j);
}

static void reference(const void *problem, const void *const input[], double *const output[],
                      double *const scale[])
{
    const struct conv1d *p = problem;
    (void)scale;
    conv1d_void_gaps(p, output[CONV1D_OUT]);
#pragma omp parallel for
    for (int64_t i = 0; i < p->batch * p->channels; i++) {
        const struct conv1d_row row = conv1d_row(p, input, i / p->channels, i % p->channels);
        convolve(&row, output);
    }
}

const struct operation conv1d_operation = {
    .name = "conv1d",
    .summary = "causal depthwise convolution, forward",
    .baseline = "padded",
    .keys = CONV1D_KEYS,
    .problem_size = sizeof(struct conv1d),
    .tensor_count = CONV1D_TENSORS,
    .check = conv1d_check,
    .tensors = tensors,
    .inputs = inputs,
    .cost = cost,
    .exact = conv1d_exact,
    .reference = reference,
};
