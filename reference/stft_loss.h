/* stft_loss: the distance of two signals in time and in their spectra, and its gradient.
 *
 * For every resolution r, with n = window >> r, frame f, bin k = 0 ... n/2, of a signal x of one
 * batch and channel:
 *
 *     X(f,k) = sum over j of w(j) * x[f*hop + j] * exp(-2 pi i j k / n),   j = 0 ... n-1
 *     w(j)   = 1/2 - 1/2 * cos(2 pi j / n)                      (Hann's window, periodic)
 *
 * Frames are those that lie within the signal, 1 + (length-n)/hop of them; none is padded, and what
 * is behind the last one is in no spectrum of that resolution. With E of estimate and T of target:
 *
 *     loss = lambda * mean of |e - t|  +  mean over r of (mean over batch, channels, f, k of
 *                                                         | |E(f,k)| - |T(f,k)| |)
 *     gradient = d loss / d estimate, where |x| has the slope 0 at 0, and |X| at X = 0
 *
 * so that, with s = sign(|E| - |T|) and c(r) the weight of one bin in loss, sample j of a frame
 * gets c(r) * w(j) * sum over k of s(k) * Re(E(k)/|E(k)| * exp(2 pi i j k / n)).
 *
 * Source: written from the definition; spectra are those of torch.stft with center = False,
 * onesided, and a Hann window.
 */
#ifndef SSMBENCH_STFT_LOSS_H
#define SSMBENCH_STFT_LOSS_H

#include "../kernels/kernel.h"

enum stft_loss_inputs {
    STFT_LOSS_INPUTS_TEST,
    STFT_LOSS_INPUTS_QUIET,
    STFT_LOSS_INPUTS_NEAR,
    STFT_LOSS_INPUTS_SILENT,
    STFT_LOSS_INPUTS_IMPULSES,
    STFT_LOSS_INPUTS_IDENTICAL,
    STFT_LOSS_INPUTS_ZEROS
};

enum { STFT_LOSS_WINDOW_MIN = 32, STFT_LOSS_WINDOW_MAX = 4096, STFT_LOSS_RESOLUTIONS_MAX = 8 };

/* A problem; every field is a case key. */
struct stft_loss {
    int64_t batch, channels, length;
    int64_t hop;         /* samples from a frame to the next */
    int64_t window;      /* samples of the longest window, a power of two */
    int64_t resolutions; /* windows, each half as long as the one before, none below the minimum */
    int64_t lambda;      /* weight of the distance in time */
    int64_t inputs;      /* enum stft_loss_inputs */
    int64_t seed;
};

/* The tensors, in the order of the pointer array that run() gets, all f32. estimate, target,
 * gradient: (batch, channels, length); loss: (1). */
enum stft_loss_tensor {
    STFT_LOSS_ESTIMATE,
    STFT_LOSS_TARGET,
    STFT_LOSS_LOSS,
    STFT_LOSS_GRADIENT,
    STFT_LOSS_TENSORS
};

/* Signals: batch*channels. */
static inline HOST_DEVICE
int64_t stft_loss_rows(const struct stft_loss *p)
{
    return p->batch * p->channels;
}

/* Samples of the window of resolution r. */
static inline HOST_DEVICE
int64_t stft_loss_window(const struct stft_loss *p, int64_t r)
{
    return p->window >> r;
}

/* Frames of a signal for a window of n samples. */
static inline HOST_DEVICE
int64_t stft_loss_frames(const struct stft_loss *p, int64_t n)
{
    return 1 + (p->length - n) / p->hop;
}

/* c: what the difference of one bin of a window of n samples weighs in loss. */
static inline HOST_DEVICE
double stft_loss_bin_weight(const struct stft_loss *p, int64_t n)
{
    return 1.0 / ((double)p->resolutions * (double)stft_loss_rows(p) *
                  (double)stft_loss_frames(p, n) * (double)(n / 2 + 1));
}

/* What the difference of one sample weighs in loss. */
static inline HOST_DEVICE
double stft_loss_sample_weight(const struct stft_loss *p)
{
    return (double)p->lambda / ((double)stft_loss_rows(p) * (double)p->length);
}

#endif
