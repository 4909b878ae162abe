/* audio/single_thread: the baseline: one thread decodes and transforms, a pass for each step.
 *
 * Computes   mixture and target of reference/audio.h, in fp32; the rms in double.
 * Accepts    any batch of a folder in which a track can be used; `threads` is not looked at.
 * Layout     one thread, item after item; stems in the workspace as they are read, channels side by
 *            side, outputs channel after channel.
 * Algorithm  decode four stems; multiply each by its gain; move to the outputs with swap and shift,
 *            adding up; sum of squares; multiply by the scale. Every pass goes through memory.
 * Cost       bytes: 16 a sample for stems that are decoded to fp32, which the gains load and store
 *            again, outputs loaded and stored by each of the passes behind.
 * Error      f32 2e-7 at worst in cases/quick.ini and audio.ini.
 * Source     written from the definition.
 */
#include "../../reference/audio.h"
#include <errno.h>
#include <math.h>

static size_t workspace_bytes(const void *problem)
{
    return (size_t)audio_item_floats(problem) * sizeof(float);
}

static void multiply(float *samples, int64_t count, float factor)
{
    for (int64_t i = 0; i < count; i++)
        samples[i] *= factor;
}

/* Channel c of a stem, swapped and shifted, into `out`: in its place, or on top. */
static void move_channel(const struct audio *p, const struct audio_draw *draw, const float *stem,
                         int64_t c, int on_top, float *out)
{
    for (int64_t t = 0; t < p->length; t++) {
        const int64_t from = t - draw->shift;
        const int inside = from >= 0 && from < p->length;
        const float sample = inside ? stem[from * AUDIO_CHANNELS + (c ^ draw->swap)] : 0.0f;
        out[t] = on_top ? out[t] + sample : sample;
    }
}

static double sum_of_squares(const float *out, int64_t samples)
{
    double sum = 0;
    for (int64_t i = 0; i < samples; i++)
        sum += (double)out[i] * out[i];
    return sum;
}

static int run(const void *problem, void *const tensor[], void *workspace, void *stream)
{
    const struct audio *const p = problem;
    const int64_t samples = AUDIO_CHANNELS * p->length;
    float *const stems = workspace;
    bool good = true;
    (void)stream;
    for (int64_t item = 0; item < p->batch && good; item++) {
        float *const mixture = (float *)tensor[AUDIO_MIXTURE] + item * samples;
        float *const target = (float *)tensor[AUDIO_TARGET] + item * samples;
        struct audio_draw draw;
        audio_draw_item(p, item, &draw);
        good = audio_read_item(p, item, stems);
        for (int64_t s = 0; s < AUDIO_STEMS; s++)
            multiply(stems + s * samples, samples, (float)draw.gain[s]);
        for (int64_t c = 0; c < AUDIO_CHANNELS; c++)
            move_channel(p, &draw, stems, c, 0, target + c * p->length);
        for (int64_t s = 0; s < AUDIO_STEMS; s++)
            for (int64_t c = 0; c < AUDIO_CHANNELS; c++)
                move_channel(p, &draw, stems + s * samples, c, s != 0, mixture + c * p->length);
        const double rms = sqrt(sum_of_squares(mixture, samples) / (double)samples);
        const float scale = (float)(AUDIO_RMS / fmax(rms, AUDIO_FLOOR));
        multiply(mixture, samples, scale);
        multiply(target, samples, scale);
    }
    return good ? 0 : EIO;
}

VARIANT(audio_single_thread) = {.accepts = audio_accepts, .workspace = workspace_bytes, .run = run};
