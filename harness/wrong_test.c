/* Wrong variants, each found as its comment says. Runs the binary that the environment variable
 * SSMBENCH names with "-wrong" behind it. */
#include "binary_fixture.h"
#include "folder_fixture.h"

#include <sys/stat.h>

static char list[FOLDER_PATH], fake[FOLDER_PATH];

static void make_folder(void)
{
    folder_make();
    folder_path(list, "list");
    folder_path(fake, "fake");
}

TestSuite(wrong, .init = make_folder, .fini = folder_remove, .timeout = 600);

static void check(const char *binary, const char *backend)
{
    char command[512];
    snprintf(command, sizeof command, "harness/wrong.sh check '%s' harness/wrong/wrong.ini %s %s",
             binary, list, backend);
    run_command(command);
}

static void check_on(const char *backend)
{
    char command[256], binary[256], summary[64];
    snprintf(command, sizeof command, "harness/wrong.sh list > %s", list);
    run_command(command);
    cr_assert(eq(int, status, 0), "%s", text);
    snprintf(binary, sizeof binary, "%s-wrong", tested_binary());
    check(binary, backend);
    cr_assert(eq(int, status, 0), "%s", text);
    snprintf(summary, sizeof summary, "found on %s\n", backend);
    assert_says(summary);
}

Test(wrong, variants_are_found_on_cpu)
{
    check_on("cpu");
}

Test(wrong, variants_are_found_on_simt)
{
    check_on("simt");
}

static void write_file(const char *path, const char *content)
{
    FILE *const file = fopen(path, "w");
    cr_assert(ne(ptr, file, NULL));
    fputs(content, file);
    cr_assert(eq(int, fclose(file), 0));
    cr_assert(eq(int, chmod(path, 0700), 0));
}

/* What the script says when verify prints `lines` and ends with exit status 1. */
static void check_lines(const char *lines, const char *expected)
{
    char script[1024];
    snprintf(script, sizeof script, "#!/bin/sh\ncat <<'END'\n%sEND\nexit 1\n", lines);
    write_file(fake, script);
    write_file(list, expected);
    check(fake, "cpu");
}

Test(wrong, a_variant_that_is_found_otherwise_fails)
{
    static const char lines[] = "WRONG            conv1d/a@cpu   wrong/small  out[0,3] = 1\n"
                                "PASS             conv1d/b@cpu   wrong/small  error 1e-7\n";
    check_lines(lines, "conv1d/a\tWRONG\tout[0\tfault.\nconv1d/b\tPASS\t\tfault.\n");
    cr_assert(eq(int, status, 0), "%s", text);
    assert_says("wrong variants: 2 found on cpu");

    check_lines(lines, "conv1d/a\tWRONG\tout[0\tfault.\nconv1d/b\tWRONG\tout[\tfault.\n");
    cr_assert(eq(int, status, 1));
    assert_says("expected WRONG (out[) of: PASS             conv1d/b@cpu");

    check_lines(lines, "conv1d/a\tWRONG\tout[1\tfault.\nconv1d/b\tPASS\t\tfault.\n");
    cr_assert(eq(int, status, 1), "another sentence");
    check_lines(lines, "conv1d/a\tWRONG\tout[0\tfault.\n");
    cr_assert(eq(int, status, 1), "a variant that the list lacks");
    check_lines(lines, "conv1d/a\tWRONG\tout[0\tf.\nconv1d/b\tPASS\t\tf.\nconv1d/c\tPASS\t\tf.\n");
    cr_assert(eq(int, status, 1));
    assert_says("conv1d/c@cpu: expected PASS, is not there");
}

Test(wrong, a_backend_may_have_a_status_of_its_own)
{
    static const char lines[] = "CRASH            conv1d/a@cpu   wrong/small  signal 11\n";
    check_lines(lines, "conv1d/a\tCRASH\tsignal\tfault.\nconv1d/a@cuda\tFAILED\t\tfault.\n");
    cr_assert(eq(int, status, 0), "%s", text);
    check_lines(lines, "conv1d/a\tFAILED\t\tfault.\nconv1d/a@cpu\tCRASH\tsignal\tfault.\n");
    cr_assert(eq(int, status, 0), "%s", text);
    check_lines(lines, "conv1d/a\tFAILED\t\tfault.\nconv1d/a@cuda\tCRASH\tsignal\tfault.\n");
    cr_assert(eq(int, status, 1));
}

Test(wrong, a_verify_that_does_not_get_as_far_fails)
{
    write_file(fake, "#!/bin/sh\nexit 4\n");
    write_file(list, "");
    check(fake, "cpu");
    cr_assert(eq(int, status, 1));
    assert_says("wrong.sh: verify on cpu ended with exit status 4");
}

enum { ATTEMPTS = 3, BAND_MOST = 10 };

/* On a machine that does other things too, rounds may tell nothing, and more threads tell less. */
Test(wrong, a_fifth_more_time_is_slower)
{
    char command[512];
    snprintf(
        command, sizeof command,
        "OMP_NUM_THREADS=1 '%s-wrong' compare conv1d/sound conv1d/slower harness/wrong/wrong.ini "
        "--case '^large$' --backend cpu --rounds 20",
        tested_binary());
    for (int i = 0; i < ATTEMPTS; i++) {
        run_command(command);
        cr_assert(eq(ptr, strstr(text, "FASTER     "), NULL), "%s", text);
        if (status == 1)
            break;
    }
    const char *const band = strstr(text, "band ");
    if (status != 1 && band && atof(band + strlen("band ")) > BAND_MOST)
        cr_skip_test("this machine is too busy to tell: %s", text);
    cr_assert(eq(int, status, 1), "%s", text);
    assert_says("SLOWER     wrong/large");
}

Test(wrong, what_does_nothing_while_it_is_timed_is_impossible)
{
    char command[512];
    snprintf(command, sizeof command,
             "'%s-wrong' bench harness/wrong/wrong.ini --case '^large$' --variant conv1d/rests "
             "--backend cpu --out %s",
             tested_binary(), list);
    run_command(command);
    cr_assert(eq(int, status, 1), "%s", text);
    assert_says("IMPOSSIBLE       conv1d/rests@cpu");
}
