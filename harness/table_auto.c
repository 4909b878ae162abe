/* How much slower than the best of the others the variant is that chooses among them. */
#include "choices.h"
#include "table_rows.h"

#include <math.h>

enum { MACHINE, OPERATION, SUITE, CASES, MEAN, MOST, WHERE, COLUMNS };

static const char *const HEADING[] = {"machine",          "operation",     "suite",  "cases",
                                      "auto, on average", "auto, at most", "on case"};

/* The rows that a line of the table is of. */
static const char *const LINE[] = {"machine.name", "op", ROWS_BESIDE, "suite", NULL};

/* The time of a row of auto as a multiple of the least of the others; NaN without any. */
static double slower(const json_t *rows, const json_t *row)
{
    double least_ms = NAN;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *other = json_array_get(rows, i);
        if (rows_is_timed(other) && !rows_is_auto(other) && results_same(other, row, ROWS_LINE))
            least_ms = fmin(least_ms, results_number(other, "time.median_ms"));
    }
    return results_number(row, "time.median_ms") / least_ms;
}

/* Adds the line of a row, if any of its cases has another time; returns whether it is stale. */
static bool add_line(struct grid *grid, const json_t *rows, const json_t *like)
{
    double sum = 0, most = 0;
    int cases = 0;
    const char *where = "";
    bool stale = false;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        if (!rows_is_auto(row) || !rows_is_timed(row) || !results_same(row, like, LINE))
            continue;
        const double ratio = slower(rows, row);
        if (isnan(ratio))
            continue;
        cases++;
        sum += ratio;
        where = ratio > most ? results_text(row, "case") : where;
        most = fmax(most, ratio);
        stale |= results_stale(row);
    }
    if (!cases)
        return false;
    grid_row(grid, COLUMNS);
    grid_set(grid, MACHINE, "%s", results_text(like, "machine.name"));
    grid_set(grid, OPERATION, "%s%s", results_text(like, "op"), stale ? ROWS_STALE_MARK : "");
    grid_set(grid, SUITE, "%s", results_text(like, "suite"));
    grid_set(grid, CASES, "%d", cases);
    grid_set(grid, MEAN, "%.3f×", sum / cases);
    grid_set(grid, MOST, "%.3f×", most);
    grid_set(grid, WHERE, "%s", where);
    return stale;
}

/* True for the first timed row of auto of its line. */
static bool is_first(const json_t *rows, size_t at)
{
    const json_t *row = json_array_get(rows, at);
    bool first = rows_is_auto(row) && rows_is_timed(row);
    for (size_t i = 0; i < at && first; i++) {
        const json_t *other = json_array_get(rows, i);
        first = !rows_is_auto(other) || !rows_is_timed(other) || !results_same(other, row, LINE);
    }
    return first;
}

void table_auto(const json_t *rows, enum grid_format format)
{
    struct grid grid = {0};
    bool stale = false;
    grid_row(&grid, COLUMNS);
    for (int column = 0; column < COLUMNS; column++)
        grid_set(&grid, column, "%s", HEADING[column]);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        if (is_first(rows, i))
            stale |= add_line(&grid, rows, row);
    }
    if (grid.rows > 1) {
        grid_print(&grid, format, stdout);
        printf(
            "\n- Cold median of auto as a multiple of the least of any other variant; it promises "
            "%.2f× at most.\n",
            CHOICES_LIMIT);
        if (stale)
            printf("- %s measured before the variant's sources last changed.\n", ROWS_STALE_MARK);
    } else {
        puts("There are no rows of auto yet.");
    }
    grid_free(&grid);
}
