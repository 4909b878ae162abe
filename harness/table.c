#include "table.h"
#include "registry.h"
#include "roofs.h"
#include "table_rows.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_VARIANTS = 64 };

/* batch x channels x length and state of a row, as far as it has them. */
static void print_shape(const json_t *row, char *text, size_t size)
{
    static const char *const path[] = {"keys.batch", "keys.channels", "keys.length", NULL};
    text[0] = '\0';
    for (int i = 0; path[i]; i++)
        if (results_get(row, path[i]))
            append(text, size, "%s%.0f", text[0] ? "×" : "", results_number(row, path[i]));
    if (results_get(row, "keys.state"))
        append(text, size, ", state %.0f", results_number(row, "keys.state"));
}

/* Only peers are timed when they are wrong. */
static bool is_wrong(const json_t *row)
{
    return results_get(row, "time") && strcmp(results_text(row, "check.status"), "PASS");
}

/* "0.512 ms (8.1×)", or with the share of the binding roof, "0.512 ms (8.1×, 93 % of copy)"; of a
 * peer whose outputs are wrong "0.512 ms (8.1×, error 3.0e-05)‡". */
static void set_time(struct grid *grid, int column, const json_t *row, double base_ms, bool roof)
{
    const double median = row ? results_number(row, "time.median_ms") : NAN;
    const char *status = row ? results_text(row, "check.status") : "PASS";
    const double ratio = base_ms / median;
    const double error = row ? results_number(row, "check.error") : NAN;
    char text[128], inside[96] = "";
    if (isnan(median)) {
        grid_set(grid, column, "%s", strcmp(status, "PASS") ? status : "–");
        return;
    }
    print_ms(median, text, sizeof text);
    if (!isnan(ratio) && ratio != 1)
        append_ratio(ratio, inside, sizeof inside);
    if (roof && results_get(row, "roof")) {
        append(inside, sizeof inside, "%s", inside[0] ? ", " : "");
        roofs_append(row, inside, sizeof inside);
    }
    if (is_wrong(row))
        append(inside, sizeof inside, "%serror %.1e", inside[0] ? ", " : "",
               isnan(error) ? INFINITY : error);
    if (inside[0])
        append(text, sizeof text, " (%s)", inside);
    grid_set(grid, column, "%s%s%s", text, is_wrong(row) ? ROWS_WRONG_MARK : "",
             results_stale(row) ? ROWS_STALE_MARK : "");
}

/* The columns of the table that `like` belongs to: the baseline, then the others as they come. */
static int table_columns(const json_t *rows, const json_t *like, const char *variant[])
{
    int count = 0;
    variant[count++] = baseline(like);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        const char *name = results_text(row, ROWS_COLUMN);
        bool known =
            !results_same(row, like, ROWS_TABLE) || strcmp(results_text(row, "grade"), "exact");
        for (int j = 0; j < count; j++)
            known |= !strcmp(variant[j], name);
        if (!known && count < MAX_VARIANTS)
            variant[count++] = name;
    }
    return count;
}

/* What was left out, a line for each reason of a variant. */
static void print_left_out(const json_t *rows, const json_t *like, enum grid_format format)
{
    static const char *const reason[] = {"machine.name", "op",           "backend", "variant",
                                         "check.status", "check.detail", NULL};
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        int more = -1;
        if (!results_same(row, like, ROWS_TABLE) ||
            strcmp(results_text(row, "check.status"), "SKIPPED") || !rows_is_first(rows, i, reason))
            continue;
        for (size_t j = i; j < json_array_size(rows); j++)
            more += results_same(json_array_get(rows, j), row, reason);
        char others[32] = "";
        if (more)
            append(others, sizeof others, " and %d more", more);
        rows_print_line(format, "- left out: %s on %s%s, %s", results_text(row, ROWS_COLUMN),
                        results_text(row, "case"), others, results_text(row, "check.detail"));
    }
}

/* Which packages the peers of the table are, a line for each. */
static void print_peers(const json_t *rows, const json_t *like, enum grid_format format)
{
    static const char *const same[] = {"machine.name", "op", ROWS_COLUMN, "package", NULL};
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        if (results_same(row, like, ROWS_TABLE) && rows_is_peer(row) &&
            rows_is_first(rows, i, same))
            rows_print_line(format, "- %s: another implementation, %s.",
                            results_text(row, ROWS_COLUMN), results_text(row, "package"));
    }
}

