/* stft_loss/separate: the baseline: frame, transform, magnitude, difference, mean and back, a
 * launch over whole arrays for each.
 *
 * Computes   loss and gradient of reference/stft_loss.h: transforms in fp32 by cuFFT, sums of the
 *            loss in double.
 * Accepts    any problem, on a machine with cuFFT. Inputs are only read.
 * Layout     the passes of separate.h, thread = element of what the pass writes, block = 256 of
 *            them; norms: a warp a frame; a bin in doubt: all lanes of the warp that has it.
 * Algorithm  one window after another; what a framework runs for it, and for its gradient.
 * Cost       bytes: of each window n*length/hop samples are framed, transformed and framed back,
 *            about 22 loads and stores of that many floats; at hop 147 some 400 times the
 *            compulsory bytes. 15 launches a window, cuFFT's among them. Norms and doubts, which
 *            no framework has, are two passes of those.
 * Error      f32 1.5e-6 at worst in cases/quick.ini and stft.ini.
 * Source     written from the definition.
 */
#include "cufft.cuh"
#include "separate.h"
#include "sums.cuh"

enum { THREADS = 256, PARTS = 1024 };

typedef void (*pass)(const struct stft_call *, const struct separate *, int64_t);

template <pass PASS>
static __global__ void __launch_bounds__(THREADS)
    each(const struct stft_call call, const struct separate w, int64_t count)
{
    const int64_t i = thread_index();
    if (i < count)
        PASS(&call, &w, i);
}

/* doubt of a frame a warp. */
static __global__ void __launch_bounds__(THREADS)
    judge(const struct stft_call call, const struct separate w)
{
    const int64_t signal = thread_index() / 32;
    const int lane = (int)threadIdx.x % 32;
    if (signal >= w.signals) /* whole warps */
        return;
    const int64_t first = separate_first(&call, &w, signal);
    double estimate = 0, target = 0;
    bool differ = false;
    for (int j = lane; j < w.n; j += 32) {
        const float e = w.estimate[signal * w.n + j], t = w.target[signal * w.n + j];
        estimate += (double)(e * e);
        target += (double)(t * t);
        differ = differ || call.estimate[first + j] != call.target[first + j];
    }
    estimate = warp_sum(estimate);
    target = warp_sum(target); /* cost only: a part of a margin of ten times the error */
    differ = __any_sync(ALL_LANES, differ);
    if (lane == 0)
        w.doubt[signal] = stft_doubt_of(w.n, (float)estimate, (float)target, !differ);
}

/* Computes bins in doubt again. */
static __global__ void __launch_bounds__(THREADS)
    settle(const struct stft_call call, const struct separate w)
{
    const int64_t i = thread_index(), first = i - (int)threadIdx.x % 32;
    const bool doubtful = i < w.signals * w.bins && separate_in_doubt(&w, i);
    for (unsigned left = __ballot_sync(ALL_LANES, doubtful); left; left &= left - 1) {
        const int64_t at = first + __ffs((int)left) - 1;
        const int64_t from = separate_first(&call, &w, at / w.bins);
        const struct stft_bin bin =
            stft_warp_bin(call.estimate + from, call.target + from, w.n, (int)(at % w.bins));
        if (at == i)
            separate_settle(&w, i, &bin);
    }
}

/* Blocks of a sum of `count` values, each of which leaves a part. */
static int64_t parts_of(int64_t count)
{
    const int64_t blocks = blocks_for(count, THREADS);
    return blocks < PARTS ? blocks : (int64_t)PARTS;
}

/* A part of the sum of differences' magnitudes a block. */
static __global__ void __launch_bounds__(THREADS)
    sum_of_bins(const struct separate w, double weight, double *part)
{
    double sum = 0;
    for (int64_t i = thread_index(); i < w.signals * w.bins; i += (int64_t)gridDim.x * THREADS)
        sum += fabsf(w.difference[i]);
    sum = block_sum<THREADS>(sum);
    if (threadIdx.x == 0)
        part[blockIdx.x] = weight * sum;
}

static __global__ void __launch_bounds__(THREADS)
    sum_of_samples(const struct stft_call call, int64_t count, double *part)
{
    double sum = 0;
    for (int64_t i = thread_index(); i < count; i += (int64_t)gridDim.x * THREADS)
        sum += fabsf(call.estimate[i] - call.target[i]);
    sum = block_sum<THREADS>(sum);
    if (threadIdx.x == 0)
        part[blockIdx.x] = stft_loss_sample_weight(&call.p) * sum;
}

