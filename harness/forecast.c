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

/* What is known of a run or of a reference. */
struct seen {
    int op, variant, backend;
    double work, pace;
    struct spent spent;
};

/* How rows of a backend, or of a variant, spend their time: sums over those that are done. */
struct habit {
    double over_s, span_s;     /* timed: above the least that is foreseen, and the most above it */
    double checked_s, check_s; /* not timed: spent, and foreseen */
};

double forecast_work(double flops, double bytes)
{
    return flops + 4 * bytes;
}

void forecast_open(struct forecast *f, struct awaited *row, int rows)
{
    int habits = 0;
    for (int i = 0; i < rows; i++) {
        habits = row[i].variant >= habits ? row[i].variant + 1 : habits;
        habits = row[i].backend >= habits ? row[i].backend + 1 : habits;
    }
    *f = (struct forecast){.row = row, .rows = rows, .habits = habits};
    f->habit = must_allocate((size_t)(2 * habits + 1), sizeof *f->habit);
}

void forecast_close(struct forecast *f)
{
    free(f->seen);
    free(f->habit);
    *f = (struct forecast){0};
}

void forecast_learn(struct forecast *f, const struct awaited *like, const struct spent *spent)
{
    if (f->seen_count == f->seen_room) {
        f->seen_room = 2 * f->seen_room + 64;
        f->seen = realloc(f->seen, (size_t)f->seen_room * sizeof *f->seen);
        if (!f->seen)
            abort();
    }
    f->seen[f->seen_count++] =
        (struct seen){like->op, like->variant, like->backend, like->work, like->pace, *spent};
}

/* What is foreseen by work: of what is alike and was seen, the nearest in work tells the pace; else
 * the guess is corrected by how wrong it was elsewhere, in the geometric mean. */
struct search {
    double nearest, at, mean; /* distance and value of the nearest; sum of logarithms */
    int count;
};

static void meet(struct search *s, bool alike, bool related, double time_s, double work,
                 double seen_work, double guess_s)
{
    const double distance = fabs(log(work / seen_work));
    if (alike && distance <= s->nearest) {
        s->nearest = distance;
        s->at = time_s * work / seen_work;
    }
    if (related) {
        s->mean += log(time_s / guess_s);
        s->count++;
    }
}

static double found(const struct search *s, double guess_s)
{
    if (isfinite(s->nearest))
        return s->at;
    return s->count ? guess_s * exp(s->mean / s->count) : guess_s;
}

static double foresee_run(const struct forecast *f, const struct awaited *row, enum basis *basis)
{
    struct search search = {.nearest = INFINITY};
    *basis = BASIS_SCALED;
    if (row->before.run_s > 0)
        return row->before.run_s;
    for (int i = 0; i < f->seen_count; i++) {
        const struct seen *seen = &f->seen[i];
        if (seen->spent.run_s > 0)
            meet(&search, seen->variant == row->variant, seen->backend == row->backend,
                 seen->spent.run_s, row->work, seen->work, seen->work / seen->pace);
    }
    if (!isfinite(search.nearest))
        *basis = BASIS_GUESSED;
    return found(&search, row->work / row->pace);
}

static double foresee_reference(const struct forecast *f, const struct awaited *row)
{
    struct search search = {.nearest = INFINITY};
    if (row->before.prepare_s > 0)
        return row->before.prepare_s;
    for (int i = 0; i < f->seen_count; i++) {
        const struct seen *seen = &f->seen[i];
        if (seen->spent.prepare_s > 0)
            meet(&search, seen->op == row->op, true, seen->spent.prepare_s, row->work, seen->work,
                 seen->work / REFERENCE_PACE);
    }
    return found(&search, row->work / REFERENCE_PACE);
}

static struct habit *habit_of_backend(const struct forecast *f, int backend)
{
    return &f->habit[f->habits + backend];
}

/* What a row takes by the time of its runs: the least and the most. */
static void bounds(const struct awaited *row, double run_s, double *least_s, double *most_s)
{
    const double check_s = row->runs * run_s + row->bytes / CHECK_BYTES;
    *least_s = *most_s = 0;
    if (row->limit_s > 0)
        time_foresee(run_s, row->limit_s, least_s, most_s);
    *least_s += check_s;
    *most_s += check_s;
}

/* What a row takes by the time of its runs and the habits of its variant, or of its backend. */
static double foresee_row(const struct forecast *f, const struct awaited *row, double run_s)
{
    const struct habit *own = &f->habit[row->variant];
    const struct habit *all = habit_of_backend(f, row->backend);
    double least_s, most_s;
    bounds(row, run_s, &least_s, &most_s);
    if (!(row->limit_s > 0))
        return all->check_s > 0 ? least_s * all->checked_s / all->check_s : least_s;
    const double general = (all->over_s + SHARE * INERTIA_S) / (all->span_s + INERTIA_S);
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
    struct habit *const habit[] = {&f->habit[row->variant], habit_of_backend(f, row->backend)};
    double least_s, most_s;
    if (!(spent->run_s > 0))
        return;
    forecast_learn(f, row, spent);
    if (row->before.row_s > 0) {
        f->expected_s += row->before.row_s;
        f->spent_s += spent->row_s;
    }
    bounds(row, spent->run_s, &least_s, &most_s);
    for (int j = 0; j < 2; j++) {
        if (row->limit_s > 0) {
            habit[j]->over_s += fmax(spent->row_s - least_s, 0);
            habit[j]->span_s += most_s - least_s;
        } else {
            habit[j]->checked_s += spent->row_s;
            habit[j]->check_s += least_s;
        }
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
