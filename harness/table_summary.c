/* A line a variant: what passed, and how much longer simt takes than cpu. */
#include "table_rows.h"

#include <math.h>
#include <stdio.h>

void table_summary(const json_t *rows, enum grid_format format)
{
    static const char *const path[] = {"machine.name", "op", "variant", "backend", NULL};
    static const char *const heading[] = {"variant", "machine",        "passed",
                                          "failed",  "skipped",        "largest error",
                                          "on case", "reason to skip", NULL};
    struct grid grid = {0};
    grid_row(&grid, 8);
    for (int i = 0; heading[i]; i++)
        grid_set(&grid, i, "%s", heading[i]);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *like = json_array_get(rows, i);
        int passed = 0, skipped = 0, all = 0;
        double worst = -1;
        const char *worst_case = "", *reason = "";
        if (!rows_is_first(rows, i, path))
            continue;
        for (size_t j = i; j < json_array_size(rows); j++) {
            const json_t *row = json_array_get(rows, j);
            const double error = results_number(row, "check.error");
            if (!results_same(row, like, path))
                continue;
            all++;
            passed += !strcmp(results_text(row, "check.status"), "PASS");
            if (!strcmp(results_text(row, "check.status"), "SKIPPED")) {
                skipped++;
                reason = results_text(row, "check.detail");
            }
            if (error > worst) {
                worst = error;
                worst_case = results_text(row, "case");
            }
        }
        grid_row(&grid, 0);
        grid_set(&grid, 0, "%s/%s@%s", results_text(like, "op"), results_text(like, "variant"),
                 results_text(like, "backend"));
        grid_set(&grid, 1, "%s", results_text(like, "machine.name"));
        grid_set(&grid, 2, "%d", passed);
        grid_set(&grid, 3, "%d", all - passed - skipped);
        grid_set(&grid, 4, "%d", skipped);
        if (worst >= 0)
            grid_set(&grid, 5, "%.1e", worst);
        grid_set(&grid, 6, "%s", worst_case);
        grid_set(&grid, 7, "%s", reason);
    }
    grid_print(&grid, format, stdout);
    grid_free(&grid);
}

void table_slowdown(const json_t *rows, enum grid_format format)
{
    static const char *const path[] = {"machine.name", "op", "variant", NULL};
    static const char *const pair[] = {"machine.name", "op", "variant", "suite", "case", NULL};
    struct grid grid = {0};
    grid_row(&grid, 5);
    grid_set(&grid, 0, "variant");
    grid_set(&grid, 1, "cases");
    grid_set(&grid, 2, "cpu");
    grid_set(&grid, 3, "simt");
    grid_set(&grid, 4, "simt / cpu");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *like = json_array_get(rows, i);
        double cpu_s = 0, simt_s = 0;
        int cases = 0;
        if (!rows_is_first(rows, i, path))
            continue;
        for (size_t j = i; j < json_array_size(rows); j++)
            for (size_t k = i; k < json_array_size(rows); k++) {
                const json_t *cpu = json_array_get(rows, j), *simt = json_array_get(rows, k);
                const double a = results_number(cpu, "check.run_s");
                const double b = results_number(simt, "check.run_s");
                if (strcmp(results_text(cpu, "backend"), "cpu") ||
                    strcmp(results_text(simt, "backend"), "simt") ||
                    !results_same(cpu, like, path) || !results_same(cpu, simt, pair) ||
                    isnan(a + b))
                    continue;
                cases++;
                cpu_s += a;
                simt_s += b;
            }
        if (!cases)
            continue;
        char text[32];
        grid_row(&grid, 0);
        grid_set(&grid, 0, "%s/%s", results_text(like, "op"), results_text(like, "variant"));
        grid_set(&grid, 1, "%d", cases);
        print_ms(cpu_s * 1e3, text, sizeof text);
        grid_set(&grid, 2, "%s", text);
        print_ms(simt_s * 1e3, text, sizeof text);
        grid_set(&grid, 3, "%s", text);
        grid_set(&grid, 4, "%.0f×", simt_s / cpu_s);
    }
    grid_print(&grid, format, stdout);
    putchar('\n');
    rows_print_line(format, "On %s, one checked run of each case.",
                    results_text(json_array_get(rows, 0), "machine.name"));
    grid_free(&grid);
}
