/* audio: the training batch of a model that separates music into its stems.
 *
 * A folder holds tracks, a track four stems (reference/audio/files.h). For item i of the batch a
 * track and a crop of `length` samples of it are drawn, and for its stems s, channels c = 0, 1 and
 * samples t, with x[s,c,t] the sample of the crop, 0 behind the end of the track:
 *
 *     mix[c,t]     = volume * sum over s of gain[s] * x[s, c xor swap, t - shift]
 *     voice[c,t]   = volume * gain[vocals] * x[vocals, c xor swap, t - shift]
 *     rms          = sqrt(sum over c and t of mix[c,t]^2 / (2*length))
 *     scale        = 0.1 / max(rms, 1e-4)
 *     mixture[c,t] = scale * mix[c,t],  target[c,t] = scale * voice[c,t]
 *
 * where x is 0 for t - shift outside of 0 ... length-1: what is shifted in is silence. So the order
 * is: crop, gain of each stem, mix, gain, swap of channels, shift, normalise. The target is the
 * vocals as they are in the mixture, scaled by the mixture's rms. A mixture that is quieter than
 * 1e-4 (-80 dB) is amplified by 1000 and not to 0.1, so that silence stays silence. Only to such
 * a mixture does `volume` make a difference: normalising takes it away again.
 *
 * Drawn, all uniform: track, start of the crop among those that lie in the track (0 when the track
 * is shorter), gain[s] in [0.7, 1.3), volume in [-5, 5) dB, swap 0 or 1, shift -100 ... 100. Draw d
 * of item i of batch `step` is the Philox4x32-10 block whose counter is (step, i, d) and whose key
 * is the seed: neither threads nor order have a part in it. A track that turns out to be broken
 * when it is read is left out, and the next usable one in the order of names takes its place, with
 * the same draws.
 *
 * Source: the usual augmentation of such models on MUSDB18-HQ (Rafii et al., zenodo 3338373), as in
 * Uhlich et al., Improving music source separation based on deep neural networks through data
 * augmentation and network blending, ICASSP 2017; Philox: Salmon et al., SC 2011.
 */
#ifndef SSMBENCH_AUDIO_H
#define SSMBENCH_AUDIO_H

#include "../kernels/kernel.h"
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

enum audio_stem { STEM_VOCALS, STEM_DRUMS, STEM_BASS, STEM_OTHER, AUDIO_STEMS };
enum { AUDIO_RATE = 44100, AUDIO_CHANNELS = 2, AUDIO_SHIFT_MAX = 100 };
enum { AUDIO_BATCH_MAX = 4096, AUDIO_THREADS_MAX = 256 };

#define AUDIO_RMS   0.1  /* of a mixture */
#define AUDIO_FLOOR 1e-4 /* the rms below which a mixture is amplified no further */

/* A problem of audio; every field is a case key. */
struct audio {
    int64_t batch, length;
    int64_t step;       /* which batch, from 0 */
    int64_t threads;    /* that decode */
    int64_t damaged;    /* 0 or 1: in a set of its own, files that break off when they are read */
    int64_t seed;       /* of the draws */
    const char *folder; /* "": a small set that is made once (reference/audio/synthetic.h) */
};

/* The tensors, in the order of the pointer array that run() gets: (batch, 2, length), f32. There
 * are no inputs. */
enum audio_tensor { AUDIO_MIXTURE, AUDIO_TARGET, AUDIO_TENSORS };

/* What is drawn for an item. */
struct audio_draw {
    uint32_t track, start;    /* that of 2^32 equal parts of all choices */
    double gain[AUDIO_STEMS]; /* volume included: what each stem is multiplied by */
    int swap;                 /* 0 or 1 */
    int shift;                /* samples, -AUDIO_SHIFT_MAX ... AUDIO_SHIFT_MAX */
};

void audio_draw_item(const struct audio *p, int64_t item, struct audio_draw *draw);

/* Floats of an item's stems as they are read: (stems, length, 2), channels side by side. */
static inline HOST_DEVICE
int64_t audio_item_floats(const struct audio *p)
{
    return AUDIO_STEMS * p->length * AUDIO_CHANNELS;
}

/* Reads the crop of one stem of item `item` into its place in `stems`, which is the item's. Decodes
 * nothing but the crop. False when the file cannot be read, or ends too early. */
bool audio_read_stem(const struct audio *p, int64_t item, enum audio_stem stem, float *stems);

/* Reads all stems of an item, of the next track where one cannot be read. False when there is no
 * track whose stems can be. What is wrong with a file is said once, on stderr. */
bool audio_read_item(const struct audio *p, int64_t item, float *stems);

/* The `accepts` of variants: NULL, or a clause about the folder that no track can be read from. */
const char *audio_accepts(const void *problem);

#ifdef __cplusplus
}
#endif

#endif
