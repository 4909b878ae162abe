/* Files of parts as one: what comes out, and what is refused and then leaves all as it was. Runs
 * the binary that the environment variable SSMBENCH names. */
#include "binary_fixture.h"
#include "folder_fixture.h"
#include "results.h"

static char first[FOLDER_PATH], second[FOLDER_PATH], merged[FOLDER_PATH];

static void make_folder(void)
{
    folder_make();
    folder_path(first, "first.jsonl");
    folder_path(second, "second.jsonl");
    folder_path(merged, "merged.jsonl");
}

TestSuite(merge, .init = make_folder, .fini = folder_remove, .timeout = 120);

/* Appends a row that says no more than merge asks for; `more` follows the machine's name. */
static void add_row(const char *path, const char *variant, const char *item, double median_ms,
                    const char *shard, const char *more)
{
    FILE *file = fopen(path, "a");
    fprintf(file,
            "{\"schema\":1,\"commit\":\"c\",\"dirty\":false,\"op\":\"selscan\",\"variant\":\"%s\","
            "\"backend\":\"cpu\",\"source\":\"s\",\"suite\":\"quick\",\"case\":\"%s\",\"keys\":{},"
            "\"check\":{\"status\":\"PASS\"},\"time\":{\"median_ms\":%.7g},\"shard\":\"%s\","
            "\"machine\":{\"name\":\"m\"%s}}\n",
            variant, item, median_ms, shard, more);
    fclose(file);
}

static json_t *read_rows(const char *path)
{
    struct message message;
    json_t *array = json_array();
    cr_assert(results_read(array, path, &message), "%s", message.text);
    return array;
}

/* "chunked guide, simd guide" of the merged rows. */
static void assert_merged(const char *wanted)
{
    char names[512] = "";
    json_t *rows = read_rows(merged);
    for (size_t i = 0; i < json_array_size(rows); i++)
        append(names, sizeof names, "%s%s %s", i ? ", " : "",
               results_text(json_array_get(rows, i), "variant"),
               results_text(json_array_get(rows, i), "case"));
    json_decref(rows);
    cr_assert(eq(str, names, (char *)wanted));
}

static void merge(const char *options)
{
    ssmbench("merge --out %s %s %s %s", merged, options, first, second);
}

/* That merge refuses with the sentence, and has written nothing, not even a draft. */
static void assert_refused(const char *sentence)
{
    int files = 0;
    cr_assert(eq(int, status, 2), "%s", text);
    assert_says(sentence);
    DIR *const entries = opendir(folder);
    for (struct dirent *entry; (entry = readdir(entries));)
        files += entry->d_name[0] != '.' && strcmp(entry->d_name, "first.jsonl") &&
                 strcmp(entry->d_name, "second.jsonl");
    closedir(entries);
    cr_assert(zero(int, files));
}

/* The rows come in the order of the suite, whichever file has them; of rows that stand twice the
 * later one counts, and it stays as it was written. */
Test(merge, joins_in_the_order_of_the_suite)
{
    add_row(first, "simd", "ragged-state", 2, "1/2", "");
    add_row(first, "chunked", "guide", 7, "1/2", "");
    add_row(first, "chunked", "guide", 1, "1/2", "");
    add_row(second, "chunked", "guide", 1.00765432, "2/2", "");
    add_row(second, "chunked", "one-option-skip", 1e-7, "2/2", "");
    add_row(second, "chunked", "no-such-case", 3, "2/2", "");
    merge("");
    cr_assert(eq(int, status, 0), "%s", text);
    assert_merged(
        "chunked guide, simd ragged-state, chunked one-option-skip, chunked no-such-case");
    assert_says("4 rows; those in two files differ by 0.77 % at most, selscan/chunked@cpu "
                "quick/guide");
    json_t *rows = read_rows(merged), *before = read_rows(second);
    cr_assert(json_equal(json_array_get(rows, 0), json_array_get(before, 0)));
    cr_assert(json_equal(json_array_get(rows, 2), json_array_get(before, 1)));
    json_decref(rows);
    json_decref(before);
}

