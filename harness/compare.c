#include "compare.h"
#include "draw.h"
#include "filter.h"
#include "find.h"
#include "fit.h"
#include "interrupt.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Longest warm-up of each of the two. */
static const double WARM_UP_S = 1;

/* Rounds are doubled until the interval is that narrow either way, or for so long, or so often. */
static const double NARROW = 0.0025, LONGEST_S = 1;
enum { DOUBLED_MOST = 5 };

struct compare {
    const struct campaign_options *options;
    struct case_list cases;
    struct filter filter;
    const struct entry *entry[2];
    const struct backend *backend;
    const struct test_case **item; /* that both accept */
    int items;
    int rounds;
    struct comparison result; /* of the case in progress */
    int count[VERDICT_COUNT], wrong, skipped;
};

/* The one variant that a name stands for: the whole name, or all before the '@' if there is one
 * backend of those asked for. */
static const struct entry *entry_named(const struct filter *filter, const char *name,
                                       struct message *message)
{
    const struct entry *found = NULL;
    int count = 0;
    for (const struct entry *entry = ENTRIES; entry->op; entry++) {
        const size_t length = strlen(name);
        const bool same = !strncmp(entry->full, name, length) &&
                          (!entry->full[length] || entry->full[length] == '@');
        bool usable = false;
        for (int i = 0; filter->backend[i]; i++)
            usable |= !strcmp(filter->backend[i]->name, entry->backend);
        if (!same || !usable)
            continue;
        found = entry;
        count++;
    }
    if (count == 1)
        return found;
    refuse(message,
           "compare %.80s: %s: expected one variant, OP/NAME@BACKEND, of `ssmbench list "
           "variants`",
           name, count ? "is on several backends" : "is not here");
    return NULL;
}

static bool find_entries(struct compare *c, const char *const names[2], struct message *message)
{
    for (int i = 0; i < 2; i++) {
        c->entry[i] = entry_named(&c->filter, names[i], message);
        if (!c->entry[i])
            return false;
    }
    if (strcmp(c->entry[0]->op, c->entry[1]->op) ||
        strcmp(c->entry[0]->backend, c->entry[1]->backend))
        return refuse(message,
                      "compare %s %s: expected two variants of one operation, on one backend",
                      c->entry[0]->full, c->entry[1]->full);
    c->backend = backend_find(c->entry[0]->backend);
    return c->backend->timed ||
           refuse(message, "compare %s: %s is for correctness only, and not timed",
                  c->entry[0]->full, c->backend->name);
}

/* The cases that both accept. */
static void find_items(struct compare *c)
{
    c->item = must_allocate((size_t)c->cases.count + 1, sizeof *c->item);
    for (int i = 0; i < c->cases.count; i++) {
        const struct test_case *item = &c->cases.item[i];
        bool accepted = true;
        if (strcmp(item->op->name, c->entry[0]->op) || item->verified_only ||
            regexec(&c->filter.item, item->name, 0, NULL, 0))
            continue;
        for (int side = 0; side < 2; side++) {
            const struct variant *variant = c->entry[side]->variant;
            accepted &= !variant->accepts || !variant->accepts(item->problem);
        }
        if (accepted)
            c->item[c->items++] = item;
        c->skipped += !accepted;
    }
}

int compare_warm_up(const struct backend *backend, const struct launch launch[2])
{
    const char *how;
    int error = 0;
    for (int side = 0; side < 2 && !error; side++)
        error = warm_up(backend, &launch[side], WARM_UP_S, &interrupted, &how);
    return error == -1 ? 0 : error;
}

/* Takes the times of rounds *done ... rounds-1, A B B A or B A A B by chance: of what recurs every
 * few runs neither has always the same share. A round that was interrupted does not count. */
static int take_rounds(const struct backend *backend, const struct launch launch[2],
                       struct round round[], int rounds, int *done)
{
    for (; *done < rounds && !interrupted; ++*done) {
        struct round *r = &round[*done];
        double *const time[2][2] = {{&r->a1, &r->a2}, {&r->b1, &r->b2}};
        const int outer = (int)draw(2);
        for (int i = 0; i < 4; i++) {
            const int side = i == 0 || i == 3 ? outer : !outer;
            const int error = backend->run(&launch[side], true, time[side][i / 2]);
            if (error)
                return error;
        }
    }
    return 0;
}

