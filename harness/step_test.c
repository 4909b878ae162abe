/* An operation with parts, from outside: its rows, its table, and what a batch that does not fit is
 * told. Runs the binary that the environment variable SSMBENCH names. */
#include "binary_fixture.h"
#include "parts.h"
#include "results.h"

#include <unistd.h>

static char folder[] = "/tmp/ssmbench-step-XXXXXX", suite[64], rows[64];

static void make_folder(void)
{
    cr_assert(ne(ptr, mkdtemp(folder), NULL));
    snprintf(suite, sizeof suite, "%s/s.ini", folder);
    snprintf(rows, sizeof rows, "%s/r.jsonl", folder);
}

static void remove_folder(void)
{
    unlink(suite);
    unlink(rows);
    rmdir(folder);
}

TestSuite(step_rows, .init = make_folder, .fini = remove_folder, .timeout = 120);

static void write_suite(const char *keys)
{
    FILE *file = fopen(suite, "w");
    fprintf(file,
            "[s]\nop = step\nframes = 5\nbands = 3\nchannels = 4\nstate = 2\nlayers = 1\n"
            "samples = 200\nwindow = 32\nresolutions = 1\nthreads = 1\nwhy = test\n%s\n",
            keys);
    fclose(file);
}

static int bench(const char *variant)
{
    ssmbench("bench %s --backend cpu --variant '%s' --out %s", suite, variant, rows);
    return status;
}

static int table(void)
{
    ssmbench("table step %s", rows);
    return status;
}

Test(step_rows, tell_the_parts_and_the_table_shows_them)
{
    struct message message;
    json_t *read = json_array();
    write_suite("batch = 2");
    cr_assert(eq(int, bench("step/.*"), 0), "%s", text);
    cr_assert(results_read(read, rows, &message), "%s", message.text);
    cr_assert(eq(sz, json_array_size(read), 2));
    for (size_t i = 0; i < 2; i++) {
        const json_t *row = json_array_get(read, i);
        double sum_ms = 0;
        static const char *const parts[] = {"parts.scan.ms", "parts.conv.ms", "parts.loss.ms"};
        for (int part = 0; part < 3; part++) {
            cr_assert(gt(dbl, results_number(row, parts[part]), 0));
            sum_ms += results_number(row, parts[part]);
        }
        cr_assert(gt(dbl, results_number(row, "parts.data.ms"), 0));
        cr_assert(le(dbl, sum_ms, 1.5 * results_number(row, "parts.whole_ms")));
        cr_assert(gt(dbl, results_number(row, "parts.scan.error"), 0));
        cr_assert(le(dbl, results_number(row, "parts.scan.error"), 1e-5));
        cr_assert(gt(dbl, results_number(row, "memory_bytes"), 1000));
    }
    json_decref(read);
    cr_assert(eq(int, table(), 0));
    static const char *const lines[] = {
        "selective scan",        "causal conv1d", "STFT loss",
        "data processing",       "sum of these",  "total, run as one",
        "an epoch of 430 steps", "100 epochs",    "memory at its peak"};
    for (int i = 0; i < 9; i++)
        assert_says(lines[i]);
}

Test(step_rows, the_table_says_what_was_not_measured)
{
    write_suite("batch = 1");
    cr_assert(eq(int, bench("step/after"), 0));
    cr_assert(eq(int, table(), 0));
    assert_says("before: not measured");
}

Test(step_rows, another_operations_rows_make_no_table)
{
    write_suite("batch = 1");
    ssmbench("bench speedup --case guide-1s --variant simd --backend cpu --out %s", rows);
    cr_assert(eq(int, status, 0), "%s", text);
    cr_assert(eq(int, table(), 3));
    assert_says("no row of the operation step");
}

Test(step_rows, a_batch_that_does_not_fit_is_told_which_does)
{
    write_suite("batch = 4096\nframes = 4096\nbands = 4096\nchannels = 64");
    char *again = text;
    cr_assert(eq(int, bench("step/after"), 2), "a key may not stand twice");
    FILE *file = fopen(suite, "w");
    fprintf(file, "[s]\nop = step\nbatch = 4096\nframes = 512\nbands = 512\nchannels = 64\n"
                  "state = 8\nlayers = 1\nsamples = 200\nwindow = 32\nresolutions = 1\n"
                  "threads = 1\nwhy = test\n");
    fclose(file);
    cr_assert(eq(int, bench("step/after"), 4), "%s", text);
    again = strstr(text, "; batch = ");
    cr_assert(ne(ptr, again, NULL), "%s", text);
    const long batch = strtol(again + strlen("; batch = "), &again, 10);
    cr_assert(eq(int, strncmp(again, " fits", 5), 0));
    cr_assert(batch > 0 && batch < 4096, "%ld", batch);
}

/* A run that tells its parts what the test says. */
struct told {
    double *part_ms;
};
static int told_runs;

static int tell(const struct launch *launch, bool cold, double *time_ms)
{
    const struct told *problem = launch->problem;
    static const double scan[] = {5, 1, 3};
    cr_assert(cold);
    problem->part_ms[0] = scan[told_runs];
    problem->part_ms[1] = 10;
    *time_ms = 100 + told_runs;
    return told_runs++ == 3 ? 9 : 0;
}

Test(parts, medians_of_what_runs_tell)
{
    static const char *const names[] = {"a", "b", NULL};
    const struct operation op = {.problem_size = sizeof(struct told),
                                 .parts = names,
                                 .part_ms = offsetof(struct told, part_ms)};
    const struct backend backend = {.run = tell};
    const struct told problem = {NULL};
    const struct launch launch = {.problem = &problem};
    double part_ms[MAX_PARTS], whole_ms = 0;
    cr_assert(eq(int, parts_count(&op), 2));
    cr_assert(eq(int, parts_measure(&backend, &op, &launch, 3, part_ms, &whole_ms), 0));
    cr_assert(eq(dbl, part_ms[0], 3));
    cr_assert(eq(dbl, part_ms[1], 10));
    cr_assert(eq(dbl, whole_ms, 101));
    cr_assert(eq(ptr, (void *)problem.part_ms, NULL), "the caller's problem is left alone");
    cr_assert(eq(int, parts_measure(&backend, &op, &launch, 1, part_ms, &whole_ms), 9));
}