/* cuFFT's work area, the parts of the loss, then the arrays. */
static size_t work_bytes(const struct stft_loss *p)
{
    size_t most = 0;
    for (int64_t r = 0; r < p->resolutions; r++)
        for (int back = 0; back < 2; back++) {
            const int n = (int)stft_loss_window(p, r); /* GPU only: on simt all need the same */
            const struct cufft_plan *plan = cufft_plan_for(
                n, stft_loss_rows(p) * stft_loss_frames(p, n), back ? CUFFT_C2R : CUFFT_R2C);
            most = plan && plan->bytes > most ? plan->bytes : most;
        }
    return (most + 255) / 256 * 256;
}

static const char *accepts(const void *)
{
    return cufft_functions() ? NULL : "a machine with cuFFT";
}

static size_t workspace(const void *problem)
{
    const struct stft_loss *p = (const struct stft_loss *)problem;
    return work_bytes(p) + (size_t)(p->resolutions + 1) * PARTS * sizeof(double) +
           (size_t)separate_size(p) * sizeof(float);
}

/* A launch of PASS over `count` elements. */
#define EACH(PASS, count)                                                                          \
    launch(each<PASS>, blocks_for(count, THREADS), THREADS, 0, stream, call, w, (int64_t)(count))

/* From samples to spectra. */
static int forward(const struct stft_call &call, const struct separate &w, void *work, void *stream)
{
    const struct cufft_plan *plan = cufft_plan_for(w.n, w.signals, CUFFT_R2C);
    int error = EACH(separate_window, w.n);
    if (!error)
        error = EACH(separate_frame_estimate, w.signals * w.n);
    if (!error)
        error = EACH(separate_frame_target, w.signals * w.n);
    if (!error)
        error = launch(judge, blocks_for(w.signals * 32, THREADS), THREADS, 0, stream, call, w);
    if (!error)
        error = cufft_run(plan, w.estimate, w.E, work, stream);
    return error ? error : cufft_run(plan, w.target, w.T, work, stream);
}

/* From spectra to parts of the loss. */
static int compare(const struct stft_call &call, const struct separate &w, double *part,
                   void *stream)
{
    const int64_t bins = w.signals * w.bins;
    int error = EACH(separate_size_estimate, bins);
    if (!error)
        error = EACH(separate_size_target, bins);
    if (!error)
        error = EACH(separate_subtract, bins);
    if (!error)
        error = launch(settle, blocks_for(bins, THREADS), THREADS, 0, stream, call, w);
    return error ? error
                 : launch(sum_of_bins, parts_of(bins), THREADS, 0, stream, w,
                          stft_loss_bin_weight(&call.p, w.n), part);
}

/* From differences to the gradient. */
static int backward(const struct stft_call &call, const struct separate &w, void *work,
                    void *stream)
{
    int error = EACH(separate_slope, w.signals * w.bins);
    if (!error)
        error = cufft_run(cufft_plan_for(w.n, w.signals, CUFFT_C2R), w.E, w.estimate, work, stream);
    if (!error)
        error = EACH(separate_window_gradient, w.signals * w.n);
    return error ? error : EACH(separate_overlap, w.rows * call.p.length);
}

static int run(const void *problem, void *const tensor[], void *memory, void *stream)
{
    const struct stft_call call = stft_pack(problem, tensor);
    const struct stft_loss *p = &call.p;
    const int64_t samples = stft_loss_rows(p) * p->length;
    double *const part = (double *)((char *)memory + work_bytes(p));
    int64_t parts = parts_of(samples);
    struct separate w = {};
    int error = EACH(separate_time, samples);
    if (!error)
        error = launch(sum_of_samples, parts_of(samples), THREADS, 0, stream, call, samples, part);
    for (int64_t r = 0; r < p->resolutions && !error; r++) {
        int64_t floats;
        w = separate_carve(p, r, (float *)(part + (p->resolutions + 1) * PARTS), &floats);
        error = forward(call, w, memory, stream);
        if (!error) /* cost only: nothing counts after an error */
            error = compare(call, w, part + parts, stream);
        parts += parts_of(w.signals * w.bins);
        if (!error) /* cost only: nothing counts after an error */
            error = backward(call, w, memory, stream);
    }
    return error ? error
                 : launch(stft_total<THREADS>, 1, THREADS, 0, stream, (const double *)part, parts,
                          call.loss);
}

VARIANT(stft_loss_separate) = {.accepts = accepts, .workspace = workspace, .run = run};
