#include "audio.h"
#include "audio/files.h"
#include "operation.h"

#include <Random123/philox.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const OFF_ON[] = {"off", "on", NULL};

#define WHOLE_NUMBER(field, low, high, first, text)                                                \
    {                                                                                              \
        .name = #field, .kind = KEY_WHOLE, .offset = offsetof(struct audio, field),                \
        .minimum = (low), .maximum = (high), .initial = (first), .meaning = (text)                 \
    }

static const struct key KEYS[] = {
    WHOLE_NUMBER(batch, 1, AUDIO_BATCH_MAX, 1, "crops"),
    WHOLE_NUMBER(length, 1, 2147483648.0, 44100, "samples of a crop, 44100 a second"),
    WHOLE_NUMBER(step, 0, 9007199254740992.0, 0, "which batch"),
    WHOLE_NUMBER(threads, 1, AUDIO_THREADS_MAX, 1, "decoding threads, where a variant has them"),
    {.name = "damaged",
     .kind = KEY_WORD,
     .offset = offsetof(struct audio, damaged),
     .words = OFF_ON,
     .meaning = "a set of its own in which files break off when they are read"},
    WHOLE_NUMBER(seed, 0, 4294967295.0, 1, "of the draws"),
    {.name = "folder",
     .kind = KEY_TEXT,
     .offset = offsetof(struct audio, folder),
     .meaning = "of tracks, TRACK/{vocals,drums,bass,other}.wav or .flac; none: a small set is "
                "made"},
    {0},
};

enum { DRAW_CROP, DRAW_GAINS, DRAW_REST };

/* The block of a draw: counter (step, item, draw), key seed. */
static philox4x32_ctr_t block(const struct audio *p, int64_t item, uint32_t draw)
{
    const philox4x32_ctr_t counter = {
        {(uint32_t)p->step, (uint32_t)((uint64_t)p->step >> 32), (uint32_t)item, draw}};
    const philox4x32_key_t key = {{(uint32_t)p->seed, 0x61756469}}; /* "audi": no tensor's key */
    return philox4x32(counter, key);
}

static double uniform(uint32_t word, double low, double high)
{
    return low + (high - low) * (word * 0x1p-32);
}

/* One of 0 ... count-1. */
static int64_t choice(uint32_t word, int64_t count)
{
    const uint64_t of = count < (int64_t)UINT32_MAX ? (uint64_t)count : UINT32_MAX;
    return (int64_t)(word * of >> 32);
}

void audio_draw_item(const struct audio *p, int64_t item, struct audio_draw *draw)
{
    const philox4x32_ctr_t crop = block(p, item, DRAW_CROP), gains = block(p, item, DRAW_GAINS);
    const philox4x32_ctr_t rest = block(p, item, DRAW_REST);
    const double volume = pow(10, uniform(rest.v[0], -5, 5) / 20);
    draw->track = crop.v[0];
    draw->start = crop.v[1];
    for (int s = 0; s < AUDIO_STEMS; s++)
        draw->gain[s] = uniform(gains.v[s], 0.7, 1.3) * volume;
    draw->swap = (int)choice(rest.v[1], 2);
    draw->shift = (int)choice(rest.v[2], 2 * AUDIO_SHIFT_MAX + 1) - AUDIO_SHIFT_MAX;
}

/* The track that item `item` gets when the `later` ones before it are broken. */
static struct audio_track *drawn_track(const struct audio_folder *folder,
                                       const struct audio_draw *draw, int later)
{
    const int first = (int)choice(draw->track, folder->usable_count);
    return folder->usable[(first + later) % folder->usable_count];
}

static bool read_stem(const struct audio *p, const struct audio_folder *folder, int64_t item,
                      int later, enum audio_stem stem, float *stems)
{
    struct audio_draw draw;
    audio_draw_item(p, item, &draw);
    struct audio_track *const track = drawn_track(folder, &draw, later);
    const int64_t spare = track->frames - p->length;
    const int64_t start = choice(draw.start, spare > 0 ? spare + 1 : 1);
    float *const pairs = stems + (int64_t)stem * p->length * AUDIO_CHANNELS;
    if (audio_file_read(&track->stem[stem], start, p->length, pairs))
        return true;
    audio_tell(folder, &track->stem[stem]);
    return false;
}

bool audio_read_stem(const struct audio *p, int64_t item, enum audio_stem stem, float *stems)
{
    const struct audio_folder *const folder = audio_folder(p);
    return folder->usable_count && read_stem(p, folder, item, 0, stem, stems);
}

bool audio_read_item(const struct audio *p, int64_t item, float *stems)
{
    const struct audio_folder *const folder = audio_folder(p);
    for (int later = 0; later < folder->usable_count; later++) {
        int good = 0;
        while (good < AUDIO_STEMS &&
               read_stem(p, folder, item, later, (enum audio_stem)good, stems))
            good++;
        if (good == AUDIO_STEMS)
            return true;
    }
    return false;
}

