/* What every table needs of result rows. */
#ifndef SSMBENCH_TABLE_ROWS_H
#define SSMBENCH_TABLE_ROWS_H

#include "grid.h"
#include "results.h"

extern const char *const ROWS_STALE_MARK, *const ROWS_WRONG_MARK;

/* Members that rows_read() adds to a row, beside the `roof` of those that lack it: the backend in
 * whose tables it stands, which for a peer is the one of the device that it ran on; and its column
 * there, "chunked", or "pytorch_eager@peer". */
#define ROWS_BESIDE "beside"
#define ROWS_COLUMN "column"

/* A table is of one machine, operation and such backend; a line of it of one case. */
extern const char *const ROWS_TABLE[], *const ROWS_LINE[];

/* Appends the rows of the NULL-terminated files; of successive measurements of one thing the last
 * one counts, in the place of the first. */
bool rows_read(json_t *rows, char *const *files, struct message *message);

/* Appends the rows of selftest-aa instead, which are of no other table: all of them. */
bool rows_read_selftest(json_t *rows, char *const *files, struct message *message);

/* Keeps the rows whose operation matches the regular expression `op` and whose backend is in the
 * list `backends`, with commas between; NULL keeps all. */
bool rows_keep(json_t *rows, const char *op, const char *backends, struct message *message);

/* The first row that is alike in `path` and stands in that column, or NULL. */
const json_t *rows_find(const json_t *rows, const json_t *like, const char *const path[],
                        const char *column);

/* True for a row of another implementation, timed by harness/peers. */
bool rows_is_peer(const json_t *row);

/* True for a row of a variant that chooses among the others. */
bool rows_is_auto(const json_t *row);

/* True for a row of an exact variant, no peer's, that passed and has a time. */
bool rows_is_timed(const json_t *row);

/* True when no earlier row is alike in `path`. */
bool rows_is_first(const json_t *rows, size_t at, const char *const path[]);

/* The variant that speedups are relative to; "" for an operation that is not known. */
const char *baseline(const json_t *row);

/* "0.512 ms", "2.10 s" */
void print_ms(double time_ms, char *text, size_t size);

/* Appends a ratio: "8.1×", "81×". */
void append_ratio(double ratio, char *text, size_t size);

/* Prints a line that reads as it stands, beside what tables are made of. */
__attribute__((format(printf, 2, 3))) void rows_print_line(enum grid_format format,
                                                           const char *text, ...);

/* Prints what a table is of: operation, machine, software, commit and date of row `like`. */
void rows_print_heading(const json_t *like, enum grid_format format);

/* Prints the cost of a training step, before and after, for every case of an operation that has
 * parts; none is an error of its own. Returns the exit status. */
int table_step(const json_t *rows, enum grid_format format);

/* Prints a line a variant: how many cases passed, failed, were skipped, and the largest error. */
void table_summary(const json_t *rows, enum grid_format format);

/* Prints a line a variant that ran on simt: how long its first runs took beside those of its
 * namesake on cpu, on the cases that both passed. */
void table_slowdown(const json_t *rows, enum grid_format format);

/* Prints what the rows say of each machine: what differs between them is listed, or its range. */
void table_machine(const json_t *rows, enum grid_format format);

/* Prints how much slower than the best of the others the variants named auto are, a line a suite.
 */
void table_auto(const json_t *rows, enum grid_format format);

/* Prints a line a row: what came out, and the command that repeats it. */
void table_each(const json_t *rows, enum grid_format format);

/* Prints the five times of each row side by side, a table for each machine, operation and backend.
 * Returns the exit status. */
int table_times(const json_t *rows, enum grid_format format);

/* Prints how often compare was right about what selftest-aa knows, of the last run on each machine
 * and backend. */
void table_selftest(const json_t *rows, enum grid_format format);

/* Prints the errors of every variant, a table for each machine, operation and backend. Returns the
 * exit status. */
int table_error(const json_t *rows, enum grid_format format);

#endif
