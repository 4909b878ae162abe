#include "campaign.h"
#include "find.h"
#include "results.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Longest sampling of a row, and the least that a budget may shrink it to, in seconds. */
static const double ROW_LIMIT_S = 5, ROW_LEAST_S = 0.5;

/* Runs of a timed row that take as long as one run each: two checks, warm-up, three samples. */
static const double RUNS_AT_LEAST = 6;

/* What is known of one variant's pace, to foresee what a budget leaves room for. */
struct pace {
    double s_per_flop; /* of the latest run; 0 before the first */
};

struct campaign {
    const struct campaign_options *options;
    struct filter filter;
    struct case_list cases;
    struct results results;
    json_t *machine[MAX_BACKENDS];
    struct pace *pace; /* one an entry of ENTRIES */
    struct prepared prepared;
    bool is_prepared;
    double start_s, weight_done, weight_all, row_limit_s;
    int count[STATUS_COUNT], rows, rows_all, verified_only;
    double difference; /* the largest between two backends of a variant */
    bool compared;
    bool lacks_memory, write_failed;
};

static volatile sig_atomic_t interrupted;

/* The second Ctrl-C ends the process at once. */
static void interrupt(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
    signal(SIGINT, SIG_DFL);
}

bool campaign_cases(char *const *suites, struct case_list *list, struct message *message)
{
    static char *const quick[] = {"quick", NULL};
    char path[PATH_MAX];
    if (!suites || !suites[0])
        suites = quick;
    for (int i = 0; suites[i]; i++)
        if (!suite_path(suites[i], path, sizeof path, message) || !cases_read(path, list, message))
            return false;
    return true;
}

/* The line that names the row in progress; on a terminal only, and overwritten. */
static void show_progress(const struct campaign *c, const struct entry *entry,
                          const struct test_case *item)
{
    if (!isatty(STDERR_FILENO))
        return;
    const double spent = now_s() - c->start_s;
    const double left =
        c->weight_done > 0 ? spent * (c->weight_all - c->weight_done) / c->weight_done : NAN;
    fprintf(stderr, "\r\033[K[%d/%d] %s %s/%s", c->rows + 1, c->rows_all, entry->full, item->suite,
            item->name);
    if (isfinite(left))
        fprintf(stderr, "  %.0f min %02.0f s left", floor(left / 60), fmod(left, 60));
    fflush(stderr);
}

static void show_row(const struct test_case *item, const struct entry *entry,
                     const struct outcome *o)
{
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
    printf("%-16s %-28s %s/%s", STATUS_NAMES[o->status], entry->full, item->suite, item->name);
    if (o->error >= 0 && o->status == STATUS_PASS)
        printf("  error %.1e", o->error);
    if (o->other)
        printf("  differs from %s by %.1e", o->other, o->difference);
    if (o->timed) {
        const struct summary *s = &o->timing.summary;
        printf("  %.4g ms [%.4g, %.4g] n=%d", s->median, s->q1, s->q3, s->count);
    }
    if (o->detail[0])
        printf("  %s", o->detail);
    putchar('\n');
    fflush(stdout);
}

static double weight(const struct test_case *item)
{
    const struct cost cost = item->op->cost(item->problem);
    return cost.flops + 4 * cost.bytes;
}

/* The largest batch, below that of the case, of which a trial takes no more than `has` bytes of the
 * backend's memory, which is the host's if `on_host`, and `host_has` of the host's; 0 when there is
 * none. */
static int64_t batch_that_fits(const struct test_case *item, const struct entry *entry,
                               bool on_host, double has, double host_has)
{
    const struct key *key = item->op->keys;
    struct test_case smaller = *item;
    int64_t batch = 0;
    while (key->name && strcmp(key->name, "batch"))
        key++;
    if (!key->name)
        return 0;
    smaller.problem = must_allocate(1, item->op->problem_size);
    memcpy(smaller.problem, item->problem, item->op->problem_size);
    int64_t *const field = (int64_t *)((char *)smaller.problem + key->offset);
    for (int64_t most = *field - 1; batch < most;) { /* halves the range that the answer is in */
        *field = most - (most - batch) / 2;
        const double host_needs = prepare_bytes(&smaller);
        const double needs = trial_bytes(&smaller, entry->variant) + (on_host ? host_needs : 0);
        if (needs <= has && host_needs <= host_has)
            batch = *field;
        else
            most = *field - 1;
    }
    free(smaller.problem);
    return batch;
}

/* Fills `outcome` and returns true when the row is to be skipped. */
static bool skip(struct campaign *c, const struct test_case *item, const struct entry *entry,
                 const struct backend *backend, struct outcome *outcome)
{
    const char *accepted = entry->variant->accepts ? entry->variant->accepts(item->problem) : NULL;
    const bool on_host = backend->memory_free == host_memory_free;
    const double host_needs = c->is_prepared ? 0 : prepare_bytes(item);
    struct message message;

    *outcome = (struct outcome){.status = STATUS_SKIPPED, .error = -1};
    outcome->lacks_memory =
        !accepted && !trial_fits(item, entry->variant, backend, host_needs, &message);
    if (accepted) {
        append(outcome->detail, sizeof outcome->detail, "accepts %s", accepted);
    } else if (outcome->lacks_memory) {
        append(outcome->detail, sizeof outcome->detail, "%s", message.text);
        const int64_t fits = batch_that_fits(item, entry, on_host, (double)backend->memory_free(),
                                             (double)host_memory_free());
        if (fits)
            append(outcome->detail, sizeof outcome->detail, "; batch = %lld fits", (long long)fits);
    } else if (c->options->budget_s > 0) {
        const double run_s =
            c->pace[entry - ENTRIES].s_per_flop * item->op->cost(item->problem).flops;
        const double takes = run_s * (c->options->bench ? RUNS_AT_LEAST : backend->runs);
        const double left = c->options->budget_s - (now_s() - c->start_s);
        if (takes <= left && left > 0)
            return false;
        append(outcome->detail, sizeof outcome->detail,
               "would take about %.0f s, %.0f s are left of --budget %.0f", takes, fmax(left, 0),
               c->options->budget_s);
    } else {
        return false;
    }
    return true;
}

