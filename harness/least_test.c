/* What no run can be faster than: the bound itself, that committed times keep it, and what becomes
 * of a row whose time does not, on a backend that lies about time. */
#include "../reference/selscan.h"
#include "binary_fixture.h"
#include "folder_fixture.h"
#include "least.h"
#include "perform.h"

#include <glob.h>

/* u, delta, out of 64 x 128; A of 64 x 16; B, C of 16 x 128, in f32. */
enum { OUTPUT = 4 * 64 * 128, INPUTS = 4 * (2 * 64 * 128 + 64 * 16 + 2 * 16 * 128) };

static struct test_case new_case(void)
{
    const struct operation *op = operation_find("selscan");
    return (struct test_case){"suite", "small", "to be timed", op, problem_new(op)};
}

static void assert_least(const struct roofs *roofs, double cache_bytes, double ms, const char *why)
{
    const struct test_case item = new_case();
    const struct least least = least_of(&item, roofs, cache_bytes);
    cr_assert(ieee_ulp_eq(dbl, least.time_ms, ms, 4));
    cr_assert(ne(ptr, strstr(least.why, why), NULL), "expected '%s', got: %s", why, least.why);
    free(item.problem);
}

Test(least, inputs_at_the_peak_of_memory)
{
    const struct roofs roofs = {.dram_peak_gbs = 2, .copy_gbs = 1e-3, .fma_peak_gflops = 1e9};
    assert_least(&roofs, OUTPUT, INPUTS / 2e6, "bytes of memory at 2 GB/s, the data sheet's peak");
    assert_least(&roofs, 1e9, INPUTS / 2e6, "8.602e+04 bytes");
}

Test(least, outputs_count_beyond_the_cache)
{
    const struct roofs roofs = {.dram_peak_gbs = 2};
    assert_least(&roofs, 0, (INPUTS + OUTPUT) / 2e6, "1.188e+05 bytes");
    assert_least(&roofs, OUTPUT / 2, (INPUTS + OUTPUT / 2) / 2e6, "bytes of memory");
}

Test(least, flops_at_the_peak_of_the_multiply_add)
{
    const struct test_case item = new_case();
    const double flops = item.op->cost(item.problem).flops;
    free(item.problem);
    const struct roofs roofs = {.dram_peak_gbs = 1e9, .fma_gflops = 1e-3, .fma_peak_gflops = 5};
    assert_least(&roofs, 0, flops / 5e6, "flops at 5 Gflop/s, the data sheet's peak");
    const struct roofs measured = {.copy_gbs = 1e9, .fma_gflops = 5};
    assert_least(&measured, 0, flops / 20e6, "at 20 Gflop/s, four times what was measured");
}

Test(least, without_a_data_sheet_four_times_the_faster_of_copy_and_cache)
{
    const char *const why = "at 8 GB/s, four times what was measured";
    assert_least(&(struct roofs){.copy_gbs = 2, .cache_gbs = 1}, 1e9, INPUTS / 8e6, why);
    assert_least(&(struct roofs){.copy_gbs = 1, .cache_gbs = 2}, 1e9, INPUTS / 8e6, why);
    assert_least(&(struct roofs){.ex2_gops = 1, .shared_gbs = 1}, 0, 0, "");
}

/* What an operation made of several passes on within itself may stay in a cache. */
Test(least, never_more_than_the_compulsory_bytes_or_the_tensors)
{
    const struct roofs roofs = {.dram_peak_gbs = 1};
    for (int i = 0; OPERATIONS[i]; i++) {
        const struct operation *op = OPERATIONS[i];
        struct tensor tensor[MAX_TENSORS];
        double bytes = 0;
        const struct test_case item = {"suite", "initial", "", op, problem_new(op)};
        op->tensors(item.problem, tensor);
        for (int j = 0; j < op->tensor_count; j++)
            bytes += tensor_bytes_real(&tensor[j]);
        const double least_ms = least_of(&item, &roofs, 0).time_ms;
        cr_assert(ge(dbl, least_ms, 0), "%s", op->name);
        cr_assert(le(dbl, least_ms, bytes * 1e-6), "%s", op->name);
        cr_assert(le(dbl, least_ms, fmax(op->cost(item.problem).bytes, bytes) * 1e-6));
        free(item.problem);
    }
}

