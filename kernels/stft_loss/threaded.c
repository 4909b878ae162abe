/* stft_loss/threaded: frame by frame, from samples to gradient, on all threads.
 *
 * Computes   loss and gradient of reference/stft_loss.h: transforms in fp32 by KISS FFT, sums of
 *            the loss in double.
 * Accepts    any problem. Inputs are only read.
 * Layout     a thread takes runs of frames (runs.h) as they come; a frame's samples and spectra
 *            stay in its cache.
 * Algorithm  of each frame: window, transform both signals, turn the estimate's spectrum into the
 *            slope, transform back, window, add to the run's stretch; then all threads gather the
 *            samples of the gradient from the stretches. The order of all sums is fixed.
 * Cost       bytes: stretches are written and read once, at hop 147 some 7 floats a sample, beside
 *            the compulsory ones.
 * Error      f32 1.5e-6 at worst in cases/quick.ini and stft.ini.
 * Source     written from the definition.
 */
#include "runs.h"
#include "threads.h"

/* What a thread computes a frame in. */
struct scratch {
    float *window, *estimate, *target; /* (n) */
    kiss_fft_cpx *E, *T;               /* (n/2+1) */
    float *size, *difference;          /* (n/2+1) */
};

enum { SCRATCH = 9, SCRATCH_MORE = 96 }; /* floats for each sample of a window, and beside them */

static size_t scratch_bytes(const struct stft_loss *p)
{
    return (size_t)(SCRATCH * p->window + SCRATCH_MORE) * sizeof(float);
}

static struct scratch scratch_carve(const struct stft_loss *p, int n, char *memory)
{
    struct scratch s;
    s.window = (float *)(memory + (size_t)omp_get_thread_num() * scratch_bytes(p));
    s.estimate = s.window + n;
    s.target = s.estimate + n;
    s.E = (kiss_fft_cpx *)(s.target + n);
    s.T = s.E + n / 2 + 16;
    s.size = (float *)(s.T + n / 2 + 16);
    s.difference = s.size + n / 2 + 16;
    return s;
}

/* From E and T to their sizes and differences, and from E to the slope, for a transform back that
 * counts all bins but the first and the last twice. Whether any bin is in doubt. */
static bool compare(const struct scratch *s, int bins, struct stft_doubt doubt)
{
    int doubtful = 0;
    for (int k = 0; k < bins; k++) {
        const float size = sqrtf(s->E[k].r * s->E[k].r + s->E[k].i * s->E[k].i);
        const float target = sqrtf(s->T[k].r * s->T[k].r + s->T[k].i * s->T[k].i);
        const float difference = size - target; /* cost only: at 0 every bin is in doubt */
        const float slope = 0.5f * stft_slope(size, difference);
        doubtful |= stft_in_doubt(size, difference, doubt);
        s->size[k] = size;
        s->difference[k] = fabsf(difference);
        s->E[k].r *= slope;
        s->E[k].i *= slope;
    }
    return doubtful;
}

/* Computes the bins in doubt again, of the frame whose samples are e and t. */
static void settle(const struct scratch *s, const float e[], const float t[], int n,
                   struct stft_doubt doubt)
{
    for (int k = 0; k <= n / 2; k++)
        if (stft_in_doubt(s->size[k], s->difference[k], doubt)) { /* cost only */
            double sum[4];
            stft_direct_sum(e, t, n, k, 0, 1, sum);
            const struct stft_bin bin = stft_settled(sum);
            const float slope = 0.5f * stft_slope(bin.size, bin.difference);
            s->difference[k] = fabsf(bin.difference);
            s->E[k].r = slope * bin.e[0];
            s->E[k].i = slope * bin.e[1];
        }
}

