#include "selscan_shared.h"

#include <stdlib.h>

static const char *const OFF_ON[] = {"off", "on", NULL};
static const char *const A_WORDS[] = {"full", "scalar", NULL};
static const char *const LAYOUTS[] = {"channel_first", "channel_last", NULL};
static const char *const DTYPES[] = {"f32", "bf16", "f16", NULL};
static const char *const INPUTS[] = {
    "init",     "test",    "slow",        "strong",    "zeros-and-impulses", "large-delta",
    "integers", "growing", "mixed-scale", "forgotten", "nonfinite",          NULL};

#define SIZE(field, first, text)                                                                   \
    {                                                                                              \
        .name = #field, .kind = KEY_WHOLE, .offset = offsetof(struct selscan, field),              \
        .minimum = 1, .maximum = 2147483648.0, .initial = (first), .meaning = (text)               \
    }
#define WORD(field, list, text)                                                                    \
    {                                                                                              \
        .name = #field, .kind = KEY_WORD, .offset = offsetof(struct selscan, field),               \
        .words = (list), .meaning = (text)                                                         \
    }

const struct key SELSCAN_KEYS[] = {
    SIZE(batch, 1, "sequences"),
    SIZE(channels, 64, "channels of a sequence"),
    SIZE(length, 128, "time steps"),
    SIZE(state, 16, "states of a channel"),
    SIZE(groups, 1, "groups of channels that share B and C"),
    WORD(a, A_WORDS, "A per channel and state, or one value per channel"),
    WORD(skip, OFF_ON, "add D*u"),
    WORD(gate, OFF_ON, "multiply by silu(z)"),
    WORD(bias, OFF_ON, "add delta_bias to delta"),
    WORD(softplus, OFF_ON, "apply softplus to delta"),
    WORD(initial, OFF_ON, "start from a given state"),
    WORD(final, OFF_ON, "write the last state"),
    WORD(reverse, OFF_ON, "run time backwards"),
    WORD(layout, LAYOUTS, "memory order of u delta B C z out"),
    WORD(dtype, DTYPES, "element type of u delta B C z out"),
    WORD(inputs, INPUTS, "how inputs are drawn"),
    {"seed", KEY_WHOLE, offsetof(struct selscan, seed), 0, 4294967295.0, 1, NULL, "of the inputs"},
    {"decay", KEY_REAL, offsetof(struct selscan, decay), 0, 100, 0, NULL,
     "|delta*A| of slow, strong and forgotten inputs"},
    {0},
};

const char *selscan_check(const void *problem, const char **key)
{
    const struct selscan *p = problem;
    if (p->channels % p->groups) {
        *key = "groups";
        return "groups must divide channels";
    }
    if (p->inputs == INPUTS_INTEGERS && (p->softplus || p->gate)) {
        *key = "inputs";
        return "integers stay integers only with softplus = off and gate = off";
    }
    if ((p->inputs == INPUTS_SLOW || p->inputs == INPUTS_STRONG || p->inputs == INPUTS_FORGOTTEN) &&
        !(p->decay > 0)) {
        *key = "inputs";
        return "slow, strong and forgotten inputs need decay, a number above 0 such as 1e-5 or 50";
    }
    return NULL;
}

static struct tensor new_tensor(const char *name, bool present, enum dtype dtype, int row_axis)
{
    return (struct tensor){.name = name, .present = present, .dtype = dtype, .row_axis = row_axis};
}

struct tensor selscan_u(const struct selscan *p, const char *name, bool present)
{
    const bool last = p->layout == CHANNEL_LAST;
    struct tensor tensor = new_tensor(name, present, (enum dtype)p->dtype, last ? 1 : 2);
    tensor.rank = 3;
    tensor.dim[0] = p->batch;
    tensor.dim[1] = last ? p->length : p->channels;
    tensor.dim[2] = last ? p->channels : p->length;
    return tensor;
}

struct tensor selscan_b(const struct selscan *p, const char *name)
{
    const bool last = p->layout == CHANNEL_LAST;
    struct tensor tensor = new_tensor(name, true, (enum dtype)p->dtype, last ? 1 : 3);
    tensor.rank = 4;
    tensor.dim[0] = p->batch;
    tensor.dim[1] = last ? p->length : p->groups;
    tensor.dim[2] = last ? p->groups : p->state;
    tensor.dim[3] = last ? p->state : p->length;
    return tensor;
}

struct tensor selscan_a(const struct selscan *p, const char *name)
{
    struct tensor tensor = new_tensor(name, true, DTYPE_F32, WHOLE);
    tensor.rank = p->a == A_SCALAR ? 1 : 2;
    tensor.dim[0] = p->channels;
    tensor.dim[1] = p->a == A_SCALAR ? 0 : p->state;
    return tensor;
}

