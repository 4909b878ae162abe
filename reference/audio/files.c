#include "files.h"
#include "synthetic.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <sndfile.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const AUDIO_STEM_NAMES[AUDIO_STEMS] = {"vocals", "drums", "bass", "other"};

static const struct {
    int format;
    const char *name;
} CONTAINERS[] = {{SF_FORMAT_WAV, "WAV"},
                  {SF_FORMAT_WAVEX, "WAV"},
                  {SF_FORMAT_RF64, "WAV"},
                  {SF_FORMAT_FLAC, "FLAC"}},
  SAMPLES[] = {
      {SF_FORMAT_PCM_16, "16 bit"}, {SF_FORMAT_PCM_24, "24 bit"}, {SF_FORMAT_FLOAT, "float"}};
enum { KINDS = sizeof CONTAINERS / sizeof *CONTAINERS, TYPES = sizeof SAMPLES / sizeof *SAMPLES };

static void *must_have(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

__attribute__((format(printf, 1, 2))) static char *text_new(const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        abort();
    va_end(arguments);
    return text;
}

__attribute__((format(printf, 2, 3))) static void blame(struct audio_file *file, const char *format,
                                                        ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(file->problem, sizeof file->problem, format, arguments);
    va_end(arguments);
}

/* An open stem. The descriptor is ours, so that it is closed whatever the library does. */
struct reader {
    int descriptor;
    SNDFILE *sound;
    SF_INFO info;
};

static void reader_close(struct reader *reader)
{
    if (reader->sound)
        sf_close(reader->sound);
    if (reader->descriptor >= 0)
        close(reader->descriptor);
}

/* Opens a regular file, and waits for no other kind. Returns NULL, or what is wrong. */
static const char *reader_open(struct reader *reader, const char *path)
{
    struct stat about;
    *reader = (struct reader){.descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
    if (reader->descriptor < 0 || fstat(reader->descriptor, &about))
        return strerror(errno);
    if (!S_ISREG(about.st_mode))
        return "not a regular file";
    reader->sound = sf_open_fd(reader->descriptor, SFM_READ, &reader->info, SF_FALSE);
    return reader->sound ? NULL : "neither WAV nor FLAC, or its header is broken";
}

/* True when a RIFF header promises more bytes than the file has: one that was cut off, which the
 * library takes for a shorter one. */
static bool cut_off(const struct reader *reader)
{
    unsigned char head[8];
    struct stat about;
    if (pread(reader->descriptor, head, sizeof head, 0) != sizeof head ||
        memcmp(head, "RIFF", 4) != 0 || fstat(reader->descriptor, &about))
        return false;
    const uint32_t size = (uint32_t)head[4] | (uint32_t)head[5] << 8 | (uint32_t)head[6] << 16 |
                          (uint32_t)head[7] << 24;
    return size != UINT32_MAX && (int64_t)size + 8 > (int64_t)about.st_size;
}

/* Fills in what the header of file->path says, and file->problem. */
static void inspect(struct audio_file *file)
{
    struct reader reader;
    const char *problem = reader_open(&reader, file->path);
    if (problem) {
        blame(file, "%s: expected WAV or FLAC", problem);
        reader_close(&reader);
        return;
    }
    const SF_INFO *info = &reader.info;
    file->frames = info->frames;
    file->rate = info->samplerate;
    file->channels = info->channels;
    for (int i = 0; i < KINDS; i++)
        if ((info->format & SF_FORMAT_TYPEMASK) == CONTAINERS[i].format)
            file->container = CONTAINERS[i].name;
    for (int i = 0; i < TYPES; i++)
        if ((info->format & SF_FORMAT_SUBMASK) == SAMPLES[i].format)
            file->sample = SAMPLES[i].name;
    if (!file->container || !file->sample)
        blame(file, "another format: expected WAV or FLAC of 16 or 24 bits or float");
    else if (file->rate != AUDIO_RATE)
        blame(file, "%d Hz: expected %d Hz", file->rate, AUDIO_RATE);
    else if (file->channels < 1 || file->channels > AUDIO_CHANNELS)
        blame(file, "%d channels: expected 1 or 2", file->channels);
    else if (cut_off(&reader))
        blame(file, "cut off: its header promises more than the file has");
    else if (!info->seekable || file->frames == SF_COUNT_MAX)
        blame(file, "its header does not say how long it is");
    else if (file->frames < 1)
        blame(file, "no samples in it");
    reader_close(&reader);
}

/* The stem's file as .wav, else as .flac. */
static void find_stem(const char *folder, const char *track, const char *stem,
                      struct audio_file *file)
{
    static const char *const endings[] = {"wav", "flac"};
    struct stat about;
    for (int i = 0; i < 2; i++) {
        file->path = text_new("%s/%s/%s.%s", folder, track, stem, endings[i]);
        if (!lstat(file->path, &about)) {
            inspect(file);
            return;
        }
        free(file->path);
    }
    file->path = NULL;
    blame(file, "no %s.wav and no %s.flac", stem, stem);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct audio_track *)a)->name, ((const struct audio_track *)b)->name);
}

