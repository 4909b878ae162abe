#include "grid.h"
#include "message.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void grid_row(struct grid *grid, int columns)
{
    if (!grid->rows)
        grid->columns = columns;
    grid->rows++;
    grid->cell = realloc(grid->cell, (size_t)grid->rows * (size_t)grid->columns * sizeof(char *));
    if (!grid->cell)
        abort();
    for (int i = 0; i < grid->columns; i++)
        grid->cell[(grid->rows - 1) * grid->columns + i] = strdup("");
}

void grid_set(struct grid *grid, int column, const char *format, ...)
{
    char **cell = &grid->cell[(grid->rows - 1) * grid->columns + column];
    va_list arguments;
    free(*cell);
    va_start(arguments, format);
    if (vasprintf(cell, format, arguments) < 0)
        abort();
    va_end(arguments);
}

/* Characters, not bytes, of a UTF-8 text. */
static int width(const char *text)
{
    int count = 0;
    for (; *text; text++)
        count += (*text & 0xc0) != 0x80;
    return count;
}

static void print_csv(const char *text, FILE *stream)
{
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, stream);
        return;
    }
    fputc('"', stream);
    for (; *text; text++)
        fprintf(stream, *text == '"' ? "\"\"" : "%c", *text);
    fputc('"', stream);
}

/* True when Markdown reads text[at] as markup: not '<' before what begins no tag, nor '_' in a
 * word. */
static bool is_markup(const char *text, size_t at)
{
    const unsigned char before = at ? (unsigned char)text[at - 1] : ' ';
    const unsigned char behind = (unsigned char)text[at + 1];
    if (text[at] == '<')
        return isalpha(behind) || (behind && strchr("/!?", behind));
    if (text[at] == '_')
        return !isalnum(before) || !isalnum(behind);
    return strchr("\\`*[]|~&", text[at]);
}

void grid_print_text(const char *text, enum grid_format format, FILE *stream)
{
    if (format != GRID_MARKDOWN) {
        fputs(text, stream);
        return;
    }
    for (size_t i = 0; text[i]; i++) {
        if (is_markup(text, i))
            fputc('\\', stream);
        fputc(iscntrl((unsigned char)text[i]) ? ' ' : text[i], stream);
    }
}

void grid_print(const struct grid *grid, enum grid_format format, FILE *stream)
{
    int *widest = calloc((size_t)grid->columns + 1, sizeof(int));
    if (!widest)
        abort();
    for (int at = 0; at < grid->rows * grid->columns; at++) {
        const int w = width(grid->cell[at]);
        if (w > widest[at % grid->columns])
            widest[at % grid->columns] = w;
    }
    for (int row = 0; row < grid->rows; row++) {
        char **cells = &grid->cell[row * grid->columns];
        for (int i = 0; i < grid->columns; i++) {
            const int pad = widest[i] - width(cells[i]);
            if (format == GRID_CSV) {
                fputs(i ? "," : "", stream);
                print_csv(cells[i], stream);
            } else if (format == GRID_MARKDOWN) {
                fputs(i ? " " : "| ", stream);
                const bool code = i && i == grid->code && row;
                fputs(code ? "<code>" : "", stream);
                grid_print_text(cells[i], format, stream);
                fputs(code ? "</code> |" : " |", stream);
            } else if (i == 0 || grid->left || format == GRID_LIST) {
                const int behind = i + 1 < grid->columns ? pad : 0;
                fprintf(stream, "%s%s%*s", i ? "  " : "", cells[i], behind, "");
            } else {
                fprintf(stream, "  %*s%s", pad, "", cells[i]);
            }
        }
        fputc('\n', stream);
        if (row == 0 && format == GRID_MARKDOWN) {
            for (int i = 0; i < grid->columns; i++)
                fputs(!i ? "|---|" : grid->left ? "---|" : "---:|", stream);
            fputc('\n', stream);
        }
    }
    free(widest);
}

void grid_free(struct grid *grid)
{
    for (int i = 0; i < grid->rows * grid->columns; i++)
        free(grid->cell[i]);
    free(grid->cell);
    *grid = (struct grid){0};
}