/* Samples stand beside their rows, before and after; a file of them that is there is not lost. */
Test(merge, joins_samples)
{
    char beside[FOLDER_PATH], joined[FOLDER_PATH], kept[64] = "";
    add_row(first, "simd", "guide", 1, "1/2", "");
    add_row(second, "simd", "guide", 1, "2/2", "");
    folder_path(beside, "first.samples");
    folder_path(joined, "merged.samples");
    FILE *file = fopen(beside, "w");
    fputs("{\"ms\":[1]}\n", file);
    fclose(file);
    merge("");
    cr_assert(eq(int, status, 0), "%s", text);
    unlink(merged);
    folder_path(beside, "second.samples");
    file = fopen(beside, "w");
    fputs("{\"ms\":[2]}\n", file);
    fclose(file);
    merge("");
    cr_assert(eq(int, status, 2));
    assert_says("merged.samples: File exists: expected a file that can be made");
    cr_assert(ne(int, access(merged, F_OK), 0));
    unlink(joined);
    merge("");
    cr_assert(eq(int, status, 0), "%s", text);
    file = fopen(joined, "r");
    kept[fread(kept, 1, sizeof kept - 1, file)] = '\0';
    fclose(file);
    cr_assert(eq(str, kept, "{\"ms\":[1]}\n{\"ms\":[2]}\n"));
}

Test(merge, says_which_part_is_missing)
{
    add_row(first, "simd", "guide", 1, "1/4", "");
    add_row(second, "simd", "guide", 1, "3/4", "");
    add_row(second, "simd", "ragged-state", 1, "3/4", "");
    merge("");
    cr_assert(eq(int, status, 0), "%s", text);
    assert_says("no row of part 2/4");
    assert_says("no row of part 4/4");
    cr_assert(eq(ptr, strstr(text, "no row of part 3/4"), NULL));
}

Test(merge, refuses_times_that_differ)
{
    add_row(first, "simd", "guide", 1, "1/2", "");
    add_row(second, "simd", "guide", 1.04, "2/2", "");
    merge("");
    assert_refused("selscan/simd@cpu quick/guide takes 1 ms in");
    assert_says("4.0 % apart: expected at most 3 %");
    merge("--within 1.3");
    assert_refused("expected at most 3.9 %");
    add_row(second, "simd", "guide", 1.05, "2/2", "");
    merge("");
    assert_refused("5.0 % apart"); /* the later row */
    add_row(second, "simd", "guide", 1.02, "2/2", "");
    merge("--within -1");
    assert_refused("--within -1: expected a number of percent above 0");
    merge("--within 1.9");
    assert_refused("second.jsonl: of 1 rows that a file before has, too, times are 2.0 % apart by "
                   "their median: expected at most 1.9 %");
    merge("--within 2.1");
    cr_assert(eq(int, status, 0), "%s", text);
}

/* On one card, one variant may be 3 % away for where its memory lies; all of them are not. */
Test(merge, the_median_decides)
{
    static const double other[] = {1.003, 0.996, 1.027};
    static const char *const variant[] = {"simd", "chunked", "sequential"};
    for (int i = 0; i < 3; i++) {
        add_row(first, variant[i], "guide", 1, "1/2", "");
        add_row(second, variant[i], "guide", other[i], "2/2", "");
    }
    merge("");
    cr_assert(eq(int, status, 0), "%s", text);
    assert_says("differ by 2.70 % at most, selscan/sequential@cpu");
    unlink(merged);
    add_row(second, "chunked", "guide", 1.012, "2/2", "");
    add_row(second, "simd", "guide", 1.011, "2/2", "");
    merge("");
    assert_refused("of 3 rows that a file before has, too, times are 1.2 % apart");
}

/* A run whose launches the host is slower with than the GPU takes as long as the host does. */
Test(merge, what_the_host_feeds_is_no_anchor)
{
    char command[256];
    add_row(first, "simd", "guide", 1, "1/2", "");
    add_row(second, "simd", "guide", 1.04, "2/2", "");
    add_row(first, "chunked", "guide", 1, "1/2", "");
    add_row(second, "chunked", "guide", 1.001, "2/2", "");
    for (int fed = 50; fed <= 51; fed++) {
        snprintf(command, sizeof command,
                 "sed -i '1s/\"time\":{.*\"median_ms\":/\"time\":{\"count\":100,\"fed\":%d,"
                 "\"median_ms\":/' %s",
                 fed, first);
        cr_assert(zero(int, system(command)));
        merge("");
        cr_assert(eq(int, status, fed == 50 ? 2 : 0), "%s", text);
    }
    assert_says("those in two files differ by 0.10 % at most, selscan/chunked@cpu");
}

