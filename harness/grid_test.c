/* Tables as text, Markdown and CSV. */
#include "grid.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

/* Asserts what a grid of texts, row by row, looks like. */
static void assert_prints(const char *const cells[], int rows, int columns, enum grid_format format,
                          const char *wanted)
{
    struct grid grid = {0};
    char *text = NULL;
    size_t size = 0;
    for (int row = 0; row < rows; row++) {
        grid_row(&grid, columns);
        for (int i = 0; i < columns; i++)
            grid_set(&grid, i, "%s", cells[row * columns + i]);
    }
    FILE *stream = open_memstream(&text, &size);
    grid_print(&grid, format, stream);
    fclose(stream);
    cr_assert(eq(str, text, (char *)wanted));
    free(text);
    grid_free(&grid);
    cr_assert(eq(ptr, grid.cell, NULL));
}

static const char *const PLAIN[] = {"case", "time",   "ratio", "a", "1.5 ms",
                                    "2",    "longer", "",      "10"};

Test(grid, text_is_right_aligned_but_for_its_first_column)
{
    assert_prints(PLAIN, 3, 3, GRID_TEXT,
                  "case      time  ratio\n"
                  "a       1.5 ms      2\n"
                  "longer             10\n");
}

Test(grid, list_is_left_aligned_without_trailing_space)
{
    assert_prints(PLAIN, 3, 3, GRID_LIST,
                  "case    time    ratio\n"
                  "a       1.5 ms  2\n"
                  "longer          10\n");
}

Test(grid, markdown)
{
    assert_prints(PLAIN, 3, 3, GRID_MARKDOWN,
                  "| case | time | ratio |\n"
                  "|---|---:|---:|\n"
                  "| a | 1.5 ms | 2 |\n"
                  "| longer |  | 10 |\n");
}

Test(grid, csv)
{
    assert_prints(PLAIN, 3, 3, GRID_CSV, "case,time,ratio\na,1.5 ms,2\nlonger,,10\n");
}

Test(grid, csv_quotes_as_rfc_4180)
{
    static const char *const cells[] = {"a,b", "say \"x\"", "two\nlines", "\"", "", " "};
    assert_prints(cells, 2, 3, GRID_CSV,
                  "\"a,b\",\"say \"\"x\"\"\",\"two\nlines\"\n"
                  "\"\"\"\",, \n");
}

Test(grid, csv_quotes_a_carriage_return)
{
    static const char *const cells[] = {"a\rb"};
    assert_prints(cells, 1, 1, GRID_CSV, "\"a\rb\"\n");
}

Test(grid, markdown_has_no_markup_of_the_cells)
{
    static const char *const cells[] = {"a|b", "<script>", "*x* `y` [z](u) ~~w~~ &lt; \\"};
    assert_prints(cells, 1, 3, GRID_MARKDOWN,
                  "| a\\|b | \\<script> | \\*x\\* \\`y\\` \\[z\\](u) \\~\\~w\\~\\~ \\&lt; \\\\ |\n"
                  "|---|---:|---:|\n");
}

Test(grid, markdown_leaves_alone_what_is_no_markup)
{
    static const char *const cells[] = {"state <= 16", "warp_shuffle, _x_", "two\r\nlines"};
    assert_prints(cells, 1, 3, GRID_MARKDOWN,
                  "| state <= 16 | warp_shuffle, \\_x\\_ | two  lines |\n|---|---:|---:|\n");
}

Test(grid, markdown_sets_a_column_as_code_below_its_heading)
{
    struct grid grid = {.left = true, .code = 1};
    char *text = NULL;
    size_t size = 0;
    grid_row(&grid, 2);
    grid_set(&grid, 1, "command");
    grid_row(&grid, 2);
    grid_set(&grid, 1, "a | b");
    FILE *stream = open_memstream(&text, &size);
    grid_print(&grid, GRID_MARKDOWN, stream);
    fclose(stream);
    cr_assert(eq(str, text, "|  | command |\n|---|---|\n|  | <code>a \\| b</code> |\n"));
    free(text);
    grid_free(&grid);
}

/* U+00D7, U+2013 and U+2020 are two and three bytes wide, and one column. */
Test(grid, width_counts_characters)
{
    static const char *const cells[] = {"2×3", "x", "–", "1.5×†", "abc", "12"};
    assert_prints(cells, 3, 2, GRID_TEXT,
                  "2×3      x\n"
                  "–    1.5×†\n"
                  "abc     12\n");
}

Test(grid, cells_start_empty_and_can_be_set_again)
{
    struct grid grid = {0};
    grid_row(&grid, 2);
    cr_assert(eq(str, grid.cell[0], ""));
    cr_assert(eq(str, grid.cell[1], ""));
    grid_set(&grid, 1, "%d", 7);
    grid_set(&grid, 1, "%.2f and %s", 0.125, "more");
    grid_row(&grid, 0);
    grid_set(&grid, 0, "second");
    cr_assert(eq(int, grid.columns, 2));
    cr_assert(eq(int, grid.rows, 2));
    cr_assert(eq(str, grid.cell[1], "0.12 and more"));
    cr_assert(eq(str, grid.cell[2], "second"));
    grid_free(&grid);
}
