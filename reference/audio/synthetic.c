#include "synthetic.h"
#include "files.h"

#include <errno.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A change of what is made needs another name: sets are kept. */
static const char *const SET_NAMES[] = {"set-1", "damaged-1"};

enum { TRACKS_MAX = 5 };

/* Samples of a track; with `quiet` its first half is silence, then whispers of a few steps. */
struct plan {
    const char *name;
    int64_t frames;
    bool quiet, mono_bass;
    int broken; /* the stem that is cut off, or -1 */
};

static const struct plan PLANS[2][TRACKS_MAX] = {
    {{"01 long", 700000, false, false, -1},
     {"02 middle", 441000, false, true, -1},
     {"03 short", 132300, false, false, -1},
     {"04 quiet", 40000, true, false, -1},
     {"05 tiny", 1000, false, false, -1}},
    {{"01 no voice", 20000, false, false, STEM_VOCALS},
     {"02 no drums", 20000, false, false, STEM_DRUMS},
     {"03 whole", 20000, false, false, -1}},
};

/* A linear congruential generator of 32 bits (Knuth, TAOCP 2, 3.3.4, table 1, line 16); its upper
 * bits. */
static int32_t noise(uint32_t *state, int bits)
{
    *state = *state * 1664525u + 1013904223u;
    return (int32_t)(*state >> (32 - bits)) - (1 << (bits - 1));
}

/* A string that is plucked every `every` samples and decays (Karplus and Strong, Computer Music
 * Journal 7(2), 1983). */
static void pluck(int16_t *out, int64_t frames, int period, int64_t every, uint32_t seed)
{
    int32_t string[1024] = {0};
    for (int64_t t = 0; t < frames; t++) {
        const int used = period + (int)(t / every % 5) * period / 5;
        if (t % every == 0)
            for (int i = 0; i < used; i++)
                string[i] = noise(&seed, 14);
        const int at = (int)(t % every % used), next = (at + 1) % used;
        out[t] = (int16_t)string[at];
        string[at] = (string[at] + string[next]) * 509 / 1024;
    }
}

/* Bursts of noise that die away, two lengths in turn. */
static void bursts(int16_t *out, int64_t frames, int64_t every, uint32_t seed)
{
    int64_t envelope = 0;
    for (int64_t t = 0; t < frames; t++) {
        const int64_t slow = t / every % 2 ? 4096 : 700;
        envelope = t % every == 0 ? 1 << 20 : envelope - envelope / slow;
        out[t] = (int16_t)((noise(&seed, 15) * envelope) >> 20);
    }
}

/* A voice: a tone that glides up and down, in phrases with pauses between; 65536 steps are a turn,
 * and a parabola stands for half a sine. */
static void voice(int16_t *out, int64_t frames, uint32_t seed)
{
    uint32_t phase = seed;
    for (int64_t t = 0; t < frames; t++) {
        const int64_t glide = t % 44100, bend = glide < 22050 ? glide : 44100 - glide;
        phase += (uint32_t)(20000000 + bend * 1500);
        const int64_t half = phase >> 16 & 0x7fff;
        const int64_t arch = half * (0x8000 - half) >> 15; /* 0 ... 8192 */
        const int64_t loud = t % 30000 < 24000 ? 1 : 0;
        out[t] = (int16_t)(loud * (phase >> 31 ? -arch : arch));
    }
}

static void stem_samples(const struct plan *plan, enum audio_stem stem, int16_t *out)
{
    const uint32_t seed = (uint32_t)plan->frames * 4 + stem;
    switch (stem) {
    case STEM_VOCALS:
        voice(out, plan->frames, seed << 16);
        break;
    case STEM_DRUMS:
        bursts(out, plan->frames, 11025, seed);
        break;
    case STEM_BASS:
        pluck(out, plan->frames, 400, 22050, seed);
        break;
    default:
        pluck(out, plan->frames, 120, 15435, seed);
    }
    for (int64_t t = 0; plan->quiet && t < plan->frames; t++)
        out[t] = t < plan->frames / 2 ? 0 : (int16_t)(out[t] / 4096);
}