Test(merge, refuses_files_that_share_no_time)
{
    add_row(first, "simd", "guide", 1, "1/2", "");
    add_row(second, "simd", "ragged-state", 1, "2/2", "");
    merge("");
    assert_refused("second.jsonl: no row with a time stands in a file before it, too");
}

/* What each member of machine and build is to agree in. */
Test(merge, refuses_machines_and_builds_that_differ)
{
    static const char *const more[][2] = {{",\"driver\":\"1\"", "machine.driver"},
                                          {",\"cuda\":\"1\"", "machine.cuda"},
                                          {",\"ecc\":\"on\"", "machine.ecc"},
                                          {",\"cpu\":\"x\"", "machine.cpu"},
                                          {",\"threads\":3", "machine.threads"},
                                          {",\"power_cap_w\":3", "machine.power_cap_w"},
                                          {",\"clock_max_mhz\":3", "machine.clock_max_mhz"},
                                          {",\"flags\":\"-O0\"", "machine.flags"},
                                          {",\"compiler\":\"x\"", "machine.compiler"},
                                          {",\"arch\":\"90\"", "machine.arch"}};
    for (int i = 0; i < (int)(sizeof more / sizeof *more); i++) {
        unlink(first);
        unlink(second);
        add_row(first, "simd", "guide", 1, "1/2", "");
        add_row(second, "simd", "guide", 1, "2/2", more[i][0]);
        merge("");
        assert_refused(more[i][1]);
        assert_says("it is nothing: expected the same");
    }
    static const char *const edits[][2] = {{"s/\"commit\":\"c\"/\"commit\":\"d\"/", "commit"},
                                           {"s/\"dirty\":false/\"dirty\":true/", "dirty"},
                                           {"s/\"name\":\"m\"/\"name\":\"n\"/", "machine.name"},
                                           {"s/\"keys\":{}/\"keys\":{\"a\":1}/", "keys"},
                                           {"s/\"source\":\"s\"/\"source\":\"t\"/", "source"},
                                           {"s/PASS/CRASH/", "check.status"}};
    for (int i = 0; i < (int)(sizeof edits / sizeof *edits); i++) {
        char command[256];
        unlink(second);
        add_row(second, "simd", "guide", 1, "2/2", "");
        snprintf(command, sizeof command, "sed -i '%s' %s", edits[i][0], second);
        cr_assert(zero(int, system(command)));
        merge("");
        assert_refused(edits[i][1]);
    }
}

Test(merge, refuses_what_it_cannot_read_or_write)
{
    add_row(first, "simd", "guide", 1, "1/2", "");
    merge("");
    assert_refused("second.jsonl: No such file or directory: expected a readable .jsonl file");
    fclose(fopen(second, "w"));
    merge("");
    assert_refused("second.jsonl: expected one row or more");
    FILE *file = fopen(second, "w");
    fputs("{\"schema\":1,\n{}\n", file);
    fclose(file);
    merge("");
    assert_refused("second.jsonl:1: ");
    file = fopen(second, "w");
    fputs("{\"schema\":1,\"op\":\"sel", file);
    fclose(file);
    merge("");
    assert_refused("the last row was cut off");
    ssmbench("merge %s %s", first, second);
    assert_refused("merge: expected --out FILE");
    ssmbench("merge --out %s %s", merged, first);
    assert_refused("merge: expected two or more .jsonl files");
    ssmbench("merge --out /nowhere/x.jsonl %s %s", first, first);
    assert_refused(
        "--out /nowhere/x.jsonl: No such file or directory: expected a file that can be");
    ssmbench("merge --out %s %s %s", first, first, second);
    assert_refused("first.jsonl: is there: expected a new file");
}

/* Parts of one run, as they are written: the whole comes out. */
Test(merge, joins_parts_of_a_run)
{
    for (int part = 1; part <= 2; part++) {
        ssmbench("verify quick --backend cpu --op '^selscan$' --case '^(guide|one-option|chunks)' "
                 "--shard %d/2 --out %s",
                 part, part == 1 ? first : second);
        cr_assert(eq(int, status, 0), "%s", text);
    }
    merge("");
    cr_assert(eq(int, status, 0), "%s", text);
    ssmbench("verify quick --backend cpu --op '^selscan$' --case '^(guide|one-option|chunks)' "
             "--resume --out %s",
             merged);
    cr_assert(eq(int, status, 0), "%s", text);
    assert_says("rows are kept, 0 are left");
}
