/* `ssmbench compare`, of variants and of files. Runs the binary that the environment variable
 * SSMBENCH names. */
#include "binary_fixture.h"
#include "folder_fixture.h"

#include <unistd.h>

static char before[FOLDER_PATH], after[FOLDER_PATH];

static void make_folder(void)
{
    folder_make();
    folder_path(before, "before.jsonl");
    folder_path(after, "after.jsonl");
}

TestSuite(compare, .init = make_folder, .fini = folder_remove, .timeout = 300);

#define GUIDE "speedup --case '^guide-1s$' --backend cpu"

enum { ATTEMPTS = 5 };

/* Compares two variants until a verdict on them is `wanted`: on a machine that does other things
 * too, rounds may tell nothing. No attempt may say the contrary. */
static void compare_until(const char *variants, const char *wanted, const char *contrary)
{
    for (int i = 0; i < ATTEMPTS; i++) {
        ssmbench("compare %s " GUIDE " --rounds 20", variants);
        cr_assert(eq(ptr, strstr(text, contrary), NULL), "%s", text);
        if (strstr(text, wanted))
            break;
    }
    assert_says(wanted);
}

Test(compare, a_slower_variant_is_found_both_ways)
{
    compare_until("selscan/simd selscan/stepwise", "SLOWER     speedup/guide-1s", "FASTER     ");
    cr_assert(eq(int, status, 1), "%s", text);
    assert_says("times of selscan/stepwise@cpu by times of selscan/simd@cpu");
    assert_says("0 SAME, 0 FASTER, 1 SLOWER, 0 UNRESOLVED, 0 wrong, 0 skipped");
    compare_until("selscan/stepwise@cpu selscan/simd@cpu", "FASTER     speedup/guide-1s",
                  "SLOWER     ");
    cr_assert(eq(int, status, 0), "%s", text);
    assert_says("n=20");
}

Test(compare, a_variant_is_not_slower_than_itself)
{
    compare_until("selscan/simd selscan/simd", "0 FASTER, 0 SLOWER",
                  "0 SAME, 0 FASTER, 0 SLOWER, 0 U");
    cr_assert(eq(int, status, 0), "%s", text);
}

static const struct refusal REFUSALS[] = {
    {"", 2, "compare: expected two variants, then suites, or two .jsonl files"},
    {"selscan/simd", 2, "compare: expected two variants"},
    {"a.jsonl b.jsonl c.jsonl", 2, "compare: expected two variants"},
    {"selscan/none selscan/simd", 2, "compare selscan/none: is not here: expected one variant"},
    {"selscan/sim selscan/simd", 2, "compare selscan/sim: is not here"},
    {"selscan/chunked selscan/simd --backend cpu,simt", 2, "is on several backends"},
    {"selscan/simd conv1d/simd", 2, "expected two variants of one operation, on one backend"},
    {"selscan/chunked@simt selscan/blelloch@simt --backend simt", 2,
     "simt is for correctness only, and not timed"},
    {"selscan/simd selscan/chunked --case nosuch --backend cpu", 3, "no case that both accept"},
    {"selscan/simd selscan/chunked nosuch --backend cpu", 2, "no suite 'nosuch'"},
    {"selscan/simd selscan/chunked --rounds 0", 2, "--rounds 0: expected a number from 1 to"},
    {"/nowhere/a.jsonl /nowhere/b.jsonl", 2, "/nowhere/a.jsonl: No such file or directory"},
};

Test(compare, says_what_is_not_right)
{
    assert_refusals("compare", REFUSALS, sizeof REFUSALS / sizeof *REFUSALS);
}

/* A row with these times, on that machine. */
static void write_row(const char *path, const char *variant, const char *machine, double ms)
{
    FILE *file = fopen(path, "a");
    fprintf(
        file,
        "{\"schema\":1,\"op\":\"selscan\",\"variant\":\"%s\",\"backend\":\"cuda\",\"suite\":\"s\","
        "\"case\":\"c\",\"keys\":{\"batch\":1},\"check\":{\"status\":\"PASS\"},\"machine\":{"
        "\"name\":\"%s\"}",
        variant, machine);
    if (ms > 0)
        fprintf(file, ",\"time\":{\"median_ms\":%g,\"low_ms\":%g,\"high_ms\":%g}", ms, ms * 0.999,
                ms * 1.001);
    fputs("}\n", file);
    fclose(file);
}

Test(compare, files_are_compared_row_by_row)
{
    write_row(before, "same", "m", 1);
    write_row(after, "same", "m", 1.003);
    write_row(before, "slow", "m", 1);
    write_row(after, "slow", "m", 1.05);
    write_row(before, "fast", "m", 1);
    write_row(after, "fast", "m", 0.9);
    write_row(before, "between", "m", 1);
    write_row(after, "between", "m", 1.0105);
    write_row(before, "elsewhere", "m", 1);
    write_row(after, "elsewhere", "other", 2);
    write_row(after, "new", "m", 2);
    write_row(before, "untimed", "m", 0);
    write_row(after, "untimed", "m", 1);
    ssmbench("compare %s %s", before, after);
    cr_assert(eq(int, status, 1), "%s", text);
    assert_says("SAME         selscan/same@cuda s/c  1 ms, 1.003 ms");
    assert_says("SLOWER       selscan/slow@cuda");
    assert_says("FASTER       selscan/fast@cuda");
    assert_says("UNRESOLVED   selscan/between@cuda");
    assert_says("INCOMPARABLE selscan/elsewhere@cuda");
    assert_says(
        "1 SAME, 1 FASTER, 1 SLOWER, 1 UNRESOLVED, 1 INCOMPARABLE, 2 without a counterpart");
    assert_says("1 of 5 medians are within 1 % of each other");
    ssmbench("compare %s %s", before, before);
    cr_assert(eq(int, status, 0), "%s", text);
    unlink(before);
    write_row(before, "another", "m", 1);
    ssmbench("compare %s %s", before, after);
    cr_assert(eq(int, status, 3), "%s", text);
    assert_says("no row with a time stands in both files");
}
