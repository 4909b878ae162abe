/* Result rows: written, read back, cut off, broken, stale. */
#include "results.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/redirect.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/ssmbench-results-XXXXXX";
static char path[64];

static void make_folder(void)
{
    cr_assert(ne(ptr, mkdtemp(folder), NULL));
    snprintf(path, sizeof path, "%s/rows.jsonl", folder);
    cr_redirect_stderr();
}

static void remove_folder(void)
{
    unlink(path);
    rmdir(folder);
}

TestSuite(results, .init = make_folder, .fini = remove_folder);

static void write_text(const char *text)
{
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
}

static void assert_text(const char *wanted)
{
    char text[4096] = "";
    FILE *file = fopen(path, "r");
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    cr_assert(eq(str, text, (char *)wanted));
}

/* Opens the file, appends {"schema": 1, "n": n} and closes it again. */
static void append_row(int n)
{
    struct results results;
    struct message message = {""};
    json_t *row = json_pack("{s:i, s:i}", "schema", SCHEMA, "n", n);
    cr_assert(results_open(&results, path, &message), "%s", message.text);
    cr_assert(results_append(&results, row, &message), "%s", message.text);
    results_close(&results);
    json_decref(row);
}

/* Asserts that the file holds rows with n = 1 ... count. */
static void assert_rows(int count)
{
    json_t *rows = json_array();
    struct message message = {""};
    cr_assert(results_read(rows, path, &message), "%s", message.text);
    cr_assert(eq(sz, json_array_size(rows), (size_t)count));
    for (int i = 0; i < count; i++)
        cr_assert(eq(dbl, results_number(json_array_get(rows, (size_t)i), "n"), i + 1));
    json_decref(rows);
}

static void assert_unreadable(const char *text, int line, const char *sentence)
{
    json_t *rows = json_array();
    struct message message = {""};
    char place[128];
    write_text(text);
    snprintf(place, sizeof place, "%s:%d: ", path, line);
    cr_assert(not(results_read(rows, path, &message)), "was accepted: %s", text);
    cr_assert(eq(ptr, strstr(message.text, place), message.text), "%s", message.text);
    cr_assert(ne(ptr, strstr(message.text, sentence), NULL), "%s", message.text);
    json_decref(rows);
}

Test(results, rows_are_appended_one_a_line)
{
    append_row(1);
    append_row(2);
    append_row(3);
    assert_rows(3);
    assert_text("{\"schema\":1,\"n\":1}\n{\"schema\":1,\"n\":2}\n{\"schema\":1,\"n\":3}\n");
}

Test(results, text_and_numbers_survive)
{
    struct results results;
    struct message message = {""};
    json_t *rows = json_array();
    json_t *row = json_pack("{s:i, s:s, s:{s:f, s:n}, s:[f, f]}", "schema", SCHEMA, "text",
                            "two\nlines, \"quoted\", 2×3", "time", "median_ms", 0.1234567, "error",
                            "samples", 1e-9, 65536.0);
    cr_assert(results_open(&results, path, &message), "%s", message.text);
    cr_assert(results_append(&results, row, &message), "%s", message.text);
    results_close(&results);
    cr_assert(results_read(rows, path, &message), "%s", message.text);
    cr_assert(eq(int, json_equal(json_array_get(rows, 0), row), 1));
    json_decref(row);
    json_decref(rows);
}

Test(results, a_cut_off_last_line_is_left_out)
{
    write_text("{\"schema\":1,\"n\":1}\n{\"schema\":1,\"n\":2}\n{\"schema\":1,\"n");
    assert_rows(2);
}

Test(results, a_cut_off_last_line_is_dropped_before_more_is_appended)
{
    write_text("{\"schema\":1,\"n\":1}\n{\"schema\":1,\"n\":2}\n{\"schema\":1,\"n\":77,\"t");
    append_row(3);
    assert_rows(3);
    write_text("{\"schema\":1");
    append_row(1);
    assert_rows(1);
}

/* An editor may leave out the last newline: what can be read is a row. */
Test(results, a_whole_last_row_without_newline_is_kept)
{
    write_text("{\"schema\":1,\"n\":1}\n{\"schema\":1,\"n\":2}");
    assert_rows(2);
    append_row(3);
    assert_rows(3);
}

Test(results, blank_lines_are_no_rows)
{
    write_text("\n{\"schema\":1,\"n\":1}\n  \n\n{\"schema\":1,\"n\":2}\n\n");
    assert_rows(2);
}

Test(results, broken_lines_are_refused_with_their_number)
{
    assert_unreadable("{\"schema\":1}\n{\"schema\":1,\n{\"schema\":1}\n", 2,
                      "expected one JSON object a line");
    assert_unreadable("{\"schema\":1}\n\n{\"schema\":1,\"n\":1,\"n\":2}\n", 3, "expected one JSON");
    assert_unreadable("case,time\n", 1, "expected one JSON object a line");
    assert_unreadable("{\"schema\":1} {\"schema\":1}\n", 1, "expected one JSON object a line");
    assert_unreadable("{\"schema\":1}\n{\"schema\":2}\n", 2, "expected a row with \"schema\": 1");
    assert_unreadable("{\"n\":1}\n", 1, "expected a row with \"schema\": 1");
    assert_unreadable("[1]\n", 1, "expected a row with \"schema\": 1");
}

