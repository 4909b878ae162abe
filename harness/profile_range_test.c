/* What a profiler would see: exactly the launches asked for, and nothing of what surrounds them. */
#include "../reference/selscan.h"
#include "find.h"
#include "trial.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { LENGTH = 40, AN_ERROR = ENODEV };

/* What happened, and what is to go wrong. */
static struct {
    bool open;
    int begins, ends, runs, inside, other; /* `other`: what is not a launch within the range */
    int fail_inside, differ_inside;        /* at which launch; 0 for never */
    int begin_error, end_error;
    char names[256];
} seen;

static struct backend watched;

static int begin(const char *op, const char *variant, const char *item)
{
    snprintf(seen.names, sizeof seen.names, "%s|%s|%s", op, variant, item);
    seen.begins++;
    seen.open = !seen.begin_error;
    return seen.begin_error;
}

static int end(void)
{
    seen.ends++;
    seen.open = false;
    return seen.end_error;
}

static void *allocate(size_t bytes)
{
    seen.other += seen.open;
    return backend_cpu.allocate(bytes);
}

static void release(void *memory)
{
    seen.other += seen.open;
    backend_cpu.release(memory);
}

static int set(void *memory, int byte, size_t bytes)
{
    seen.other += seen.open;
    return backend_cpu.set(memory, byte, bytes);
}

static int download(void *host, const void *memory, size_t bytes)
{
    seen.other += seen.open;
    return backend_cpu.download(host, memory, bytes);
}

static int generate(void *memory, const struct fill *fill, enum dtype dtype, int64_t elements,
                    uint64_t key)
{
    seen.other += seen.open;
    return backend_cpu.generate(memory, fill, dtype, elements, key);
}

static int run(const struct launch *launch, bool cold, double *time_ms)
{
    seen.other += seen.open;
    return backend_cpu.run(launch, cold, time_ms);
}

static void watch(void)
{
    watched = backend_cpu;
    watched.allocate = allocate;
    watched.release = release;
    watched.set = set;
    watched.download = download;
    watched.generate = generate;
    watched.run = run;
    watched.profile_begin = begin;
    watched.profile_end = end;
}

TestSuite(profile_range, .init = watch, .timeout = 60);

static const struct variant *sequential(void)
{
    for (const struct entry *entry = ENTRIES; entry->op; entry++)
        if (!strcmp(entry->full, "selscan/sequential@cpu"))
            return entry->variant;
    cr_fatal("no selscan/sequential@cpu");
    return NULL;
}

static int counted(const void *problem, void *const tensor[], void *workspace, void *stream)
{
    const int error = sequential()->run(problem, tensor, workspace, stream);
    seen.runs++;
    seen.inside += seen.open;
    if (seen.open && seen.inside == seen.differ_inside)
        ((float *)tensor[SELSCAN_OUT])[LENGTH / 2] += 1;
    return seen.open && seen.inside == seen.fail_inside ? AN_ERROR : error;
}

static int wrong(const void *problem, void *const tensor[], void *workspace, void *stream)
{
    counted(problem, tensor, workspace, stream);
    ((float *)tensor[SELSCAN_OUT])[3] += 1;
    return 0;
}

enum { ELSEWHERE = 1 }; /* a run on other inputs, before the checked ones and to tell why */

static struct outcome profile(int (*run_variant)(const void *, void *const[], void *, void *),
                              int64_t launches)
{
    const struct variant variant = {.run = run_variant};
    const struct entry entry = {"selscan", "planted", "cpu", "selscan/planted@cpu", &variant};
    const struct operation *op = operation_find("selscan");
    struct selscan *p = problem_new(op);
    const struct test_case item = {"suite", "long/length=40", "to be watched", op, p};
    struct prepared prepared;
    struct outcome outcome;
    struct range range;
    p->channels = 2, p->length = LENGTH, p->state = 4;
    range_name(&range, &entry, &item, launches);
    prepare(&item, &prepared);
    trial_profile(&prepared, &entry, &watched, &range, &outcome);
    prepared_free(&prepared);
    free(p);
    cr_assert(not(seen.open), "the range is left open");
    cr_assert(zero(int, seen.other), "something that is no launch is in the range");
    return outcome;
}

