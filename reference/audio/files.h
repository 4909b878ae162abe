/* Folders of tracks: what is in them, what is wrong with it, and reading crops.
 *
 * FOLDER/TRACK/STEM.wav, or .flac where there is no .wav, for the stems vocals, drums, bass, other.
 * A track is a folder whose name does not begin with a dot; tracks are in the order of their names,
 * byte by byte. Other files, such as mixture.wav, are not looked at. A stem is a regular file in
 * WAV or FLAC of 16 or 24 bits or float, at 44100 Hz, of one channel, which is then both, or two.
 * The longest stem is the length of a track: shorter ones are silent behind their ends.
 */
#ifndef SSMBENCH_AUDIO_FILES_H
#define SSMBENCH_AUDIO_FILES_H

#include "../audio.h"

extern const char *const AUDIO_STEM_NAMES[AUDIO_STEMS];

struct audio_file {
    char *path; /* NULL when there is none */
    int64_t frames;
    int rate, channels;
    const char *container, *sample; /* "WAV", "24 bit"; NULL when not known */
    char problem[192];              /* a clause; "" for a file that can be used */
    bool told;                      /* that it broke when it was read */
};

struct audio_track {
    char *name;
    struct audio_file stem[AUDIO_STEMS];
    int64_t frames;
    bool usable;
};

struct audio_folder {
    char *path;
    struct audio_track *track;
    int tracks;
    struct audio_track **usable;
    int usable_count;
    char problem[1024]; /* a sentence when no track is usable, else "" */
    bool quiet;         /* what is wrong in it is not said */
    struct audio_folder *next;
};

/* Looks at every track of a folder. */
struct audio_folder *audio_scan(const char *path);
void audio_folder_free(struct audio_folder *folder);

/* The same, once for a folder and process; what is wrong with a file is said on stderr, a line
 * each. For "" it is the set that synthetic.h makes. Threads may call it at once. */
struct audio_folder *audio_folder(const struct audio *p);

/* Reads samples first ... first+length-1 as `length` pairs, zeros behind the end of the file. A
 * sample that is not finite counts as zero. False when the file is not what it was, or ends before
 * its header says it does. */
bool audio_file_read(const struct audio_file *file, int64_t first, int64_t length, float *pairs);

/* "what it is; left out", once for a file that broke when it was read. */
void audio_tell(const struct audio_folder *folder, struct audio_file *file);

#endif
