/* Runs that were cut off and go on, and what build servers get. Runs the binary that the
 * environment variable SSMBENCH names. */
#include "binary_fixture.h"
#include "folder_fixture.h"
#include "results.h"

#include <signal.h>
#include <unistd.h>

static char rows[FOLDER_PATH], whole[FOLDER_PATH], xml[FOLDER_PATH];

static void make_folder(void)
{
    folder_make();
    folder_path(rows, "rows.jsonl");
    folder_path(whole, "whole.jsonl");
    folder_path(xml, "out.xml");
}

TestSuite(resume, .init = make_folder, .fini = folder_remove, .timeout = 120);

#define CAMPAIGN "verify quick --backend cpu --op '^selscan$' --case '^plain|^guide'"

/* Runs a shell command that has the binary as "$0". */
static void shell(const char *script)
{
    char command[2048];
    snprintf(command, sizeof command, "sh -c \"%s\" '%s'", script, getenv("SSMBENCH"));
    cr_assert(eq(int, system(command), 0), "%s", script);
}

static json_t *read_rows(const char *path)
{
    struct message message;
    json_t *array = json_array();
    cr_assert(results_read(array, path, &message), "%s", message.text);
    return array;
}

static void read_text(const char *path)
{
    FILE *file = fopen(path, "r");
    cr_assert(ne(ptr, file, NULL));
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
}

static void table_of(const char *path, char table[sizeof text])
{
    ssmbench("table summary %s", path);
    cr_assert(eq(int, status, 0), "%s", text);
    memcpy(table, text, sizeof text);
}

/* Killed ten times at moments that differ, and gone on with each time: no finished row is lost,
 * none is done twice, and the table is that of a run that nobody disturbed. */
Test(resume, ends_with_the_table_of_a_run_undisturbed)
{
    static char undisturbed[sizeof text], resumed[sizeof text];
    size_t before = 0;
    ssmbench(CAMPAIGN " --out %s", whole);
    cr_assert(eq(int, status, 0), "%s", text);
    for (int i = 0; i < 10; i++) {
        char script[1024];
        snprintf(
            script, sizeof script,
            "\\$0 %s --resume --out %s > /dev/null 2>&1 & sleep 0.0%d; kill -9 \\$!; wait; true",
            CAMPAIGN, rows, i * 7 % 10);
        shell(script);
        if (access(rows, F_OK))
            continue;
        json_t *array = read_rows(rows);
        cr_assert(ge(sz, json_array_size(array), before));
        before = json_array_size(array);
        json_decref(array);
    }
    ssmbench(CAMPAIGN " --resume --out %s", rows);
    cr_assert(eq(int, status, 0), "%s", text);
    table_of(whole, undisturbed);
    table_of(rows, resumed);
    cr_assert(eq(str, resumed, undisturbed));
    json_t *one = read_rows(whole), *other = read_rows(rows);
    cr_assert(eq(sz, json_array_size(one), json_array_size(other)));
    json_decref(one);
    json_decref(other);
}

/* Replaces a text in the first row of the file. */
static void change_first(const char *old, const char *new)
{
    read_text(rows);
    char *at = strstr(text, old);
    cr_assert(ne(ptr, at, NULL), "%s", old);
    FILE *file = fopen(rows, "w");
    fprintf(file, "%.*s%s%s", (int)(at - text), text, new, at + strlen(old));
    fclose(file);
}

Test(resume, does_again_what_another_build_or_machine_did_or_what_was_lost)
{
    static const char *const changes[][2] = {
        {"\"source\":\"", "\"source\":\"0"},
        {"\"machine\":{\"name\":\"", "\"machine\":{\"name\":\"x"},
        {"\"batch\":1", "\"batch\":2"},
        {"\"status\":\"PASS\"", "\"status\":\"CRASH\""},
        {"\"status\":\"PASS\"", "\"status\":\"TIMEOUT\""},
        {"\"status\":\"PASS\"", "\"status\":\"IMPOSSIBLE\""},
        {"\"compiler\":\"", "\"compiler\":\"x"},
        {"\"case\":\"guide\"", "\"case\":\"guise\""}};
    const int count = sizeof changes / sizeof *changes;
    for (int i = 0; i < count; i++) {
        unlink(rows);
        ssmbench("verify quick --backend cpu --op '^selscan$' --case '^guide' --out %s", rows);
        cr_assert(eq(int, status, 0), "%s", text);
        change_first(changes[i][0], changes[i][1]);
        ssmbench("verify quick --resume --backend cpu --op '^selscan$' --case '^guide' --out %s",
                 rows);
        cr_assert(eq(int, status, 0), "%s", text);
        assert_says("4 rows are kept, 1 are left");
        ssmbench("verify quick --resume --backend cpu --op '^selscan$' --case '^guide' --out %s",
                 rows);
        assert_says("5 rows are kept, 0 are left");
        assert_says("5 passed, 0 failed");
    }
}

/* A row that only was checked has no time: bench does it again. */
Test(resume, times_what_was_only_checked)
{
    ssmbench("verify quick --backend cpu --variant '^selscan/simd' --case '^guide' --out %s", rows);
    ssmbench("bench quick --resume --backend cpu --variant '^selscan/simd' --case '^guide' "
             "--budget 1 --out %s",
             rows);
    assert_says("0 rows are kept, 1 are left");
    ssmbench("verify quick --resume --backend cpu --variant '^selscan/simd' --case '^guide'");
    cr_assert(eq(int, status, 2));
    assert_says("--resume: expected --out FILE");
    ssmbench("verify quick --resume --backend cpu --variant '^selscan/simd' --out Makefile");
    cr_assert(eq(int, status, 2));
    assert_says("Makefile:1: ");
}

Test(resume, junit_has_every_row)
{
    ssmbench("verify quick --backend cpu,simt --variant 'conv1d/(vectorized|direct)@' --case "
             "'^conv-one-option-bias|^conv-one-option-pad' --junit %s --out %s",
             xml, rows);
    cr_assert(eq(int, status, 0), "%s", text);
    json_t *array = read_rows(rows);
    read_text(xml);
    char totals[128];
    int skipped = 0, cases = 0;
    for (size_t i = 0; i < json_array_size(array); i++)
        skipped += !strcmp(results_text(json_array_get(array, i), "check.status"), "SKIPPED");
    cr_assert(gt(int, skipped, 0));
    snprintf(totals, sizeof totals, "tests=\"%zu\" failures=\"0\" errors=\"0\" skipped=\"%d\"",
             json_array_size(array), skipped);
    assert_says(totals);
    for (const char *at = text; (at = strstr(at, "<testcase ")); at++)
        cases++;
    cr_assert(eq(int, cases, (int)json_array_size(array)));
    assert_says("<skipped type=\"SKIPPED\" message=\"accepts layout = channel_first\"/>");
    json_decref(array);
    /* A row of half a second at least, which looks at the time every hundredth. */
    ssmbench("verify speedup --backend cpu --variant '^selscan/stepwise' --case "
             "'^lengths/length=4096$' --timeout 0.01 --junit %s",
             xml);
    cr_assert(eq(int, status, 1), "%s", text);
    read_text(xml);
    assert_says("tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\"");
    assert_says("<error type=\"TIMEOUT\" message=\"ended after its time-out\"/>");
    ssmbench("verify quick --backend cpu --variant '^selscan/simd' --case '^guide' --junit "
             "/nowhere/x.xml");
    cr_assert(eq(int, status, 2), "%s", text);
    assert_says("/nowhere/x.xml: No such file or directory: expected a file");
}