const char *audio_accepts(const void *problem)
{
    static _Thread_local char clause[1100];
    const struct audio_folder *const folder = audio_folder(problem);
    if (folder->usable_count)
        return NULL;
    snprintf(clause, sizeof clause, "a folder with a track in it that can be used; %s",
             folder->problem);
    return clause;
}

static const char *check(const void *problem, const char **key)
{
    const struct audio *p = problem;
    *key = "folder";
    if (!p->folder[0])
        return NULL;
    if (p->damaged)
        return "damaged = on is for the set that is made here: expected it without a folder";
    const struct audio_folder *const folder = audio_folder(p);
    return folder->usable_count ? NULL : folder->problem;
}

static void tensors(const void *problem, struct tensor tensor[])
{
    const struct audio *p = problem;
    static const char *const names[AUDIO_TENSORS] = {"mixture", "target"};
    for (int i = 0; i < AUDIO_TENSORS; i++)
        tensor[i] = (struct tensor){.name = names[i],
                                    .present = true,
                                    .output = true,
                                    .dtype = DTYPE_F32,
                                    .rank = 3,
                                    .dim = {p->batch, AUDIO_CHANNELS, p->length},
                                    .row_axis = 2};
}

static void inputs(const void *problem, struct fill fill[])
{
    (void)problem, (void)fill;
}

/* Bytes: the crops as 16 bits in the files, and both outputs. For each sample of both: gains of
 * four stems and their sum 7, that of the target 1, square and sum 2, normalising 2. */
static struct cost cost(const void *problem)
{
    const struct audio *p = problem;
    const double samples = (double)p->batch * AUDIO_CHANNELS * (double)p->length;
    return (struct cost){.bytes = samples * (2 * AUDIO_STEMS + 4 * AUDIO_TENSORS),
                         .flops = samples * 12};
}

/* Sample t of channel c of a stem after swap and shift. */
static double moved(const struct audio *p, const struct audio_draw *draw, const float *stems,
                    int64_t stem, int64_t c, int64_t t)
{
    const int64_t from = t - draw->shift;
    if (from < 0 || from >= p->length)
        return 0;
    return stems[(stem * p->length + from) * AUDIO_CHANNELS + (c ^ draw->swap)];
}

static void transform(const struct audio *p, const struct audio_draw *draw, const float *stems,
                      double *mixture, double *target)
{
    double squares = 0;
    for (int64_t c = 0; c < AUDIO_CHANNELS; c++)
        for (int64_t t = 0; t < p->length; t++) {
            double mix = 0;
            for (int s = 0; s < AUDIO_STEMS; s++)
                mix += draw->gain[s] * moved(p, draw, stems, s, c, t);
            mixture[c * p->length + t] = mix;
            target[c * p->length + t] =
                draw->gain[STEM_VOCALS] * moved(p, draw, stems, STEM_VOCALS, c, t);
            squares += mix * mix;
        }
    const double rms = sqrt(squares / (double)(AUDIO_CHANNELS * p->length));
    const double scale = AUDIO_RMS / fmax(rms, AUDIO_FLOOR);
    for (int64_t i = 0; i < AUDIO_CHANNELS * p->length; i++) {
        mixture[i] *= scale;
        target[i] *= scale;
    }
}

/* Without any track that can be read all is NaN, which no variant writes. */
static void reference(const void *problem, const void *const input[], double *const output[],
                      double *const scale[])
{
    const struct audio *p = problem;
    const int64_t samples = AUDIO_CHANNELS * p->length;
    (void)input, (void)scale;
#pragma omp parallel for
    for (int64_t item = 0; item < p->batch; item++) {
        double *const mixture = output[AUDIO_MIXTURE] + item * samples;
        double *const target = output[AUDIO_TARGET] + item * samples;
        float *const stems = malloc((size_t)audio_item_floats(p) * sizeof *stems);
        struct audio_draw draw;
        audio_draw_item(p, item, &draw);
        if (stems && audio_read_item(p, item, stems))
            transform(p, &draw, stems, mixture, target);
        else
            for (int64_t i = 0; i < samples; i++)
                mixture[i] = target[i] = NAN;
        free(stems);
    }
}

const struct operation audio_operation = {
    .name = "audio",
    .summary = "training batch of a separation model, from files",
    .baseline = "single_thread",
    .keys = KEYS,
    .problem_size = sizeof(struct audio),
    .tensor_count = AUDIO_TENSORS,
    .check = check,
    .tensors = tensors,
    .inputs = inputs,
    .cost = cost,
    .reference = reference,
};
