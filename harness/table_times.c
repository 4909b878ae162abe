/* The five times of each row, side by side. */
#include "table_rows.h"

#include <math.h>

enum { CASE, VARIANT, COLD, LEAST, WARM, BATCH, GRAPH, CLOCK, SAMPLES, COLUMNS };

static const char *const HEADING[] = {
    "case",       "variant",    "cold, median", "cold, least",      "warm",
    "in a batch", "in a graph", "clock",        "samples, stop by",
};

static const struct {
    int column;
    const char *path;
} TIMES[] = {
    {COLD, "time.median_ms"}, {LEAST, "time.min_ms"},   {WARM, "time.warm_ms"},
    {BATCH, "time.batch_ms"}, {GRAPH, "time.graph_ms"},
};

static void add_row(struct grid *grid, const json_t *row)
{
    char text[64];
    const double mhz = results_number(row, "time.clock_mhz");
    grid_row(grid, COLUMNS);
    grid_set(grid, CASE, "%s", results_text(row, "case"));
    grid_set(grid, VARIANT, "%s%s", results_text(row, ROWS_COLUMN),
             results_stale(row) ? ROWS_STALE_MARK : "");
    for (size_t i = 0; i < sizeof TIMES / sizeof *TIMES; i++) {
        const double time_ms = results_number(row, TIMES[i].path);
        if (isnan(time_ms))
            continue;
        print_ms(time_ms, text, sizeof text);
        grid_set(grid, TIMES[i].column, "%s", text);
    }
    if (!isnan(mhz))
        grid_set(grid, CLOCK, "%.0f MHz", mhz);
    grid_set(grid, SAMPLES, "%.0f, %s", results_number(row, "time.count"),
             results_text(row, "time.stop"));
}

/* What the clock says of nothing, in the first row that knows it. */
static void print_floors(const json_t *rows, const json_t *like, enum grid_format format)
{
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        const double pair_ms = results_number(row, "time.floor_ms");
        const double kernel_ms = results_number(row, "time.floor_kernel_ms");
        if (!results_same(row, like, ROWS_TABLE) || isnan(pair_ms))
            continue;
        fputs(format == GRID_MARKDOWN ? "\n- " : "\n", stdout);
        if (isnan(kernel_ms))
            rows_print_line(format, "Floor: %.5f ms for nothing at all.", pair_ms);
        else
            rows_print_line(format,
                            "Floors: %.4f ms for nothing at all, %.4f ms for an empty "
                            "kernel.",
                            pair_ms, kernel_ms);
        return;
    }
}

int table_times(const json_t *rows, enum grid_format format)
{
    int tables = 0;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *like = json_array_get(rows, i);
        struct grid grid = {0};
        if (!rows_is_first(rows, i, ROWS_TABLE))
            continue;
        grid_row(&grid, COLUMNS);
        for (int column = 0; column < COLUMNS; column++)
            grid_set(&grid, column, "%s", HEADING[column]);
        for (size_t j = i; j < json_array_size(rows); j++) {
            const json_t *row = json_array_get(rows, j);
            if (results_same(row, like, ROWS_TABLE) &&
                !isnan(results_number(row, "time.median_ms")))
                add_row(&grid, row);
        }
        if (grid.rows > 1) {
            if (tables++)
                putchar('\n');
            if (format != GRID_CSV)
                rows_print_heading(like, format);
            grid_print(&grid, format, stdout);
            if (format != GRID_CSV)
                print_floors(rows, like, format);
        }
        grid_free(&grid);
    }
    return tables ? EXIT_WELL
                  : complain(EXIT_NOTHING_MATCHED,
                             "no row with a time: expected rows that `bench` made");
}