struct tensor selscan_parameter(const struct selscan *p, const char *name, bool present)
{
    struct tensor tensor = new_tensor(name, present, DTYPE_F32, WHOLE);
    tensor.rank = 1;
    tensor.dim[0] = p->channels;
    return tensor;
}

struct tensor selscan_state(const struct selscan *p, const char *name, bool present)
{
    struct tensor tensor = new_tensor(name, present, DTYPE_F32, 2);
    tensor.rank = 3;
    tensor.dim[0] = p->batch;
    tensor.dim[1] = p->channels;
    tensor.dim[2] = p->state;
    return tensor;
}

void selscan_inputs(const struct selscan *p, struct tensor tensor[])
{
    tensor[SELSCAN_U] = selscan_u(p, "u", true);
    tensor[SELSCAN_DELTA] = selscan_u(p, "delta", true);
    tensor[SELSCAN_A] = selscan_a(p, "A");
    tensor[SELSCAN_B] = selscan_b(p, "B");
    tensor[SELSCAN_C] = selscan_b(p, "C");
    tensor[SELSCAN_D] = selscan_parameter(p, "D", p->skip);
    tensor[SELSCAN_Z] = selscan_u(p, "z", p->gate);
    tensor[SELSCAN_DELTA_BIAS] = selscan_parameter(p, "delta_bias", p->bias);
    tensor[SELSCAN_INITIAL] = selscan_state(p, "initial", p->initial);
}

static void tensors(const void *problem, struct tensor tensor[])
{
    const struct selscan *p = problem;
    selscan_inputs(p, tensor);
    tensor[SELSCAN_OUT] = selscan_u(p, "out", true);
    tensor[SELSCAN_FINAL] = selscan_state(p, "final", p->final);
    tensor[SELSCAN_OUT].output = tensor[SELSCAN_FINAL].output = true;
    tensor[SELSCAN_FINAL].ends_rows = true;
}

/* log2 of the range of Mamba's initial step sizes, 1e-3 ... 1e-1 (arXiv 2312.00752, section 3.6).
 */
static const double DT_MIN_LOG2 = -9.965784, DT_MAX_LOG2 = -3.321928;

/* delta such that delta' is log-uniform in Mamba's range, with the bias carrying it if there is
 * one. */
static void fill_delta_init(const struct selscan *p, struct fill fill[])
{
    const struct fill dt = {.kind = p->softplus ? FILL_INVERSE_SOFTPLUS : FILL_LOG_UNIFORM,
                            .a = DT_MIN_LOG2,
                            .b = DT_MAX_LOG2};
    const bool carried = p->bias && p->softplus;
    fill[SELSCAN_DELTA] = carried ? (struct fill){FILL_BELL, 0, 0.2, 0} : dt;
    fill[SELSCAN_DELTA_BIAS] = carried ? dt : (struct fill){FILL_UNIFORM, 0, 1e-3, 0};
}

/* delta*A near -decay in every step: delta' near 0.1, A = -10*decay. */
static void fill_constant_decay(const struct selscan *p, struct fill fill[])
{
    const double log2_delta = -3.321928;
    fill_delta_init(p, fill);
    struct fill *dt = &fill[p->bias && p->softplus ? SELSCAN_DELTA_BIAS : SELSCAN_DELTA];
    dt->a = log2_delta - 0.01;
    dt->b = log2_delta;
    fill[SELSCAN_A] = (struct fill){FILL_UNIFORM, -10 * p->decay, -9.9 * p->decay, 0};
}

