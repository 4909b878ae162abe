/* Table 2: what a training step costs, before and after, part by part. */
#include "../reference/audio.h"
#include "table_rows.h"

#include <math.h>
#include <string.h>

enum { STEPS_AN_EPOCH = 430, EPOCHS = 100 };

static const char *const BEFORE = "before", *const AFTER = "after";

static const struct component {
    const char *part, *name;
} COMPONENTS[] = {
    {"scan", "selective scan"},
    {"conv", "causal conv1d"},
    {"loss", "STFT loss"},
    {"data", "data processing"},
};
enum { COMPONENT_COUNT = sizeof COMPONENTS / sizeof COMPONENTS[0] };

/* A number of one part of a row; NaN when the row is not there or has none. */
static double part_number(const json_t *row, const char *part, const char *what)
{
    char path[64];
    snprintf(path, sizeof path, "parts.%s.%s", part, what);
    return row ? results_number(row, path) : NAN;
}

static double number_of(const json_t *row, const char *path)
{
    return row ? results_number(row, path) : NAN;
}

/* A line of two values, which are texts already, and their ratio. */
static void line(struct grid *grid, const char *name, char text[2][64], double ratio)
{
    char ratio_text[32] = "";
    if (!isnan(ratio))
        append_ratio(ratio, ratio_text, sizeof ratio_text);
    grid_row(grid, 5);
    grid_set(grid, 0, "%s", name);
    for (int i = 0; i < 2; i++)
        grid_set(grid, 1 + i, "%s", text[i][0] ? text[i] : "–");
    grid_set(grid, 3, "%s", ratio_text);
}

static void time_line(struct grid *grid, const char *name, double before_ms, double after_ms)
{
    const double value_ms[] = {before_ms, after_ms};
    char text[2][64] = {"", ""};
    for (int i = 0; i < 2; i++)
        if (!isnan(value_ms[i]))
            print_ms(value_ms[i], text[i], sizeof text[i]);
    line(grid, name, text, before_ms / after_ms);
}

/* The values in units of `unit`, whose sign is `sign`. */
static void value_line(struct grid *grid, const char *name, const double value[2], double unit,
                       int digits, const char *sign)
{
    char text[2][64] = {"", ""};
    for (int i = 0; i < 2; i++)
        if (!isnan(value[i]))
            append(text[i], sizeof text[i], "%.*f %s", digits, value[i] / unit, sign);
    line(grid, name, text, value[0] / value[1]);
}

/* What `steps` steps take, in hours. */
static void hours_line(struct grid *grid, const char *name, const double step_ms[2], int steps,
                       int digits)
{
    const double ms_an_hour = 3.6e6, value[] = {step_ms[0] * steps, step_ms[1] * steps};
    value_line(grid, name, value, ms_an_hour, digits, "h");
}

static double sum_of_parts(const json_t *row)
{
    double sum = 0;
    for (int i = 0; i < COMPONENT_COUNT; i++)
        sum += part_number(row, COMPONENTS[i].part, "ms");
    return sum;
}

static void print_lines(struct grid *grid, const json_t *before, const json_t *after)
{
    static const char *const heading[] = {"component", "before", "after", "speedup",
                                          "error of after"};
    const double total[] = {number_of(before, "time.median_ms"),
                            number_of(after, "time.median_ms")};
    const double memory[] = {number_of(before, "memory_bytes"), number_of(after, "memory_bytes")};
    char epoch[64], epochs[64];
    snprintf(epoch, sizeof epoch, "an epoch of %d steps", STEPS_AN_EPOCH);
    snprintf(epochs, sizeof epochs, "%d epochs", EPOCHS);
    grid_row(grid, 5);
    for (int i = 0; i < 5; i++)
        grid_set(grid, i, "%s", heading[i]);
    for (int i = 0; i < COMPONENT_COUNT; i++) {
        const char *part = COMPONENTS[i].part;
        const double error = part_number(after, part, "error");
        time_line(grid, COMPONENTS[i].name, part_number(before, part, "ms"),
                  part_number(after, part, "ms"));
        if (!isnan(error))
            grid_set(grid, 4, "%.1e", error);
    }
    time_line(grid, "sum of these", sum_of_parts(before), sum_of_parts(after));
    time_line(grid, "total, run as one", total[0], total[1]);
    hours_line(grid, epoch, total, STEPS_AN_EPOCH, 3);
    hours_line(grid, epochs, total, STEPS_AN_EPOCH * EPOCHS, 1);
    value_line(grid, "memory at its peak", memory, 1e9, 2, "GB");
}

/* Below the table: what it is of, what the step waits for, what is missing or stale. */
static void print_step_notes(const json_t *like, const json_t *before, const json_t *after,
                             enum grid_format format)
{
    const json_t *const row[] = {before, after};
    const double exposed_ms = part_number(after, "exposed", "ms");
    printf("- Batch %.0f, %.0f frames of %.0f bands, %.0f channels with %.0f states, %.0f layers; "
           "%.2f s of audio, decoded by %.0f threads (after). Medians of runs from a cold cache.\n",
           results_number(like, "keys.batch"), results_number(like, "keys.frames"),
           results_number(like, "keys.bands"), results_number(like, "keys.channels"),
           results_number(like, "keys.state"), results_number(like, "keys.layers"),
           results_number(like, "keys.samples") / AUDIO_RATE, results_number(like, "keys.threads"));
    if (!isnan(exposed_ms))
        printf("- After, data is made beside the rest: the step waits %.3f ms for it, %.1f %% of "
               "its time.\n",
               exposed_ms, 100 * exposed_ms / number_of(after, "parts.whole_ms"));
    for (int i = 0; i < 2; i++) {
        const char *name = i ? AFTER : BEFORE;
        if (!row[i])
            printf("- %s: not measured.\n", name);
        else if (isnan(results_number(row[i], "time.median_ms")))
            rows_print_line(format, "- %s: %s, %s.", name, results_text(row[i], "check.status"),
                            results_text(row[i], "check.detail"));
        else if (results_stale(row[i]))
            printf("- %s %s: measured before its sources last changed.\n", ROWS_STALE_MARK, name);
    }
}

int table_step(const json_t *rows, enum grid_format format)
{
    int tables = 0;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *like = json_array_get(rows, i);
        struct grid grid = {0};
        if (strcmp(results_text(like, "op"), "step") || !rows_is_first(rows, i, ROWS_LINE))
            continue;
        const json_t *before = rows_find(rows, like, ROWS_LINE, BEFORE);
        const json_t *after = rows_find(rows, like, ROWS_LINE, AFTER);
        fputs(tables++ ? "\n" : "", stdout);
        rows_print_heading(like, format);
        print_lines(&grid, before, after);
        grid_print(&grid, format, stdout);
        putchar('\n');
        print_step_notes(like, before, after, format);
        grid_free(&grid);
    }
    if (!tables)
        return complain(EXIT_NOTHING_MATCHED, "no row of the operation step in these files");
    return EXIT_WELL;
}