/* Adds a track for each folder in it. */
static bool list_tracks(struct audio_folder *folder)
{
    DIR *const stream = opendir(folder->path);
    struct stat about;
    for (struct dirent *entry; stream && (entry = readdir(stream));) {
        char *const path = text_new("%s/%s", folder->path, entry->d_name);
        if (entry->d_name[0] != '.' && !stat(path, &about) && S_ISDIR(about.st_mode)) {
            folder->track = must_have(
                realloc(folder->track, (size_t)(folder->tracks + 1) * sizeof *folder->track));
            folder->track[folder->tracks++] =
                (struct audio_track){.name = must_have(strdup(entry->d_name))};
        }
        free(path);
    }
    if (!stream)
        return false;
    closedir(stream);
    if (folder->tracks)
        qsort(folder->track, (size_t)folder->tracks, sizeof *folder->track, by_name);
    return true;
}

static void scan_track(const struct audio_folder *folder, struct audio_track *track)
{
    track->usable = true;
    for (int s = 0; s < AUDIO_STEMS; s++) {
        struct audio_file *file = &track->stem[s];
        find_stem(folder->path, track->name, AUDIO_STEM_NAMES[s], file);
        track->usable &= !file->problem[0];
        track->frames = file->frames > track->frames ? file->frames : track->frames;
    }
}

struct audio_folder *audio_scan(const char *path)
{
    struct audio_folder *folder = must_have(calloc(1, sizeof *folder));
    folder->path = must_have(strdup(path));
    if (!list_tracks(folder)) {
        snprintf(folder->problem, sizeof folder->problem, "%.800s: %s: expected a folder of tracks",
                 path, strerror(errno));
        return folder;
    }
    folder->usable = must_have(calloc((size_t)folder->tracks + 1, sizeof *folder->usable));
    for (int i = 0; i < folder->tracks; i++) {
        scan_track(folder, &folder->track[i]);
        if (folder->track[i].usable)
            folder->usable[folder->usable_count++] = &folder->track[i];
    }
    if (!folder->usable_count)
        snprintf(folder->problem, sizeof folder->problem,
                 "%.600s: %d tracks, none that can be used: expected "
                 "TRACK/{vocals,drums,bass,other}.wav or .flac at %d Hz",
                 path, folder->tracks, AUDIO_RATE);
    return folder;
}

void audio_folder_free(struct audio_folder *folder)
{
    for (int i = 0; i < folder->tracks; i++) {
        for (int s = 0; s < AUDIO_STEMS; s++)
            free(folder->track[i].stem[s].path);
        free(folder->track[i].name);
    }
    free(folder->track);
    free(folder->usable);
    free(folder->path);
    free(folder);
}