void selscan_fill(const struct selscan *p, struct fill fill[], int count)
{
    const struct fill bell = {FILL_BELL, 0, 1, 0};
    for (int i = 0; i < count; i++)
        fill[i] = bell;

    switch ((enum selscan_inputs)p->inputs) {
    case INPUTS_INIT: /* A = -(1 ... state), or one value of 1 ... 16 a channel */
        fill_delta_init(p, fill);
        fill[SELSCAN_A] = p->a == A_SCALAR ? (struct fill){FILL_UNIFORM, -16, -1, 0}
                                           : (struct fill){FILL_RAMP, -1, 0, p->state};
        break;
    case INPUTS_TEST: /* the ranges of mamba's tests/ops/test_selective_scan.py */
        fill[SELSCAN_DELTA] = (struct fill){FILL_UNIFORM, 0, 0.5, 0};
        fill[SELSCAN_DELTA_BIAS] = (struct fill){FILL_UNIFORM, 0, 0.5, 0};
        fill[SELSCAN_A] = (struct fill){FILL_UNIFORM, -0.5, 0, 0};
        break;
    case INPUTS_SLOW: /* one sign everywhere, so that the state grows for 1/decay steps */
        fill_constant_decay(p, fill);
        fill[SELSCAN_U] = fill[SELSCAN_B] = (struct fill){FILL_UNIFORM, 0, 1, 0};
        break;
    case INPUTS_STRONG: /* delta*A anywhere between -decay and 0 */
        fill_constant_decay(p, fill);
        fill[SELSCAN_A].b = 0;
        break;
    case INPUTS_IMPULSES:
        fill_delta_init(p, fill);
        fill[SELSCAN_A] = (struct fill){FILL_NEGATIVE_LOG, -4, 4, 0};
        fill[SELSCAN_U] = (struct fill){FILL_IMPULSES, 1, 0, 0};
        break;
    case INPUTS_LARGE_DELTA: /* softplus from e^-30 to its threshold and beyond */
        fill[SELSCAN_DELTA] = (struct fill){FILL_UNIFORM, -30, 30, 0};
        fill[SELSCAN_A] = (struct fill){FILL_UNIFORM, -0.5, 0, 0};
        break;
    case INPUTS_INTEGERS: /* A = 0: y is a prefix sum of whole numbers, exact in any order */
        fill[SELSCAN_A] = (struct fill){FILL_CONSTANT, 0, 0, 0};
        fill[SELSCAN_DELTA] = (struct fill){FILL_INTEGERS, 0, 2, 0};
        fill[SELSCAN_DELTA_BIAS] = (struct fill){FILL_INTEGERS, 0, 1, 0};
        fill[SELSCAN_U] = fill[SELSCAN_D] = (struct fill){FILL_INTEGERS, -3, 3, 0};
        fill[SELSCAN_B] = fill[SELSCAN_C] = (struct fill){FILL_INTEGERS, -2, 2, 0};
        fill[SELSCAN_INITIAL] = (struct fill){FILL_INTEGERS, -8, 8, 0};
        break;
    case INPUTS_GROWING: /* A above 0, and delta 0 in half of the steps */
        fill[SELSCAN_A] = (struct fill){FILL_UNIFORM, 0, 0.02, 0};
        fill[SELSCAN_DELTA] = (struct fill){FILL_INTEGERS, 0, 1, 0};
        break;
    case INPUTS_MIXED_SCALE: /* 1e-10 ... 1e10 within a row */
        fill_delta_init(p, fill);
        fill[SELSCAN_A] = (struct fill){FILL_NEGATIVE_LOG, -4, 4, 0};
        fill[SELSCAN_U] = (struct fill){FILL_SIGNED_LOG, -33, 33, 0};
        break;
    case INPUTS_FORGOTTEN: /* states of 1e6, of which every step leaves exp(-decay) */
        fill_constant_decay(p, fill);
        fill[SELSCAN_INITIAL] = (struct fill){FILL_BELL, 0, 1e6, 0};
        break;
    case INPUTS_NONFINITE: /* NaN and infinity must stay in their channel, and after their time */
        fill[SELSCAN_DELTA] = (struct fill){FILL_UNIFORM, 0, 0.5, 0};
        fill[SELSCAN_DELTA_BIAS] = (struct fill){FILL_UNIFORM, 0, 0.5, 0};
        fill[SELSCAN_A] = (struct fill){FILL_UNIFORM, -0.5, 0, 0};
        if (p->decay > 0) { /* however long all else is forgotten */
            fill_constant_decay(p, fill);
            fill[SELSCAN_B].kind = FILL_SPOILED;
        }
        fill[SELSCAN_U].kind = FILL_SPOILED;
        break;
    }
}

static void inputs(const void *problem, struct fill fill[])
{
    selscan_fill(problem, fill, SELSCAN_TENSORS);
}

double selscan_outputs(const struct selscan *p)
{
    return (double)p->batch * (double)p->channels * (double)p->length;
}

static struct cost cost(const void *problem)
{
    const struct selscan *p = problem;
    const double outputs = selscan_outputs(p);
    const double updates = outputs * (double)p->state;
    struct tensor tensor[SELSCAN_TENSORS];
    struct cost cost = {0};
    tensors(problem, tensor);
    for (int i = 0; i < SELSCAN_TENSORS; i++)
        cost.bytes += tensor_bytes_real(&tensor[i]);

    /* Per update: a*h + x*B and y + C*h, and delta*A where A is full. Per output: delta*u, then
     * bias 1, skip 2, gate 3 (1 + exp, divide, multiply), softplus 1. */
    const double a_terms = p->a == A_SCALAR ? outputs : updates;
    cost.flops = 5 * updates + a_terms +
                 outputs * (double)(1 + p->bias + 2 * p->skip + 3 * p->gate + p->softplus);
    cost.exps = a_terms + outputs * (double)(p->gate + 2 * p->softplus);
    return cost;
}

