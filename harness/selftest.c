#include "selftest.h"
#include "compare.h"
#include "filter.h"
#include "find.h"
#include "fit.h"
#include "interrupt.h"
#include "results.h"
#include "slowed.h"
#include "table_rows.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Trials between two placements: buffers, checks and warm-up are made anew for the next ones. */
enum { TRIALS_A_PLACE = 20, BASE_RUNS = 21 };

static const double SLOWER[] = {0, 0.01, 0.05};
enum { SLOWERS = sizeof SLOWER / sizeof *SLOWER };

/* A variant on a case. Its launches keep their addresses, by which a backend knows them. */
struct pair {
    const struct test_case *item;
    const struct entry *entry;
    struct slowed slowed[2];
};

struct selftest {
    const struct campaign_options *options;
    struct case_list cases;
    struct filter filter;
    const struct backend *backend;
    struct results results;
    json_t *machine, *rows;
    char run[32]; /* the date of the first row, which names the run */
    struct pair *pair;
    int pairs, rounds, trials;
    int first, end; /* trials of the placement in progress */
    struct pair *now;
    char *alarm; /* of each trial without a slow-down, over all pairs: whether there was one */
    bool write_failed;
};

/* Lists what matches, is accepted and fits in memory twice. */
static void find_pairs(struct selftest *s)
{
    int entries = 0;
    while (ENTRIES[entries].op)
        entries++;
    s->pair = must_allocate((size_t)(s->cases.count * entries) + 1, sizeof *s->pair);
    for (int i = 0; i < s->cases.count; i++)
        for (int j = 0; j < entries; j++) {
            const struct test_case *item = &s->cases.item[i];
            const struct variant *variant = ENTRIES[j].variant;
            const struct backend *backend;
            if (item->verified_only || !filter_matches(&s->filter, item, &ENTRIES[j], &backend) ||
                (variant->accepts && variant->accepts(item->problem)))
                continue;
            if (bytes_fit(backend, 2 * trial_bytes(item, variant), prepare_bytes(item)))
                s->pair[s->pairs++] = (struct pair){.item = item, .entry = &ENTRIES[j]};
            else
                complain(EXIT_WELL, "%s %s/%s is left out: it does not fit in memory twice",
                         ENTRIES[j].full, item->suite, item->name);
        }
}

/* What comes of a trial. */
struct result {
    int trial;
    double slower, obtained; /* by which share, as wanted and as the wait adds */
    double duration_s;
    struct comparison comparison;
};

static json_t *result_json(const struct selftest *s, const struct result *r)
{
    const struct comparison *c = &r->comparison;
    const struct {
        const char *name;
        double value;
    } numbers[] = {{"slower", r->slower}, {"obtained", r->obtained}, {"ratio", c->ratio},
                   {"low", c->low},       {"high", c->high},         {"band", c->band},
                   {"a_ms", c->a_ms},     {"b_ms", c->b_ms},         {"duration_s", r->duration_s}};
    json_t *object =
        json_pack("{s:s, s:i, s:i, s:i, s:s}", "run", s->run, "trial", r->trial, "comparisons",
                  s->pairs, "rounds", c->rounds, "verdict", VERDICT_NAMES[c->verdict]);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (isfinite(numbers[i].value))
            json_object_set_new(object, numbers[i].name, json_real(numbers[i].value));
    return object;
}

/* Writes a row, without what rows of checks and times have beside: there are many of them. */
static bool tell(struct selftest *s, const struct result *result)
{
    static const char *const beside[] = {"keys",  "check",           "bytes",  "flops", "exps",
                                         "grade", "workspace_bytes", "repeat", NULL};
    const struct outcome outcome = {.error = -1};
    struct message message;
    json_t *row = results_row("selftest-aa", s->now->item, s->now->entry, s->machine, &outcome);
    for (int i = 0; beside[i]; i++)
        json_object_del(row, beside[i]);
    if (!s->run[0])
        append(s->run, sizeof s->run, "%s", results_text(row, "date"));
    json_object_set_new(row, "selftest", result_json(s, result));
    s->write_failed = !results_append(&s->results, row, &message);
    if (s->write_failed)
        complain(EXIT_BAD_INPUT, "%s", message.text);
    json_array_append_new(s->rows, row);
    return !s->write_failed;
}

/* The median time of a cold run. */
static int base_ms(const struct backend *backend, const struct launch *launch, double *median_ms)
{
    double time_ms[BASE_RUNS];
    for (int i = 0; i < BASE_RUNS; i++) {
        const int error = backend->run(launch, true, &time_ms[i]);
        if (error)
            return error;
    }
    *median_ms = summarise(time_ms, BASE_RUNS).median;
    return 0;
}

/* The trials of a placement; slow-downs take turns, so that each meets the same machine. */
static int use(const struct launch launch[2], void *context)
{
    struct selftest *s = context;
    struct slowed *const slowed = s->now->slowed;
    struct launch both[2];
    double tick_ms, lost_ms, undelayed_ms;
    for (int side = 0; side < 2; side++) {
        slowed[side] = (struct slowed){s->backend, launch[side], 0};
        both[side] = slowed_launch(&slowed[side]);
    }
    int error = compare_warm_up(s->backend, both);
    if (!error)
        error = slowed_tick_ms(s->backend, &tick_ms);
    if (!error)
        error = slowed_lost_ms(slowed, tick_ms, &lost_ms);
    if (!error)
        error = base_ms(s->backend, &both[0], &undelayed_ms);
    for (int i = SLOWERS * s->first; i < SLOWERS * s->end && !error && !interrupted; i++) {
        struct result r = {.trial = i / SLOWERS, .slower = SLOWER[i % SLOWERS]};
        const struct comparison *c = &r.comparison;
        const double start_s = now_s();
        const double lost = r.slower > 0 ? lost_ms : 0;
        slowed[1].ticks = slowed_ticks(r.slower * undelayed_ms + lost, tick_ms);
        error = compare_launches(s->backend, both, s->rounds, s->pairs, &r.comparison);
        if (error || interrupted)
            break;
        r.duration_s = now_s() - start_s;
        r.obtained = ((double)slowed[1].ticks * tick_ms - lost) / c->a_ms;
        undelayed_ms = c->a_ms; /* of the next one */
        s->alarm[r.trial] |=
            r.slower == 0 && (c->verdict == VERDICT_FASTER || c->verdict == VERDICT_SLOWER);
        if (!tell(s, &r))
            break;
    }
    return error;
}

