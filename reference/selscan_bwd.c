#include "selscan_bwd.h"
#include "selscan_shared.h"

#include <omp.h>
#include <stdlib.h>

/* selscan_shared.h takes the inputs of either operation. */
_Static_assert((int)SELSCAN_BWD_U == SELSCAN_U && (int)SELSCAN_BWD_DELTA == SELSCAN_DELTA &&
                   (int)SELSCAN_BWD_A == SELSCAN_A && (int)SELSCAN_BWD_B == SELSCAN_B &&
                   (int)SELSCAN_BWD_C == SELSCAN_C && (int)SELSCAN_BWD_D == SELSCAN_D &&
                   (int)SELSCAN_BWD_Z == SELSCAN_Z &&
                   (int)SELSCAN_BWD_DELTA_BIAS == SELSCAN_DELTA_BIAS &&
                   (int)SELSCAN_BWD_INITIAL == SELSCAN_INITIAL,
               "the inputs of selscan come first, in its order");

static void tensors(const void *problem, struct tensor tensor[])
{
    const struct selscan *p = problem;
    selscan_inputs(p, tensor);
    tensor[SELSCAN_BWD_DOUT] = selscan_u(p, "dout", true);
    tensor[SELSCAN_BWD_DFINAL] = selscan_state(p, "dfinal", p->final);
    tensor[SELSCAN_BWD_DU] = selscan_u(p, "du", true);
    tensor[SELSCAN_BWD_DDELTA] = selscan_u(p, "ddelta", true);
    tensor[SELSCAN_BWD_DA] = selscan_a(p, "dA");
    tensor[SELSCAN_BWD_DB] = selscan_b(p, "dB");
    tensor[SELSCAN_BWD_DC] = selscan_b(p, "dC");
    tensor[SELSCAN_BWD_DD] = selscan_parameter(p, "dD", p->skip);
    tensor[SELSCAN_BWD_DZ] = selscan_u(p, "dz", p->gate);
    tensor[SELSCAN_BWD_DDELTA_BIAS] = selscan_parameter(p, "ddelta_bias", p->bias);
    tensor[SELSCAN_BWD_DINITIAL] = selscan_state(p, "dinitial", p->initial);
    for (int i = SELSCAN_BWD_DU; i < SELSCAN_BWD_TENSORS; i++)
        tensor[i].output = true;
    /* As final is where the states end in time, dinitial is where their gradients end, a*dh. */
    tensor[SELSCAN_BWD_DINITIAL].ends_rows = true;
}

static void inputs(const void *problem, struct fill fill[])
{
    const struct selscan *p = problem;
    selscan_fill(p, fill, SELSCAN_BWD_TENSORS);
    if (p->inputs == INPUTS_SLOW) { /* one sign, so that dh grows too */
        fill[SELSCAN_BWD_C] = fill[SELSCAN_BWD_DOUT] = (struct fill){FILL_UNIFORM, 0, 1, 0};
    } else if (p->inputs == INPUTS_INTEGERS) { /* no sum of a few hundred steps passes 2^24 */
        fill[SELSCAN_BWD_DOUT] = (struct fill){FILL_INTEGERS, -1, 1, 0};
        fill[SELSCAN_BWD_DFINAL] = (struct fill){FILL_INTEGERS, -4, 4, 0};
    }
}

/* Per update: x*B and a*h' and their sum (3), C*dy + a+*dh+ (2), a*dh (1), dC, dB and B*dh (2
 * each), a*h'*dh (1). Where A is full, delta'*A (1), A and delta' times that and their sums (4);
 * else its sum (1), and those 3 products an output. Gate: C*h (2). Per output: delta'*u (1), times
 * delta' (1), times u and plus the other sum (2), then bias 2 (the sum and its gradient's), skip 4
 * (D*dy and dD) and 2 more with gate, softplus 3 (1 + exp, divide, multiply), gate 10: 1 + exp,
 * divide, times z, times dout; 1 - r, times z, plus 1, times r, times dout, times y. */
