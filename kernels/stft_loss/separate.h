/* The loss as a framework has it, one pass over whole arrays after another, element by element, for
 * stft_loss/separate on a CPU and a GPU. For one window of n samples after another:
 *
 *     frames = windowed pieces of estimate, and of target      (signals, n)
 *     E, T   = their transforms                                (signals, n/2+1), complex
 *     |E|, |T|, |E| - |T|, each an array                       (signals, n/2+1)
 *     loss  += the mean of | |E| - |T| |
 *     E      = sign(|E| - |T|) * E / |E|, the slope
 *     frames = its adjoint transform, times the window
 *     gradient += the frames, added where they lie
 *
 * where `signals` are the frames of all rows. What no framework has is a pass that computes bins in
 * doubt again, and the norms of frames that it needs.
 */
#ifndef SSMBENCH_STFT_LOSS_SEPARATE_H
#define SSMBENCH_STFT_LOSS_SEPARATE_H

#include "common.h"

/* The arrays of one window. Sizes of arrays are those of the longest window, which has most. */
struct separate {
    int n, bins;
    int64_t rows, frames, signals;
    float weight;             /* of a bin */
    float *window;            /* (n) */
    float *estimate, *target; /* (signals, n); estimate is the gradient's frames later */
    float *E, *T;             /* (signals, bins, 2) */
    float *e_size, *t_size;   /* (signals, bins) */
    float *difference;        /* (signals, bins) */
    struct stft_doubt *doubt; /* (signals) */
};

/* Floats of an array of `count` that keeps the next one on a boundary of 64 bytes. */
static inline int64_t separate_floats(int64_t count)
{
    return (count + 15) / 16 * 16;
}

/* Where the next array begins: `*memory`, which moves on; null if there is none yet. */
static inline float *separate_take(float **memory, int64_t *floats, int64_t count)
{
    float *const array = *memory;
    *floats += separate_floats(count);
    *memory = array ? array + separate_floats(count) : array;
    return array;
}

/* The arrays of resolution r in `memory`, of which they need `*floats` floats. */
static inline struct separate separate_carve(const struct stft_loss *p, int64_t r, float *memory,
                                             int64_t *floats)
{
    struct separate w;
    *floats = 0;
    w.n = (int)stft_loss_window(p, r);
    w.bins = w.n / 2 + 1;
    w.rows = stft_loss_rows(p);
    w.frames = stft_loss_frames(p, w.n);
    w.signals = w.rows * w.frames;
    w.weight = (float)stft_loss_bin_weight(p, w.n);
    w.window = separate_take(&memory, floats, w.n);
    w.estimate = separate_take(&memory, floats, w.signals * w.n);
    w.target = separate_take(&memory, floats, w.signals * w.n);
    w.E = separate_take(&memory, floats, w.signals * w.bins * 2);
    w.T = separate_take(&memory, floats, w.signals * w.bins * 2);
    w.e_size = separate_take(&memory, floats, w.signals * w.bins);
    w.t_size = separate_take(&memory, floats, w.signals * w.bins);
    w.difference = separate_take(&memory, floats, w.signals * w.bins);
    w.doubt = (struct stft_doubt *)separate_take(&memory, floats, w.signals * 2);
    return w;
}

/* Floats for any resolution. */
static inline int64_t separate_size(const struct stft_loss *p)
{
    int64_t most = 0;
    for (int64_t r = 0; r < p->resolutions; r++) {
        int64_t floats;
        separate_carve(p, r, NULL, &floats);
        most = floats > most ? floats : most;
    }
    return most;
}

/* The first sample of frame `signal` in estimate, target and gradient. */
static inline HOST_DEVICE
int64_t separate_first(const struct stft_call *call, const struct separate *w, int64_t signal)
{
    return signal / w->frames * call->p.length + signal % w->frames * call->p.hop;
}

/* Element i of window. */
static inline HOST_DEVICE
void separate_window(const struct stft_call *call, const struct separate *w, int64_t i)
{
    (void)call;
    w->window[i] = stft_window(i, w->n);
}

