/* audio/pipelined: threads decode ahead, all processors transform an item as soon as it is there.
 *
 * Computes   mixture and target of reference/audio.h, in fp32; the rms in double. The same bits for
 *            any number of threads.
 * Accepts    any batch of a folder in which a track can be used.
 * Layout     `threads` threads of loader.h read stems into the workspace, channels side by side;
 *            OpenMP's threads share the parts of an item, PART samples of both channels.
 * Algorithm  a part: gains, sum, swap, shift and sum of squares in one pass; sums of parts are
 * added in their order; then a part: normalise. Cost       bytes: 16 a sample for stems decoded to
 * fp32, stored and loaded once; outputs stored, loaded and stored. Error      f32 2e-7 at worst in
 * cases/quick.ini and audio.ini. Source     written from the definition.
 */
#include "common.h"
#include "loader.h"
#include <errno.h>

enum { PART = 4096 };

/* The workspace: the stems of all items, sums of the parts of one. */
static int64_t stems_floats(const struct audio *p)
{
    return p->batch * audio_item_floats(p);
}

static int64_t parts(const struct audio *p)
{
    return (p->length + PART - 1) / PART;
}

static size_t workspace_bytes(const void *problem)
{
    return (size_t)stems_floats(problem) * sizeof(float) + (size_t)parts(problem) * sizeof(double);
}

/* Writes samples first ... last-1 of an item before they are normalised; returns their squares. */
static double mix(const struct audio *p, const struct audio_move *move, const float *stems,
                  int64_t first, int64_t last, float *mixture, float *target)
{
    double squares = 0;
    for (int64_t t = first; t < last; t++) {
        const struct audio_sample sample = audio_sample_at(move, stems, p->length, t);
        squares += audio_square(&sample);
        for (int c = 0; c < AUDIO_CHANNELS; c++) {
            mixture[c * p->length + t] = sample.mix[c];
            target[c * p->length + t] = sample.voice[c];
        }
    }
    return squares;
}

static void transform(const struct audio *p, int64_t item, const float *stems, double *sums,
                      float *mixture, float *target)
{
    const struct audio_move move = audio_move_of(p, item);
    double squares = 0;
#pragma omp parallel for
    for (int64_t part = 0; part < parts(p); part++) {
        const int64_t first = part * PART, behind = first + PART;
        sums[part] =
            mix(p, &move, stems, first, behind < p->length ? behind : p->length, mixture, target);
    }
    for (int64_t part = 0; part < parts(p); part++)
        squares += sums[part];
    const float scale = audio_scale(squares, p->length);
#pragma omp parallel for
    for (int64_t i = 0; i < AUDIO_CHANNELS * p->length; i++) {
        mixture[i] *= scale;
        target[i] *= scale;
    }
}

static int run(const void *problem, void *const tensor[], void *workspace, void *stream)
{
    const struct audio *const p = problem;
    const int64_t samples = AUDIO_CHANNELS * p->length;
    double *const sums = (double *)((float *)workspace + stems_floats(p));
    struct loader loader;
    const float *stems;
    int64_t item = 0;
    (void)stream;
    if (!loader_begin(&loader, p, workspace))
        return EAGAIN;
    for (; item < p->batch && (stems = loader_item(&loader, item)); item++)
        transform(p, item, stems, sums, (float *)tensor[AUDIO_MIXTURE] + item * samples,
                  (float *)tensor[AUDIO_TARGET] + item * samples);
    loader_finish(&loader);
    return item == p->batch ? 0 : EIO;
}

VARIANT(audio_pipelined) = {.accepts = audio_accepts, .workspace = workspace_bytes, .run = run};
