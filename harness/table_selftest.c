/* How often compare was right, as rates with exact intervals. */
#include "paired.h"
#include "selftest.h"
#include "stats.h"
#include "table_rows.h"

#include <math.h>
#include <stdlib.h>

/* Kernels under this time are told apart: the grain of a clock is much of 1 % of theirs. */
static const double SHORT_MS = 0.02;

enum of { OF_TABLES, OF_SHORT, OF_LONG, OF_COUNT };
static const char *const OF_NAMES[OF_COUNT] = {"tables", "kernels under 20 µs",
                                               "kernels over 20 µs"};

static const char *const OF_RUN[] = {"machine.name", "backend", "selftest.run", NULL};
static const char *const OF_MACHINE[] = {"machine.name", "backend", NULL};

/* What was found of one slow-down. */
struct found {
    int count, verdict[VERDICT_COUNT], wrong; /* trials, or tables; wrong: FASTER or SLOWER */
    double obtained;                          /* the sum of the slow-downs obtained */
};

static enum verdict verdict_of(const json_t *row)
{
    int verdict = 0;
    while (verdict < VERDICT_UNRESOLVED &&
           strcmp(results_text(row, "selftest.verdict"), VERDICT_NAMES[verdict]))
        verdict++;
    return (enum verdict)verdict;
}

/* The rows of the last run on the machine and backend of `like`. */
static json_t *last_run(const json_t *rows, const json_t *like)
{
    json_t *run = json_array();
    for (size_t i = json_array_size(rows); i-- > 0;) {
        json_t *row = json_array_get(rows, i);
        if (!results_same(row, like, OF_MACHINE))
            continue;
        if (!json_array_size(run) || results_same(row, json_array_get(run, 0), OF_RUN))
            json_array_append(run, row);
    }
    return run;
}

/* Whether one of the runs is of that machine and backend. */
static bool has_run(const json_t *runs, const json_t *row)
{
    bool has = false;
    for (size_t i = 0; i < json_array_size(runs); i++)
        has |= results_same(json_array_get(json_array_get(runs, i), 0), row, OF_MACHINE);
    return has;
}

static void count_rows(const json_t *run, double slower, enum of of, struct found *found)
{
    size_t i;
    const json_t *row;
    json_array_foreach(run, i, row)
    {
        const bool is_long = results_number(row, "selftest.a_ms") >= SHORT_MS;
        if (results_number(row, "selftest.slower") != slower || is_long != (of == OF_LONG))
            continue;
        found->count++;
        found->verdict[verdict_of(row)]++;
        found->obtained += results_number(row, "selftest.obtained");
    }
    found->wrong = found->verdict[VERDICT_FASTER] + found->verdict[VERDICT_SLOWER];
}

/* Tables of equal things: the trials of one number, where all of them were made. */
static void count_tables(const json_t *run, struct found *found)
{
    const double comparisons = results_number(json_array_get(run, 0), "selftest.comparisons");
    int *const rows = must_allocate(2 * SELFTEST_TRIALS_MAX, sizeof *rows);
    int *const seen = rows + SELFTEST_TRIALS_MAX;
    size_t i;
    const json_t *row;
    json_array_foreach(run, i, row)
    {
        const double trial = results_number(row, "selftest.trial");
        if (!(trial >= 0 && trial < SELFTEST_TRIALS_MAX) ||
            results_number(row, "selftest.slower") != 0)
            continue;
        rows[(int)trial]++;
        seen[(int)trial] |= 1 << verdict_of(row);
    }
    for (i = 0; i < SELFTEST_TRIALS_MAX; i++) {
        if (rows[i] == 0 || rows[i] != comparisons)
            continue;
        found->count++;
        for (int verdict = 0; verdict < VERDICT_COUNT; verdict++)
            found->verdict[verdict] += seen[i] >> verdict & 1;
        found->wrong += (seen[i] & (1 << VERDICT_FASTER | 1 << VERDICT_SLOWER)) != 0;
    }
    free(rows);
}

