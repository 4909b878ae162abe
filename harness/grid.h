/* A table of texts, printed as aligned text, Markdown or CSV. */
#ifndef SSMBENCH_GRID_H
#define SSMBENCH_GRID_H

#include <stdbool.h>
#include <stdio.h>

/* GRID_TEXT aligns all columns but the first to the right, GRID_LIST all to the left. */
enum grid_format { GRID_TEXT, GRID_MARKDOWN, GRID_CSV, GRID_LIST };

struct grid {
    int columns, rows;
    char **cell; /* rows*columns; the first row holds the headings */
    bool left;   /* all columns are aligned to the left */
    int code;    /* a column that Markdown sets as code; 0 is none */
};

/* Starts a row of empty cells. The first call fixes the number of columns. */
void grid_row(struct grid *grid, int columns);

/* Sets a cell of the last row. */
__attribute__((format(printf, 3, 4))) void grid_set(struct grid *grid, int column,
                                                    const char *format, ...);

/* Quotes CSV cells by RFC 4180. */
void grid_print(const struct grid *grid, enum grid_format format, FILE *stream);

/* Prints a text so that it reads as it stands: in Markdown without any markup or HTML in it, on one
 * line. */
void grid_print_text(const char *text, enum grid_format format, FILE *stream);

void grid_free(struct grid *grid);

#endif