/* The case of a row, from its keys; its problem is the caller's. */
static struct test_case case_of(const json_t *row)
{
    const struct operation *op = operation_find(results_text(row, "op"));
    struct test_case item = {"suite", "committed", "", op, problem_new(op)};
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(row, "keys"), name, value)
    {
        struct message message;
        char *dumped = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
        const char *word = json_is_string(value) ? json_string_value(value) : dumped;
        if (*word && key_find(op, name))
            cr_assert(key_parse(key_find(op, name), word, item.problem, &message), "%s",
                      message.text);
        free(dumped);
    }
    return item;
}

/* The data sheet of the card that the rows come from: 5120 bits at 2619 MHz, twice; 132
 * multiprocessors at 1980 MHz, 128 multiply-adds each. */
Test(least, no_committed_time_is_under_it)
{
    const struct roofs roofs = {.dram_peak_gbs = 3352.3, .fma_peak_gflops = 66908};
    json_t *rows = json_array();
    glob_t found;
    int times = 0;
    cr_assert(zero(int, glob("results/h100/*.jsonl", 0, NULL, &found)));
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct message message;
        cr_assert(results_read(rows, found.gl_pathv[i], &message), "%s", message.text);
    }
    globfree(&found);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        if (!results_get(row, "time") || strcmp(results_text(row, "backend"), "cuda"))
            continue;
        const struct test_case item = case_of(row);
        const struct least least =
            least_of(&item, &roofs, 1e6 * results_number(row, "machine.cache_mb"));
        cr_assert(gt(dbl, results_number(row, "time.min_ms"), least.time_ms), "%s",
                  results_text(row, "repeat"));
        times++;
        free(item.problem);
    }
    json_decref(rows);
    cr_assert(gt(int, times, 50));
}

static void assert_judged(enum status before, double min_ms, enum status after)
{
    const struct least least = {0.5, "12 bytes of memory"};
    struct outcome outcome = {.status = before, .timed = before == STATUS_PASS};
    outcome.timing.summary.min = min_ms;
    least_judge(&least, &outcome);
    cr_assert(eq(int, outcome.status, after));
    cr_assert(eq(int, outcome.timed, after == STATUS_PASS));
    if (after == STATUS_IMPOSSIBLE)
        cr_assert(eq(str, (char *)outcome.detail,
                     "a sample of 0.4999 ms, expected no less than 0.5 ms: 12 bytes of memory"));
}

Test(least, a_shorter_sample_is_impossible)
{
    assert_judged(STATUS_PASS, 0.5, STATUS_PASS);
    assert_judged(STATUS_PASS, 0.4999, STATUS_IMPOSSIBLE);
    assert_judged(STATUS_WRONG, 0.4999, STATUS_WRONG);
}

static double claimed_ms;

static int lies_about_time(const struct launch *launch, bool cold, double *time_ms)
{
    const int error = backend_cpu.run(launch, cold, time_ms);
    if (claimed_ms > 0)
        *time_ms = claimed_ms;
    return error;
}

static struct report told;

static void take_report(void *context, int row, const void *report)
{
    (void)context, (void)row;
    memcpy(&told, report, sizeof told);
}

static double no_limit(void *context, int row)
{
    (void)context, (void)row;
    return 1e9;
}

/* Benches one row whose runs say that they took claimed_ms, and writes it to `path`. */
static void bench(const char *path)
{
    static const volatile sig_atomic_t interrupted;
    const struct campaign_options options = {.bench = true};
    const struct test_case item = new_case();
    struct backend liar = backend_cpu;
    struct message message;
    liar.run = lies_about_time;
    const struct entry *entry = ENTRIES;
    while (strcmp(entry->full, "selscan/sequential@cpu"))
        entry++;
    struct pace pace[256] = {{0}};
    struct row row = {&item, entry, &liar};
    struct campaign c = {.options = &options,
                         .filter.backend = {&liar},
                         .pace = pace,
                         .row = &row,
                         .rows_all = 1,
                         .row_limit_s = 0.5};
    c.machine[0] = json_pack("{s:s, s:f, s:f}", "name", "M", "dram_peak_gbs", 2.0, "copy_gbs", 1.0);
    const struct supervision supervision = {.work = perform_rows,
                                            .begin = no_limit,
                                            .done = take_report,
                                            .context = &c,
                                            .rows = 1,
                                            .in_process = true,
                                            .interrupted = &interrupted};
    cr_assert(results_open(&c.results, path, &message), "%s", message.text);
    cr_assert(supervise(&supervision));
    results_close(&c.results);
    json_decref(c.machine[0]);
    free(item.problem);
}