static struct cost cost(const void *problem)
{
    const struct selscan *p = problem;
    const double outputs = selscan_outputs(p), updates = outputs * (double)p->state;
    const bool full = p->a == A_FULL;
    struct tensor tensor[SELSCAN_BWD_TENSORS];
    struct cost cost = {0};
    tensors(problem, tensor);
    for (int i = 0; i < SELSCAN_BWD_TENSORS; i++)
        cost.bytes += tensor_bytes_real(&tensor[i]);
    cost.flops = updates * (double)(13 + (full ? 5 : 1) + 2 * p->gate) +
                 outputs * (double)(4 + (full ? 0 : 3) + 2 * p->bias + 4 * p->skip +
                                    2 * p->skip * p->gate + 3 * p->softplus + 10 * p->gate);
    cost.exps = (full ? updates : outputs) + outputs * (double)(p->gate + 2 * p->softplus);
    return cost;
}

/* One channel of one sequence, with scratch. Where a step is meant, t is its time. */
struct row {
    const struct selscan *p;
    const void *const *input;
    int64_t b, d;
    const double *B, *C;            /* those of selscan_widen() */
    double *dB, *dC;                /* to be added to; of their shape */
    double *h;                      /* (length + 1, state): before the first step, and after each */
    double *a;                      /* (length, state), of each step */
    double *A, *dA, *passed, *peak; /* (state): passed is a*dh, peak its largest magnitude */
};

static double element(const struct row *row, enum selscan_bwd_tensor tensor, int64_t at)
{
    return dtype_load(row->input[tensor], (enum dtype)row->p->dtype, at);
}

/* All states of the row. */
static void forward(const struct row *row)
{
    const struct selscan *p = row->p;
    const int64_t state = p->state, first = (row->b * p->channels + row->d) * state;
    const float *A = row->input[SELSCAN_BWD_A], *initial = row->input[SELSCAN_BWD_INITIAL];
    for (int64_t n = 0; n < state; n++) {
        row->A[n] = A[selscan_a_at(p, row->d, n)];
        row->h[n] = p->initial ? initial[first + n] : 0;
    }
    for (int64_t step = 0; step < p->length; step++) {
        const int64_t t = selscan_time(p, step), at = selscan_at(p, row->b, row->d, t);
        const double delta = selscan_delta_of(p, selscan_raw_delta(p, row->input, row->d, at));
        const double x = delta * element(row, SELSCAN_BWD_U, at), *B = row->B + t * state;
        const double *before = row->h + step * state;
        double *h = row->h + (step + 1) * state, *a = row->a + step * state;
        if (p->a == A_SCALAR) {
            const double decay = exp(delta * row->A[0]);
            for (int64_t n = 0; n < state; n++)
                a[n] = decay;
        } else {
            for (int64_t n = 0; n < state; n++)
                a[n] = exp(delta * row->A[n]);
        }
        for (int64_t n = 0; n < state; n++)
            h[n] = a[n] * before[n] + x * B[n];
    }
}

/* Sums over the states of a step. */
struct sums {
    double y, dx, da; /* of C*h, B*dh, A*a*h'*dh */
};

/* The states of a step, which has delta' and u, from the passed a+*dh+ to a*dh; adds to dA, dB and
 * dC. */
static struct sums step_back(const struct row *row, int64_t step, double delta, double u, double dy)
{
    const struct selscan *p = row->p;
    const int64_t state = p->state, t = selscan_time(p, step) * state;
    const double *h = row->h + (step + 1) * state, *before = h - state, *a = row->a + step * state;
    const double *A = row->A, *B = row->B + t, *C = row->C + t;
    double *dA = row->dA, *dB = row->dB + t, *dC = row->dC + t;
    double *passed = row->passed, *peak = row->peak;
    double y = 0, dx = 0, da = 0;
#pragma omp simd reduction(+ : y, dx, da)
    for (int64_t n = 0; n < state; n++) {
        const double dh = C[n] * dy + passed[n], through = a[n] * before[n] * dh;
        y += C[n] * h[n];
        dx += B[n] * dh;
        da += A[n] * through;
        dA[n] += delta * through;
        dB[n] += delta * u * dh;
        dC[n] += dy * h[n];
        passed[n] = a[n] * dh;
        const double size = fabs(passed[n]);
        peak[n] = size > peak[n] && size < INFINITY ? size : peak[n];
    }
    return (struct sums){y, dx, da};
}