Test(profile_range, holds_exactly_the_launches)
{
    static const int launches[] = {1, 7, 1000};
    for (int i = 0; i < 3; i++) {
        memset(&seen, 0, sizeof seen);
        const struct outcome outcome = profile(counted, launches[i]);
        cr_assert(eq(int, outcome.status, STATUS_PASS), "%s", outcome.detail);
        cr_assert(eq(int, seen.inside, launches[i]));
        cr_assert(gt(int, seen.runs - seen.inside, ELSEWHERE + watched.runs),
                  "no warm-up after the check");
        cr_assert(eq(int, seen.begins, 1));
        cr_assert(eq(int, seen.ends, 1));
        cr_assert(eq(str, seen.names, "selscan|planted|long:length=40"));
        cr_assert(not(outcome.timed), "a profiled launch is no measurement");
    }
}

Test(profile_range, a_backend_without_clock_or_profiler)
{
    watched.timed = false;
    watched.profile_begin = NULL;
    watched.profile_end = NULL;
    const struct outcome outcome = profile(counted, 3);
    cr_assert(eq(int, outcome.status, STATUS_PASS), "%s", outcome.detail);
    cr_assert(eq(int, seen.runs, ELSEWHERE + watched.runs + 3));
}

Test(profile_range, what_is_wrong_is_not_launched_again)
{
    const struct outcome outcome = profile(wrong, 5);
    cr_assert(eq(int, outcome.status, STATUS_WRONG), "%s", outcome.detail);
    cr_assert(zero(int, seen.begins));
    cr_assert(eq(int, seen.runs, ELSEWHERE + 1 + ELSEWHERE));
}

Test(profile_range, a_launch_that_fails_closes_the_range)
{
    seen.fail_inside = 3;
    const struct outcome outcome = profile(counted, 5);
    cr_assert(eq(int, outcome.status, STATUS_FAILED));
    cr_assert(eq(str, (char *)outcome.detail, "profiled run: No such device"));
    cr_assert(eq(int, seen.inside, 3));
    cr_assert(eq(int, seen.ends, 1));
}

Test(profile_range, a_profiler_that_fails_is_said)
{
    seen.begin_error = AN_ERROR;
    cr_assert(eq(int, profile(counted, 5).status, STATUS_FAILED));
    cr_assert(zero(int, seen.inside));
    cr_assert(zero(int, seen.ends));
    memset(&seen, 0, sizeof seen);
    seen.end_error = AN_ERROR;
    cr_assert(eq(int, profile(counted, 5).status, STATUS_FAILED));
    cr_assert(eq(int, seen.inside, 5));
}

Test(profile_range, outputs_are_looked_at_again)
{
    seen.differ_inside = 2;
    cr_assert(eq(int, profile(counted, 5).status, STATUS_PASS), "a later launch put it right");
    memset(&seen, 0, sizeof seen);
    seen.differ_inside = 5;
    const struct outcome outcome = profile(counted, 5);
    cr_assert(eq(int, outcome.status, STATUS_NONDETERMINISTIC));
    cr_assert(eq(str, (char *)outcome.detail, "out has other bits after the profiled runs"));
}

Test(profile_range, names_hold_no_operator_of_a_filter)
{
    const struct entry entry = {"selscan", "a_b", "cpu", "selscan/a_b@cpu", NULL};
    const struct test_case item = {.name = "A-1.5/x=\xc3\xa4,[@*]+$'\\ z"};
    struct range range;
    char filter[3 * RANGE_NAME_SIZE];
    range_name(&range, &entry, &item, 1);
    range_filter(&range, filter, sizeof filter);
    cr_assert(eq(str, filter, "ssmbench@selscan/a_b/A-1.5:x=::::::::::::z"));
}

/* Of a variant for several backends, the one on the GPU is meant, where there is a GPU. */
Test(profile_range, the_gpu_comes_first)
{
    const struct operation *op = operation_find("selscan");
    const struct test_case item = {"suite", "case", "any", op, problem_new(op)};
    const bool gpu = !backend_cuda.missing();
    const struct backend *backend;
    const struct entry *entry;
    struct filter filter;
    struct message message;
    cr_assert(zero(int, (int)filter_open(&filter, NULL, "^selscan/chunked@", NULL,
                                         gpu ? "cpu,cuda" : "cpu", &message)));
    cr_assert(zero(int, (int)find_variant("test", &filter, &item, &entry, &backend)));
    cr_assert(eq(str, (char *)entry->full, gpu ? "selscan/chunked@cuda" : "selscan/chunked@cpu"));
    cr_assert(eq(ptr, (void *)backend, (void *)(gpu ? &backend_cuda : &backend_cpu)));
    filter_close(&filter);
    free(item.problem);
}
