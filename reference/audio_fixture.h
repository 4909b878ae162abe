/* Folders of tracks that tests write and remove. */
#ifndef SSMBENCH_AUDIO_FIXTURE_H
#define SSMBENCH_AUDIO_FIXTURE_H

#include "audio/files.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <ftw.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FRAMES = 3000, PATH_SIZE = 256 };

/* A folder of the test's own. */
static char music[] = "/tmp/ssmbench-music-XXXXXX";

static inline void make_music(void)
{
    cr_assert(ne(ptr, mkdtemp(music), NULL));
}

static inline int remove_one(const char *path, const struct stat *about, int kind, struct FTW *at)
{
    (void)about, (void)kind, (void)at;
    return remove(path);
}

static inline void remove_music(void)
{
    nftw(music, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Sample t of channel c of a stem, in 1/32768: no two stems or channels are alike. */
static inline int tone(int stem, int c, int64_t t)
{
    return (int)((t * (2 * stem + 3 * c + 5) + 37 * stem) % 401) * (30 + 10 * stem + c) - 6000;
}

struct sound {
    int format, rate, channels;
    int64_t frames;
    bool silent;
};

static const struct sound USUAL = {SF_FORMAT_WAV | SF_FORMAT_PCM_16, AUDIO_RATE, AUDIO_CHANNELS,
                                   FRAMES, false};

static inline void stem_path(const char *track, int stem, const char *ending, char path[PATH_SIZE])
{
    snprintf(path, PATH_SIZE, "%s/%s", music, track);
    mkdir(path, 0777);
    snprintf(path, PATH_SIZE, "%s/%s/%s.%s", music, track, AUDIO_STEM_NAMES[stem], ending);
}

static inline void write_sound(const char *path, int stem, const struct sound *sound)
{
    SF_INFO info = {
        .samplerate = sound->rate, .channels = sound->channels, .format = sound->format};
    SNDFILE *const file = sf_open(path, SFM_WRITE, &info);
    cr_assert(ne(ptr, file, NULL), "%s: %s", path, sf_strerror(NULL));
    sf_command(file, SFC_SET_SCALE_INT_FLOAT_WRITE, NULL, SF_TRUE);
    for (int64_t t = 0; t < sound->frames; t++) {
        short frame[8] = {0};
        for (int c = 0; c < sound->channels && !sound->silent; c++)
            frame[c] = (short)tone(stem, c, t);
        cr_assert(eq(i64, sf_writef_short(file, frame, 1), 1));
    }
    cr_assert(zero(int, sf_close(file)));
}

/* A track of four stems that are alike in kind. */
static inline void write_track(const char *track, const struct sound *sound)
{
    char path[PATH_SIZE];
    for (int s = 0; s < AUDIO_STEMS; s++) {
        const bool flac = (sound->format & SF_FORMAT_TYPEMASK) == SF_FORMAT_FLAC;
        stem_path(track, s, flac ? "flac" : "wav", path);
        write_sound(path, s, sound);
    }
}

/* What can be wrong with a stem: puts it in place of the drums of a track that is well. */
static inline void plain_text(const char *path)
{
    FILE *file = fopen(path, "w");
    fputs("RIFF or not, this is no sound.\n", file);
    fclose(file);
}
static inline void no_bytes(const char *path)
{
    fclose(fopen(path, "w"));
}
static inline void half_of_it(const char *path)
{
    cr_assert(zero(int, truncate(path, FRAMES * 2)));
}
static inline void a_header_alone(const char *path)
{
    cr_assert(zero(int, truncate(path, 20)));
}
static inline void a_pipe(const char *path)
{
    unlink(path);
    cr_assert(zero(int, mkfifo(path, 0666)));
}
static inline void a_folder(const char *path)
{
    unlink(path);
    cr_assert(zero(int, mkdir(path, 0777)));
}
static inline void a_device(const char *path)
{
    unlink(path);
    cr_assert(zero(int, symlink("/dev/zero", path)));
}
static inline void a_loop(const char *path)
{
    unlink(path);
    cr_assert(zero(int, symlink(path, path)));
}
static inline void nothing(const char *path)
{
    unlink(path);
}
static inline void of_48_khz(const char *path)
{
    const struct sound sound = {USUAL.format, 48000, 2, FRAMES, false};
    write_sound(path, STEM_DRUMS, &sound);
}
static inline void of_six_channels(const char *path)
{
    const struct sound sound = {USUAL.format, AUDIO_RATE, 6, FRAMES, false};
    write_sound(path, STEM_DRUMS, &sound);
}
static inline void of_no_samples(const char *path)
{
    const struct sound sound = {USUAL.format, AUDIO_RATE, 2, 0, false};
    write_sound(path, STEM_DRUMS, &sound);
}
static inline void of_8_bits(const char *path)
{
    const struct sound sound = {SF_FORMAT_WAV | SF_FORMAT_PCM_U8, AUDIO_RATE, 2, FRAMES, false};
    write_sound(path, STEM_DRUMS, &sound);
}
static inline void of_another_container(const char *path)
{
    const struct sound sound = {SF_FORMAT_AIFF | SF_FORMAT_PCM_16, AUDIO_RATE, 2, FRAMES, false};
    write_sound(path, STEM_DRUMS, &sound);
}

static const struct fault {
    void (*put)(const char *path);
    const char *problem;
} FAULTS[] = {
    {plain_text, "neither WAV nor FLAC, or its header is broken: expected WAV or FLAC"},
    {no_bytes, "neither WAV nor FLAC, or its header is broken: expected WAV or FLAC"},
    {half_of_it, "cut off: its header promises more than the file has"},
    {a_header_alone, "neither WAV nor FLAC, or its header is broken: expected WAV or FLAC"},
    {a_pipe, "not a regular file: expected WAV or FLAC"},
    {a_folder, "not a regular file: expected WAV or FLAC"},
    {a_device, "not a regular file: expected WAV or FLAC"},
    {a_loop, "Too many levels of symbolic links: expected WAV or FLAC"},
    {nothing, "no drums.wav and no drums.flac"},
    {of_48_khz, "48000 Hz: expected 44100 Hz"},
    {of_six_channels, "6 channels: expected 1 or 2"},
    {of_no_samples, "no samples in it"},
    {of_8_bits, "another format: expected WAV or FLAC of 16 or 24 bits or float"},
    {of_another_container, "another format: expected WAV or FLAC of 16 or 24 bits or float"},
};
enum { FAULT_COUNT = sizeof FAULTS / sizeof *FAULTS };

/* Writes the track "a", whose drums have the fault. */
static inline void write_fault(const struct fault *fault)
{
    char path[PATH_SIZE];
    write_track("a", &USUAL);
    stem_path("a", STEM_DRUMS, "wav", path);
    fault->put(path);
}

#endif