static char rows_path[FOLDER_PATH], xml_path[FOLDER_PATH];

static void make_folder(void)
{
    folder_make();
    folder_path(rows_path, "rows.jsonl");
    folder_path(xml_path, "out.xml");
}

TestSuite(least_row, .init = make_folder, .fini = folder_remove, .timeout = 60);

Test(least_row, an_impossible_time_is_a_failure_and_is_not_shown)
{
    struct message message;
    json_t *rows = json_array();
    claimed_ms = INPUTS / 2e6 * 0.99;
    bench(rows_path);
    cr_assert(eq(int, told.status, STATUS_IMPOSSIBLE));
    cr_assert(eq(ptr, strstr(told.line, "IMPOSSIBLE "), told.line), "%s", told.line);
    cr_assert(eq(ptr, strstr(told.line, " n="), NULL), "%s", told.line);
    cr_assert(results_read(rows, rows_path, &message), "%s", message.text);
    const json_t *row = json_array_get(rows, 0);
    cr_assert(eq(str, (char *)results_text(row, "check.status"), "IMPOSSIBLE"));
    cr_assert(eq(str, (char *)results_text(row, "check.detail"),
                 "a sample of 0.04258 ms, expected no less than 0.04301 ms: 8.602e+04 bytes of "
                 "memory at 2 GB/s, the data sheet's peak"));
    cr_assert(ge(dbl, results_number(row, "check.error"), 0));
    cr_assert(eq(ptr, results_get(row, "time"), NULL));
    cr_assert(eq(ptr, results_get(row, "gbs"), NULL));
    cr_assert(eq(ptr, results_get(row, "roof"), NULL));
    json_decref(rows);

    ssmbench("table roof --format csv %s", rows_path);
    assert_says(",IMPOSSIBLE,");
    ssmbench("table rows --format csv %s", rows_path);
    assert_says("IMPOSSIBLE: a sample of 0.04258 ms");
    ssmbench("table speedup --format md %s", rows_path);
    assert_says("| IMPOSSIBLE |");

    struct junit junit;
    junit_open(&junit, xml_path);
    junit_add(&junit, "selscan/sequential@cpu", "suite", "small", told.status,
              told.line + told.detail, told.run_s);
    cr_assert(junit_write(&junit, &message), "%s", message.text);
    junit_close(&junit);
    FILE *file = fopen(xml_path, "r");
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    assert_says("tests=\"1\" failures=\"1\" errors=\"0\" skipped=\"0\"");
    assert_says("<failure type=\"IMPOSSIBLE\" message=\"a sample of 0.04258 ms");
}

Test(least_row, a_possible_time_stands_beside_its_roof)
{
    struct message message;
    json_t *rows = json_array();
    claimed_ms = (INPUTS + OUTPUT) / 1e6 * 2;
    bench(rows_path);
    cr_assert(eq(int, told.status, STATUS_PASS), "%s", told.line);
    cr_assert(ne(ptr, strstr(told.line, "  50 % of copy"), NULL), "%s", told.line);
    cr_assert(results_read(rows, rows_path, &message), "%s", message.text);
    const json_t *row = json_array_get(rows, 0);
    cr_assert(eq(str, (char *)results_text(row, "roof.name"), "copy"));
    cr_assert(epsilon_eq(dbl, results_number(row, "roof.fraction"), 0.5, 1e-6));
    json_decref(rows);

    ssmbench("table roof --format md %s", rows_path);
    assert_says(" ms (50 % of copy) |");
    ssmbench("table rows --format csv %s", rows_path);
    assert_says(",50 % of copy,");
}