static const json_t *machine_of(struct campaign *c, const struct backend *backend)
{
    int i = 0;
    while (c->filter.backend[i] != backend)
        i++;
    if (!c->machine[i]) {
        double copy_gbs = 0;
        if (c->options->bench && backend->timed)
            backend->copy_gbs(&copy_gbs);
        c->machine[i] = results_machine(backend, copy_gbs);
    }
    return c->machine[i];
}

/* One row. False when the campaign has to end. */
static bool run_row(struct campaign *c, const struct test_case *item, const struct entry *entry,
                    const struct backend *backend)
{
    struct outcome outcome;
    struct message message;
    const json_t *machine = machine_of(c, backend);
    const double limit_s = c->options->bench && backend->timed ? c->row_limit_s : 0;

    show_progress(c, entry, item);
    if (!skip(c, item, entry, backend, &outcome)) {
        if (!c->is_prepared)
            prepare(item, &c->prepared);
        c->is_prepared = true;
        c->prepared.one_backend = !c->filter.backend[1];
        if (interrupted ||
            !trial_run(&c->prepared, entry, backend, limit_s, &interrupted, &outcome))
            return false;
        c->pace[entry - ENTRIES].s_per_flop = outcome.run_s / item->op->cost(item->problem).flops;
    }
    show_row(item, entry, &outcome);
    json_t *row =
        results_row(c->options->bench ? "bench" : "verify", item, entry, machine, &outcome);
    c->write_failed = !results_append(&c->results, row, &message);
    json_decref(row);
    timing_free(&outcome.timing);
    c->compared |= outcome.other != NULL;
    c->difference = fmax(c->difference, outcome.difference);
    c->count[outcome.status]++;
    c->rows++;
    c->weight_done += weight(item);
    c->lacks_memory |= outcome.lacks_memory;
    if (c->write_failed)
        complain(EXIT_BAD_INPUT, "%s", message.text);
    const bool failed = outcome.status != STATUS_PASS && outcome.status != STATUS_SKIPPED;
    return !c->write_failed && !(failed && c->options->fail_fast);
}

/* Calls run_row() for every match, or only counts them. False when the campaign has to end. */
static bool for_each_row(struct campaign *c, bool run)
{
    for (int i = 0; i < c->cases.count; i++) {
        const struct test_case *item = &c->cases.item[i];
        const struct backend *backend;
        bool good = true;
        if (c->options->bench && item->verified_only) {
            c->verified_only += !run;
            continue;
        }
        for (const struct entry *entry = ENTRIES; entry->op && good; entry++) {
            if (!filter_matches(&c->filter, item, entry, &backend))
                continue;
            if (run) {
                good = run_row(c, item, entry, backend);
            } else {
                c->rows_all++;
                c->weight_all += weight(item);
            }
        }
        if (c->is_prepared)
            prepared_free(&c->prepared);
        c->is_prepared = false;
        if (!good || interrupted)
            return false;
    }
    return true;
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
    fflush(stdout);
    if (interrupted)
        return complain(EXIT_INTERRUPTED, "interrupted; the %d finished rows are kept", c->rows);
    if (c->write_failed)
        return EXIT_BAD_INPUT;
    if (failed)
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
    filter_close(&c->filter);
    cases_free(&c->cases);
    free(c->pace);
    for (int i = 0; i < MAX_BACKENDS; i++)
        json_decref(c->machine[i]);
}

int campaign_run(const struct campaign_options *options)
{
    struct campaign c = {.options = options, .start_s = now_s()};
    struct message message;
    if (!campaign_cases(options->suites, &c.cases, &message))
        return complain(EXIT_BAD_INPUT, "%s", message.text);
    const enum exit_status status = filter_open(&c.filter, options->op, options->variant,
                                                options->item, options->backends, &message);
    if (status)
        return complain(status, "%s", message.text);
    if (!results_open(&c.results, options->out, &message))
        return complain(EXIT_BAD_INPUT, "%s", message.text);

    int entries = 0;
    while (ENTRIES[entries].op)
        entries++;
    c.pace = must_allocate((size_t)entries, sizeof *c.pace);
    for_each_row(&c, false);
    if (!c.rows_all) {
        campaign_free(&c);
        return complain(EXIT_NOTHING_MATCHED, NO_ROW_MATCHES "%s",
                        c.verified_only ? "; cases with bench = off are only verified" : "");
    }
    if (c.verified_only)
        complain(EXIT_WELL, "cases with bench = off, which are only verified: %d", c.verified_only);
    c.row_limit_s = ROW_LIMIT_S;
    if (options->budget_s > 0)
        c.row_limit_s = fmin(ROW_LIMIT_S, fmax(ROW_LEAST_S, options->budget_s / c.rows_all / 2));

    struct sigaction action = {.sa_handler = interrupt};
    sigaction(SIGINT, &action, NULL);
    /* The budget is for rows: the roofs are measured before its clock starts. */
    for (int i = 0; c.filter.backend[i]; i++)
        machine_of(&c, c.filter.backend[i]);
    c.start_s = now_s();
    for_each_row(&c, true);
    const int result = conclude(&c);
    campaign_free(&c);
    return result;
}
