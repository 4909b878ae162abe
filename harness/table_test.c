/* Tables of a few rows written here: what is kept of them, and what is said of their machine. */
#include "results.h"
#include "table.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/redirect.h>
#include <stdio.h>
#include <unistd.h>

static char path[] = "/tmp/ssmbench-table-XXXXXX";
static char *const files[] = {path, NULL};

static json_t *row(const char *op, const char *backend, const char *status, double copy_gbs)
{
    return json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:{}, s:{s:s, s:s, s:f},"
                     " s:{s:s, s:f, s:i, s:s}, s:s}",
                     "schema", SCHEMA, "op", op, "variant", "stepwise", "backend", backend, "suite",
                     "quick", "case", "a|b", "commit", "0123456789ab", "date",
                     "2026-01-02T03:04:05Z", "dirty", 1, "keys", "check", "status", status,
                     "detail", "accepts <b>", "error", 2.5e-7, "machine", "name", "M", "copy_gbs",
                     copy_gbs, "threads", 2, "flags", backend, "repeat", "ssmbench verify quick");
}

static void write_rows(void)
{
    struct message message;
    struct results results;
    const int file = mkstemp(path);
    cr_assert(ge(int, file, 0));
    close(file);
    json_t *const rows[] = {row("selscan", "cpu", "SKIPPED", 30),
                            row("selscan", "simt", "PASS", 32), row("conv1d", "simt", "PASS", 31)};
    cr_assert(results_open(&results, path, &message), "%s", message.text);
    for (int i = 0; i < 3; i++) {
        cr_assert(results_append(&results, rows[i], &message), "%s", message.text);
        json_decref(rows[i]);
    }
    results_close(&results);
    cr_redirect_stdout();
    cr_redirect_stderr();
}

static void remove_rows(void)
{
    unlink(path);
}

static int print_table(const char *kind, const char *op, const char *backends,
                       enum grid_format format)
{
    const int status = table_print(kind, files, op, backends, format);
    fflush(stdout);
    return status;
}

TestSuite(table, .init = write_rows, .fini = remove_rows);

Test(table, rows_say_what_came_out_and_how_to_repeat_it)
{
    cr_assert(eq(int, print_table("rows", "^selscan$", "cpu", GRID_CSV), 0));
    cr_assert_stdout_eq_str(
        "variant,suite,case,outcome,median,its 95 % interval,of its roof,largest error,"
        "commit,date,command\n"
        "selscan/stepwise@cpu†,quick,a|b,SKIPPED: accepts <b>,,,,2.5e-07,"
        "0123456789+,2026-01-02,ssmbench verify quick --backend cpu\n");
}

Test(table, rows_of_an_operation_and_a_backend)
{
    cr_assert(eq(int, print_table("summary", "^selscan$", "cuda,simt", GRID_CSV), 0));
    cr_assert_stdout_eq_str(
        "variant,machine,passed,failed,skipped,largest error,on case,reason to skip\n"
        "selscan/stepwise@simt,M,1,0,0,2.5e-07,a|b,\n");
}

Test(table, a_part_of_a_name_is_another_backend)
{
    cr_assert(eq(int, print_table("summary", NULL, "simtx,sim,pu", GRID_CSV), 3));
    cr_assert_stderr_eq_str("ssmbench: no row in these files is of that operation and backend\n");
}

Test(table, an_operation_that_is_no_expression)
{
    cr_assert(eq(int, print_table("rows", "(", NULL, GRID_CSV), 2));
    cr_assert_stdout_eq_str("");
}

Test(table, a_machine_is_what_its_rows_say)
{
    cr_assert(eq(int, print_table("machine", NULL, NULL, GRID_CSV), 0));
    cr_assert_stdout_eq_str(
        "machine,M\n"
        "threads,2\n"
        "\"copy bandwidth, measured (GB/s)\",30 to 32\n"
        "its flags,\"cpu, simt\"\n"
        "suites,quick\n"
        "commit,0123456789\n"
        "date,2026-01-02\n"
        "rows,\"3, 3 of uncommitted sources, 3 measured before their sources last changed\"\n");
}

Test(table, notes_have_no_markup_of_the_rows)
{
    cr_assert(eq(int, print_table("speedup", "^selscan$", "cpu", GRID_MARKDOWN), 0));
    cr_assert_stdout_eq_str(
        "**selscan on M**, 2 threads (commit 0123456789+, 2026-01-02)\n\n"
        "| case | batch×channels×length | stepwise |\n"
        "|---|---:|---:|\n"
        "| a\\|b |  | SKIPPED |\n\n"
        "- left out: stepwise on a\\|b, accepts \\<b>\n"
        "- Median of samples with a cold cache; in brackets, times faster than stepwise. Largest "
        "error of any variant here: 2.5e-07.\n");
}

/* The same rows with times, of which one lacks most. */
static void add_times(const char *time)
{
    struct message message;
    struct results results;
    json_t *one = row("conv1d", "cuda", "PASS", 31);
    json_object_set_new(one, "time", json_loads(time, 0, NULL));
    cr_assert(results_open(&results, path, &message), "%s", message.text);
    cr_assert(results_append(&results, one, &message), "%s", message.text);
    results_close(&results);
    json_decref(one);
}

Test(table, the_five_times_stand_side_by_side)
{
    add_times("{\"median_ms\": 2.5, \"min_ms\": 2.25, \"warm_ms\": 1.5, \"batch_ms\": 1.25,"
              " \"graph_ms\": 1.125, \"floor_ms\": 0.0005, \"floor_kernel_ms\": 0.002,"
              " \"clock_mhz\": 1980.4, \"count\": 30, \"stop\": \"interval\"}");
    cr_assert(eq(int, print_table("times", NULL, NULL, GRID_CSV), EXIT_WELL));
    cr_assert_stdout_eq_str("case,variant,\"cold, median\",\"cold, least\",warm,in a batch,"
                            "in a graph,clock,\"samples, stop by\"\n"
                            "a|b,stepwise†,2.500 ms,2.250 ms,1.500 ms,1.250 ms,1.125 ms,"
                            "1980 MHz,\"30, interval\"\n");
}

Test(table, a_time_that_was_not_measured_is_an_empty_cell)
{
    add_times("{\"median_ms\": 2500, \"min_ms\": 2250, \"count\": 3, \"stop\": \"limit\"}");
    cr_assert(eq(int, print_table("times", NULL, NULL, GRID_CSV), EXIT_WELL));
    cr_assert_stdout_eq_str("case,variant,\"cold, median\",\"cold, least\",warm,in a batch,"
                            "in a graph,clock,\"samples, stop by\"\n"
                            "a|b,stepwise†,2.50 s,2.25 s,,,,,\"3, limit\"\n");
}

Test(table, without_a_time_there_are_no_five)
{
    cr_assert(eq(int, print_table("times", NULL, NULL, GRID_TEXT), EXIT_NOTHING_MATCHED));
    cr_assert_stderr_eq_str("ssmbench: no row with a time: expected rows that `bench` made\n");
}
