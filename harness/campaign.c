#include "find.h"
#include "foresee.h"
#include "interrupt.h"
#include "resume.h"
#include "shard.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Seconds that a row may take at least, and how many flops a second the slowest variant does, on a
 * GPU and elsewhere: what takes longer hangs. A time-out of the first row of a case has the
 * reference in it. */
static const double TIMEOUT_S = 60, LEAST_FLOPS_GPU = 5e9, LEAST_FLOPS = 2e7;

/* What a budget may shrink the longest sampling of a row to, in seconds. */
static const double ROW_LEAST_S = 0.5;

bool campaign_cases(char *const *suites, struct case_list *list, struct message *message)
{
    static char *const quick[] = {"quick", NULL};
    char path[PATH_MAX];
    if (!suites || !suites[0])
        suites = quick;
    for (int i = 0; suites[i]; i++)
        if (!suite_path(suites[i], path, sizeof path, message) ||
            !cases_read(path, list, message)) {
            cases_free(list);
            return false;
        }
    return true;
}

/* The line that names row `i`, in progress; on a terminal only, and overwritten. */
static void show_progress(const struct campaign *c, int i)
{
    const struct row *row = &c->row[i];
    char left[64] = "";
    if (!isatty(STDERR_FILENO))
        return;
    double left_s = forecast_left_s(&c->forecast, i);
    if (c->options->budget_s > 0)
        left_s = fmin(left_s, fmax(c->options->budget_s - (c->row_start_s - c->start_s), 0));
    append_duration(left, sizeof left, left_s);
    fprintf(stderr, "\r\033[K[%d/%d] %s %s/%s  %s left", c->rows + 1, c->kept + c->rows_all,
            row->entry->full, row->item->suite, row->item->name, left);
    fflush(stderr);
}

/* A backend to be described, and whether its roofs are to be measured. */
struct machine_question {
    const struct backend *backend;
    bool measured;
};

static json_t *describe_machine(const struct machine_question *question)
{
    return results_machine(question->backend, question->measured);
}

static void print_machine(FILE *stream, const void *question)
{
    json_t *machine = describe_machine(question);
    json_dumpf(machine, stream, JSON_ENSURE_ASCII | JSON_REAL_PRECISION(17));
    json_decref(machine);
}

/* What rows say of the machine; NULL when the process that was asked is lost. */
static json_t *ask_machine(const struct campaign *c, const struct backend *backend)
{
    const struct machine_question question = {backend, c->options->bench && !c->options->dry_run};
    if (c->options->in_process)
        return describe_machine(&question);
    char *answer = ask_child(print_machine, &question, ASK_LIMIT_S);
    json_t *machine = answer ? json_loads(answer, 0, NULL) : NULL;
    free(answer);
    return machine;
}

/* In the parent: a row begins. Returns the seconds that it may take. */
static double begin_row(void *context, int i)
{
    struct campaign *c = context;
    const struct row *row = &c->row[i];
    const bool on_host = row->backend->memory_free == host_memory_free;
    c->row_start_s = now_s();
    show_progress(c, i);
    if (c->options->timeout_s > 0)
        return c->options->timeout_s;
    return TIMEOUT_S + row->item->op->cost(row->item->problem).flops /
                           (on_host ? LEAST_FLOPS : LEAST_FLOPS_GPU);
}

/* In the parent: a row is done. */
static void count_row(void *context, int i, const void *from_child)
{
    struct campaign *c = context;
    struct report copy, *const report = &copy;
    memcpy(report, from_child, sizeof copy); /* which is anywhere in a message */
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
    puts(report->line);
    fflush(stdout);
    if (report->s_per_flop > 0)
        c->pace[c->row[i].entry - ENTRIES].s_per_flop = report->s_per_flop;
    c->compared |= report->compared;
    c->difference = fmax(c->difference, report->difference);
    c->count[report->status]++;
    c->spent_s += report->spent_s;
    c->timing_s += report->timing_s;
    c->rows++;
    const struct spent spent = {report->prepare_s, report->run_s,
                                fmax(now_s() - c->row_start_s - report->prepare_s, 0)};
    forecast_done(&c->forecast, i, &spent);
    junit_add(&c->junit, c->row[i].entry->full, c->row[i].item->suite, c->row[i].item->name,
              report->status, report->line + report->detail, report->run_s);
    c->lacks_memory |= report->lacks_memory;
    c->write_failed |= report->write_failed;
}

/* In the parent: a row, or the end of the process behind the last one, is lost. */
static bool lose_row(void *context, int i, enum loss loss, const char *reason)
{
    struct campaign *c = context;
    struct outcome outcome = {.status = loss == LOSS_TIMEOUT ? STATUS_TIMEOUT : STATUS_CRASH,
                              .error = -1,
                              .spent_s = now_s() - c->row_start_s};
    struct report report;
    if (i >= c->rows_all) {
        c->lost_at_end = true;
        complain(EXIT_CHECK_FAILED, "after the last row: %s", reason);
        return false;
    }
    append(outcome.detail, sizeof outcome.detail, "%s", reason);
    perform_tell(c, &c->row[i], &outcome, &report);
    count_row(c, i, &report);
    return !perform_last(c, report.status, report.write_failed);
}

/* Lists the rows that match. */
static void find_rows(struct campaign *c)
{
    int room = 0;
    for (int i = 0; i < c->cases.count; i++) {
        const struct test_case *item = &c->cases.item[i];
        const struct backend *backend;
        if (c->options->bench && item->verified_only) {
            c->verified_only++;
            continue;
        }
        for (const struct entry *entry = ENTRIES; entry->op; entry++) {
            if (!filter_matches(&c->filter, item, entry, &backend))
                continue;
            if (c->rows_all == room) {
                room = 2 * room + 64;
                c->row = realloc(c->row, (size_t)room * sizeof *c->row);
                if (!c->row)
                    abort();
            }
            c->row[c->rows_all++] = (struct row){item, entry, backend};
        }
    }
}

