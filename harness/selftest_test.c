/* `ssmbench selftest-aa` and its table. Runs the binary that the environment variable SSMBENCH
 * names. */
#include "binary_fixture.h"
#include "folder_fixture.h"
#include "results.h"
#include "selftest.h"

static char rows[FOLDER_PATH];

static void make_folder(void)
{
    folder_make();
    folder_path(rows, "rows.jsonl");
}

TestSuite(selftest, .init = make_folder, .fini = folder_remove, .timeout = 300);

#define SMALL "--backend cpu --case '^small-conv$' --variant /simd@ --rounds 2"

Test(selftest, writes_a_row_a_trial)
{
    static const double slower[] = {0, 0.01, 0.05};
    struct message message;
    ssmbench("selftest-aa " SMALL " --trials 2 --out %s", rows);
    cr_assert(eq(int, status, 0), "%s", text);
    assert_says("conv1d/simd@cpu selftest/small-conv: 2 of 2");
    assert_says("tables      2");
    json_t *read = json_array();
    cr_assert(results_read(read, rows, &message), "%s", message.text);
    cr_assert(eq(sz, json_array_size(read), 6));
    for (size_t i = 0; i < 6; i++) {
        const json_t *row = json_array_get(read, i);
        const double wanted = slower[i % 3], obtained = results_number(row, "selftest.obtained");
        cr_assert(eq(str, (char *)results_text(row, "op"), "conv1d"));
        cr_assert(eq(str, (char *)results_text(row, "case"), "small-conv"));
        cr_assert(eq(str, (char *)results_text(row, "selftest.verdict"), "UNRESOLVED"));
        cr_assert(eq(dbl, results_number(row, "selftest.trial"), (double)(i / 3)));
        cr_assert(eq(dbl, results_number(row, "selftest.comparisons"), 1));
        cr_assert(ge(dbl, results_number(row, "selftest.rounds"), 2));
        cr_assert(eq(dbl, results_number(row, "selftest.slower"), wanted));
        cr_assert(wanted > 0 ? obtained > 0 : obtained == 0, "%g for %g", obtained, wanted);
        cr_assert(gt(dbl, results_number(row, "selftest.duration_s"), 0));
        cr_assert(ne(ptr, results_get(row, "machine.slug"), NULL));
        cr_assert(ne(ptr, results_get(row, "commit"), NULL));
    }
    json_decref(read);
    ssmbench("table selftest %s --format csv", rows);
    cr_assert(eq(int, status, 0), "%s", text);
    assert_says(",cpu,0,0.00,tables,2,0,0,0,2,false alarms,0.0,0.0,84.2");
    ssmbench("table rows %s", rows);
    cr_assert(eq(int, status, 3), "trials are in no other table: %s", text);
}

/* The intervals of 10 and 11 of 100 begin at 4.9 % and 5.6 %. */
Test(selftest, chance_is_no_alarm)
{
    cr_assert(not(selftest_alarming(0, 1)));
    cr_assert(not(selftest_alarming(10, 100)));
    cr_assert(selftest_alarming(11, 100));
}

static const struct refusal REFUSALS[] = {
    {"selftest-aa --trials 0", 2, "--trials 0: expected a number from 1 to 10000"},
    {"selftest-aa --backend simt", 2,
     "--backend simt: is for correctness only: expected cpu or cuda"},
    {"selftest-aa nosuch --backend cpu", 2, "no suite 'nosuch'"},
    {"selftest-aa --backend cpu --variant nosuch", 3, "no variant and case match"},
    {"selftest-aa --backend cpu --variant '('", 2, "--variant '(': Unmatched"},
    {"selftest-aa " SMALL " --out /dev/null/rows", 2, "/dev/null/rows: "},
    {"table selftest results/h100/speedup.jsonl", 3, "no row of selftest-aa in these files"},
    {"table selftest", 2, "expected one or more .jsonl files"},
};

Test(selftest, says_what_is_not_right)
{
    assert_refusals("", REFUSALS, sizeof REFUSALS / sizeof *REFUSALS);
}

/* Appends the row of a trial. */
static void write_row(const char *run, const char *variant, int trial, double slower,
                      const char *verdict, double a_ms)
{
    FILE *file = fopen(rows, "a");
    fprintf(
        file,
        "{\"schema\":1,\"op\":\"selscan\",\"variant\":\"%s\",\"backend\":\"cuda\",\"suite\":"
        "\"s\",\"case\":\"c\",\"commit\":\"0123456789abcdef\",\"date\":\"2026-01-02T03:04:05Z\","
        "\"machine\":{\"name\":\"m\"},\"selftest\":{\"run\":\"%s\",\"trial\":%d,"
        "\"comparisons\":2,\"rounds\":52,\"slower\":%g,\"obtained\":%g,\"verdict\":\"%s\","
        "\"a_ms\":%g}}\n",
        variant, run, trial, slower, slower * 1.1, verdict, a_ms);
    fclose(file);
}

#define WHEN ",0123456789abcdef,2026-01-02T03:04:05Z\n"

/* Two kernels, one of them short, in three tables, of which the last one lacks a row. */
Test(selftest, the_table_counts_tables_and_rows)
{
    write_row("before", "slow", 0, 0, "SLOWER", 1);
    write_row("now", "slow", 0, 0, "SAME", 1);
    write_row("now", "short", 0, 0, "UNRESOLVED", 0.01);
    write_row("now", "slow", 1, 0, "FASTER", 1);
    write_row("now", "short", 1, 0, "SLOWER", 0.01);
    write_row("now", "slow", 2, 0, "SLOWER", 1);
    write_row("now", "slow", 0, 0.01, "SLOWER", 1);
    write_row("now", "slow", 1, 0.01, "UNRESOLVED", 1);
    write_row("now", "short", 0, 0.05, "SLOWER", 0.01);
    ssmbench("table selftest %s --format csv", rows);
    cr_assert(eq(int, status, 0), "%s", text);
    assert_says("m,cuda,0,0.00,tables,2,1,1,1,1,false alarms,50.0,1.3,98.7" WHEN
                "m,cuda,0,0.00,kernels under 20 µs,2,0,0,1,1,false alarms,50.0,1.3,98.7" WHEN
                "m,cuda,0,0.00,kernels over 20 µs,3,1,1,1,0,false alarms,66.7,9.4,99.2" WHEN
                "m,cuda,1,1.10,kernels over 20 µs,2,0,0,1,1,found,50.0,1.3,98.7" WHEN
                "m,cuda,5,5.50,kernels under 20 µs,1,0,0,1,0,found,100.0,2.5,100.0" WHEN);
    ssmbench("table selftest %s --format md", rows);
    assert_says(
        "commit 0123456789, 2026-01-02, 52 to 52 rounds; a table is of selscan/slow on c (1 ms), "
        "selscan/short on c (0.01 ms)");
    ssmbench("table stale %s", rows);
    cr_assert(eq(str, text, ""), "trials do not turn stale: %s", text);
}