bool selscan_exact(const void *problem)
{
    return ((const struct selscan *)problem)->inputs == INPUTS_INTEGERS;
}

static double silu(double x)
{
    return x / (1 + exp(-x));
}

double *selscan_doubles(int64_t count)
{
    double *memory = malloc((size_t)count * sizeof *memory);
    if (!memory)
        abort();
    return memory;
}

void selscan_widen(const struct selscan *p, const void *tensor, int64_t b, int64_t g, double *out)
{
    for (int64_t n = 0; n < p->state; n++)
        for (int64_t t = 0; t < p->length; t++)
            out[t * p->state + n] =
                dtype_load(tensor, (enum dtype)p->dtype, selscan_bc_at(p, b, g, n, t));
}

/* The recurrence of one channel. B and C are those of selscan_widen(); h is scratch of 2*state
 * doubles. */
static void scan(const struct selscan *p, const void *const input[], const double *B,
                 const double *C, int64_t b, int64_t d, double *h, double *const output[],
                 double *const scale[])
{
    const enum dtype dtype = (enum dtype)p->dtype;
    const int64_t state = p->state;
    const float *A = input[SELSCAN_A], *D = input[SELSCAN_D];
    const float *initial = input[SELSCAN_INITIAL];
    const int64_t row = (b * p->channels + d) * state;

    double *const peak = h + state;
    for (int64_t n = 0; n < state; n++) {
        h[n] = p->initial ? initial[row + n] : 0;
        peak[n] = 0;
    }
    for (int64_t step = 0; step < p->length; step++) {
        const int64_t t = selscan_time(p, step), at = selscan_at(p, b, d, t);
        const double u = dtype_load(input[SELSCAN_U], dtype, at);
        const double delta = selscan_delta_of(p, selscan_raw_delta(p, input, d, at));
        const double decay = p->a == A_SCALAR ? exp(delta * A[d]) : 0;
        double y = 0;
#pragma omp simd reduction(+ : y)
        for (int64_t n = 0; n < state; n++) {
            const double a = p->a == A_SCALAR ? decay : exp(delta * A[d * state + n]);
            h[n] = a * h[n] + delta * B[t * state + n] * u;
            peak[n] = fabs(h[n]) > peak[n] && fabs(h[n]) < INFINITY ? fabs(h[n]) : peak[n];
            y += C[t * state + n] * h[n];
        }
        if (p->skip)
            y += D[d] * u;
        if (p->gate)
            y *= silu(dtype_load(input[SELSCAN_Z], dtype, at));
        output[SELSCAN_OUT][at] = y;
    }
    for (int64_t n = 0; n < state && p->final; n++) {
        output[SELSCAN_FINAL][row + n] = h[n];
        scale[SELSCAN_FINAL][row + n] = peak[n];
    }
}

/* The channels of one batch and group, which share B and C. */
static void scan_group(const struct selscan *p, const void *const input[], int64_t b, int64_t g,
                       bool threads, double *const output[], double *const scale[])
{
    const int64_t size = p->length * p->state, channels = p->channels / p->groups;
    double *B = selscan_doubles(2 * size), *C = B + size;
    selscan_widen(p, input[SELSCAN_B], b, g, B);
    selscan_widen(p, input[SELSCAN_C], b, g, C);
#pragma omp parallel if (threads)
    {
        double *h = selscan_doubles(2 * p->state);
#pragma omp for
        for (int64_t d = g * channels; d < (g + 1) * channels; d++)
            scan(p, input, B, C, b, d, h, output, scale);
        free(h);
    }
    free(B);
}

static void reference(const void *problem, const void *const input[], double *const output[],
                      double *const scale[])
{
    const struct selscan *p = problem;
    const int64_t pairs = p->batch * p->groups;
    const bool outer = pairs >= p->channels / p->groups; /* which of the two loops has more turns */
#pragma omp parallel for schedule(dynamic) if (outer)
    for (int64_t pair = 0; pair < pairs; pair++)
        scan_group(p, input, pair / p->groups, pair % p->groups, !outer, output, scale);
}

const struct operation selscan_operation = {
    .name = "selscan",
    .summary = "selective scan (S6), forward",
    .baseline = "stepwise",
    .keys = SELSCAN_KEYS,
    .problem_size = sizeof(struct selscan),
    .tensor_count = SELSCAN_TENSORS,
    .check = selscan_check,
    .tensors = tensors,
    .inputs = inputs,
    .cost = cost,
    .exact = selscan_exact,
    .reference = reference,
};
