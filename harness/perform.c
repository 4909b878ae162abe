#include "perform.h"
#include "fit.h"
#include "interrupt.h"
#include "least.h"
#include "roofs.h"

#include <math.h>

/* Runs of a timed row that take as long as one run each: one on other inputs, two checks, warm-up,
 * three samples. */
static const double RUNS_AT_LEAST = 7;

/* The line of a row, `json` in the file. Returns where in it the detail begins. */
static int row_line(const struct test_case *item, const struct entry *entry,
                    const struct outcome *o, const json_t *json, char *line, size_t size)
{
    line[0] = '\0';
    append(line, size, "%-16s %-28s %s/%s", STATUS_NAMES[o->status], entry->full, item->suite,
           item->name);
    if (o->error >= 0 && o->status == STATUS_PASS)
        append(line, size, "  error %.1e", o->error);
    if (o->other)
        append(line, size, "  differs from %s by %.1e", o->other, o->difference);
    if (o->timed) {
        const struct summary *s = &o->timing.summary;
        append(line, size, "  %.4g ms [%.4g, %.4g] n=%d", s->median, s->q1, s->q3, s->count);
        append(line, size, "%s", results_get(json, "roof") ? "  " : "");
        roofs_append(json, line, size);
    }
    append(line, size, "%s", o->detail[0] ? "  " : "");
    const size_t detail = strlen(line);
    append(line, size, "%s", o->detail);
    return (int)detail;
}

/* Fills `outcome` and returns true when the row is to be skipped. */
static bool skip(struct campaign *c, const struct test_case *item, const struct entry *entry,
                 const struct backend *backend, struct outcome *outcome)
{
    if (!trial_fits(item, entry, backend, c->is_prepared, outcome))
        return true;
    if (!(c->options->budget_s > 0))
        return false;
    const double run_s = c->pace[entry - ENTRIES].s_per_flop * item->op->cost(item->problem).flops;
    const double takes = run_s * (c->options->bench ? RUNS_AT_LEAST : 1 + backend->runs);
    const double left = c->options->budget_s - (now_s() - c->start_s);
    if (takes <= left && left > 0)
        return false;
    outcome->status = STATUS_SKIPPED;
    append(outcome->detail, sizeof outcome->detail,
           "would take about %.0f s, %.0f s are left of --budget %.0f", takes, fmax(left, 0),
           c->options->budget_s);
    return true;
}

const json_t *perform_machine(const struct campaign *c, const struct backend *backend)
{
    int i = 0;
    while (c->filter.backend[i] != backend)
        i++;
    return c->machine[i];
}

double perform_limit_s(const struct campaign *c, const struct row *row)
{
    return c->options->bench && row->backend->timed ? c->row_limit_s : 0;
}

/* Writes the row of an outcome to the file, and what the parent has to know to `report`. */
void perform_tell(struct campaign *c, const struct row *row, const struct outcome *outcome,
                  struct report *report)
{
    struct message message;
    json_t *json = results_row(c->options->bench ? "bench" : "verify", row->item, row->entry,
                               perform_machine(c, row->backend), outcome);
    *report = (struct report){.status = outcome->status,
                              .lacks_memory = outcome->lacks_memory,
                              .compared = outcome->other != NULL,
                              .difference = outcome->difference,
                              .s_per_flop =
                                  outcome->run_s / row->item->op->cost(row->item->problem).flops};
    if (c->options->shards)
        json_object_set_new(json, "shard",
                            json_sprintf("%d/%d", c->options->shard, c->options->shards));
    report->write_failed =
        !results_append(&c->results, json, &message) ||
        (outcome->timed && !results_append_samples(&c->results, json, &outcome->timing, &message));
    if (report->write_failed)
        complain(EXIT_BAD_INPUT, "%s", message.text);
    report->run_s = outcome->run_s;
    report->prepare_s = outcome->prepare_s;
    report->spent_s = outcome->spent_s;
    report->timing_s = outcome->timed ? outcome->timing.spent_s : 0;
    report->detail =
        row_line(row->item, row->entry, outcome, json, report->line, sizeof report->line);
    json_decref(json);
}

/* Whether no row is to follow one of that status. */
bool perform_last(const struct campaign *c, enum status status, bool write_failed)
{
    const bool failed = status != STATUS_PASS && status != STATUS_SKIPPED;
    return write_failed || (failed && c->options->fail_fast);
}

/* Whether a run can take as little as it did. */
static void judge_time(const struct campaign *c, const struct row *row, struct outcome *outcome)
{
    const json_t *machine = perform_machine(c, row->backend);
    const struct roofs roofs = roofs_read(machine);
    const double cache_mb = json_number_value(json_object_get(machine, "cache_mb"));
    const struct least least =
        least_of(row->item, &roofs, cache_mb > 0 ? 1e6 * cache_mb : INFINITY);
    least_judge(&least, outcome);
}

/* One row, in the child. False when interrupted. */
static bool run_row(struct campaign *c, const struct row *row, struct report *report)
{
    struct outcome outcome;
    const double start_s = now_s();
    double prepare_s = 0;
    if (!skip(c, row->item, row->entry, row->backend, &outcome)) {
        if (!c->is_prepared) {
            prepare(row->item, &c->prepared);
            prepare_s = now_s() - start_s;
        }
        c->is_prepared = true;
        c->prepared.one_backend = !c->filter.backend[1];
        /* simt is slow: there a variant's first case has to show that it keeps nothing. */
        c->prepared.checks_only =
            !row->backend->timed && c->pace[row->entry - ENTRIES].s_per_flop > 0;
        if (interrupted || !trial_run(&c->prepared, row->entry, row->backend,
                                      perform_limit_s(c, row), &interrupted, &outcome))
            return false;
        judge_time(c, row, &outcome);
    }
    outcome.prepare_s = prepare_s;
    outcome.spent_s = now_s() - start_s;
    perform_tell(c, row, &outcome, report);
    timing_free(&outcome.timing);
    return true;
}

/* The rows from `first` on, in the child. After an error of a GPU's its context may be lost. */
enum child_end perform_rows(void *context, int first)
{
    struct campaign *c = context;
    enum child_end end = CHILD_DONE;
    for (int i = 0; c->filter.backend[i]; i++)
        c->filter.backend[i]->missing();
    for (int i = first; i < c->rows_all && end == CHILD_DONE; i++) {
        const struct row *row = &c->row[i];
        struct report report;
        if (c->is_prepared && row->item != c->prepared.item) {
            prepared_free(&c->prepared);
            c->is_prepared = false;
        }
        child_begin(i);
        if (!run_row(c, row, &report))
            return CHILD_STOPPED;
        child_end(i, &report, sizeof report);
        if (report.s_per_flop > 0)
            c->pace[row->entry - ENTRIES].s_per_flop = report.s_per_flop;
        if (interrupted || perform_last(c, report.status, report.write_failed))
            end = CHILD_STOPPED;
        else if (report.status == STATUS_FAILED && row->backend->memory_free != host_memory_free)
            end = CHILD_AGAIN;
    }
    if (c->is_prepared)
        prepared_free(&c->prepared);
    c->is_prepared = false;
    return end;
}
