/* What every variant of stft_loss does with a bin, in fp32, for .c and .cu files.
 *
 * A transform in fp32 is off by some 1e-7 of the frame's norm. Where |E| and |T| differ by less
 * than that, the sign of the difference is a matter of luck, and a wrong one is an error of twice
 * the bin's share of the gradient: a hundred times what the error rule allows. Where |E| is that
 * small, so is the direction E/|E|. Such bins are in doubt; they are computed again, alone, as a
 * sum in double precision.
 */
#ifndef SSMBENCH_STFT_LOSS_COMMON_H
#define SSMBENCH_STFT_LOSS_COMMON_H

#include "../../reference/stft_loss.h"
#include <math.h>
#include <stdbool.h>

#define STFT_TWO_PI 6.283185307179586476925286766559

/* A problem and its tensors, in a form that can be passed to a kernel by value. */
struct stft_call {
    struct stft_loss p;
    const float *estimate, *target;
    float *loss, *gradient;
};

static inline struct stft_call stft_pack(const void *problem, void *const tensor[])
{
    struct stft_call call;
    call.p = *(const struct stft_loss *)problem;
    call.estimate = (const float *)tensor[STFT_LOSS_ESTIMATE];
    call.target = (const float *)tensor[STFT_LOSS_TARGET];
    call.loss = (float *)tensor[STFT_LOSS_LOSS];
    call.gradient = (float *)tensor[STFT_LOSS_GRADIENT];
    return call;
}

/* -1, 0 or 1. */
static inline HOST_DEVICE
float stft_sign(float x)
{
    return (float)((x > 0) - (x < 0));
}

/* Bounds below which a bin of a frame is in doubt. */
struct stft_doubt {
    float near, small; /* of | |E| - |T| |, beside a part of |E|; of |E| */
};

/* Of a window of n samples, from the sums of squares of windowed estimate and target. Where the two
 * are the same signal, their spectra are the same bits, and no bin is in doubt. */
static inline HOST_DEVICE
struct stft_doubt stft_doubt_of(int n, float estimate, float target, bool same)
{
    struct stft_doubt doubt;
    doubt.near = same ? -INFINITY : 0x1p-19f * (sqrtf(estimate) + sqrtf(target));
    doubt.small = same ? 0.0f : sqrtf(estimate) / (float)(8 * n);
    return doubt;
}

static inline HOST_DEVICE
bool stft_in_doubt(float size, float difference, struct stft_doubt doubt)
{
    return fabsf(difference) < doubt.near + 0x1p-20f * size || size < doubt.small;
}

/* A bin of estimate, its magnitude, and the difference from that of target. */
struct stft_bin {
    float e[2], size, difference;
};

/* What E is multiplied by to be the slope of | |E| - |T| |. */
static inline HOST_DEVICE
float stft_slope(float size, float difference)
{
    return size > 0 ? stft_sign(difference) / size : 0.0f;
}

/* exp(-2 pi i m / n); m is from 0 to n-1. */
static inline HOST_DEVICE
void stft_unit(int m, int n, double unit[2])
{
    const double turns = (double)m / n;
#ifdef __CUDA_ARCH__
    sincospi(2 * turns, &unit[1], &unit[0]); /* GPU only */
    unit[1] = -unit[1];                      /* GPU only */
#else
    unit[0] = cos(STFT_TWO_PI * turns);
    unit[1] = -sin(STFT_TWO_PI * turns);
#endif
}

/* w(j) of a window of n samples. */
static inline HOST_DEVICE
float stft_window(int64_t j, int64_t n)
{
    double unit[2];
    stft_unit((int)j, (int)n, unit);
    return (float)(0.5 - 0.5 * unit[0]);
}

/* The share in E(k) and T(k) of samples first, first + step, ... of a frame: sum[0..1], [2..3]. */
static inline HOST_DEVICE
void stft_direct_sum(const float *e, const float *t, int n, int k, int first, int step,
                     double sum[4])
{
    double turn[2], roll[2], at[2], phase[2];
    stft_unit(k * step % n, n, turn);
    stft_unit(step % n, n, roll);
    stft_unit(k * first % n, n, at);
    stft_unit(first, n, phase);
    sum[0] = sum[1] = sum[2] = sum[3] = 0;
    for (int j = first; j < n; j += step) {
        const double window = 0.5 - 0.5 * phase[0];
        const double real = window * at[0], imag = window * at[1];
        const double next = at[0] * turn[0] - at[1] * turn[1];
        const double next_phase = phase[0] * roll[0] - phase[1] * roll[1];
        sum[0] += real * e[j];
        sum[1] += imag * e[j];
        sum[2] += real * t[j];
        sum[3] += imag * t[j];
        at[1] = at[0] * turn[1] + at[1] * turn[0];
        at[0] = next;
        phase[1] = phase[0] * roll[1] + phase[1] * roll[0];
        phase[0] = next_phase;
    }
}

/* The bin whose E and T these sums are. */
static inline HOST_DEVICE
struct stft_bin stft_settled(const double sum[4])
{
    struct stft_bin bin;
    const double size = sqrt(sum[0] * sum[0] + sum[1] * sum[1]);
    bin.e[0] = (float)sum[0];
    bin.e[1] = (float)sum[1];
    bin.size = (float)size;
    bin.difference = (float)(size - sqrt(sum[2] * sum[2] + sum[3] * sum[3]));
    return bin;
}

#endif