static int conclude(const struct campaign *c)
{
    const int passed = c->count[STATUS_PASS], skipped = c->count[STATUS_SKIPPED];
    const int failed = c->rows - passed - skipped;
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
    if (c->compared)
        printf("f32 outputs of a variant on two backends differ by %.1e at most\n", c->difference);
    printf("%d passed, %d failed, %d skipped in %.1f s\n", passed, failed, skipped,
           now_s() - c->start_s);
    if (c->options->bench) {
        const double wall_s = now_s() - c->begin_s, rest_s = wall_s - c->spent_s;
        printf("of %.1f s in all %.1f went into timing, %.1f into checks, %.1f (%.1f %%) into the "
               "rest\n",
               wall_s, c->timing_s, c->spent_s - c->timing_s, rest_s, 100 * rest_s / wall_s);
    }
    fflush(stdout);
    if (interrupted)
        return complain(EXIT_INTERRUPTED, "interrupted; the %d finished rows are kept", c->rows);
    if (c->write_failed)
        return EXIT_BAD_INPUT;
    if (failed || c->lost_at_end)
        return EXIT_CHECK_FAILED;
    if (c->lacks_memory && !(c->options->budget_s > 0))
        return complain(EXIT_MACHINE_LACKS, "not all cases fit in memory: see the SKIPPED rows; "
                                            "--budget SECONDS leaves them out without complaint");
    if (!passed)
        return complain(EXIT_NOTHING_MATCHED, "every matching row was skipped");
    return EXIT_WELL;
}

static void campaign_free(struct campaign *c)
{
    results_close(&c->results);
    junit_close(&c->junit);
    foresee_close(c);
    filter_close(&c->filter);
    cases_free(&c->cases);
    free(c->pace);
    free(c->row);
    for (int i = 0; i < MAX_BACKENDS; i++)
        json_decref(c->machine[i]);
}

/* What is asked for, as rows. */
static enum exit_status plan(struct campaign *c)
{
    const struct campaign_options *options = c->options;
    struct message message;
    if (options->resume && !options->out)
        return complain(EXIT_BAD_INPUT, "--resume: expected --out FILE, which has the rows");
    if (!campaign_cases(options->suites, &c->cases, &message))
        return complain(EXIT_BAD_INPUT, "%s", message.text);
    const enum exit_status status = filter_open(&c->filter, options->op, options->variant,
                                                options->item, options->backends, &message);
    if (status)
        return complain(status, "%s", message.text);
    find_rows(c);
    if (!c->rows_all)
        return complain(EXIT_NOTHING_MATCHED, NO_ROW_MATCHES "%s",
                        c->verified_only ? "; cases with bench = off are only verified" : "");
    if (c->verified_only)
        complain(EXIT_WELL, "cases with bench = off, which are only verified: %d",
                 c->verified_only);
    return options->shards ? shard_rows(c) : EXIT_WELL;
}

/* The machine, and which rows are left to do. */
static enum exit_status make_ready(struct campaign *c)
{
    const struct campaign_options *options = c->options;
    struct message message;
    int entries = 0;
    while (ENTRIES[entries].op)
        entries++;
    c->pace = must_allocate((size_t)entries, sizeof *c->pace);
    for (int i = 0; c->filter.backend[i] && !interrupted; i++) {
        c->machine[i] = ask_machine(c, c->filter.backend[i]);
        if (!c->machine[i] && !interrupted)
            return complain(EXIT_MACHINE_LACKS,
                            "%s: the process that describes it did not end well",
                            c->filter.backend[i]->name);
    }
    if ((!interrupted && options->resume && !resume(c, &message)) ||
        (!options->dry_run && !results_open(&c->results, options->out, &message)))
        return complain(EXIT_BAD_INPUT, "%s", message.text);
    if (options->resume)
        complain(EXIT_WELL, "%s: %d rows are kept, %d are left", options->out, c->kept,
                 c->rows_all);
    c->row_limit_s = ROW_LIMIT_S;
    if (options->budget_s > 0 && c->rows_all)
        c->row_limit_s = fmin(ROW_LIMIT_S, fmax(ROW_LEAST_S, options->budget_s / c->rows_all / 2));
    foresee(c);
    return EXIT_WELL;
}

static int run(struct campaign *c)
{
    int status = (int)plan(c);
    if (!status)
        status = (int)make_ready(c);
    if (status)
        return status;
    if (c->options->dry_run)
        return interrupted ? EXIT_INTERRUPTED : foresee_print(c);
    const struct supervision supervision = {.work = perform_rows,
                                            .begin = begin_row,
                                            .done = count_row,
                                            .lost = lose_row,
                                            .context = c,
                                            .rows = c->rows_all,
                                            .in_process = c->options->in_process,
                                            .interrupted = &interrupted};
    c->start_s = now_s(); /* the budget is for rows: the roofs were measured before */
    if (!interrupted && !supervise(&supervision))
        return complain(EXIT_MACHINE_LACKS, "no process could be made for the rows");
    return conclude(c);
}

int campaign_run(const struct campaign_options *options)
{
    struct campaign c = {.options = options, .results.file = -1, .begin_s = now_s()};
    struct message message;
    interrupt_watch();
    junit_open(&c.junit, options->junit);
    int status = run(&c);
    if (!options->dry_run && !junit_write(&c.junit, &message))
        status = complain(EXIT_BAD_INPUT, "%s", message.text);
    campaign_free(&c);
    return status;
}