/* Adds the gradient of a frame to `gradient` and returns the sum of its differences. */
static double frame(const struct scratch *s, const struct stft_kiss *kiss, const float e[],
                    const float t[], int n, float gradient[])
{
    double sum = 0;
    for (int j = 0; j < n; j++) {
        s->estimate[j] = s->window[j] * e[j];
        s->target[j] = s->window[j] * t[j];
    }
    const struct stft_doubt doubt = stft_frame_doubt(s->estimate, s->target, e, t, n);
    kiss_fftr(stft_kiss_plan(kiss, 0), s->estimate, s->E);
    kiss_fftr(stft_kiss_plan(kiss, 0), s->target, s->T);
    if (compare(s, n / 2 + 1, doubt)) /* cost only */
        settle(s, e, t, n, doubt);
    for (int k = 0; k <= n / 2; k++)
        sum += s->difference[k];
    for (int k = 0; k <= n / 2; k += n / 2)
        s->E[k].r *= 2;
    kiss_fftri(stft_kiss_plan(kiss, 1), s->E, s->estimate);
    for (int j = 0; j < n; j++)
        gradient[j] += s->window[j] * s->estimate[j];
    return sum;
}

/* Run `i` of a window, counted through all rows. */
static void run_of_frames(const struct stft_plan *plan, const struct stft_call *call,
                          const struct stft_runs *w, const struct scratch *s,
                          const struct stft_kiss *kiss, int64_t i)
{
    const int64_t row = i / w->runs, hop = plan->p.hop;
    const int run = (int)(i % w->runs);
    const int64_t first = row * plan->p.length + (int64_t)run * w->step;
    float *const stretch = stft_stretch(plan, w, row, run);
    double part = 0;
    memset(stretch, 0, (size_t)w->span * sizeof *stretch);
    for (int f = 0; f < stft_run_frames(w, run); f++)
        part += frame(s, kiss, call->estimate + first + f * hop, call->target + first + f * hop,
                      w->n, stretch + f * hop);
    plan->part[w->first_part + i] = w->weight * part;
}

/* Piece `i` of the rows: its samples of gradient, and its part of the distance in time. */
static void piece_of_samples(const struct stft_plan *plan, const struct stft_call *call, int64_t i)
{
    const int64_t row = i / plan->pieces, first = i % plan->pieces * STFT_PIECE;
    const int64_t left = plan->p.length - first;
    double part = 0;
    for (int64_t at = first; at < first + (left < STFT_PIECE ? left : STFT_PIECE); at++)
        part += stft_finish(plan, call, row, (int)at);
    plan->part[plan->runs + i] = stft_loss_sample_weight(&plan->p) * part;
}

/* KISS FFT's plans, the threads' scratch memory, then that of runs.h. */
static size_t scratch_offset(const struct stft_loss *p)
{
    return stft_kiss_bytes(p);
}

static size_t runs_offset(const struct stft_loss *p)
{
    return scratch_offset(p) + (size_t)omp_get_max_threads() * scratch_bytes(p);
}

static size_t workspace(const void *problem)
{
    const struct stft_loss *p = (const struct stft_loss *)problem;
    return runs_offset(p) + stft_plan_size(p);
}

static int run(const void *problem, void *const tensor[], void *memory, void *stream)
{
    const struct stft_call call = stft_pack(problem, tensor);
    const struct stft_loss *p = &call.p;
    const struct stft_plan plan = stft_plan_carve(p, (char *)memory + runs_offset(p));
    const struct stft_kiss kiss = {memory, stft_kiss_plan_bytes((int)p->window)};
    double loss = 0;
    (void)stream;
#pragma omp parallel
    {
        for (int64_t r = 0; r < p->resolutions; r++) {
            const struct stft_runs *w = &plan.window[r];
            const struct scratch s = scratch_carve(p, w->n, (char *)memory + scratch_offset(p));
            stft_kiss_make(&kiss, w->n);
            for (int j = 0; j < w->n; j++)
                s.window[j] = stft_window(j, w->n);
#pragma omp for schedule(dynamic) nowait
            for (int64_t i = 0; i < plan.rows * w->runs; i++)
                run_of_frames(&plan, &call, w, &s, &kiss, i);
        }
#pragma omp barrier
#pragma omp for
        for (int64_t i = 0; i < plan.rows * plan.pieces; i++)
            piece_of_samples(&plan, &call, i);
    }
    for (int64_t i = 0; i < plan.parts; i++)
        loss += plan.part[i];
    *call.loss = (float)loss;
    return 0;
}

VARIANT(stft_loss_threaded) = {.workspace = workspace, .run = run};
