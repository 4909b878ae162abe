#include "table_rows.h"
#include "filter.h"
#include "roofs.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const char *const ROWS_STALE_MARK = "†";
const char *const ROWS_WRONG_MARK = "‡";

/* What is measured where: rows alike in these are successive measurements of one thing. First what
 * differs most often, here and below: comparing ends there. */
static const char *const IDENTITY[] = {"case",         "variant", "suite", "op",
                                       "machine.name", "backend", "keys",  NULL};
const char *const ROWS_TABLE[] = {"machine.name", "op", ROWS_BESIDE, NULL};
const char *const ROWS_LINE[] = {"case", "suite", "op", "machine.name", ROWS_BESIDE, "keys", NULL};

bool rows_is_peer(const json_t *row)
{
    return !strcmp(results_text(row, "backend"), "peer");
}

bool rows_is_auto(const json_t *row)
{
    return !strcmp(results_text(row, "variant"), "auto");
}

bool rows_is_timed(const json_t *row)
{
    return !strcmp(results_text(row, "check.status"), "PASS") &&
           !strcmp(results_text(row, "grade"), "exact") && !rows_is_peer(row) &&
           results_number(row, "time.median_ms") > 0;
}

/* Adds ROWS_BESIDE and ROWS_COLUMN, and its roof to a row that lacks it. */
static void place(json_t *row)
{
    const bool peer = rows_is_peer(row), on_gpu = results_get(row, "machine.cuda") != NULL;
    const char *beside = !peer ? results_text(row, "backend") : on_gpu ? "cuda" : "cpu";
    json_object_set_new(row, ROWS_BESIDE, json_string(beside));
    json_object_set_new(row, ROWS_COLUMN,
                        json_sprintf("%s%s", results_text(row, "variant"), peer ? "@peer" : ""));
    if (!results_get(row, "roof"))
        roofs_set(row);
}

/* Appends the rows of the files that are of selftest-aa, or those that are not. */
static bool read_files(json_t *rows, char *const *files, bool selftest, struct message *message)
{
    json_t *all = json_array(), *row;
    size_t i;
    bool good = true;
    for (int file = 0; files[file] && good; file++)
        good = results_read(all, files[file], message);
    json_array_foreach(all, i, row)
    {
        if ((results_get(row, "selftest") != NULL) == selftest)
            json_array_append(rows, row);
    }
    json_decref(all);
    return good;
}

bool rows_read_selftest(json_t *rows, char *const *files, struct message *message)
{
    return read_files(rows, files, true, message);
}

bool rows_read(json_t *rows, char *const *files, struct message *message)
{
    if (!read_files(rows, files, false, message))
        return false;
    for (size_t i = 0; i < json_array_size(rows); i++)
        place(json_array_get(rows, i));
    for (size_t i = 0; i < json_array_size(rows); i++)
        for (size_t j = json_array_size(rows) - 1; j > i; j--)
            if (results_same(json_array_get(rows, i), json_array_get(rows, j), IDENTITY)) {
                json_array_set(rows, i, json_array_get(rows, j));
                json_array_remove(rows, j);
            }
    return true;
}

/* True when a list of names with commas between has the name. */
static bool listed(const char *names, const char *name)
{
    const size_t length = strlen(name);
    for (; *names; names += names[0] == ',') {
        const size_t one = strcspn(names, ",");
        if (one == length && !strncmp(names, name, length))
            return true;
        names += one;
    }
    return false;
}

bool rows_keep(json_t *rows, const char *op, const char *backends, struct message *message)
{
    regex_t regex;
    if (!filter_compile(&regex, op, "op", message))
        return false;
    for (size_t i = json_array_size(rows); i-- > 0;) {
        const json_t *row = json_array_get(rows, i);
        if (regexec(&regex, results_text(row, "op"), 0, NULL, 0) ||
            (backends && !listed(backends, results_text(row, "backend"))))
            json_array_remove(rows, i);
    }
    regfree(&regex);
    return true;
}

const json_t *rows_find(const json_t *rows, const json_t *like, const char *const path[],
                        const char *column)
{
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        if (!strcmp(results_text(row, ROWS_COLUMN), column) && results_same(row, like, path))
            return row;
    }
    return NULL;
}

bool rows_is_first(const json_t *rows, size_t at, const char *const path[])
{
    for (size_t i = 0; i < at; i++)
        if (results_same(json_array_get(rows, i), json_array_get(rows, at), path))
            return false;
    return true;
}

const char *baseline(const json_t *row)
{
    const struct operation *op = operation_find(results_text(row, "op"));
    return op ? op->baseline : "";
}

void print_ms(double time_ms, char *text, size_t size)
{
    if (time_ms < 1000)
        snprintf(text, size, "%.*f ms", time_ms < 10 ? 3 : time_ms < 100 ? 2 : 1, time_ms);
    else
        snprintf(text, size, "%.2f s", time_ms * 1e-3);
}

void append_ratio(double ratio, char *text, size_t size)
{
    append(text, size, "%.*f×", ratio < 10 ? 1 : 0, ratio);
}

void rows_print_line(enum grid_format format, const char *text, ...)
{
    va_list arguments;
    char *line;
    va_start(arguments, text);
    if (vasprintf(&line, text, arguments) < 0)
        abort();
    va_end(arguments);
    grid_print_text(line, format, stdout);
    putchar('\n');
    free(line);
}

void rows_print_heading(const json_t *like, enum grid_format format)
{
    const char *bold = format == GRID_MARKDOWN ? "**" : "";
    char where[512] = "";
    if (!strcmp(results_text(like, "backend"), "simt"))
        append(where, sizeof where, ", CUDA kernels on simt");
    if (strcmp(results_text(like, ROWS_BESIDE), "cuda"))
        append(where, sizeof where, ", %.0f thread%s", results_number(like, "machine.threads"),
               results_number(like, "machine.threads") == 1 ? "" : "s");
    else
        append(where, sizeof where, ", driver %s, CUDA %s", results_text(like, "machine.driver"),
               results_text(like, "machine.cuda"));
    fputs(bold, stdout);
    grid_print_text(results_text(like, "op"), format, stdout);
    fputs(" on ", stdout);
    grid_print_text(results_text(like, "machine.name"), format, stdout);
    fputs(bold, stdout);
    rows_print_line(format, "%s (commit %.10s%s, %.10s)", where, results_text(like, "commit"),
                    json_is_true(results_get(like, "dirty")) ? "+" : "",
                    results_text(like, "date"));
    putchar('\n');
}
