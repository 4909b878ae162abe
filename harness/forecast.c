#include "forecast.h"
#include "message.h"
#include "time.h"

#include <math.h>
#include <stdlib.h>

const char *const BASIS_NAMES[BASIS_COUNT] = {"measured", "scaled", "guessed"};

/* Guesses, for as long as nothing is known: work a second of a reference, bytes a second that a
 * check fills, copies and compares, and where a timed row ends between its least and its most. */
static const double REFERENCE_PACE = 3e8, CHECK_BYTES = 3e8, SHARE = 0.5;

/* What one row has to say against what is believed already, in seconds of spread. */
static const double INERTIA_S = 1;

/* Guesses below this say nothing of each other, in seconds. */
static const double LEAST_S = 1e-3;

/* How much a row of the past counts beside one of now. */
static const double PAST = 0.1;

/* A line through times y over guesses x, both in seconds: y = a + b x. Each row weighs 1 / (x +
 * LEAST_S), so that neither the many small rows nor the few large ones rule; these weights leave
 * the sum of what is foreseen equal to that of what was seen. */
struct line {
    double w, x, xx, y, xy;
    int rows;
};

/* Rows of a variant that are enough to tell its checks from those of others. */
enum { ROWS_ENOUGH = 4 };

/* How time is spent: on references of an operation, on runs and rows of a variant. What has too few
 * rows of its own goes by the pool: of all operations, of a backend. */
struct habit {
    struct line reference, run, check;
    struct line run_pool, check_pool;
    double over_s, span_s; /* timed rows: above the least that is foreseen, and the most above it */
    double over_pool_s, span_pool_s;
};

static void line_add(struct line *line, double x, double y, double trust)
{
    const double w = trust / (x + LEAST_S);
    line->rows++;
    line->w += w;
    line->x += w * x;
    line->xx += w * x * x;
    line->y += w * y;
    line->xy += w * x * y;
}

/* The time on the line; x itself as long as there is none. */
static double line_at(const struct line *line, double x)
{
    if (!line->rows)
        return x;
    const double w = 1.001 * line->w; /* one row alone is a line through the origin */
    const double determinant = w * line->xx - line->x * line->x;
    const double a = (line->xx * line->y - line->x * line->xy) / determinant;
    const double b = (w * line->xy - line->x * line->y) / determinant;
    const double sum_y = LEAST_S * line->y + line->xy, sum_x = LEAST_S * line->x + line->xx;
    const double count = LEAST_S * line->w + line->x;
    if (a >= 0 && b >= 0)
        return a + b * x;
    return a < 0 ? sum_y / sum_x * x : sum_y / count;
}

double forecast_work(double flops, double bytes)
{
    return flops + 4 * bytes;
}

void forecast_open(struct forecast *f, struct awaited *row, int rows)
{
    int most = 0;
    for (int i = 0; i < rows; i++) {
        most = row[i].variant > most ? row[i].variant : most;
        most = row[i].backend > most ? row[i].backend : most;
        most = row[i].op > most ? row[i].op : most;
    }
    *f = (struct forecast){.row = row, .rows = rows, .habits = most + 1};
    /* Behind the others, one of all operations. */
    f->habit = must_allocate((size_t)f->habits + 1, sizeof *f->habit);
}

void forecast_close(struct forecast *f)
{
    free(f->habit);
    *f = (struct forecast){0};
}

static double guess_run(const struct awaited *row)
{
    return row->work / row->pace;
}

static double guess_reference(const struct awaited *row)
{
    return row->work / REFERENCE_PACE;
}

static double guess_check(const struct awaited *row, double run_s)
{
    return row->runs * run_s + row->bytes / CHECK_BYTES;
}

/* What a timed row takes by the time of its runs: the least and the most. */
static void bounds(const struct awaited *row, double run_s, double *least_s, double *most_s)
{
    time_foresee(run_s, row->limit_s, least_s, most_s);
    *least_s += guess_check(row, run_s);
    *most_s += guess_check(row, run_s);
}

/* Learns how long the rest of a row takes, whose runs take run_s. */
static void learn_row(struct forecast *f, const struct awaited *like, const struct spent *spent,
                      double trust)
{
    struct habit *const own = &f->habit[like->variant], *const all = &f->habit[like->backend];
    const double check_s = guess_check(like, spent->run_s);
    double least_s, most_s;
    if (!(like->limit_s > 0)) {
        line_add(&own->check, check_s, spent->row_s, trust);
        line_add(&all->check_pool, check_s, spent->row_s, trust);
        return;
    }
    bounds(like, spent->run_s, &least_s, &most_s);
    own->over_s += trust * fmax(spent->row_s - least_s, 0);
    own->span_s += trust * (most_s - least_s);
    all->over_pool_s += trust * fmax(spent->row_s - least_s, 0);
    all->span_pool_s += trust * (most_s - least_s);
}