/* A row's share of the gradients of parameters; that of dA follows. */
struct share {
    double dD, ddelta_bias;
};

/* One step: writes du, ddelta and dz, adds to `share`. */
static void step_gradients(const struct row *row, int64_t step, double *const output[],
                           struct share *share)
{
    const struct selscan *p = row->p;
    const int64_t at = selscan_at(p, row->b, row->d, selscan_time(p, step));
    const double raw = selscan_raw_delta(p, row->input, row->d, at);
    const double delta = selscan_delta_of(p, raw), u = element(row, SELSCAN_BWD_U, at);
    const double dout = element(row, SELSCAN_BWD_DOUT, at);
    const double D = p->skip ? ((const float *)row->input[SELSCAN_BWD_D])[row->d] : 0;
    const double z = p->gate ? element(row, SELSCAN_BWD_Z, at) : 0, r = 1 / (1 + exp(-z));
    const double dy = p->gate ? dout * z * r : dout;
    const struct sums sums = step_back(row, step, delta, u, dy);

    double ddelta = u * sums.dx + sums.da;
    if (p->softplus && raw <= (double)SOFTPLUS_THRESHOLD)
        ddelta /= 1 + exp(-raw);
    output[SELSCAN_BWD_DU][at] = D * dy + delta * sums.dx;
    output[SELSCAN_BWD_DDELTA][at] = ddelta;
    if (p->gate)
        output[SELSCAN_BWD_DZ][at] = dout * (sums.y + D * u) * r * (1 + z * (1 - r));
    share->dD += dy * u;
    share->ddelta_bias += ddelta;
}

/* All gradients of the row but those of parameters, which are added up in `share` and row->dA. */
static struct share backward(const struct row *row, double *const output[], double *const scale[])
{
    const struct selscan *p = row->p;
    const int64_t first = (row->b * p->channels + row->d) * p->state;
    const float *dfinal = row->input[SELSCAN_BWD_DFINAL];
    struct share share = {0, 0};
    for (int64_t n = 0; n < p->state; n++) {
        row->passed[n] = p->final ? dfinal[first + n] : 0;
        row->dA[n] = row->peak[n] = 0;
    }
    for (int64_t step = p->length - 1; step >= 0; step--)
        step_gradients(row, step, output, &share);
    for (int64_t n = 0; n < p->state && p->initial; n++) {
        output[SELSCAN_BWD_DINITIAL][first + n] = row->passed[n];
        scale[SELSCAN_BWD_DINITIAL][first + n] = row->peak[n];
    }
    return share;
}

/* Elements of dA that belong to a channel. */
static int64_t width_of(const struct selscan *p)
{
    return p->a == A_SCALAR ? 1 : p->state;
}

/* A row's part of the gradients of parameters: dA, dD, ddelta_bias. */
static void keep_part(const struct row *row, struct share share, double *part)
{
    const struct selscan *p = row->p;
    const int64_t width = width_of(p);
    for (int64_t n = 0; n < width; n++)
        part[n] = row->dA[n];
    for (int64_t n = width; n < p->state; n++)
        part[0] += row->dA[n];
    part[width] = share.dD;
    part[width + 1] = share.ddelta_bias;
}

