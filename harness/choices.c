#include "choices.h"
#include "choices_table.h"
#include "table_rows.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_VARIANTS = 64 };

/* What was measured: problems, and the time of each variant on them, infinite where it has none. */
struct measured {
    int variants, count;
    const char *variant[MAX_VARIANTS], *name[CHOICES_MAX];
    struct choose_shape shape[CHOICES_MAX];
    double time_ms[CHOICES_MAX][MAX_VARIANTS], least_ms[CHOICES_MAX];
};

static bool counts(const json_t *row, const char *op)
{
    return !strcmp(results_text(row, "op"), op) && !strcmp(results_text(row, "backend"), "cuda") &&
           rows_is_timed(row) && !rows_is_auto(row);
}

static int64_t size_of(const json_t *row, const char *path)
{
    return (int64_t)results_number(row, path);
}

static struct choose_shape shape_of(const json_t *row)
{
    return (struct choose_shape){
        size_of(row, "keys.batch"),
        size_of(row, "keys.channels"),
        size_of(row, "keys.length"),
        size_of(row, results_get(row, "keys.state") ? "keys.state" : "keys.width"),
        !strcmp(results_text(row, "keys.a"), "scalar"),
        !strcmp(results_text(row, "keys.layout"), "channel_last"),
        strcmp(results_text(row, "keys.dtype"), "f32") != 0,
    };
}

/* The number of a variant, which gets one if it has none; -1 when there is no room. */
static int number_of(struct measured *m, const char *variant)
{
    for (int i = 0; i < m->variants; i++)
        if (!strcmp(m->variant[i], variant))
            return i;
    if (m->variants == MAX_VARIANTS)
        return -1;
    m->variant[m->variants] = variant;
    return m->variants++;
}

static void measure(struct measured *m, const json_t *rows, const char *op)
{
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *like = json_array_get(rows, i);
        if (!counts(like, op) || m->count == CHOICES_MAX)
            continue;
        bool first = true;
        for (size_t j = 0; j < i && first; j++)
            first = !counts(json_array_get(rows, j), op) ||
                    !results_same(json_array_get(rows, j), like, ROWS_LINE);
        if (!first)
            continue;
        const int at = m->count++;
        m->name[at] = results_text(like, "case");
        m->shape[at] = shape_of(like);
        m->least_ms[at] = INFINITY;
        for (int v = 0; v < MAX_VARIANTS; v++)
            m->time_ms[at][v] = INFINITY;
        for (size_t j = i; j < json_array_size(rows); j++) {
            const json_t *row = json_array_get(rows, j);
            if (!counts(row, op) || !results_same(row, like, ROWS_LINE))
                continue;
            const int variant = number_of(m, results_text(row, "variant"));
            if (variant < 0)
                continue;
            m->time_ms[at][variant] = results_number(row, "time.median_ms");
            m->least_ms[at] = fmin(m->least_ms[at], m->time_ms[at][variant]);
        }
    }
}

/* How many times as slow as the fastest a variant was on a problem. */
static double slower(const struct measured *m, int at, int variant)
{
    return m->time_ms[at][variant] / m->least_ms[at];
}

static bool is_near_somewhere(const struct measured *m, int variant)
{
    for (int at = 0; at < m->count; at++)
        if (slower(m, at, variant) < CHOOSE_SLOWEST)
            return true;
    return false;
}

/* The table of what was measured: candidates are those that are near the fastest somewhere. */
static bool tabulate(const struct measured *m, struct choices *choices)
{
    int number[CHOOSE_CANDIDATES];
    for (int v = 0; v < m->variants; v++) {
        if (!is_near_somewhere(m, v))
            continue;
        char *const name = choices_add_candidate(choices);
        if (!name)
            return false;
        number[choices->table.candidates - 1] = v;
        snprintf(name, CHOICES_NAME, "%s", m->variant[v]);
    }
    for (int at = 0; at < m->count; at++) {
        struct choose_measured *const line = choices_add(choices);
        snprintf(choices->name[at], CHOICES_NAME, "%s", m->name[at]);
        line->shape = m->shape[at];
        for (int i = 0; i < choices->table.candidates; i++)
            line->slower[i] = fmin(slower(m, at, number[i]), CHOOSE_SLOWEST);
    }
    return true;
}

/* How many times as slow as the fastest the choice of a table is on a measured problem; a candidate
 * without a time there does not accept it. Infinite when there is no other one. */
