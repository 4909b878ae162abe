#include "audio_check.h"
#include "../reference/audio/files.h"
#include "grid.h"
#include "message.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRACK, LENGTH, RATE, CHANNELS, FORMAT, USED, COLUMNS };
enum { TEXT_SIZE = 1200 };

/* Adds a value behind a comma, unless it stands there already. */
static void add_once(char *text, size_t size, const char *value)
{
    const size_t length = strlen(value);
    for (const char *at = text; *at; at += strcspn(at, ",") + (at[strcspn(at, ",")] ? 2 : 0))
        if (strcspn(at, ",") == length && !strncmp(at, value, length))
            return;
    append(text, size, "%s%s", text[0] ? ", " : "", value);
}

/* Control characters of a name become question marks. */
static void make_printable(char *text)
{
    for (; *text; text++)
        if (iscntrl((unsigned char)*text))
            *text = '?';
}

/* "3:05.25" */
static void print_length(int64_t frames, char *text, size_t size)
{
    const int64_t seconds = frames / AUDIO_RATE, rest = frames % AUDIO_RATE;
    snprintf(text, size, "%lld:%02lld.%02lld", (long long)(seconds / 60), (long long)(seconds % 60),
             (long long)(rest * 100 / AUDIO_RATE));
}

/* True when the last sample can be read: a header may promise more than the file has. */
static bool is_whole(const struct audio_file *file)
{
    float pair[AUDIO_CHANNELS];
    return audio_file_read(file, file->frames - 1, 1, pair);
}

/* What stands in the last column. */
static void judge(const struct audio_track *track, char *text, size_t size)
{
    int64_t shortest = track->frames;
    int missing = 0;
    snprintf(text, size, track->usable ? "yes" : "no");
    for (int s = 0; s < AUDIO_STEMS; s++)
        missing += !track->stem[s].path;
    if (missing == AUDIO_STEMS)
        append(text, size, "; no stems in it");
    for (int s = 0; s < AUDIO_STEMS && missing < AUDIO_STEMS; s++) {
        const struct audio_file *file = &track->stem[s];
        shortest = file->frames < shortest ? file->frames : shortest;
        if (file->problem[0])
            append(text, size, "; %s%s%s", file->path ? AUDIO_STEM_NAMES[s] : "",
                   file->path ? ": " : "", file->problem);
        else if (!is_whole(file))
            append(text, size, "; %s: breaks off, so that crops from its end are left out",
                   AUDIO_STEM_NAMES[s]);
    }
    if (track->usable && shortest < track->frames) {
        char length[32];
        print_length(shortest, length, sizeof length);
        append(text, size, "; a stem of %s is silent behind that", length);
    }
}

static void add_track(struct grid *grid, const struct audio_track *track)
{
    char name[TEXT_SIZE], length[32] = "-", rate[128] = "", channels[64] = "", format[256] = "";
    char used[TEXT_SIZE], value[64];
    snprintf(name, sizeof name, "%s", track->name);
    make_printable(name);
    if (track->usable)
        print_length(track->frames, length, sizeof length);
    for (int s = 0; s < AUDIO_STEMS; s++) {
        const struct audio_file *file = &track->stem[s];
        if (!file->rate)
            continue;
        snprintf(value, sizeof value, "%d", file->rate);
        add_once(rate, sizeof rate, value);
        snprintf(value, sizeof value, "%d", file->channels);
        add_once(channels, sizeof channels, value);
        snprintf(value, sizeof value, "%s %s", file->container ? file->container : "other",
                 file->sample ? file->sample : "other");
        add_once(format, sizeof format, value);
    }
    judge(track, used, sizeof used);
    grid_row(grid, COLUMNS);
    grid_set(grid, TRACK, "%s", name);
    grid_set(grid, LENGTH, "%s", length);
    grid_set(grid, RATE, "%s", rate[0] ? rate : "-");
    grid_set(grid, CHANNELS, "%s", channels[0] ? channels : "-");
    grid_set(grid, FORMAT, "%s", format[0] ? format : "-");
    grid_set(grid, USED, "%s", used);
}

int audio_check(const char *path)
{
    static const char *const heads[COLUMNS] = {"track",    "length", "Hz",
                                               "channels", "format", "used"};
    struct audio_folder *folder = audio_scan(path);
    struct grid grid = {0};
    char length[32];
    int64_t frames = 0;
    int status = EXIT_WELL;
    if (folder->tracks) {
        grid_row(&grid, COLUMNS);
        for (int i = 0; i < COLUMNS; i++)
            grid_set(&grid, i, "%s", heads[i]);
        for (int i = 0; i < folder->tracks; i++)
            add_track(&grid, &folder->track[i]);
        grid_print(&grid, GRID_LIST, stdout);
        grid_free(&grid);
        for (int i = 0; i < folder->usable_count; i++)
            frames += folder->usable[i]->frames;
        print_length(frames, length, sizeof length);
        printf("%d of %d tracks can be used, %s in all\n", folder->usable_count, folder->tracks,
               length);
    }
    if (!folder->usable_count)
        status = complain(EXIT_BAD_INPUT, "%s", folder->problem);
    audio_folder_free(folder);
    return status;
}