Test(results, a_missing_file_is_named)
{
    json_t *rows = json_array();
    struct message message = {""};
    cr_assert(not(results_read(rows, "/nowhere/rows.jsonl", &message)));
    cr_assert(eq(str, message.text,
                 "/nowhere/rows.jsonl: No such file or directory: expected a "
                 "readable .jsonl file"));
    json_decref(rows);
}

Test(results, no_path_keeps_nothing)
{
    struct results results;
    struct message message = {""};
    json_t *row = json_object();
    cr_assert(results_open(&results, NULL, &message));
    cr_assert(results_append(&results, row, &message));
    results_close(&results);
    json_decref(row);
}

Test(results, folders_are_made)
{
    char deep[128], *slash;
    struct results results;
    struct message message = {""};
    snprintf(deep, sizeof deep, "%s/a/b/rows.jsonl", folder);
    cr_assert(results_open(&results, deep, &message), "%s", message.text);
    results_close(&results);
    cr_assert(zero(int, access(deep, W_OK)));
    unlink(deep);
    for (int i = 0; i < 2 && (slash = strrchr(deep, '/')); i++) {
        *slash = '\0';
        rmdir(deep);
    }
}

Test(results, a_path_that_cannot_be_written_is_refused)
{
    static const char *const bad[] = {"/proc/nonexistent/x.jsonl", "/tmp", "/dev/null/x.jsonl"};
    for (int i = 0; i < 3; i++) {
        struct results results;
        struct message message = {""};
        cr_assert(not(results_open(&results, bad[i], &message)), "%s", bad[i]);
        cr_assert(eq(ptr, strstr(message.text, bad[i]), message.text), "%s", message.text);
        cr_assert(ne(ptr, strstr(message.text, "expected a file that can be written"), NULL));
    }
}

Test(results, a_full_disk_is_reported)
{
    struct results results;
    struct message message = {""};
    json_t *row = json_pack("{s:i}", "schema", SCHEMA);
    cr_assert(results_open(&results, "/dev/full", &message), "%s", message.text);
    cr_assert(not(results_append(&results, row, &message)));
    cr_assert(eq(str, message.text,
                 "/dev/full: No space left on device: expected room for a row; "
                 "the rows before it are kept"));
    results_close(&results);
    json_decref(row);
}

Test(results, members_are_found_by_dotted_path)
{
    json_t *row = json_pack("{s:i, s:{s:{s:s, s:f}}}", "n", 3, "a", "b", "text", "x", "real", 0.5);
    cr_assert(eq(dbl, results_number(row, "n"), 3));
    cr_assert(eq(dbl, results_number(row, "a.b.real"), 0.5));
    cr_assert(eq(str, (char *)results_text(row, "a.b.text"), "x"));
    cr_assert(eq(ptr, results_get(row, "a.c.text"), NULL));
    cr_assert(eq(ptr, results_get(row, "n.b"), NULL));
    cr_assert(isnan(results_number(row, "a.b.text")));
    cr_assert(isnan(results_number(row, "a")));
    cr_assert(eq(str, (char *)results_text(row, "n"), ""));
    json_decref(row);
}

static bool stale(const char *variant, const char *source)
{
    json_t *row =
        json_pack("{s:s, s:s, s:s}", "op", "selscan", "variant", variant, "backend", "cpu");
    if (source)
        json_object_set_new(row, "source", json_string(source));
    const bool is_stale = results_stale(row);
    json_decref(row);
    return is_stale;
}

Test(results, rows_are_stale_unless_their_sources_are_the_same)
{
    const char *hash = source_hash("selscan/stepwise@cpu");
    cr_assert(eq(sz, strlen(hash), 16));
    cr_assert(not(stale("stepwise", hash)));
    cr_assert(stale("stepwise", "0123456789abcdef"));
    cr_assert(stale("stepwise", NULL));
    cr_assert(stale("sequential", hash));
    cr_assert(stale("gone", hash));
}

Test(results, every_variant_has_sources)
{
    for (const struct entry *entry = ENTRIES; entry->op; entry++)
        cr_assert(ne(ptr, (void *)source_hash(entry->full), NULL), "%s", entry->full);
    cr_assert(ne(ptr, (void *)source_hash("selscan/stepwise@cuda"), NULL),
              "a binary without CUDA has to know when rows of CUDA are stale");
}