/* Two channels: the right one later and softer, by as much as the stem says. */
static bool write_stem(const struct plan *plan, enum audio_stem stem, const char *folder)
{
    const bool flac = plan->broken == (int)stem, mono = plan->mono_bass && stem == STEM_BASS;
    const int64_t channels = mono ? 1 : 2, late = 11 + 20 * (int)stem;
    SF_INFO info = {.samplerate = AUDIO_RATE,
                    .channels = (int)channels,
                    .format = flac ? SF_FORMAT_FLAC | SF_FORMAT_PCM_16
                                   : SF_FORMAT_WAV | SF_FORMAT_PCM_16};
    int16_t *samples = calloc((size_t)plan->frames, sizeof *samples);
    int16_t *frames = calloc((size_t)(plan->frames * channels), sizeof *frames);
    char path[4300];
    bool good = samples && frames;
    if (good)
        stem_samples(plan, stem, samples);
    for (int64_t t = 0; good && t < plan->frames; t++) {
        frames[t * channels] = samples[t];
        if (!mono && t >= late)
            frames[t * channels + 1] = (int16_t)(samples[t - late] * (3 + (int)stem) / 8);
    }
    snprintf(path, sizeof path, "%s/%s.%s", folder, AUDIO_STEM_NAMES[stem], flac ? "flac" : "wav");
    SNDFILE *const file = good ? sf_open(path, SFM_WRITE, &info) : NULL;
    good = file && sf_writef_short(file, frames, plan->frames) == plan->frames;
    good &= !file || !sf_close(file);
    struct stat about;
    if (good && flac)
        good = !stat(path, &about) && !truncate(path, about.st_size / 2);
    free(frames);
    free(samples);
    return good;
}

static bool write_set(bool damaged, const char *folder)
{
    char path[4200];
    bool good = true;
    for (int i = 0; i < TRACKS_MAX && PLANS[damaged][i].name && good; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, PLANS[damaged][i].name);
        good = !mkdir(path, 0777);
        for (int s = 0; s < AUDIO_STEMS && good; s++)
            good = write_stem(&PLANS[damaged][i], (enum audio_stem)s, path);
    }
    return good;
}

/* Removes what write_set() makes, and no more. */
static void remove_set(bool damaged, const char *folder)
{
    static const char *const endings[] = {"wav", "flac"};
    char path[4300];
    for (int i = 0; i < TRACKS_MAX && PLANS[damaged][i].name; i++) {
        for (int s = 0; s < 2 * AUDIO_STEMS; s++) {
            snprintf(path, sizeof path, "%s/%s/%s.%s", folder, PLANS[damaged][i].name,
                     AUDIO_STEM_NAMES[s / 2], endings[s % 2]);
            unlink(path);
        }
        snprintf(path, sizeof path, "%s/%s", folder, PLANS[damaged][i].name);
        rmdir(path);
    }
    rmdir(folder);
}

/* True when every file of the plan is there, as long as it should be. */
static bool is_whole(bool damaged, const char *path)
{
    struct audio_folder *folder = audio_scan(path);
    int planned = 0;
    bool whole = true;
    for (; planned < TRACKS_MAX && PLANS[damaged][planned].name; planned++)
        whole = whole && planned < folder->usable_count &&
                folder->usable[planned]->frames == PLANS[damaged][planned].frames;
    whole = whole && folder->tracks == planned;
    audio_folder_free(folder);
    return whole;
}

/* The folder below which the sets are: made if need be, and ours. */
static bool base_folder(char *path, size_t size)
{
    const char *const mine = getenv("SSMBENCH_AUDIO"), *const cache = getenv("XDG_CACHE_HOME");
    const char *const temporary = getenv("TMPDIR");
    struct stat about;
    if (mine && *mine) {
        snprintf(path, size, "%s", mine);
    } else if (cache && *cache) {
        mkdir(cache, 0700);
        snprintf(path, size, "%s/ssmbench", cache);
    } else {
        snprintf(path, size, "%s/ssmbench-audio-%ld", temporary && *temporary ? temporary : "/tmp",
                 (long)getuid());
    }
    if (mkdir(path, 0700) && errno != EEXIST)
        return false;
    errno = EPERM;
    return !stat(path, &about) && S_ISDIR(about.st_mode) && about.st_uid == getuid();
}

bool audio_synthetic(bool damaged, char *path, size_t path_size, char *problem, size_t problem_size)
{
    char base[3000], made[4000], old[4000];
    const bool based = base_folder(base, sizeof base);
    snprintf(path, path_size, "%s/%s", base, SET_NAMES[damaged]);
    if (based && is_whole(damaged, path))
        return true;
    snprintf(made, sizeof made, "%s/new-XXXXXX", base);
    snprintf(old, sizeof old, "%s/old-XXXXXX", base);
    const bool started = based && mkdtemp(made);
    const bool written = started && write_set(damaged, made);
    /* Whoever was faster has made the same. What is there but not whole makes room. */
    if (written && rename(made, path) && !is_whole(damaged, path) && mkdtemp(old) &&
        !rename(path, old)) {
        rename(made, path);
        remove_set(damaged, old);
    }
    if (started)
        remove_set(damaged, made);
    if (is_whole(damaged, path))
        return true;
    snprintf(
        problem, problem_size,
        "%.600s: %s: expected a folder of this user's, with room for 25 MB, to make the tracks "
        "in; SSMBENCH_AUDIO names another",
        base, based ? "the tracks could not be written" : strerror(errno));
    return false;
}
