/* Work in a child process that may crash or hang: the parent watches it, and goes on behind the row
 * that was lost. The parent has to have neither threads nor a GPU context of its own. */
#ifndef SSMBENCH_SUPERVISE_H
#define SSMBENCH_SUPERVISE_H

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>

/* What a child says of a row; written to the parent whole, as it is smaller than PIPE_BUF. */
enum { REPORT_SIZE = 2048 };

enum loss { LOSS_CRASH, LOSS_TIMEOUT };

/* How a child ends that is not lost. */
enum child_end {
    CHILD_DONE,   /* all rows are done */
    CHILD_AGAIN,  /* a fresh process is to do the rest */
    CHILD_STOPPED /* no row is to follow */
};

struct supervision {
    /* In the child: does the rows from `first` on, between child_begin() and child_end(). */
    enum child_end (*work)(void *context, int first);

    /* In the parent: a row begins; the seconds it may take. */
    double (*begin)(void *context, int row);

    /* In the parent: a row is done; `report` is what child_end() was given. */
    void (*done)(void *context, int row, const void *report);

    /* In the parent: a row is lost, or, if it is number `rows`, the end of the child behind the
     * last one. `reason` says how, with the last of what the child wrote to its standard error.
     * False when no row is to follow. */
    bool (*lost)(void *context, int row, enum loss loss, const char *reason);

    void *context;
    int rows;
    bool in_process; /* without a child: for debuggers */
    const volatile sig_atomic_t *interrupted;
};

/* Runs all rows. False when they could not be: no process could be made. */
bool supervise(const struct supervision *supervision);

/* Called by `work`. */
void child_begin(int row);
void child_end(int row, const void *report, size_t size);

/* Seconds that a backend may take to say what it is, with a copy timed. */
enum { ASK_LIMIT_S = 120 };

/* Runs `ask` in a child and returns what it printed to its stream, which the caller frees; NULL
 * when the child was lost, or took longer than limit_s. */
char *ask_child(void (*ask)(FILE *stream, const void *question), const void *question,
                double limit_s);

#endif