/* The row of a small case with made-up times. */
static json_t *make_row(enum status status, struct outcome *outcome)
{
    static double sample[] = {4, 2, 3};
    const struct operation *op = operation_find("selscan");
    struct test_case item = {"suite", "name/length=5", "a reason", op, problem_new(op)};
    json_t *machine = json_pack("{s:s, s:f}", "name", "a machine", "copy_gbs", 2.0);
    outcome->status = status;
    static double clock_mhz[] = {1980, 1700, 1980};
    outcome->timing = (struct timing){
        .summary = summarise(sample, 3),
        .sample_ms = sample,
        .clock_mhz = clock_mhz,
        .warmup = "steady",
        .stop = "interval",
        .tick_ms = 1,
        .median_mhz = 1980,
        .slow = 1,
        .looked_at = 2,
        .aside = {.warm_ms = 2.5, .batch_ms = 2.25, .runs = 7, .floors = {.pair_ms = 0.5}}};
    outcome->timed = status == STATUS_PASS;
    json_t *row = results_row("bench", &item, &ENTRIES[0], machine, outcome);
    json_decref(machine);
    free(item.problem);
    return row;
}

Test(results, a_row_says_what_was_measured)
{
    struct outcome outcome = {.error = 2e-7, .tensor_error[9] = 2e-7};
    json_t *row = make_row(STATUS_PASS, &outcome);
    cr_assert(eq(dbl, results_number(row, "schema"), 1));
    cr_assert(eq(str, (char *)results_text(row, "case"), "name/length=5"));
    cr_assert(eq(str, (char *)results_text(row, "source"), (char *)source_hash(ENTRIES[0].full)));
    cr_assert(eq(dbl, results_number(row, "keys.channels"), 64));
    cr_assert(eq(str, (char *)results_text(row, "keys.dtype"), "f32"));
    cr_assert(eq(str, (char *)results_text(row, "check.status"), "PASS"));
    cr_assert(eq(dbl, results_number(row, "check.errors.out"), 2e-7));
    cr_assert(eq(dbl, results_number(row, "time.median_ms"), 3));
    cr_assert(eq(dbl, results_number(row, "time.min_ms"), 2));
    cr_assert(isnan(results_number(row, "time.low_ms")));
    cr_assert(eq(sz, json_array_size(results_get(row, "time.samples_ms")), 3));
    cr_assert(eq(str, (char *)results_text(row, "machine.name"), "a machine"));
    cr_assert(eq(dbl, results_number(row, "time.tick_ms"), 1));
    cr_assert(eq(dbl, results_number(row, "time.clock_mhz"), 1980));
    cr_assert(eq(dbl, results_number(row, "time.slow"), 1));
    cr_assert(eq(dbl, results_number(row, "time.fed"), 0));
    cr_assert(eq(dbl, results_number(row, "time.looked_at"), 2));
    cr_assert(eq(dbl, results_number(row, "time.warm_ms"), 2.5));
    cr_assert(eq(dbl, results_number(row, "time.batch_ms"), 2.25));
    cr_assert(eq(dbl, results_number(row, "time.batch"), 7));
    cr_assert(isnan(results_number(row, "time.graph_ms")), "it was not measured");
    cr_assert(eq(dbl, results_number(row, "time.floor_ms"), 0.5));
    cr_assert(isnan(results_number(row, "time.floor_kernel_ms")));

    /* u, delta, out 64*128; A 64*16; B, C 16*128: 29696 floats in 3 ms. */
    cr_assert(eq(dbl, results_number(row, "bytes"), 4 * 29696));
    cr_assert(ieee_ulp_eq(dbl, results_number(row, "gbs"), 4 * 29696 / 3e-3 * 1e-9, 4));
    cr_assert(ieee_ulp_eq(dbl, results_number(row, "copy_fraction"), 4 * 29696 / 6e-3 * 1e-9, 4));
    json_decref(row);
}

/* The backend too: simt runs only when asked for. */
Test(results, a_row_says_what_repeats_it)
{
    struct outcome outcome = {.error = 2e-7};
    json_t *row = make_row(STATUS_PASS, &outcome);
    char wanted[256];
    snprintf(wanted, sizeof wanted,
             "ssmbench bench suite --case '^name/length=5$' --variant '^%s$' --backend %s",
             ENTRIES[0].full, ENTRIES[0].backend);
    cr_assert(eq(str, (char *)results_text(row, "repeat"), wanted));
    json_decref(row);
}

Test(results, a_failed_row_has_a_reason_and_no_time)
{
    struct outcome outcome = {
        .error = INFINITY, .tensor_error[9] = INFINITY, .detail = "out[0] = nan"};
    json_t *row = make_row(STATUS_NONFINITE, &outcome);
    cr_assert(eq(str, (char *)results_text(row, "check.status"), "NONFINITE"));
    cr_assert(eq(str, (char *)results_text(row, "check.detail"), "out[0] = nan"));
    cr_assert(eq(int, json_typeof(results_get(row, "check.error")), JSON_NULL));
    cr_assert(eq(ptr, results_get(row, "time"), NULL));
    cr_assert(eq(ptr, results_get(row, "gbs"), NULL));
    json_decref(row);
}
