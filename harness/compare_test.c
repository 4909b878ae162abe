/* `ssmbench compare`, of variants and of files. Runs the binary that the environment variable
 * SSMBENCH names. */
#include "binary_fixture.h"

#include <unistd.h>

static char folder[] = "/tmp/ssmbench-compare-XXXXXX", before[64], after[64];

static void make_folder(void)
{
    cr_assert(ne(ptr, mkdtemp(folder), NULL));
    snprintf(before, sizeof before, "%s/before.jsonl", folder);
    snprintf(after, sizeof after, "%s/after.jsonl", folder);
}

static void remove_folder(void)
{
    unlink(before);
    unlink(after);
    rmdir(folder);
}

TestSuite(compare, .init = make_folder, .fini = remove_folder, .timeout = 120);

#define GUIDE "speedup --case '^guide-1s$' --backend cpu"

Test(compare, a_slower_variant_is_found_both_ways)
{
    ssmbench("compare selscan/simd selscan/stepwise " GUIDE " --rounds 20");
    cr_assert(eq(int, status, 1), "%s", text);
    assert_says("times of selscan/stepwise@cpu by times of selscan/simd@cpu");
    assert_says("SLOWER     speedup/guide-1s");
    assert_says("0 SAME, 0 FASTER, 1 SLOWER, 0 UNRESOLVED, 0 wrong, 0 skipped");
    ssmbench("compare selscan/stepwise@cpu selscan/simd@cpu " GUIDE " --rounds 20");
    cr_assert(eq(int, status, 0), "%s", text);
    assert_says("FASTER     speedup/guide-1s");
    assert_says("n=20");
}

/* On a machine that does other things too, only a verdict would be wrong. */
Test(compare, a_variant_is_not_slower_than_itself)
{
    ssmbench("compare selscan/simd selscan/simd " GUIDE " --rounds 20");
    cr_assert(eq(int, status, 0), "%s", text);
    assert_says("0 FASTER, 0 SLOWER");
}

static const struct refusal {
    const char *arguments;
    int status;
    const char *sentence;
} REFUSALS[] = {
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
    for (size_t i = 0; i < sizeof REFUSALS / sizeof *REFUSALS; i++) {
        ssmbench("compare %s", REFUSALS[i].arguments);
        cr_assert(eq(int, status, REFUSALS[i].status), "%s: %s", REFUSALS[i].arguments, text);
        assert_says(REFUSALS[i].sentence);
    }
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
    ssmbench("compare %s %s", before, before);
    cr_assert(eq(int, status, 0), "%s", text);
    unlink(before);
    write_row(before, "another", "m", 1);
    ssmbench("compare %s %s", before, after);
    cr_assert(eq(int, status, 3), "%s", text);
    assert_says("no row with a time stands in both files");
}