/* Element i of estimate, and of target. */
static inline HOST_DEVICE
void separate_frame_estimate(const struct stft_call *call, const struct separate *w, int64_t i)
{
    const int64_t from = separate_first(call, w, i / w->n) + i % w->n;
    w->estimate[i] = w->window[i % w->n] * call->estimate[from];
}

static inline HOST_DEVICE
void separate_frame_target(const struct stft_call *call, const struct separate *w, int64_t i)
{
    const int64_t from = separate_first(call, w, i / w->n) + i % w->n;
    w->target[i] = w->window[i % w->n] * call->target[from];
}

/* Element i of e_size, of t_size, of difference. */
static inline HOST_DEVICE
void separate_size_estimate(const struct stft_call *call, const struct separate *w, int64_t i)
{
    (void)call;
    w->e_size[i] = sqrtf(w->E[2 * i] * w->E[2 * i] + w->E[2 * i + 1] * w->E[2 * i + 1]);
}

static inline HOST_DEVICE
void separate_size_target(const struct stft_call *call, const struct separate *w, int64_t i)
{
    (void)call;
    w->t_size[i] = sqrtf(w->T[2 * i] * w->T[2 * i] + w->T[2 * i + 1] * w->T[2 * i + 1]);
}

static inline HOST_DEVICE
void separate_subtract(const struct stft_call *call, const struct separate *w, int64_t i)
{
    (void)call;
    w->difference[i] = w->e_size[i] - w->t_size[i];
}

/* Whether bin i has to be computed again. */
static inline HOST_DEVICE
bool separate_in_doubt(const struct separate *w, int64_t i)
{
    return stft_in_doubt(w->e_size[i], w->difference[i], w->doubt[i / w->bins]);
}

/* Puts what was computed again in place of bin i. */
static inline HOST_DEVICE
void separate_settle(const struct separate *w, int64_t i, const struct stft_bin *bin)
{
    w->E[2 * i] = bin->e[0];
    w->E[2 * i + 1] = bin->e[1];
    w->e_size[i] = bin->size;
    w->difference[i] = bin->difference;
}

/* Bin i of the slope, for a transform back that counts all bins but the first and the last twice.
 */
static inline HOST_DEVICE
void separate_slope(const struct stft_call *call, const struct separate *w, int64_t i)
{
    const int64_t k = i % w->bins;
    const bool end = k == 0 || k == w->bins - 1;
    const float slope = stft_slope(w->e_size[i], w->difference[i]) * (end ? 1.0f : 0.5f);
    (void)call;
    w->E[2 * i] *= slope;
    w->E[2 * i + 1] *= slope;
}

/* Element i of the gradient's frames, windowed. */
static inline HOST_DEVICE
void separate_window_gradient(const struct stft_call *call, const struct separate *w, int64_t i)
{
    (void)call;
    w->estimate[i] *= w->window[i % w->n];
}

/* Sample i of gradient, as the distance in time has it. */
static inline HOST_DEVICE
void separate_time(const struct stft_call *call, const struct separate *w, int64_t i)
{
    (void)w;
    call->gradient[i] =
        (float)stft_loss_sample_weight(&call->p) * stft_sign(call->estimate[i] - call->target[i]);
}

/* Adds the frames that hold sample i to gradient, in their order. */
static inline HOST_DEVICE
void separate_overlap(const struct stft_call *call, const struct separate *w, int64_t i)
{
    const int64_t row = i / call->p.length, at = i % call->p.length, hop = call->p.hop;
    const int64_t last = at / hop < w->frames ? at / hop : w->frames - 1;
    float sum = 0;
    for (int64_t f = at < w->n ? 0 : (at - w->n) / hop + 1; f <= last; f++)
        sum += w->estimate[(row * w->frames + f) * w->n + at - f * hop];
    call->gradient[i] += w->weight * sum;
}

#endif
