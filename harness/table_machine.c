/* What rows say of the machine that they come from. */
#include "table_rows.h"

#include <math.h>

static const struct fact {
    const char *path, *name;
    int digits; /* of a text, the first so many characters; of a number, its significant digits */
} FACTS[] = {
    {"machine.cpu", "CPU", 200},
    {"machine.threads", "threads", 6},
    {"machine.multiprocessors", "multiprocessors", 6},
    {"machine.memory_gb", "memory (GB)", 4},
    {"machine.cache_mb", "last-level cache (MB)", 4},
    {"machine.copy_gbs", "copy bandwidth, measured (GB/s)", 4},
    {"machine.cache_gbs", "reads of that cache, measured (GB/s)", 4},
    {"machine.shared_gbs", "reads of shared memory, measured (GB/s)", 4},
    {"machine.fma_gflops", "multiply-adds in f32, measured (Gflop/s)", 4},
    {"machine.ex2_gops", "exponentials, measured (1e9/s)", 4},
    {"machine.dram_peak_gbs", "peak of memory (GB/s)", 4},
    {"machine.shared_peak_gbs", "peak of shared memory (GB/s)", 4},
    {"machine.fma_peak_gflops", "peak of multiply-adds in f32 (Gflop/s)", 4},
    {"machine.ex2_peak_gops", "peak of exponentials (1e9/s)", 4},
    {"machine.clock_mhz", "clock (MHz)", 6},
    {"machine.clock_max_mhz", "highest clock (MHz)", 6},
    {"machine.power_cap_w", "power cap (W)", 6},
    {"machine.ecc", "ECC", 200},
    {"machine.driver", "driver", 200},
    {"machine.cuda", "CUDA", 200},
    {"machine.arch", "built for compute capability", 200},
    {"machine.compiler", "compiler", 200},
    {"machine.flags", "its flags", 200},
    {"suite", "suites", 200},
    {"commit", "commit", 10},
    {"date", "date", 10},
};
enum { FACT_COUNT = sizeof FACTS / sizeof *FACTS, MAX_TEXT = 4096 };
static const char *const OF_MACHINE[] = {"machine.name", NULL};

/* Appends an item unless the list has it. */
static void add(char *list, const char *item)
{
    const size_t length = strlen(item);
    for (const char *at = list; (at = strstr(at, item)); at += length)
        if ((at == list || at[-1] == ' ') && (at[length] == '\0' || at[length] == ','))
            return;
    append(list, MAX_TEXT, "%s%s", list[0] ? ", " : "", item);
}

/* All that the rows of a machine say, in one cell; empty when they say nothing. */
static void collect(const json_t *rows, const json_t *like, const struct fact *fact, char *text)
{
    double low = INFINITY, high = -INFINITY;
    text[0] = '\0';
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        const double number = results_number(row, fact->path);
        if (!results_same(row, like, OF_MACHINE))
            continue;
        if (isnan(number)) {
            char item[256];
            snprintf(item, sizeof item, "%.*s", fact->digits, results_text(row, fact->path));
            if (item[0])
                add(text, item);
        } else {
            low = fmin(low, number);
            high = fmax(high, number);
        }
    }
    if (low <= high)
        append(text, MAX_TEXT, "%.*g", fact->digits, low);
    if (low < high)
        append(text, MAX_TEXT, " to %.*g", fact->digits, high);
}

static void count_rows(const json_t *rows, const json_t *like, struct grid *grid)
{
    int count = 0, dirty = 0, stale = 0;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        if (!results_same(row, like, OF_MACHINE))
            continue;
        count++;
        dirty += json_is_true(results_get(row, "dirty"));
        stale += results_stale(row);
    }
    grid_row(grid, 2);
    grid_set(grid, 0, "rows");
    grid_set(grid, 1,
             "%d, %d of uncommitted sources, %d measured before their sources last changed", count,
             dirty, stale);
}

void table_machine(const json_t *rows, enum grid_format format)
{
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *like = json_array_get(rows, i);
        struct grid grid = {.left = true};
        if (!rows_is_first(rows, i, OF_MACHINE))
            continue;
        if (i)
            putchar('\n');
        grid_row(&grid, 2);
        grid_set(&grid, 0, "machine");
        grid_set(&grid, 1, "%s", results_text(like, "machine.name"));
        for (int j = 0; j < FACT_COUNT; j++) {
            char text[MAX_TEXT];
            collect(rows, like, &FACTS[j], text);
            if (!text[0])
                continue;
            grid_row(&grid, 2);
            grid_set(&grid, 0, "%s", FACTS[j].name);
            grid_set(&grid, 1, "%s", text);
        }
        count_rows(rows, like, &grid);
        grid_print(&grid, format, stdout);
        grid_free(&grid);
    }
}