/* Below a table: what its times are, how wrong its outputs, what was left out, what is stale. */
static void print_notes(const json_t *rows, const json_t *like, bool roof, enum grid_format format)
{
    double worst = 0;
    bool stale = false, wrong = false, own = false;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        if (!results_same(row, like, ROWS_TABLE))
            continue;
        if (!rows_is_peer(row))
            worst = fmax(worst, results_number(row, "check.error"));
        own |= !rows_is_peer(row);
        wrong |= is_wrong(row);
        stale |= results_stale(row) && results_get(row, "time");
    }
    print_left_out(rows, like, format);
    printf("- Median of samples with a cold cache; in brackets, times faster than %s%s.",
           baseline(like),
           roof ? ", and what the binding roof takes, in percent of this time: the longest of the "
                  "definition's bytes at the speed of a copy, its flops at that of fma and its "
                  "exponentials at that of ex2, as far as these were measured in the same run"
                : "");
    if (own)
        printf(" Largest error of any variant here: %.1e.", worst);
    putchar('\n');
    print_peers(rows, like, format);
    if (wrong)
        printf(
            "- %s outputs that miss the error rule, by the error in brackets: a time of something "
            "else.\n",
            ROWS_WRONG_MARK);
    if (stale)
        printf("- %s measured before the variant's sources last changed.\n", ROWS_STALE_MARK);
}

static void print_speedup(const json_t *rows, size_t at, bool roof, enum grid_format format)
{
    const json_t *like = json_array_get(rows, at);
    const char *variant[MAX_VARIANTS];
    const int variants = table_columns(rows, like, variant);
    struct grid grid = {0};

    grid_row(&grid, 2 + variants);
    grid_set(&grid, 0, "case");
    grid_set(&grid, 1, "batch×channels×length");
    for (int i = 0; i < variants; i++)
        grid_set(&grid, 2 + i, "%s", variant[i]);
    for (size_t i = at; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        char shape[128];
        if (!results_same(row, like, ROWS_TABLE) || !rows_is_first(rows, i, ROWS_LINE))
            continue;
        const json_t *base = rows_find(rows, row, ROWS_LINE, variant[0]);
        const double base_ms = base ? results_number(base, "time.median_ms") : NAN;
        print_shape(row, shape, sizeof shape);
        grid_row(&grid, 0);
        grid_set(&grid, 0, "%s", results_text(row, "case"));
        grid_set(&grid, 1, "%s", shape);
        for (int j = 0; j < variants; j++)
            set_time(&grid, 2 + j, rows_find(rows, row, ROWS_LINE, variant[j]), base_ms, roof);
    }
    rows_print_heading(like, format);
    grid_print(&grid, format, stdout);
    putchar('\n');
    print_notes(rows, like, roof, format);
    grid_free(&grid);
}

/* Takes out the cases that verify checked and nobody timed: their lines would be dashes. */
static void drop_untimed(json_t *rows)
{
    json_t *timed = json_array();
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        bool verified = false, has_time = false;
        for (size_t j = 0; j < json_array_size(rows) && !has_time; j++) {
            const json_t *other = json_array_get(rows, j);
            if (!results_same(other, row, ROWS_LINE))
                continue;
            has_time = results_get(other, "time") != NULL;
            verified |= !strcmp(results_text(other, "check.status"), "PASS");
        }
        if (has_time || !verified)
            json_array_append(timed, json_array_get(rows, i));
    }
    json_array_clear(rows);
    json_array_extend(rows, timed);
    json_decref(timed);
}

static int print_speedups(json_t *rows, bool roof, enum grid_format format)
{
    drop_untimed(rows);
    if (!json_array_size(rows))
        return complain(EXIT_NOTHING_MATCHED,
                        "no row with a time: expected rows that `bench` made");
    for (size_t i = 0, tables = 0; i < json_array_size(rows); i++)
        if (rows_is_first(rows, i, ROWS_TABLE)) {
            fputs(tables++ ? "\n" : "", stdout);
            print_speedup(rows, i, roof, format);
        }
    return EXIT_WELL;
}

