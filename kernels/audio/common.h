/* The transforms of reference/audio.h, sample by sample, in fp32, for .c and .cu variants. */
#ifndef SSMBENCH_AUDIO_COMMON_H
#define SSMBENCH_AUDIO_COMMON_H

#include "../../reference/audio.h"
#include <math.h>

/* What happens to an item, in a form that can be passed to a kernel by value. */
struct audio_move {
    float gain[AUDIO_STEMS];
    int swap, shift;
};

/* Sample t of the mixture and of the vocals before they are normalised, channels 0 and 1. */
struct audio_sample {
    float mix[AUDIO_CHANNELS], voice[AUDIO_CHANNELS];
};

static inline struct audio_move audio_move_of(const struct audio *p, int64_t item)
{
    struct audio_draw draw;
    struct audio_move move;
    audio_draw_item(p, item, &draw);
    for (int s = 0; s < AUDIO_STEMS; s++)
        move.gain[s] = (float)draw.gain[s];
    move.swap = draw.swap;
    move.shift = draw.shift;
    return move;
}

/* From an item's stems (stems, length, 2): gains, sum, swap, shift. */
static inline HOST_DEVICE
struct audio_sample audio_sample_at(const struct audio_move *move, const float *stems,
                                    int64_t length, int64_t t)
{
    const int64_t from = t - move->shift;
    const int inside = from >= 0 && from < length;
    struct audio_sample sample = {{0.0f, 0.0f}, {0.0f, 0.0f}};
    for (int s = 0; s < AUDIO_STEMS && inside; s++)
        for (int c = 0; c < AUDIO_CHANNELS; c++) {
            const float x = stems[(s * length + from) * AUDIO_CHANNELS + (c ^ move->swap)];
            sample.mix[c] = fmaf(move->gain[s], x, sample.mix[c]);
            if (s == STEM_VOCALS)
                sample.voice[c] = move->gain[s] * x;
        }
    return sample;
}

/* The square of a sample of the mixture, over both channels. */
static inline HOST_DEVICE
double audio_square(const struct audio_sample *sample)
{
    const double left = sample->mix[0], right = sample->mix[1];
    return left * left + right * right;
}

/* What a mixture is multiplied by, from the sum of its squares. */
static inline HOST_DEVICE
float audio_scale(double squares, int64_t length)
{
    const double rms = sqrt(squares / (double)(AUDIO_CHANNELS * length));
    return (float)(AUDIO_RMS / fmax(rms, AUDIO_FLOOR));
}

#endif
