/* Folders of tracks: what is read from files, what is refused, and that the set which is made is
 * whole whoever makes it. */
#include "../audio_fixture.h"
#include "synthetic.h"

#include <criterion/redirect.h>
#include <math.h>
#include <string.h>
#include <sys/wait.h>

TestSuite(audio_files, .init = make_music, .fini = remove_music, .timeout = 60);

static const char *usable_and_problem(int usable, char problem[1024])
{
    struct audio_folder *folder = audio_scan(music);
    cr_assert(eq(int, folder->usable_count, usable), "%s", folder->problem);
    snprintf(problem, 1024, "%s", folder->problem);
    audio_folder_free(folder);
    return problem;
}

Test(audio_files, kinds_that_are_read)
{
    static const struct {
        int format, channels;
        const char *container, *sample;
    } kinds[] = {
        {SF_FORMAT_WAV | SF_FORMAT_PCM_16, 2, "WAV", "16 bit"},
        {SF_FORMAT_WAV | SF_FORMAT_PCM_24, 2, "WAV", "24 bit"},
        {SF_FORMAT_WAV | SF_FORMAT_FLOAT, 2, "WAV", "float"},
        {SF_FORMAT_WAVEX | SF_FORMAT_PCM_16, 1, "WAV", "16 bit"},
        {SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 2, "FLAC", "16 bit"},
        {SF_FORMAT_FLAC | SF_FORMAT_PCM_24, 1, "FLAC", "24 bit"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const struct sound sound = {kinds[i].format, AUDIO_RATE, kinds[i].channels, FRAMES, false};
        float pairs[2 * 700];
        write_track("a", &sound);
        struct audio_folder *folder = audio_scan(music);
        cr_assert(eq(int, folder->usable_count, 1), "kind %zu: %s", i, folder->problem);
        const struct audio_file *file = &folder->track[0].stem[STEM_BASS];
        cr_assert(eq(str, (char *)file->container, (char *)kinds[i].container));
        cr_assert(eq(str, (char *)file->sample, (char *)kinds[i].sample));
        cr_assert(eq(i64, folder->track[0].frames, FRAMES));
        cr_assert(audio_file_read(file, 2500, 700, pairs));
        for (int t = 0; t < 700; t++)
            for (int c = 0; c < 2; c++)
                cr_assert(eq(flt, pairs[2 * t + c] * 32768,
                             t < 500 ? (float)tone(STEM_BASS, c * (kinds[i].channels - 1), 2500 + t)
                                     : 0.0f),
                          "kind %zu", i);
        audio_folder_free(folder);
        remove_music();
        mkdir(music, 0777);
    }
}

Test(audio_files, what_is_not_finite_is_silence)
{
    const float frames[] = {0.5f, NAN, INFINITY, -0.25f};
    struct sound sound = USUAL;
    char path[PATH_SIZE];
    float pairs[4];
    sound.format = SF_FORMAT_WAV | SF_FORMAT_FLOAT;
    write_track("a", &sound);
    stem_path("a", STEM_DRUMS, "wav", path);
    SF_INFO info = {.samplerate = AUDIO_RATE, .channels = 2, .format = sound.format};
    SNDFILE *const file = sf_open(path, SFM_WRITE, &info);
    sf_writef_float(file, frames, 2);
    sf_close(file);
    struct audio_folder *folder = audio_scan(music);
    cr_assert(audio_file_read(&folder->track[0].stem[STEM_DRUMS], 0, 2, pairs));
    cr_assert(eq(flt, pairs[0], 0.5f));
    cr_assert(zero(flt, pairs[1]));
    cr_assert(zero(flt, pairs[2]));
    cr_assert(eq(flt, pairs[3], -0.25f));
    audio_folder_free(folder);
}

Test(audio_files, faults_are_named_and_cost_their_track)
{
    char problem[1024];
    for (int i = 0; i < FAULT_COUNT; i++) {
        write_fault(&FAULTS[i]);
        usable_and_problem(0, problem);
        cr_assert(ne(ptr, strstr(problem, ": 1 tracks, none that can be used: expected"), NULL));
        write_track("b", &USUAL);
        struct audio_folder *folder = audio_scan(music);
        cr_assert(eq(int, folder->usable_count, 1), "fault %d", i);
        cr_assert(eq(str, folder->usable[0]->name, "b"));
        cr_assert(eq(str, folder->track[0].stem[STEM_DRUMS].problem, (char *)FAULTS[i].problem),
                  "fault %d", i);
        audio_folder_free(folder);
        remove_music();
        mkdir(music, 0777);
    }
}

Test(audio_files, a_file_without_permission)
{
    char path[PATH_SIZE];
    if (geteuid() == 0)
        cr_skip("root may read all files");
    write_track("a", &USUAL);
    stem_path("a", STEM_DRUMS, "wav", path);
    chmod(path, 0);
    struct audio_folder *folder = audio_scan(music);
    cr_assert(zero(int, folder->usable_count));
    cr_assert(eq(str, folder->track[0].stem[STEM_DRUMS].problem,
                 "Permission denied: expected WAV or FLAC"));
    audio_folder_free(folder);
}

Test(audio_files, folders_that_hold_no_track)
{
    char problem[1024], path[PATH_SIZE];
    struct audio_folder *folder = audio_scan("/nowhere/music");
    cr_assert(eq(str, folder->problem,
                 "/nowhere/music: No such file or directory: expected a folder of tracks"));
    audio_folder_free(folder);
    usable_and_problem(0, problem);
    cr_assert(ne(ptr, strstr(problem, ": 0 tracks, none that can be used"), NULL));
    snprintf(path, sizeof path, "%s/mixture.wav", music);
    write_sound(path, 0, &USUAL);
    usable_and_problem(0, problem);
    cr_assert(ne(ptr, strstr(problem, ": 0 tracks, none that can be used"), NULL));
    folder = audio_scan(path);
    cr_assert(ne(ptr, strstr(folder->problem, ": Not a directory: expected a folder"), NULL));
    audio_folder_free(folder);
}

Test(audio_files, tracks_are_in_the_order_of_their_names_and_stems_may_differ)
{
    char path[PATH_SIZE];
    struct sound longer = USUAL;
    longer.frames = 2 * FRAMES, longer.channels = 1;
    longer.format = SF_FORMAT_FLAC | SF_FORMAT_PCM_24;
    write_track("b", &USUAL);
    write_track("a", &USUAL);
    write_track(".hidden", &USUAL);
    stem_path("a", STEM_OTHER, "wav", path);
    unlink(path);
    stem_path("a", STEM_OTHER, "flac", path);
    write_sound(path, STEM_OTHER, &longer);
    struct audio_folder *folder = audio_scan(music);
    cr_assert(eq(int, folder->usable_count, 2));
    cr_assert(eq(str, folder->usable[0]->name, "a"));
    cr_assert(eq(i64, folder->usable[0]->frames, 2 * FRAMES));
    cr_assert(eq(i64, folder->usable[1]->frames, FRAMES));
    audio_folder_free(folder);
}

Test(audio_files, what_is_wrong_is_said_once)
{
    const struct audio p = {.batch = 1, .length = 100, .seed = 1, .folder = music};
    char wanted[1024];
    cr_redirect_stderr();
    write_fault(&FAULTS[0]);
    write_track("b", &USUAL);
    snprintf(wanted, sizeof wanted, "%s/empty", music);
    mkdir(wanted, 0777);
    for (int i = 0; i < 3; i++) {
        struct audio_folder *folder = audio_folder(&p);
        audio_tell(folder, &folder->track[1].stem[STEM_BASS]);
    }
    snprintf(wanted, sizeof wanted,
             "ssmbench: %s/a/drums.wav: %s; left out\n"
             "ssmbench: %s/empty: no stems in it; left out\n"
             "ssmbench: %s/b/bass.wav: cannot be read to its end; left out\n",
             music, FAULTS[0].problem, music, music);
    fflush(stderr);
    cr_assert_stderr_eq_str(wanted);
}

/* A FLAC file that lost its second half promises all of it. */
Test(audio_files, a_file_that_breaks_off)
{
    struct sound sound = USUAL;
    char path[PATH_SIZE];
    struct stat about;
    float pairs[200];
    sound.format = SF_FORMAT_FLAC | SF_FORMAT_PCM_16, sound.frames = 30000;
    write_track("a", &sound);
    stem_path("a", STEM_DRUMS, "flac", path);
    cr_assert(zero(int, stat(path, &about)));
    cr_assert(zero(int, truncate(path, about.st_size / 2)));
    struct audio_folder *folder = audio_scan(music);
    cr_assert(eq(int, folder->usable_count, 1));
    const struct audio_file *file = &folder->track[0].stem[STEM_DRUMS];
    cr_assert(audio_file_read(file, 0, 100, pairs));
    cr_assert(not(audio_file_read(file, 29000, 100, pairs)));
    write_sound(path, STEM_DRUMS, &USUAL);
    cr_assert(not(audio_file_read(file, 0, 100, pairs)), "it is another file now");
    audio_folder_free(folder);
}

static void assert_made(bool damaged, int tracks)
{
    char path[4096], problem[1024] = "";
    cr_assert(audio_synthetic(damaged, path, sizeof path, problem, sizeof problem), "%s", problem);
    struct audio_folder *folder = audio_scan(path);
    cr_assert(eq(int, folder->usable_count, tracks));
    audio_folder_free(folder);
}

Test(audio_files, the_set_is_made_once_and_again_when_it_is_not_whole)
{
    char path[PATH_SIZE];
    setenv("SSMBENCH_AUDIO", music, 1);
    assert_made(false, 5);
    assert_made(true, 3);
    snprintf(path, sizeof path, "%s/set-1/05 tiny/bass.wav", music);
    unlink(path);
    assert_made(false, 5);
    snprintf(path, sizeof path, "%s/set-1/01 long/drums.wav", music);
    cr_assert(zero(int, truncate(path, 1000)));
    assert_made(false, 5);
    struct audio_folder *folder = audio_scan(music);
    cr_assert(eq(int, folder->tracks, 2), "something was left behind");
    audio_folder_free(folder);
}

/* The checksum of all samples of the set: other bits would be other results on other machines. */
Test(audio_files, the_set_has_the_same_samples_everywhere)
{
    const struct audio p = {.batch = 1, .length = 700000, .seed = 1, .folder = ""};
    setenv("SSMBENCH_AUDIO", music, 1);
    const struct audio_folder *folder = audio_folder(&p);
    float *const pairs = malloc(700000 * 2 * sizeof *pairs);
    uint64_t sum = 0;
    for (int i = 0; i < folder->tracks; i++)
        for (int s = 0; s < AUDIO_STEMS; s++) {
            cr_assert(audio_file_read(&folder->track[i].stem[s], 0, 700000, pairs));
            for (int64_t j = 0; j < 1400000; j++)
                sum = sum * 31 + (uint64_t)(int64_t)(pairs[j] * 32768);
        }
    free(pairs);
    cr_assert(eq(u64, sum, UINT64_C(3835319294954291389)));
}

Test(audio_files, processes_that_make_the_set_at_once)
{
    int good = 0, wait_status;
    setenv("SSMBENCH_AUDIO", music, 1);
    for (int i = 0; i < 4; i++)
        if (fork() == 0) {
            char path[4096], problem[1024];
            _exit(!audio_synthetic(true, path, sizeof path, problem, sizeof problem));
        }
    for (int i = 0; i < 4; i++)
        good += wait(&wait_status) > 0 && wait_status == 0;
    cr_assert(eq(int, good, 4));
    assert_made(true, 3);
    struct audio_folder *folder = audio_scan(music);
    cr_assert(eq(int, folder->tracks, 1), "something was left behind");
    audio_folder_free(folder);
}

Test(audio_files, no_place_to_make_the_set)
{
    char path[4096], problem[1024] = "";
    setenv("SSMBENCH_AUDIO", "/proc/nowhere/music", 1);
    cr_assert(not(audio_synthetic(false, path, sizeof path, problem, sizeof problem)));
    cr_assert(ne(ptr, strstr(problem, "SSMBENCH_AUDIO names another"), NULL), "%s", problem);
    const struct audio p = {.batch = 1, .length = 100, .seed = 1, .folder = ""};
    cr_assert(ne(ptr, strstr(audio_accepts(&p), "a folder with a track in it"), NULL));
}
