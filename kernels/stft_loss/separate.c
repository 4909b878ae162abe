/* stft_loss/separate: the baseline: frame, transform, magnitude, difference, mean and back, a pass
 * over whole arrays for each.
 *
 * Computes   loss and gradient of reference/stft_loss.h: transforms in fp32 by KISS FFT, sums of
 *            the loss in double.
 * Accepts    any problem. Inputs are only read.
 * Layout     the passes of separate.h, elements, or frames, spread over OpenMP threads, each with
 *            plans of its own.
 * Algorithm  one window after another; what a framework runs for it, and for its gradient.
 * Cost       bytes: of each window n*length/hop samples are framed, transformed and framed back,
 *            about 22 loads and stores of that many floats; at hop 147 some 400 times the
 *            compulsory bytes. Norms and doubts, which no framework has, are two passes of those.
 * Error      f32 1.5e-6 at worst in cases/quick.ini and stft.ini.
 * Source     written from the definition.
 */
#include "separate.h"
#include "threads.h"

/* The bounds of doubt of a frame. */
static void judge(const struct stft_call *call, const struct separate *w, int64_t signal)
{
    const int64_t first = separate_first(call, w, signal);
    w->doubt[signal] = stft_frame_doubt(w->estimate + signal * w->n, w->target + signal * w->n,
                                        call->estimate + first, call->target + first, w->n);
}

static void forward(const struct stft_call *call, const struct separate *w,
                    const struct stft_kiss *kiss)
{
#pragma omp parallel for
    for (int64_t i = 0; i < w->signals * w->n; i++)
        separate_frame_estimate(call, w, i);
#pragma omp parallel for
    for (int64_t i = 0; i < w->signals * w->n; i++)
        separate_frame_target(call, w, i);
#pragma omp parallel for
    for (int64_t s = 0; s < w->signals; s++)
        judge(call, w, s);
#pragma omp parallel for
    for (int64_t s = 0; s < w->signals; s++)
        kiss_fftr(stft_kiss_plan(kiss, 0), w->estimate + s * w->n,
                  (kiss_fft_cpx *)w->E + s * w->bins);
#pragma omp parallel for
    for (int64_t s = 0; s < w->signals; s++)
        kiss_fftr(stft_kiss_plan(kiss, 0), w->target + s * w->n,
                  (kiss_fft_cpx *)w->T + s * w->bins);
}

/* The sum of all differences' magnitudes, which are there when it returns. */
static double differences(const struct stft_call *call, const struct separate *w, double part[])
{
    double sum = 0;
#pragma omp parallel for
    for (int64_t i = 0; i < w->signals * w->bins; i++)
        separate_size_estimate(call, w, i);
#pragma omp parallel for
    for (int64_t i = 0; i < w->signals * w->bins; i++)
        separate_size_target(call, w, i);
#pragma omp parallel for
    for (int64_t i = 0; i < w->signals * w->bins; i++)
        separate_subtract(call, w, i);
#pragma omp parallel for
    for (int64_t i = 0; i < w->signals * w->bins; i++)
        if (separate_in_doubt(w, i)) { /* cost only */
            const int64_t from = separate_first(call, w, i / w->bins);
            double direct[4];
            stft_direct_sum(call->estimate + from, call->target + from, w->n, (int)(i % w->bins), 0,
                            1, direct);
            const struct stft_bin bin = stft_settled(direct);
            separate_settle(w, i, &bin);
        }
#pragma omp parallel for
    for (int64_t row = 0; row < w->rows; row++) {
        part[row] = 0;
        for (int64_t i = row * w->frames * w->bins; i < (row + 1) * w->frames * w->bins; i++)
            part[row] += fabsf(w->difference[i]);
    }
    for (int64_t row = 0; row < w->rows; row++)
        sum += part[row];
    return sum;
}

static void backward(const struct stft_call *call, const struct separate *w,
                     const struct stft_kiss *kiss)
{
#pragma omp parallel for
    for (int64_t i = 0; i < w->signals * w->bins; i++)
        separate_slope(call, w, i);
#pragma omp parallel for
    for (int64_t s = 0; s < w->signals; s++)
        kiss_fftri(stft_kiss_plan(kiss, 1), (kiss_fft_cpx *)w->E + s * w->bins,
                   w->estimate + s * w->n);
#pragma omp parallel for
    for (int64_t i = 0; i < w->signals * w->n; i++)
        separate_window_gradient(call, w, i);
#pragma omp parallel for
    for (int64_t i = 0; i < w->rows * call->p.length; i++)
        separate_overlap(call, w, i);
}

static double time_distance(const struct stft_call *call, double part[])
{
    const int64_t rows = stft_loss_rows(&call->p), length = call->p.length;
    double sum = 0;
#pragma omp parallel for
    for (int64_t i = 0; i < rows * length; i++)
        separate_time(call, NULL, i);
#pragma omp parallel for
    for (int64_t row = 0; row < rows; row++) {
        part[row] = 0;
        for (int64_t i = row * length; i < (row + 1) * length; i++)
            part[row] += fabs((double)call->estimate[i] - call->target[i]);
    }
    for (int64_t row = 0; row < rows; row++)
        sum += part[row];
    return sum;
}

/* Plans, a sum for each row, then the arrays. */
static size_t workspace(const void *problem)
{
    const struct stft_loss *p = (const struct stft_loss *)problem;
    return stft_kiss_bytes(p) + (size_t)separate_floats(2 * stft_loss_rows(p)) * sizeof(float) +
           (size_t)separate_size(p) * sizeof(float);
}

static int run(const void *problem, void *const tensor[], void *memory, void *stream)
{
    const struct stft_call call = stft_pack(problem, tensor);
    const struct stft_loss *p = &call.p;
    double *const part = (double *)((char *)memory + stft_kiss_bytes(p));
    float *const arrays = (float *)part + separate_floats(2 * stft_loss_rows(p));
    const struct stft_kiss kiss = {memory, stft_kiss_plan_bytes((int)p->window)};
    double loss = stft_loss_sample_weight(p) * time_distance(&call, part);
    (void)stream;
    for (int64_t r = 0; r < p->resolutions; r++) {
        int64_t floats;
        const struct separate w = separate_carve(p, r, arrays, &floats);
#pragma omp parallel
        stft_kiss_make(&kiss, w.n);
        for (int64_t i = 0; i < w.n; i++)
            separate_window(&call, &w, i);
        forward(&call, &w, &kiss);
        loss += stft_loss_bin_weight(p, w.n) * differences(&call, &w, part);
        backward(&call, &w, &kiss);
    }
    *call.loss = (float)loss;
    return 0;
}

VARIANT(stft_loss_separate) = {.workspace = workspace, .run = run};