static double choice_is_slower(const struct choices *choices, const struct measured *m, int at,
                               const bool *skip, const char **name)
{
    double ratio[CHOOSE_CANDIDATES];
    bool may[CHOOSE_CANDIDATES] = {false};
    for (int i = 0; i < choices->table.candidates; i++) {
        ratio[i] = INFINITY;
        for (int v = 0; v < m->variants; v++)
            if (!strcmp(m->variant[v], choices->candidate[i]))
                ratio[i] = slower(m, at, v);
        may[i] = isfinite(ratio[i]);
    }
    const int pick = choices_pick(choices, &m->shape[at], may, skip);
    *name = pick < 0 ? "none" : choices->candidate[pick];
    return pick < 0 ? INFINITY : ratio[pick];
}

/* True for problems of the same sizes and A, whatever their layouts and types. */
static bool same_sizes(const struct choose_shape *a, const struct choose_shape *b)
{
    return a->batch == b->batch && a->channels == b->channels && a->length == b->length &&
           a->depth == b->depth && a->scalar == b->scalar;
}

/* Says how well the table does without problems of the same sizes. */
static void print_left_out(const struct choices *choices, const struct measured *m)
{
    double sum = 0, most = 0;
    const char *worst = "", *unused;
    for (int at = 0; at < m->count; at++) {
        bool skip[CHOICES_MAX] = {false};
        for (int i = 0; i < m->count; i++)
            skip[i] = same_sizes(&m->shape[at], &m->shape[i]);
        const double ratio = choice_is_slower(choices, m, at, skip, &unused);
        sum += ratio;
        if (ratio > most)
            worst = m->name[at];
        most = fmax(most, ratio);
    }
    printf(
        " * Where the sizes of a problem are left out of the table, the choice for it takes %.3f\n"
        " * times as long as the fastest variant on average, and %.2f times at most, for\n"
        " * %s.\n",
        sum / m->count, most, worst);
}

static bool same_shape(const struct choose_shape *a, const struct choose_shape *b)
{
    return same_sizes(a, b) && a->channel_last == b->channel_last && a->half == b->half;
}

static int check_file(const struct measured *m, const char *path)
{
    struct message message;
    struct choices *const choices = must_allocate(1, sizeof *choices);
    int status = EXIT_WELL;
    if (!choices_read(choices, path, &message))
        status = complain(EXIT_BAD_INPUT, "%s", message.text);
    for (int at = 0; at < m->count && status != EXIT_BAD_INPUT; at++) {
        const char *name;
        const double ratio = choice_is_slower(choices, m, at, NULL, &name);
        bool found = false;
        for (int i = 0; i < choices->table.count; i++)
            found |= same_shape(&choices->measured[i].shape, &m->shape[at]);
        if (!found)
            status = complain(EXIT_CHECK_FAILED, "%s: %s is not in it: run `make choices`", path,
                              m->name[at]);
        else if (!(ratio <= CHOICES_LIMIT))
            status = complain(EXIT_CHECK_FAILED,
                              "%s: on %s it chooses %s, which is %.2f times as slow as the fastest "
                              "variant: run `make choices`",
                              path, m->name[at], name, ratio);
    }
    free(choices);
    return status;
}

static int print_table(const struct measured *m, const char *op)
{
    struct choices *const choices = must_allocate(1, sizeof *choices);
    const bool good = tabulate(m, choices);
    if (good) {
        printf("/* How slow the variants of %s were on measured problems. `make choices` writes "
               "this.\n"
               " *\n",
               op);
        print_left_out(choices, m);
        puts(" */");
        choices_write(choices, op);
    }
    free(choices);
    return good ? EXIT_WELL
                : complain(EXIT_BAD_INPUT,
                           "choices %s: more than %d variants are within %g times "
                           "the fastest",
                           op, CHOOSE_CANDIDATES, CHOOSE_SLOWEST);
}

int choices_print(const char *op, char *const *files, const char *check)
{
    struct message message;
    struct measured *const m = must_allocate(1, sizeof *m);
    json_t *const rows = json_array();
    int status;
    if (!rows_read(rows, files, &message)) {
        status = complain(EXIT_BAD_INPUT, "%s", message.text);
    } else {
        measure(m, rows, op);
        status = !m->count ? complain(EXIT_NOTHING_MATCHED,
                                      "choices %s: no row with a time: expected rows that `bench` "
                                      "made of exact variants on cuda",
                                      op)
                 : check   ? check_file(m, check)
                           : print_table(m, op);
    }
    json_decref(rows);
    free(m);
    return status;
}
