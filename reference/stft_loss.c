#include "stft_loss.h"
#include "fft.h"
#include "operation.h"

#include <math.h>
#include <stdlib.h>

static const char *const INPUTS[] = {"test",     "quiet",     "near",  "silent",
                                     "impulses", "identical", "zeros", NULL};

#define WHOLE_NUMBER(field, low, high, first, text)                                                \
    {                                                                                              \
        .name = #field, .kind = KEY_WHOLE, .offset = offsetof(struct stft_loss, field),            \
        .minimum = (low), .maximum = (high), .initial = (first), .meaning = (text)                 \
    }

static const struct key KEYS[] = {
    WHOLE_NUMBER(batch, 1, 2147483648.0, 1, "items"),
    WHOLE_NUMBER(channels, 1, 2147483648.0, 2, "signals of an item"),
    WHOLE_NUMBER(length, STFT_LOSS_WINDOW_MIN, 1073741824.0, 44100, "samples of a signal"),
    WHOLE_NUMBER(hop, 1, 65536, 147, "samples from a frame to the next"),
    WHOLE_NUMBER(window, STFT_LOSS_WINDOW_MIN, STFT_LOSS_WINDOW_MAX, 4096,
                 "samples of the longest window, a power of two"),
    WHOLE_NUMBER(resolutions, 1, STFT_LOSS_RESOLUTIONS_MAX, 5,
                 "windows, each half as long as the one before"),
    WHOLE_NUMBER(lambda, 0, 1000, 10, "weight of the distance in time"),
    {.name = "inputs",
     .kind = KEY_WORD,
     .offset = offsetof(struct stft_loss, inputs),
     .words = INPUTS,
     .meaning = "how inputs are drawn"},
    WHOLE_NUMBER(seed, 0, 4294967295.0, 1, "of the inputs"),
    {0},
};

static const char *check(const void *problem, const char **key)
{
    const struct stft_loss *p = problem;
    *key = "window";
    if (p->window & (p->window - 1))
        return "a window is a power of two: 32, 64, ... 4096";
    if (p->window > p->length)
        return "a frame lies within the signal: window <= length";
    *key = "resolutions";
    return stft_loss_window(p, p->resolutions - 1) < STFT_LOSS_WINDOW_MIN
               ? "the shortest window, window / 2^(resolutions-1), has at least 32 samples"
               : NULL;
}

static void tensors(const void *problem, struct tensor tensor[])
{
    static const char *const names[] = {"estimate", "target", "loss", "gradient"};
    const struct stft_loss *p = problem;
    for (int i = 0; i < STFT_LOSS_TENSORS; i++)
        tensor[i] = (struct tensor){.name = names[i],
                                    .present = true,
                                    .output = i >= STFT_LOSS_LOSS,
                                    .rank = 3,
                                    .dim = {p->batch, p->channels, p->length},
                                    .row_axis = 2};
    tensor[STFT_LOSS_LOSS].rank = 1;
    tensor[STFT_LOSS_LOSS].dim[0] = 1;
    tensor[STFT_LOSS_LOSS].row_axis = WHOLE;
}

/* A ramp has no seed: two of one period are the same signal, but for the last bit if their slopes
 * differ there. */
static void inputs(const void *problem, struct fill fill[])
{
    const struct stft_loss *p = problem;
    const struct fill uniform = {FILL_UNIFORM, -1, 1, 0}, zero = {FILL_CONSTANT, 0, 0, 0};
    fill[STFT_LOSS_ESTIMATE] = fill[STFT_LOSS_TARGET] = uniform;
    switch ((enum stft_loss_inputs)p->inputs) {
    case STFT_LOSS_INPUTS_TEST:
        break;
    case STFT_LOSS_INPUTS_QUIET:
        fill[STFT_LOSS_ESTIMATE] = (struct fill){FILL_UNIFORM, -0x1p-20, 0x1p-20, 0};
        fill[STFT_LOSS_TARGET] = (struct fill){FILL_UNIFORM, -0x1p-19, 0x1p-19, 0};
        break;
    case STFT_LOSS_INPUTS_NEAR:
        fill[STFT_LOSS_ESTIMATE] = (struct fill){FILL_RAMP, 0.125, 0, 7};
        fill[STFT_LOSS_TARGET] = (struct fill){FILL_RAMP, 0.125 - 0x1p-26, 0, 7};
        break;
    case STFT_LOSS_INPUTS_SILENT:
        fill[STFT_LOSS_ESTIMATE] = zero;
        break;
    case STFT_LOSS_INPUTS_IMPULSES:
        fill[STFT_LOSS_ESTIMATE] = (struct fill){FILL_IMPULSES, 1, 0, 0};
        fill[STFT_LOSS_TARGET] = (struct fill){FILL_IMPULSES, 0.625, 0, 0};
        break;
    case STFT_LOSS_INPUTS_IDENTICAL:
        fill[STFT_LOSS_ESTIMATE] = fill[STFT_LOSS_TARGET] =
            (struct fill){FILL_RAMP, 1.0 / 64, 0, 61};
        break;
    case STFT_LOSS_INPUTS_ZEROS:
        fill[STFT_LOSS_ESTIMATE] = fill[STFT_LOSS_TARGET] = zero;
        break;
    }
}