/* Channels of one batch and group, whose gradients of B and C are sums, a thread's in `sums`. */
static void channels_of(const struct selscan *p, const void *const input[], int64_t b, int64_t g,
                        const double *B, double *sums, double *parts, double *const output[],
                        double *const scale[])
{
    const int64_t size = p->length * p->state, channels = p->channels / p->groups;
    double *scratch = selscan_doubles(2 * size + 5 * p->state);
    double *a = scratch + size + p->state, *A = a + size;
    struct row row = {.p = p,
                      .input = input,
                      .b = b,
                      .B = B,
                      .C = B + size,
                      .dB = sums,
                      .dC = sums + size,
                      .h = scratch,
                      .a = a,
                      .A = A,
                      .dA = A + p->state,
                      .passed = A + 2 * p->state,
                      .peak = A + 3 * p->state};
#pragma omp for
    for (int64_t d = g * channels; d < (g + 1) * channels; d++) {
        row.d = d;
        forward(&row);
        const struct share share = backward(&row, output, scale);
        keep_part(&row, share, parts + (b * p->channels + d) * (width_of(p) + 2));
    }
    free(scratch);
}

/* All but the gradients of parameters, of which every row's part is kept. */
static void gradients(const struct selscan *p, const void *const input[], int64_t b, int64_t g,
                      int threads, double *parts, double *const output[], double *const scale[])
{
    const int64_t size = p->length * p->state;
    double *B = selscan_doubles(2 * size * (1 + threads)), *sums = B + 2 * size;
    selscan_widen(p, input[SELSCAN_BWD_B], b, g, B);
    selscan_widen(p, input[SELSCAN_BWD_C], b, g, B + size);
    memset(sums, 0, (size_t)(2 * size * threads) * sizeof *sums);
#pragma omp parallel num_threads(threads)
    {
        channels_of(p, input, b, g, B, sums + 2 * size * omp_get_thread_num(), parts, output,
                    scale);
#pragma omp for
        for (int64_t i = 0; i < size; i++) {
            const int64_t at = selscan_bc_at(p, b, g, i % p->state, i / p->state);
            double dB = 0, dC = 0;
            for (int thread = 0; thread < threads; thread++) {
                dB += sums[2 * size * thread + i];
                dC += sums[2 * size * thread + size + i];
            }
            output[SELSCAN_BWD_DB][at] = dB;
            output[SELSCAN_BWD_DC][at] = dC;
        }
    }
    free(B);
}

static void reference(const void *problem, const void *const input[], double *const output[],
                      double *const scale[])
{
    const struct selscan *p = problem;
    const int64_t pairs = p->batch * p->groups, width = width_of(p);
    double *parts = selscan_doubles(p->batch * p->channels * (width + 2));
    const bool outer = pairs >= p->channels / p->groups; /* which of two loops has more turns */
    const int threads = outer ? 1 : omp_get_max_threads();
#pragma omp parallel for schedule(dynamic) if (outer)
    for (int64_t pair = 0; pair < pairs; pair++)
        gradients(p, input, pair / p->groups, pair % p->groups, threads, parts, output, scale);
#pragma omp parallel for
    for (int64_t i = 0; i < p->channels * (width + 2); i++) {
        const int64_t d = i / (width + 2), n = i % (width + 2);
        double sum = 0;
        for (int64_t b = 0; b < p->batch; b++)
            sum += parts[b * p->channels * (width + 2) + i];
        if (n < width)
            output[SELSCAN_BWD_DA][d * width + n] = sum;
        else if (n == width && p->skip)
            output[SELSCAN_BWD_DD][d] = sum;
        else if (n > width && p->bias)
            output[SELSCAN_BWD_DDELTA_BIAS][d] = sum;
    }
    free(parts);
}

const struct operation selscan_bwd_operation = {
    .name = "selscan_bwd",
    .summary = "selective scan (S6), gradients",
    .baseline = "stepwise",
    .keys = SELSCAN_KEYS,
    .problem_size = sizeof(struct selscan),
    .tensor_count = SELSCAN_BWD_TENSORS,
    .check = selscan_check,
    .tensors = tensors,
    .inputs = inputs,
    .cost = cost,
    .exact = selscan_exact,
    .reference = reference,
};
