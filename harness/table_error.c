/* How wrong each variant was, case by case: lines are cases, columns variants. */
#include "errors.h"
#include "table_rows.h"

#include <math.h>
#include <string.h>

enum { MAX_VARIANTS = 64 };

static const char *const COLUMN[] = {"machine.name", "op", ROWS_BESIDE, ROWS_COLUMN, NULL};

/* "3.4e-07", or what happened where there is no error. */
static void set_error(struct grid *grid, int column, const json_t *row)
{
    const char *status = row ? results_text(row, "check.status") : "–";
    const bool stale = row && results_stale(row);
    if (row && !strcmp(status, "PASS"))
        grid_set(grid, column, "%.1e%s", results_number(row, "check.error"),
                 stale ? ROWS_STALE_MARK : "");
    else
        grid_set(grid, column, "%s", status);
}

/* The table that row `at` is the first of; returns whether a row of it is stale. */
static bool print_errors(const json_t *rows, size_t at, enum grid_format format)
{
    const json_t *like = json_array_get(rows, at);
    const char *variant[MAX_VARIANTS];
    struct grid grid = {0};
    int variants = 0;
    bool stale = false;
    for (size_t i = at; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        if (!results_same(row, like, ROWS_TABLE))
            continue;
        stale |= results_stale(row);
        if (rows_is_first(rows, i, COLUMN) && variants < MAX_VARIANTS)
            variant[variants++] = results_text(row, ROWS_COLUMN);
    }
    grid_row(&grid, 1 + variants);
    grid_set(&grid, 0, "case");
    for (int i = 0; i < variants; i++)
        grid_set(&grid, 1 + i, "%s", variant[i]);
    for (size_t i = at; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        if (!results_same(row, like, ROWS_TABLE) || !rows_is_first(rows, i, ROWS_LINE))
            continue;
        grid_row(&grid, 0);
        grid_set(&grid, 0, "%s", results_text(row, "case"));
        for (int j = 0; j < variants; j++)
            set_error(&grid, 1 + j, rows_find(rows, row, ROWS_LINE, variant[j]));
    }
    rows_print_heading(like, format);
    grid_print(&grid, format, stdout);
    putchar('\n');
    grid_free(&grid);
    return stale;
}

int table_error(const json_t *rows, enum grid_format format)
{
    bool stale = false;
    for (size_t i = 0; i < json_array_size(rows); i++)
        if (rows_is_first(rows, i, ROWS_TABLE))
            stale |= print_errors(rows, i, format);
    printf("- Largest error of any output, by the largest value of its row; the limit is %.0e.\n",
           ERROR_LIMIT);
    if (stale)
        printf("- %s measured before the variant's sources last changed.\n", ROWS_STALE_MARK);
    return EXIT_WELL;
}
