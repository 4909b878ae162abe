/* How stft_loss/threaded and stft_loss/batched share out the frames: in runs of consecutive frames
 * of one window and one row. A run adds the gradient of its frames up in their order into a
 * stretch of its own, and its part of the loss into a number of its own; whoever computes a sample
 * of the gradient adds the stretches that hold it, in a fixed order of windows and runs. So the
 * sums depend on neither threads nor batch.
 *
 *     stretches   (windows; rows, runs, span), f32
 *     parts       (windows; rows, runs), then (rows, pieces of a row), double
 */
#ifndef SSMBENCH_STFT_LOSS_RUNS_H
#define SSMBENCH_STFT_LOSS_RUNS_H

#include "common.h"

enum { STFT_RUN_MIN = 4, STFT_RUN_MAX = 32, STFT_RUNS = 128, STFT_PIECE = 1024 };

/* Frames of a run: so many that a row of the longest window has STFT_RUNS runs or more, as
 * stretches overlap by a window, but not so many that there are too few to share out. Whatever the
 * batch. */
static inline int stft_run_length(const struct stft_loss *p)
{
    int run = STFT_RUN_MIN;
    while (run < STFT_RUN_MAX && run * STFT_RUNS <= stft_loss_frames(p, p->window))
        run *= 2; /* cost only */
    return run;
}

/* The runs of one window. */
struct stft_runs {
    int n, length;             /* samples of a frame, frames of a run */
    int frames, runs;          /* of a row */
    int step, span;            /* samples from a run to the next, and of a run with all frames */
    int64_t first, first_part; /* its first stretch, in floats, and its first part */
    double inverse;            /* of step, rounded */
    double weight;             /* of a bin in loss */
};

struct stft_plan {
    struct stft_loss p;
    struct stft_runs window[STFT_LOSS_RESOLUTIONS_MAX];
    int64_t rows, pieces;        /* of a row, STFT_PIECE samples each */
    int64_t runs, floats, parts; /* in all */
    float *stretch;
    double *part;
};

/* `memory`, aligned for doubles, has stft_plan_size() bytes. */
static inline struct stft_plan stft_plan_carve(const struct stft_loss *p, void *memory)
{
    struct stft_plan plan;
    plan.p = *p;
    plan.rows = stft_loss_rows(p);
    plan.pieces = (p->length + STFT_PIECE - 1) / STFT_PIECE;
    plan.runs = plan.floats = 0;
    for (int64_t r = 0; r < p->resolutions; r++) {
        struct stft_runs *w = &plan.window[r];
        w->n = (int)stft_loss_window(p, r);
        w->frames = (int)stft_loss_frames(p, w->n);
        w->length = stft_run_length(p);
        w->runs = (w->frames + w->length - 1) / w->length;
        w->step = (int)(w->length * p->hop);
        w->span = (int)((w->length - 1) * p->hop) + w->n;
        w->inverse = 1.0 / w->step;
        w->first = plan.floats;
        w->first_part = plan.runs;
        w->weight = stft_loss_bin_weight(p, w->n);
        plan.floats += plan.rows * w->runs * w->span;
        plan.runs += plan.rows * w->runs;
    }
    plan.parts = plan.runs + plan.rows * plan.pieces;
    plan.part = (double *)memory;
    plan.stretch = (float *)(plan.part + plan.parts);
    return plan;
}

static inline size_t stft_plan_size(const struct stft_loss *p)
{
    const struct stft_plan plan = stft_plan_carve(p, NULL);
    return (size_t)plan.parts * sizeof(double) + (size_t)plan.floats * sizeof(float);
}

/* Frames of a run of a row. */
static inline HOST_DEVICE
int stft_run_frames(const struct stft_runs *w, int run)
{
    const int left = w->frames - run * w->length;
    return left < w->length ? left : w->length;
}

/* Where the stretch of a run begins. */
static inline HOST_DEVICE
float *stft_stretch(const struct stft_plan *plan, const struct stft_runs *w, int64_t row, int run)
{
    return plan->stretch + w->first + (row * w->runs + run) * w->span;
}

/* at / w->step: half a sample further is never so near a whole quotient that rounding matters. */
static inline HOST_DEVICE
int stft_run_at(const struct stft_runs *w, int at)
{
    return (int)(((double)at + 0.5) * w->inverse);
}

/* The gradient of sample `at` of row `row`, from the stretches, the latest run first. */
static inline HOST_DEVICE
float stft_gathered(const struct stft_plan *plan, int64_t row, int at)
{
    float gradient = 0;
    for (int r = 0; r < plan->p.resolutions; r++) {
        const struct stft_runs *w = &plan->window[r];
        const int final = w->runs - 1, end = w->frames * (int)plan->p.hop - (int)plan->p.hop + w->n;
        const int latest = stft_run_at(w, at) < final ? stft_run_at(w, at) : final;
        float sum = 0;
        if (at < end) /* is in no frame otherwise */
            for (int run = latest, i = at - run * w->step; run >= 0 && i < w->span; run--) {
                sum += stft_stretch(plan, w, row, run)[i];
                i += w->step;
            }
        gradient += (float)w->weight * sum;
    }
    return gradient;
}

/* Writes sample `at` of row `row` of gradient and returns |e - t| there. */
static inline HOST_DEVICE
float stft_finish(const struct stft_plan *plan, const struct stft_call *call, int64_t row, int at)
{
    const int64_t i = row * plan->p.length + at;
    const float difference = call->estimate[i] - call->target[i];
    call->gradient[i] = (float)stft_loss_sample_weight(&plan->p) * stft_sign(difference) +
                        stft_gathered(plan, row, at);
    return fabsf(difference);
}

#endif