static void print_line(struct grid *grid, const json_t *like, double slower, enum of of,
                       const struct found *f)
{
    const int hits = slower > 0 ? f->verdict[VERDICT_SLOWER] : f->wrong;
    double low, high;
    int column = 0;
    if (!f->count)
        return;
    rate_interval(hits, f->count, &low, &high);
    grid_row(grid, 0);
    grid_set(grid, column++, "%s", results_text(like, "machine.name"));
    grid_set(grid, column++, "%s", results_text(like, "backend"));
    grid_set(grid, column++, "%g", 100 * slower);
    grid_set(grid, column++, "%.2f", 100 * f->obtained / f->count);
    grid_set(grid, column++, "%s", OF_NAMES[of]);
    grid_set(grid, column++, "%d", f->count);
    for (int verdict = 0; verdict < VERDICT_COUNT; verdict++)
        grid_set(grid, column++, "%d", f->verdict[verdict]);
    grid_set(grid, column++, "%s", slower > 0 ? "found" : "false alarms");
    grid_set(grid, column++, "%.1f", 100.0 * hits / f->count);
    grid_set(grid, column++, "%.1f", 100 * low);
    grid_set(grid, column++, "%.1f", 100 * high);
    if (grid->columns == column)
        return;
    grid_set(grid, column++, "%s", results_text(like, "commit"));
    grid_set(grid, column, "%s", results_text(like, "date"));
}

static void print_run(struct grid *grid, const json_t *run)
{
    double slower = 0;
    while (isfinite(slower)) {
        double next = INFINITY;
        size_t i;
        const json_t *row;
        for (int of = slower > 0 ? OF_SHORT : OF_TABLES; of < OF_COUNT; of++) {
            struct found found = {0};
            if (of == OF_TABLES)
                count_tables(run, &found);
            else
                count_rows(run, slower, (enum of)of, &found);
            print_line(grid, json_array_get(run, 0), slower, (enum of)of, &found);
        }
        json_array_foreach(run, i, row)
        {
            const double other = results_number(row, "selftest.slower");
            next = other > slower ? fmin(next, other) : next;
        }
        slower = next;
    }
}

/* What was compared with itself, and when. */
static void print_note(const json_t *run, enum grid_format format)
{
    const json_t *like = json_array_get(run, 0);
    char kernels[2048] = "";
    double least = INFINITY, most = 0;
    for (size_t i = json_array_size(run); i-- > 0;) {
        const json_t *row = json_array_get(run, i);
        least = fmin(least, results_number(row, "selftest.rounds"));
        most = fmax(most, results_number(row, "selftest.rounds"));
        if (results_number(row, "selftest.trial") != 0 ||
            results_number(row, "selftest.slower") != 0)
            continue;
        append(kernels, sizeof kernels, "%s%s/%s on %s (%.3g ms)", kernels[0] ? ", " : "",
               results_text(row, "op"), results_text(row, "variant"), results_text(row, "case"),
               results_number(row, "selftest.a_ms"));
    }
    rows_print_line(
        format, "- %s, %s: commit %.10s%s, %.10s, %.0f to %.0f rounds; a table is of %s.",
        results_text(like, "machine.name"), results_text(like, "backend"),
        results_text(like, "commit"), json_is_true(results_get(like, "dirty")) ? "+" : "",
        results_text(like, "date"), least, most, kernels);
}

void table_selftest(const json_t *rows, enum grid_format format)
{
    static const char *const heading[] = {"machine",  "backend",    "slower (%)",  "obtained (%)",
                                          "of",       "count",      "SAME",        "FASTER",
                                          "SLOWER",   "UNRESOLVED", "the rate of", "rate (%)",
                                          "from (%)", "to (%)",     "commit",      "date"};
    enum { COLUMNS = sizeof heading / sizeof *heading, IN_CSV_ONLY = 2 };
    struct grid grid = {0};
    json_t *runs = json_array(), *run;
    size_t i;
    grid_row(&grid, format == GRID_CSV ? COLUMNS : COLUMNS - IN_CSV_ONLY);
    for (int column = 0; column < grid.columns; column++)
        grid_set(&grid, column, "%s", heading[column]);
    for (i = 0; i < json_array_size(rows); i++)
        if (!has_run(runs, json_array_get(rows, i)))
            json_array_append_new(runs, last_run(rows, json_array_get(rows, i)));
    json_array_foreach(runs, i, run) print_run(&grid, run);
    grid_print(&grid, format, stdout);
    if (format != GRID_CSV) {
        putchar('\n');
        json_array_foreach(runs, i, run) print_note(run, format);
    }
    json_decref(runs);
    grid_free(&grid);
}