/* One placement of a pair. */
static enum exit_status place(struct selftest *s, struct prepared *prepared)
{
    const struct entry *const entry[2] = {s->now->entry, s->now->entry};
    struct outcome outcome[2];
    prepared->one_backend = true;
    trial_pair(prepared, entry, s->backend, use, s, outcome);
    if (s->write_failed)
        return EXIT_BAD_INPUT;
    for (int side = 0; side < 2; side++)
        if (outcome[side].status != STATUS_PASS && outcome[side].status != STATUS_SKIPPED)
            return complain(EXIT_CHECK_FAILED, "%s %s/%s: %s: %s", entry[0]->full,
                            s->now->item->suite, s->now->item->name,
                            STATUS_NAMES[outcome[side].status], outcome[side].detail);
    if (interrupted)
        return EXIT_INTERRUPTED;
    printf("%s %s/%s: %d of %d\n", entry[0]->full, s->now->item->suite, s->now->item->name, s->end,
           s->trials);
    fflush(stdout);
    return EXIT_WELL;
}

/* A placement of every pair. */
static enum exit_status place_all(struct selftest *s)
{
    const struct test_case *item = NULL;
    struct prepared prepared = {0};
    enum exit_status status = EXIT_WELL;
    for (int i = 0; i < s->pairs && !status; i++) {
        s->now = &s->pair[i];
        if (item != s->now->item) {
            prepared_free(&prepared);
            item = s->now->item;
            prepare(item, &prepared);
        }
        status = place(s, &prepared);
    }
    prepared_free(&prepared);
    return status;
}

bool selftest_alarming(int alarms, int tables)
{
    double low, high;
    rate_interval(alarms, tables, &low, &high);
    return low > PAIRED_ERROR_RATE;
}

/* What the rows say; of the tables of equal things also whether there are too many alarms. */
static enum exit_status conclude(const struct selftest *s)
{
    int alarms = 0;
    putchar('\n');
    table_selftest(s->rows, GRID_TEXT);
    fflush(stdout);
    for (int i = 0; i < s->trials; i++)
        alarms += s->alarm[i];
    if (selftest_alarming(alarms, s->trials))
        return complain(EXIT_CHECK_FAILED,
                        "%d of %d tables have a false alarm: expected at most %g %%", alarms,
                        s->trials, 100 * PAIRED_ERROR_RATE);
    return EXIT_WELL;
}

static enum exit_status plan(struct selftest *s)
{
    static char *const suites[] = {"selftest", NULL};
    const struct campaign_options *o = s->options;
    struct message message;
    const enum exit_status status =
        filter_open(&s->filter, o->op, o->variant, o->item, o->backends, &message);
    if (status)
        return complain(status, "%s", message.text);
    int last = 0;
    while (s->filter.backend[last] && s->filter.backend[last + 1])
        last++;
    s->backend = s->filter.backend[0] = s->filter.backend[last];
    s->filter.backend[1] = NULL;
    if (!s->backend->timed)
        return complain(EXIT_BAD_INPUT,
                        "--backend %s: is for correctness only: expected cpu or cuda",
                        s->backend->name);
    if (!campaign_cases(o->suites && o->suites[0] ? o->suites : suites, &s->cases, &message))
        return complain(EXIT_BAD_INPUT, "%s", message.text);
    s->backend->missing(); /* makes it ready in this process */
    find_pairs(s);
    if (!s->pairs)
        return complain(EXIT_NOTHING_MATCHED, NO_ROW_MATCHES);
    if (!results_open(&s->results, o->out, &message))
        return complain(EXIT_BAD_INPUT, "%s", message.text);
    return EXIT_WELL;
}

static enum exit_status run(struct selftest *s)
{
    enum exit_status status = plan(s);
    if (status)
        return status;
    s->machine = results_machine(s->backend, 0);
    json_object_del(s->machine, "compiler");
    json_object_del(s->machine, "flags");
    s->rows = json_array();
    s->alarm = must_allocate((size_t)s->trials, 1);
    interrupt_watch();
    for (s->first = 0; s->first < s->trials && !status; s->first = s->end) {
        s->end = s->first + TRIALS_A_PLACE < s->trials ? s->first + TRIALS_A_PLACE : s->trials;
        status = place_all(s);
    }
    if (status == EXIT_INTERRUPTED)
        return complain(status, "interrupted; the %zu finished trials are kept",
                        json_array_size(s->rows));
    return status ? status : conclude(s);
}

int selftest_run(const struct campaign_options *options, int rounds, int trials)
{
    struct selftest s = {
        .options = options, .results.file = -1, .rounds = rounds, .trials = trials};
    const int status = (int)run(&s);
    results_close(&s.results);
    json_decref(s.machine);
    json_decref(s.rows);
    free(s.alarm);
    free(s.pair);
    cases_free(&s.cases);
    filter_close(&s.filter);
    return status;
}