static void learn(struct forecast *f, const struct awaited *like, const struct spent *spent,
                  double trust)
{
    if (spent->prepare_s > 0) {
        line_add(&f->habit[like->op].reference, guess_reference(like), spent->prepare_s, trust);
        line_add(&f->habit[f->habits].reference, guess_reference(like), spent->prepare_s, trust);
    }
    if (!(spent->run_s > 0))
        return;
    line_add(&f->habit[like->variant].run, guess_run(like), spent->run_s, trust);
    line_add(&f->habit[like->backend].run_pool, guess_run(like), spent->run_s, trust);
    if (spent->row_s > 0)
        learn_row(f, like, spent, trust);
}

void forecast_learn(struct forecast *f, const struct awaited *like, const struct spent *spent)
{
    learn(f, like, spent, PAST);
}

static double foresee_run(const struct forecast *f, const struct awaited *row, enum basis *basis)
{
    const struct habit *own = &f->habit[row->variant], *all = &f->habit[row->backend];
    const bool scaled = own->run.rows > 0;
    *basis = scaled || row->before.run_s > 0 ? BASIS_SCALED : BASIS_GUESSED;
    if (row->before.run_s > 0)
        return row->before.run_s;
    return line_at(scaled ? &own->run : &all->run_pool, guess_run(row));
}

static double foresee_reference(const struct forecast *f, const struct awaited *row)
{
    const struct line *own = &f->habit[row->op].reference;
    const struct line *all = &f->habit[f->habits].reference;
    if (row->before.prepare_s > 0)
        return row->before.prepare_s;
    return line_at(own->rows ? own : all, guess_reference(row));
}

/* What a row takes by the time of its runs and the habits of its variant, or of its backend. */
static double foresee_row(const struct forecast *f, const struct awaited *row, double run_s)
{
    const struct habit *own = &f->habit[row->variant], *all = &f->habit[row->backend];
    double least_s, most_s;
    if (!(row->limit_s > 0))
        return line_at(own->check.rows < ROWS_ENOUGH ? &all->check_pool : &own->check,
                       guess_check(row, run_s));
    bounds(row, run_s, &least_s, &most_s);
    const double general = (all->over_pool_s + SHARE * INERTIA_S) / (all->span_pool_s + INERTIA_S);
    const double share = (own->over_s + general * INERTIA_S) / (own->span_s + INERTIA_S);
    return least_s + share * (most_s - least_s);
}

/* How much longer than before rows take now. */
static double drift(const struct forecast *f)
{
    return (f->spent_s + INERTIA_S) / (f->expected_s + INERTIA_S);
}

void forecast_done(struct forecast *f, int i, const struct spent *spent)
{
    const struct awaited *row = &f->row[i];
    learn(f, row, spent, 1);
    if (spent->run_s > 0 && row->before.row_s > 0) {
        f->expected_s += row->before.row_s;
        f->spent_s += spent->row_s;
    }
}

struct estimate forecast_row(const struct forecast *f, int i)
{
    const struct awaited *row = &f->row[i];
    struct estimate e = {.basis = BASIS_MEASURED};
    if (row->skipped)
        return e;
    if (row->before.row_s > 0)
        e.row_s = row->before.row_s * drift(f);
    else
        e.row_s = foresee_row(f, row, foresee_run(f, row, &e.basis));
    bool first = true;
    for (int j = i - 1; j >= 0 && first && f->row[j].item == row->item; j--)
        first = f->row[j].skipped;
    if (first)
        e.prepare_s = foresee_reference(f, row);
    return e;
}

double forecast_left_s(const struct forecast *f, int from)
{
    double left_s = 0;
    for (int i = from; i < f->rows; i++) {
        const struct estimate e = forecast_row(f, i);
        left_s += e.prepare_s + e.row_s;
    }
    return left_s;
}

void append_duration(char *text, unsigned long size, double seconds)
{
    const double rounded = round(seconds), minutes = round(seconds / 60);
    if (seconds < 59.95)
        append(text, size, "%.*f s", seconds < 9.995 ? 2 : 1, seconds);
    else if (rounded < 3600)
        append(text, size, "%.0f min %02.0f s", floor(rounded / 60), fmod(rounded, 60));
    else
        append(text, size, "%.0f h %02.0f min", floor(minutes / 60), fmod(minutes, 60));
}