/* What the scan found wrong, a line for each file, or for a track without any. */
static void tell_all(const struct audio_folder *folder)
{
    for (int i = 0; i < folder->tracks; i++) {
        const struct audio_track *track = &folder->track[i];
        int missing = 0;
        for (int s = 0; s < AUDIO_STEMS; s++)
            missing += !track->stem[s].path;
        if (missing == AUDIO_STEMS)
            fprintf(stderr, "ssmbench: %s/%s: no stems in it; left out\n", folder->path,
                    track->name);
        for (int s = 0; s < AUDIO_STEMS && missing < AUDIO_STEMS; s++) {
            const struct audio_file *file = &track->stem[s];
            if (file->path && file->problem[0])
                fprintf(stderr, "ssmbench: %s: %s; left out\n", file->path, file->problem);
            else if (file->problem[0])
                fprintf(stderr, "ssmbench: %s/%s: %s; left out\n", folder->path, track->name,
                        file->problem);
        }
    }
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct audio_folder *scan_made(bool damaged)
{
    char path[4096], problem[1024];
    const bool good = audio_synthetic(damaged, path, sizeof path, problem, sizeof problem);
    struct audio_folder *folder = audio_scan(good ? path : "");
    if (!good)
        snprintf(folder->problem, sizeof folder->problem, "%s", problem);
    folder->quiet = true;
    return folder;
}

struct audio_folder *audio_folder(const struct audio *p)
{
    static struct audio_folder *made[2], *named;
    struct audio_folder *folder;
    pthread_mutex_lock(&lock);
    if (!p->folder[0]) {
        if (!made[p->damaged])
            made[p->damaged] = scan_made(p->damaged);
        folder = made[p->damaged];
    } else {
        for (folder = named; folder && strcmp(folder->path, p->folder) != 0;)
            folder = folder->next;
        if (!folder) {
            folder = audio_scan(p->folder);
            folder->next = named;
            named = folder;
            tell_all(folder);
        }
    }
    pthread_mutex_unlock(&lock);
    return folder;
}

void audio_tell(const struct audio_folder *folder, struct audio_file *file)
{
    struct audio_file now = {.path = file->path};
    pthread_mutex_lock(&lock);
    inspect(&now);
    if (!file->told && !folder->quiet)
        fprintf(stderr, "ssmbench: %s: %s; left out\n", file->path,
                now.problem[0] ? now.problem : "cannot be read to its end");
    file->told = true;
    pthread_mutex_unlock(&lock);
}

/* One channel is both. Pairs are filled from the front, samples stand in the back half. */
static void spread(float *pairs, const float *samples, int64_t count)
{
    for (int64_t t = 0; t < count; t++) {
        const float sample = samples[t];
        pairs[2 * t] = pairs[2 * t + 1] = sample;
    }
}

/* Reads `count` frames as they are. Whole numbers of 16 bits are read in large blocks and made
 * floats here, the same that the library makes of them in blocks of 8 KB, which took twice as long.
 */
static bool read_frames(const struct reader *reader, int64_t count, float *samples)
{
    enum { BLOCK = 16384 };
    const int channels = reader->info.channels;
    short block[BLOCK * AUDIO_CHANNELS];
    if ((reader->info.format & SF_FORMAT_SUBMASK) != SF_FORMAT_PCM_16)
        return sf_readf_float(reader->sound, samples, count) == count;
    for (int64_t done = 0; done < count; done += BLOCK) {
        const int64_t frames = count - done < BLOCK ? count - done : BLOCK;
        if (sf_readf_short(reader->sound, block, frames) != frames)
            return false;
        for (int64_t i = 0; i < frames * channels; i++)
            samples[done * channels + i] = (float)block[i] * 0x1p-15f;
    }
    return true;
}

bool audio_file_read(const struct audio_file *file, int64_t first, int64_t length, float *pairs)
{
    struct reader reader;
    const int64_t behind = file->frames - first;
    const int64_t count = behind < 0 ? 0 : behind < length ? behind : length;
    bool good = !reader_open(&reader, file->path) && reader.info.frames == file->frames &&
                reader.info.channels == file->channels && reader.info.samplerate == file->rate &&
                !cut_off(&reader);
    if (good && count > 0) {
        float *const samples = file->channels == 1 ? pairs + length : pairs;
        good =
            sf_seek(reader.sound, first, SEEK_SET) == first && read_frames(&reader, count, samples);
        if (good && file->channels == 1)
            spread(pairs, samples, count);
        const bool real = (reader.info.format & SF_FORMAT_SUBMASK) == SF_FORMAT_FLOAT;
        for (int64_t i = 0; real && i < 2 * count; i++)
            if (!isfinite(pairs[i]))
                pairs[i] = 0;
    }
    memset(pairs + 2 * count, 0, (size_t)(length - count) * 2 * sizeof *pairs);
    reader_close(&reader);
    return good;
}
