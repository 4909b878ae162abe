#include "foresee.h"
#include "fit.h"
#include "history.h"

#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

const double ROW_LIMIT_S = 5;

/* Guesses: work a second of a variant on a GPU, on a CPU, and on a GPU that a CPU plays. */
static const double PACE_GPU = 5e11, PACE = 2e9, PACE_SIMT = 1e8;

static int op_index(const struct operation *op)
{
    int i = 0;
    while (OPERATIONS[i] && OPERATIONS[i] != op)
        i++;
    return i;
}

static double pace_of(const struct backend *backend)
{
    if (backend->memory_free != host_memory_free)
        return PACE_GPU;
    return backend->timed ? PACE : PACE_SIMT;
}

struct awaited foresee_sizes(const struct campaign *c, const struct row *row, double limit_s)
{
    const struct cost cost = row->item->op->cost(row->item->problem);
    const struct variant *variant = row->entry->variant;
    int backend = 0;
    while (c->filter.backend[backend] != row->backend)
        backend++;
    return (struct awaited){.op = op_index(row->item->op),
                            .variant = (int)(row->entry - ENTRIES),
                            .backend = backend,
                            .item = (int)(row->item - c->cases.item),
                            .skipped = beyond_all_machines(row->item->op, row->item->problem) ||
                                       (variant->accepts && variant->accepts(row->item->problem)),
                            .work = forecast_work(cost.flops, cost.bytes),
                            .bytes = cost.bytes,
                            .pace = pace_of(row->backend),
                            .runs = row->backend->runs,
                            .limit_s = limit_s};
}

static double known(const json_t *row, const char *path)
{
    const double seconds = results_number(row, path);
    return seconds > 0 ? seconds : 0;
}

/* What a row says that it took; it may be older than some of its members. A row without a time is
 * no measure of one with, nor is one that had more time of one that a budget shortens. */
static struct spent spent_of(const struct campaign *c, const json_t *row, double limit_s)
{
    const bool timed = results_get(row, "time") != NULL;
    const bool alike = timed == (limit_s > 0) && (!timed || c->row_limit_s >= ROW_LIMIT_S);
    struct spent spent = {known(row, "prepare_s"), known(row, "check.run_s"), 0};
    if (alike)
        spent.row_s = fmax(known(row, "spent_s") - spent.prepare_s, 0);
    return spent;
}

/* What an earlier run of the row says of it. */
static void remember(const struct campaign *c, const struct row *row, const json_t *index,
                     struct awaited *awaited)
{
    const json_t *found = history_find(index, row->entry->full, row->item);
    json_t *keys = results_keys(row->item);
    if (json_equal(keys, results_get(found, "keys")))
        awaited->before = spent_of(c, found, awaited->limit_s);
    json_decref(keys);
}

static const struct entry *entry_of(const json_t *row)
{
    const struct entry *entry = ENTRIES;
    while (entry->op && (strcmp(entry->op, results_text(row, "op")) ||
                         strcmp(entry->name, results_text(row, "variant")) ||
                         strcmp(entry->backend, results_text(row, "backend"))))
        entry++;
    return entry->op ? entry : NULL;
}

/* Tells the forecast of a row of the same variant as some that are to come. */
static void learn(struct campaign *c, const json_t *row)
{
    const struct entry *entry = entry_of(row);
    for (int i = 0; entry && i < c->rows_all; i++) {
        const double flops = results_number(row, "flops"), bytes = results_number(row, "bytes");
        struct awaited like = c->forecast.row[i];
        if (c->row[i].entry != entry || !(flops + bytes > 0))
            continue;
        const struct spent spent = spent_of(c, row, like.limit_s);
        like.work = forecast_work(flops, bytes);
        like.bytes = bytes;
        forecast_learn(&c->forecast, &like, &spent);
        return;
    }
}