int compare_launches(const struct backend *backend, const struct launch launch[2], int rounds,
                     int comparisons, struct comparison *result)
{
    struct round *round = must_allocate((size_t)rounds << DOUBLED_MOST, sizeof *round);
    const double start = now_s();
    int done = 0, error, doubled = 0;
    do {
        error = take_rounds(backend, launch, round, rounds << doubled, &done);
        if (!error)
            *result = paired_compare(round, done, comparisons);
    } while (!error && !interrupted && doubled++ < DOUBLED_MOST &&
             !(result->high <= result->low * (1 + 2 * NARROW)) && now_s() - start < LONGEST_S);
    free(round);
    return error;
}

static int use(const struct launch launch[2], void *context)
{
    struct compare *c = context;
    const int error = compare_warm_up(c->backend, launch);
    return error ? error : compare_launches(c->backend, launch, c->rounds, c->items, &c->result);
}

static void print_comparison(const struct test_case *item, const struct comparison *r)
{
    printf("%-10s %s/%s  %.4g ms, %.4g ms: %.4f times [%.4f, %.4f], band %.2f %%, n=%d\n",
           VERDICT_NAMES[r->verdict], item->suite, item->name, r->a_ms, r->b_ms, r->ratio, r->low,
           r->high, 100 * r->band, r->rounds);
    fflush(stdout);
}

static void compare_item(struct compare *c, const struct test_case *item)
{
    struct prepared prepared;
    struct outcome outcome[2];
    const double twice =
        trial_bytes(item, c->entry[0]->variant) + trial_bytes(item, c->entry[1]->variant);
    if (!bytes_fit(c->backend, twice, prepare_bytes(item))) {
        printf("SKIPPED    %s/%s  does not fit in memory twice\n", item->suite, item->name);
        c->skipped++;
        return;
    }
    prepare(item, &prepared);
    prepared.one_backend = true;
    trial_pair(&prepared, c->entry, c->backend, use, c, outcome);
    prepared_free(&prepared);
    for (int side = 0; side < 2; side++)
        if (outcome[side].status != STATUS_PASS && outcome[side].status != STATUS_SKIPPED) {
            printf("%-10s %s/%s  %s: %s\n", STATUS_NAMES[outcome[side].status], item->suite,
                   item->name, c->entry[side]->full, outcome[side].detail);
            c->wrong++;
            return;
        }
    if (interrupted)
        return;
    c->count[c->result.verdict]++;
    print_comparison(item, &c->result);
}

static int conclude(const struct compare *c)
{
    for (int verdict = 0; verdict < VERDICT_COUNT; verdict++)
        printf("%d %s, ", c->count[verdict], VERDICT_NAMES[verdict]);
    printf("%d wrong, %d skipped\n", c->wrong, c->skipped);
    fflush(stdout);
    if (interrupted)
        return complain(EXIT_INTERRUPTED, "interrupted");
    return c->wrong || c->count[VERDICT_SLOWER] ? EXIT_CHECK_FAILED : EXIT_WELL;
}

static int run(struct compare *c, const char *const names[2])
{
    const struct campaign_options *options = c->options;
    struct message message;
    const enum exit_status status =
        filter_open(&c->filter, NULL, NULL, options->item, options->backends, &message);
    if (status)
        return complain(status, "%s", message.text);
    if (!find_entries(c, names, &message) || !campaign_cases(options->suites, &c->cases, &message))
        return complain(EXIT_BAD_INPUT, "%s", message.text);
    find_items(c);
    if (!c->items)
        return complain(EXIT_NOTHING_MATCHED, "no case that both accept matches: `ssmbench list "
                                              "cases` names what there is");
    interrupt_watch();
    c->backend->missing(); /* makes it ready in this process */
    printf("times of %s by times of %s\n", c->entry[1]->full, c->entry[0]->full);
    for (int i = 0; i < c->items && !interrupted; i++)
        compare_item(c, c->item[i]);
    return conclude(c);
}

int compare_variants(const struct campaign_options *options, const char *const names[2], int rounds)
{
    struct compare c = {.options = options, .rounds = rounds};
    const int status = run(&c, names);
    free(c.item);
    cases_free(&c.cases);
    filter_close(&c.filter);
    return status;
}
