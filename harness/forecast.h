/* How long rows will take, foreseen from those that are known. Numbers in, numbers out. */
#ifndef SSMBENCH_FORECAST_H
#define SSMBENCH_FORECAST_H

#include <stdbool.h>

/* Where an estimate is from. */
enum basis {
    BASIS_MEASURED, /* the same row, measured before */
    BASIS_SCALED,   /* runs of the variant on this or another case, by their work */
    BASIS_GUESSED,  /* the sizes alone */
    BASIS_COUNT
};

extern const char *const BASIS_NAMES[BASIS_COUNT];

/* What a row took, in seconds; 0 where that is not known. */
struct spent {
    double prepare_s; /* inputs and reference of its case; 0 when a row before had paid */
    double run_s;     /* one run of the variant */
    double row_s;     /* all of it, but for prepare_s */
};

/* A row to come. Operations, variants and backends are small numbers. */
struct awaited {
    int op, variant, backend, item;
    bool skipped;        /* takes no time */
    double work, bytes;  /* of the case: see forecast_work() */
    double pace;         /* a guess: work a second on the backend */
    int runs;            /* of its check */
    double limit_s;      /* of its sampling; 0: it is not timed */
    struct spent before; /* when it was measured before */
};

struct estimate {
    double prepare_s, row_s;
    enum basis basis;
};

struct forecast {
    struct awaited *row;
    int rows;
    struct habit *habit; /* of operations, variants and backends */
    int habits;
    double expected_s, spent_s; /* of rows that were measured before */
};

/* The work of a problem in flops, with its bytes at what they cost beside. */
double forecast_work(double flops, double bytes);

/* Takes the rows, which have to stay until forecast_close(). */
void forecast_open(struct forecast *forecast, struct awaited *row, int rows);
void forecast_close(struct forecast *forecast);

/* Tells what a row took that is not one of those to come. */
void forecast_learn(struct forecast *forecast, const struct awaited *like,
                    const struct spent *spent);

/* Tells what row `i` of those to come took. */
void forecast_done(struct forecast *forecast, int i, const struct spent *spent);

/* What row `i` will take. prepare_s is 0 unless it is the first of its case. */
struct estimate forecast_row(const struct forecast *forecast, int i);

/* Seconds that the rows from `from` on will take. */
double forecast_left_s(const struct forecast *forecast, int from);

/* Appends "12.3 s", "3 min 20 s" or "2 h 05 min". */
void append_duration(char *text, unsigned long size, double seconds);

#endif