static void print_speedup_csv(const json_t *rows)
{
    static const char *const text[] = {
        "machine.name", "op",        "variant",    "backend",     "suite",  "case",
        "commit",       "date",      "keys.dtype", "keys.layout", "keys.a", "check.status",
        "grade",        ROWS_BESIDE, ROWS_COLUMN,  "roof.name",   NULL};
    static const char *const value[] = {
        "keys.batch",         "keys.channels",    "keys.length", "keys.state",     "keys.decay",
        "check.error",        "time.min_ms",      "time.q1_ms",  "time.median_ms", "time.q3_ms",
        "time.low_ms",        "time.high_ms",     "gbs",         "copy_fraction",  "roof.fraction",
        "machine.fma_gflops", "workspace_bytes",  "bytes",       "flops",          "exps",
        "memory_bytes",       "machine.copy_gbs", NULL};
    struct grid grid = {0};
    int column = 0, columns = 2;
    for (int i = 0; text[i]; i++)
        columns++;
    for (int i = 0; value[i]; i++)
        columns++;
    grid_row(&grid, columns);
    for (int i = 0; text[i]; i++)
        grid_set(&grid, column++, "%s", text[i]);
    for (int i = 0; value[i]; i++)
        grid_set(&grid, column++, "%s", value[i]);
    grid_set(&grid, column++, "speedup");
    grid_set(&grid, column, "stale");
    for (size_t j = 0; j < json_array_size(rows); j++) {
        const json_t *row = json_array_get(rows, j);
        const json_t *base = rows_find(rows, row, ROWS_LINE, baseline(row));
        column = 0;
        grid_row(&grid, columns);
        for (int i = 0; text[i]; i++)
            grid_set(&grid, column++, "%s", results_text(row, text[i]));
        for (int i = 0; value[i]; i++, column++)
            if (!isnan(results_number(row, value[i])))
                grid_set(&grid, column, "%.10g", results_number(row, value[i]));
        const double ratio =
            base ? results_number(base, "time.median_ms") / results_number(row, "time.median_ms")
                 : NAN;
        if (!isnan(ratio))
            grid_set(&grid, column, "%.6g", ratio);
        grid_set(&grid, column + 1, "%d", results_stale(row));
    }
    grid_print(&grid, GRID_CSV, stdout);
    grid_free(&grid);
}

int table_print(const char *kind, char *const *files, const char *op, const char *backends,
                enum grid_format format)
{
    struct message message;
    json_t *rows = json_array();
    int status = EXIT_WELL;
    const bool selftest = !strcmp(kind, "selftest");
    if (!(selftest ? rows_read_selftest : rows_read)(rows, files, &message) ||
        !rows_keep(rows, op, backends, &message))
        status = complain(EXIT_BAD_INPUT, "%s", message.text);
    else if (!json_array_size(rows))
        status = complain(EXIT_NOTHING_MATCHED, "no row%s in these files%s",
                          selftest ? " of selftest-aa" : "",
                          op || backends ? " is of that operation and backend" : "");
    else if (selftest)
        table_selftest(rows, format);
    else if (!strcmp(kind, "machine"))
        table_machine(rows, format);
    else if (!strcmp(kind, "rows"))
        table_each(rows, format);
    else if (!strcmp(kind, "auto"))
        table_auto(rows, format);
    else if (!strcmp(kind, "summary"))
        table_summary(rows, format);
    else if (!strcmp(kind, "step"))
        status = table_step(rows, format);
    else if (!strcmp(kind, "error"))
        status = table_error(rows, format);
    else if (!strcmp(kind, "times"))
        status = table_times(rows, format);
    else if (!strcmp(kind, "slowdown"))
        table_slowdown(rows, format);
    else if (format == GRID_CSV)
        print_speedup_csv(rows);
    else
        status = print_speedups(rows, !strcmp(kind, "roof"), format);
    json_decref(rows);
    return status;
}

int table_stale(char *const *files)
{
    struct message message;
    json_t *rows = json_array();
    int status = EXIT_WELL;
    if (!rows_read(rows, files, &message))
        status = complain(EXIT_BAD_INPUT, "%s", message.text);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        if (!results_stale(row))
            continue;
        printf("stale: %s/%s@%s %s/%s on %s, measured at commit %.10s\n", results_text(row, "op"),
               results_text(row, "variant"), results_text(row, "backend"),
               results_text(row, "suite"), results_text(row, "case"),
               results_text(row, "machine.name"), results_text(row, "commit"));
    }
    json_decref(rows);
    return status;
}
