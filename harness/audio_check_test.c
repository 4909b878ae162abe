/* ssmbench audio-check, and cases that name a folder, from outside. Runs the binary that the
 * environment variable SSMBENCH names. */
#include "../reference/audio_fixture.h"
#include "binary_fixture.h"

TestSuite(audio_check, .init = make_music, .fini = remove_music, .timeout = 60);

Test(audio_check, a_good_folder)
{
    struct sound other = USUAL;
    other.format = SF_FORMAT_FLAC | SF_FORMAT_PCM_24;
    other.channels = 1, other.frames = 2 * AUDIO_RATE;
    write_track("first", &USUAL);
    write_track("second", &other);
    ssmbench("audio-check %s", music);
    cr_assert(eq(int, status, 0), "%s", text);
    assert_says("first   0:00.06  44100  2         WAV 16 bit   yes\n");
    assert_says("second  0:02.00  44100  1         FLAC 24 bit  yes\n");
    assert_says("2 of 2 tracks can be used, 0:02.06 in all\n");
}

Test(audio_check, every_fault_is_named)
{
    for (int i = 0; i < FAULT_COUNT; i++) {
        write_fault(&FAULTS[i]);
        ssmbench("audio-check %s", music);
        cr_assert(eq(int, status, 2), "%s", text);
        assert_says(FAULTS[i].problem);
        assert_says("0 of 1 tracks can be used, 0:00.00 in all\n");
        assert_says("1 tracks, none that can be used: expected TRACK/{vocals,drums,bass,other}");
        write_track("b", &USUAL);
        ssmbench("audio-check %s", music);
        cr_assert(eq(int, status, 0), "%s", text);
        assert_says(FAULTS[i].problem);
        assert_says("1 of 2 tracks can be used");
        remove_music();
        mkdir(music, 0777);
    }
}

Test(audio_check, folders_without_tracks)
{
    ssmbench("audio-check /nowhere/music");
    cr_assert(eq(int, status, 2));
    assert_says(
        "ssmbench: /nowhere/music: No such file or directory: expected a folder of tracks\n");
    ssmbench("audio-check %s", music);
    cr_assert(eq(int, status, 2));
    assert_says(": 0 tracks, none that can be used: expected TRACK/");
    write_track("a", &USUAL);
    ssmbench("audio-check %s/a", music);
    cr_assert(eq(int, status, 2));
    ssmbench("audio-check %s/a/bass.wav", music);
    cr_assert(eq(int, status, 2));
    assert_says(": Not a directory: expected a folder of tracks\n");
}

Test(audio_check, what_is_used_in_part_is_said)
{
    struct sound sound = USUAL;
    char path[PATH_SIZE];
    struct stat about;
    sound.format = SF_FORMAT_FLAC | SF_FORMAT_PCM_16, sound.frames = 30000;
    write_track("cut", &sound);
    stem_path("cut", STEM_DRUMS, "flac", path);
    cr_assert(zero(int, stat(path, &about)));
    cr_assert(zero(int, truncate(path, about.st_size / 2)));
    write_track("uneven", &USUAL);
    stem_path("uneven", STEM_BASS, "wav", path);
    sound.format = USUAL.format, sound.frames = 44100;
    write_sound(path, STEM_BASS, &sound);
    snprintf(path, sizeof path, "%s/none", music);
    mkdir(path, 0777);
    ssmbench("audio-check %s", music);
    cr_assert(eq(int, status, 0), "%s", text);
    assert_says("yes; drums: breaks off, so that crops from its end are left out\n");
    assert_says("yes; a stem of 0:00.06 is silent behind that\n");
    assert_says("no; no stems in it\n");
}

static void write_suite(char path[PATH_SIZE])
{
    snprintf(path, PATH_SIZE, "%s/.suite.ini", music);
    FILE *const file = fopen(path, "w");
    fprintf(file,
            "[mine]\nop = audio\nlength = 300\nbatch = 3\nthreads = 2\nfolder = %s\nwhy = x\n",
            music);
    fclose(file);
}

Test(audio_check, a_case_names_a_folder)
{
    char path[PATH_SIZE], wanted[1024];
    write_track("b", &USUAL);
    write_fault(&FAULTS[4]); /* a pipe */
    write_suite(path);
    ssmbench("verify %s --backend cpu,simt --out %s/.rows", path, music);
    cr_assert(eq(int, status, 0), "%s", text);
    snprintf(wanted, sizeof wanted, "ssmbench: %s/a/drums.wav: %s; left out\n", music,
             FAULTS[4].problem);
    cr_assert(eq(ptr, strstr(text, wanted), text), "%s", text);
    cr_assert(eq(ptr, strstr(text + 1, "left out"), strstr(text, "left out")), "said twice");
    snprintf(wanted, sizeof wanted, "grep -q '\"folder\":\"%s\"' %s/.rows", music, music);
    cr_assert(zero(int, system(wanted)), "rows say where the tracks were");
}

Test(audio_check, a_case_whose_folder_cannot_be_used_is_refused_before_anything_runs)
{
    char path[PATH_SIZE], wanted[1024];
    write_suite(path);
    ssmbench("verify %s quick --backend cpu", path);
    snprintf(wanted, sizeof wanted, "ssmbench: %s:6: %s: 0 tracks, none that can be used", path,
             music);
    cr_assert(eq(int, status, 2), "%s", text);
    cr_assert(eq(ptr, strstr(text, wanted), text), "%s", text);
}

Test(audio_check, where_no_tracks_can_be_made_rows_are_skipped)
{
    setenv("SSMBENCH_AUDIO", "/proc/nowhere", 1);
    ssmbench("verify --op audio --backend cpu");
    cr_assert(eq(int, status, 3), "%s", text);
    assert_says("accepts a folder with a track in it that can be used; /proc/nowhere: ");
    assert_says("SSMBENCH_AUDIO names another");
}
