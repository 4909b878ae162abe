/* What `ssmbench bench` says its seconds went into. Runs the binary that the environment variable
 * SSMBENCH names. */
#include "binary_fixture.h"
#include "folder_fixture.h"
#include "results.h"

#include <math.h>

static char rows_path[FOLDER_PATH];

static void make_folder(void)
{
    folder_make();
    folder_path(rows_path, "rows.jsonl");
}

TestSuite(seconds, .init = make_folder, .fini = folder_remove, .timeout = 120);

/* What timing and checks took is what the rows say; the rest is what the harness costs. */
Test(seconds, are_those_of_the_rows_and_a_rest)
{
    double all, timing, checks, rest, percent, row_s = 0, row_timing_s = 0;
    struct message message;
    ssmbench("bench quick --backend cpu --case '^guide$' --variant 'selscan/(simd|chunked)@' "
             "--budget 3 --out %s",
             rows_path);
    cr_assert(eq(int, status, 0), "%s", text);
    assert_says("\nof ");
    const int read = sscanf(strstr(text, "\nof "),
                            " of %lf s in all %lf went into timing, %lf into checks, %lf (%lf",
                            &all, &timing, &checks, &rest, &percent);
    cr_assert(eq(int, read, 5), "%s", text);
    json_t *rows = json_array();
    cr_assert(results_read(rows, rows_path, &message), "%s", message.text);
    cr_assert(eq(sz, json_array_size(rows), 2));
    for (size_t i = 0; i < json_array_size(rows); i++) {
        row_s += results_number(json_array_get(rows, i), "spent_s");
        row_timing_s += results_number(json_array_get(rows, i), "time.spent_s");
    }
    json_decref(rows);
    cr_assert(gt(dbl, row_timing_s, 0.4));
    cr_assert(lt(dbl, fabs(timing - row_timing_s), 0.06));
    cr_assert(lt(dbl, fabs(checks - (row_s - row_timing_s)), 0.06));
    cr_assert(lt(dbl, fabs(rest - (all - row_s)), 0.11));
    cr_assert(lt(dbl, fabs(percent - 100 * rest / all), 5));
}