/* Bytes: estimate and target read, gradient and loss written. Flops: a frame has three transforms,
 * of e, of t and the one back, of 5/2 n log2 n each, and 3n for the windows; a bin has two
 * magnitudes of 4 (two products, a sum, a root), 3 for the difference and its sum, 3 for the two
 * quotients and the root that they share; a sample has 3 for |e - t| and its sign, and one addition
 * for each frame that it is in. */
static struct cost cost(const void *problem)
{
    const struct stft_loss *p = problem;
    const double rows = (double)stft_loss_rows(p), samples = rows * (double)p->length;
    double flops = 3 * samples;
    for (int64_t r = 0; r < p->resolutions; r++) {
        const double n = (double)stft_loss_window(p, r);
        const double frames = rows * (double)stft_loss_frames(p, stft_loss_window(p, r));
        flops += frames * (7.5 * n * log2(n) + 4 * n + 14 * (n / 2 + 1));
    }
    return (struct cost){.bytes = 4 * (3 * samples + 1), .flops = flops};
}

static bool exact(const void *problem)
{
    const struct stft_loss *p = problem;
    return p->inputs == STFT_LOSS_INPUTS_IDENTICAL || p->inputs == STFT_LOSS_INPUTS_ZEROS;
}

static double sign(double x)
{
    return (x > 0) - (x < 0);
}

/* What one thread needs for the frames of one window. */
struct scratch {
    struct fft *fft;
    double *window, *signal, *estimate, *target; /* n, n, and n+2 of two spectra */
};

static struct scratch scratch_new(int64_t n)
{
    struct scratch s = {.fft = fft_plan((int)n)};
    s.window = calloc((size_t)(4 * n + 4), sizeof(double));
    if (!s.window)
        abort();
    s.signal = s.window + n;
    s.estimate = s.signal + n;
    s.target = s.estimate + n + 2;
    for (int64_t j = 0; j < n; j++)
        s.window[j] = 0.5 - 0.5 * cos(2 * M_PI * (double)j / (double)n);
    return s;
}

static void scratch_free(struct scratch *s)
{
    fft_free(s->fft);
    free(s->window);
}

static void transform(const struct scratch *s, int64_t n, const float x[], double spectrum[])
{
    for (int64_t j = 0; j < n; j++)
        s->signal[j] = s->window[j] * (double)x[j];
    fft_real(s->fft, s->signal, spectrum);
}

/* The sum of | |E| - |T| | of a frame; adds `weight` times its slope to gradient. */
static double frame(const struct scratch *s, int64_t n, const float e[], const float t[],
                    double weight, double gradient[])
{
    double sum = 0;
    transform(s, n, e, s->estimate);
    transform(s, n, t, s->target);
    for (int64_t k = 0; k <= n / 2; k++) {
        double *E = &s->estimate[2 * k];
        const double *T = &s->target[2 * k];
        const double magnitude = hypot(E[0], E[1]);
        const double difference = magnitude - hypot(T[0], T[1]);
        const double slope = magnitude > 0 ? sign(difference) / magnitude : 0;
        sum += fabs(difference);
        E[0] *= slope;
        E[1] *= slope;
    }
    fft_adjoint(s->fft, s->estimate, s->signal);
    for (int64_t j = 0; j < n; j++)
        gradient[j] += weight * s->window[j] * s->signal[j];
    return sum;
}

/* The loss of one signal of p->length samples; its gradient goes to `gradient`. */
static double signal_loss(const struct stft_loss *p, const float e[], const float t[],
                          double gradient[])
{
    const double weight = stft_loss_sample_weight(p);
    double loss = 0;
    for (int64_t i = 0; i < p->length; i++) {
        const double difference = (double)e[i] - t[i];
        loss += weight * fabs(difference);
        gradient[i] = weight * sign(difference);
    }
    for (int64_t r = 0; r < p->resolutions; r++) {
        const int64_t n = stft_loss_window(p, r);
        const double bin_weight = stft_loss_bin_weight(p, n);
        struct scratch s = scratch_new(n);
        for (int64_t f = 0; f < stft_loss_frames(p, n); f++)
            loss += bin_weight *
                    frame(&s, n, e + f * p->hop, t + f * p->hop, bin_weight, gradient + f * p->hop);
        scratch_free(&s);
    }
    return loss;
}

static void reference(const void *problem, const void *const input[], double *const output[],
                      double *const scale[])
{
    const struct stft_loss *p = problem;
    const float *e = input[STFT_LOSS_ESTIMATE], *t = input[STFT_LOSS_TARGET];
    double loss = 0;
    (void)scale;
#pragma omp parallel for reduction(+ : loss)
    for (int64_t i = 0; i < stft_loss_rows(p); i++)
        loss += signal_loss(p, e + i * p->length, t + i * p->length,
                            output[STFT_LOSS_GRADIENT] + i * p->length);
    output[STFT_LOSS_LOSS][0] = loss;
}

const struct operation stft_loss_operation = {
    .name = "stft_loss",
    .summary = "distance of two signals in time and spectra, and its gradient",
    .baseline = "separate",
    .keys = KEYS,
    .problem_size = sizeof(struct stft_loss),
    .tensor_count = STFT_LOSS_TENSORS,
    .check = check,
    .tensors = tensors,
    .inputs = inputs,
    .cost = cost,
    .exact = exact,
    .reference = reference,
};