/* Appends the rows of a file that are of this machine. */
static void read_rows(const struct campaign *c, const char *path, json_t *all)
{
    static const char *const same[] = {"name", "threads", NULL};
    json_t *rows = json_array();
    struct message message;
    if (!results_read(rows, path, &message))
        complain(EXIT_WELL, "%s; estimates do without", message.text);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        json_t *row = json_array_get(rows, i);
        const json_t *machine = results_get(row, "machine");
        for (int j = 0; c->machine[j]; j++)
            if (!strcmp(results_text(row, "backend"), c->filter.backend[j]->name) &&
                results_same(machine, c->machine[j], same))
                json_array_append(all, row);
    }
    json_decref(rows);
}

/* What was measured here before, the latest last. */
static json_t *read_history(const struct campaign *c)
{
    json_t *all = json_array();
    const char *out = c->options->out;
    char pattern[256] = "";
    struct stat status;
    glob_t found = {0};
    if (c->machine[0])
        append(pattern, sizeof pattern, "results/%s/*.jsonl", results_text(c->machine[0], "slug"));
    glob(pattern, 0, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc; i++)
        if (!out || strcmp(out, found.gl_pathv[i]))
            read_rows(c, found.gl_pathv[i], all);
    globfree(&found);
    if (out && !stat(out, &status) && S_ISREG(status.st_mode)) /* /dev/full has no end */
        read_rows(c, out, all);
    return all;
}

void foresee(struct campaign *c)
{
    struct awaited *awaited = must_allocate((size_t)c->rows_all + 1, sizeof *awaited);
    json_t *rows = read_history(c), *index = history_index(rows);
    for (int i = 0; i < c->rows_all; i++) {
        awaited[i] = foresee_sizes(c, &c->row[i], perform_limit_s(c, &c->row[i]));
        remember(c, &c->row[i], index, &awaited[i]);
    }
    forecast_open(&c->forecast, awaited, c->rows_all);
    for (size_t i = 0; i < json_array_size(rows); i++)
        learn(c, json_array_get(rows, i));
    json_decref(index);
    json_decref(rows);
}

void foresee_close(struct campaign *c)
{
    free(c->forecast.row);
    forecast_close(&c->forecast);
}

int foresee_print(const struct campaign *c)
{
    double part_s[BASIS_COUNT] = {0}, all_s = 0;
    int skipped = 0;
    char total[64] = "";
    for (int i = 0; c->filter.backend[i]; i++)
        c->filter.backend[i]->missing();
    for (int i = 0; i < c->rows_all; i++) {
        const struct row *row = &c->row[i];
        const struct estimate e = forecast_row(&c->forecast, i);
        struct outcome outcome;
        char text[64] = "";
        const bool fits = trial_fits(row->item, row->entry, row->backend, false, &outcome);
        append_duration(text, sizeof text, e.prepare_s + e.row_s);
        printf("%-16s %-28s %s/%s  ", fits ? "to do" : STATUS_NAMES[outcome.status],
               row->entry->full, row->item->suite, row->item->name);
        if (fits)
            printf("%s, %s\n", text, BASIS_NAMES[e.basis]);
        else
            puts(outcome.detail);
        skipped += !fits;
        part_s[e.basis] += fits ? e.prepare_s + e.row_s : 0;
    }
    for (int basis = 0; basis < BASIS_COUNT; basis++)
        all_s += part_s[basis];
    append_duration(total, sizeof total, all_s);
    printf("%d to do, %d skipped, %d kept: about %s", c->rows_all - skipped, skipped, c->kept,
           total);
    for (int basis = 0; basis < BASIS_COUNT; basis++) {
        char text[64] = "";
        append_duration(text, sizeof text, part_s[basis]);
        printf("%s %s %s", basis ? "," : ", of which", text, BASIS_NAMES[basis]);
    }
    putchar('\n');
    if (c->options->budget_s > 0 && all_s > c->options->budget_s)
        printf("--budget %.0f leaves some of that out\n", c->options->budget_s);
    return EXIT_WELL;
}
