/* Each row, and how to measure it again. */
#include "roofs.h"
#include "table_rows.h"

#include <math.h>

enum { VARIANT, SUITE, CASE, OUTCOME, MEDIAN, INTERVAL, ROOF, ERROR, COMMIT, DATE, COMMAND };
enum { COLUMNS = COMMAND + 1 };

static const char *const HEADING[] = {
    "variant",     "suite",         "case",   "outcome", "median",  "its 95 % interval",
    "of its roof", "largest error", "commit", "date",    "command",
};

/* Rows of variants from before there was the option lack the backend, without which simt is not
 * asked for. */
static void set_command(struct grid *grid, const json_t *row)
{
    const char *repeat = results_text(row, "repeat");
    if (rows_is_peer(row) || !repeat[0] || strstr(repeat, " --backend "))
        grid_set(grid, COMMAND, "%s", repeat);
    else
        grid_set(grid, COMMAND, "%s --backend %s", repeat, results_text(row, "backend"));
}

static void set_measured(struct grid *grid, const json_t *row)
{
    const double median = results_number(row, "time.median_ms");
    const double low = results_number(row, "time.low_ms");
    const double high = results_number(row, "time.high_ms");
    const double error = results_number(row, "check.error");
    const char *detail = results_text(row, "check.detail");
    char text[64];
    grid_set(grid, OUTCOME, "%s%s%s", results_text(row, "check.status"), detail[0] ? ": " : "",
             detail);
    if (!isnan(median)) {
        print_ms(median, text, sizeof text);
        grid_set(grid, MEDIAN, "%s", text);
    }
    if (!isnan(low + high))
        grid_set(grid, INTERVAL, "%.4g to %.4g ms", low, high);
    text[0] = '\0';
    roofs_append(row, text, sizeof text);
    grid_set(grid, ROOF, "%s", text);
    if (!isnan(error))
        grid_set(grid, ERROR, "%.1e", error);
}

void table_each(const json_t *rows, enum grid_format format)
{
    bool stale = false;
    struct grid grid = {.left = true, .code = COMMAND};
    grid_row(&grid, COLUMNS);
    for (int i = 0; i < COLUMNS; i++)
        grid_set(&grid, i, "%s", HEADING[i]);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        const bool old = results_stale(row);
        stale |= old;
        grid_row(&grid, COLUMNS);
        grid_set(&grid, VARIANT, "%s/%s@%s%s", results_text(row, "op"),
                 results_text(row, "variant"), results_text(row, "backend"),
                 old ? ROWS_STALE_MARK : "");
        grid_set(&grid, SUITE, "%s", results_text(row, "suite"));
        grid_set(&grid, CASE, "%s", results_text(row, "case"));
        set_measured(&grid, row);
        grid_set(&grid, COMMIT, "%.10s%s", results_text(row, "commit"),
                 json_is_true(results_get(row, "dirty")) ? "+" : "");
        grid_set(&grid, DATE, "%.10s", results_text(row, "date"));
        set_command(&grid, row);
    }
    grid_print(&grid, format, stdout);
    if (stale && format != GRID_CSV)
        printf("\n%s measured before the variant's sources last changed.\n", ROWS_STALE_MARK);
    grid_free(&grid);
}
