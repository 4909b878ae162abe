/* Which variants run on which cases, and what a bad filter is told. */
#include "filter.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/redirect.h>
#include <string.h>

static struct test_case item_named(char *name)
{
    return (struct test_case){.name = name, .op = operation_find("selscan")};
}

static struct filter open_filter(const char *op, const char *variant, const char *item,
                                 const char *backends)
{
    struct filter filter;
    struct message message = {""};
    cr_assert(eq(int, (int)filter_open(&filter, op, variant, item, backends, &message), EXIT_WELL),
              "%s", message.text);
    return filter;
}

/* The number of variants on the CPU that match a case of that name. */
static int matches(const char *op, const char *variant, const char *item, char *name)
{
    struct filter filter = open_filter(op, variant, item, "cpu");
    const struct test_case test_case = item_named(name);
    const struct backend *backend;
    int count = 0;
    for (const struct entry *entry = ENTRIES; entry->op; entry++)
        count += filter_matches(&filter, &test_case, entry, &backend);
    filter_close(&filter);
    return count;
}

static void assert_refused(const char *op, const char *variant, const char *item,
                           const char *backends, enum exit_status status, const char *sentence)
{
    struct filter filter;
    struct message message = {""};
    cr_assert(
        eq(int, (int)filter_open(&filter, op, variant, item, backends, &message), (int)status));
    cr_assert(ne(ptr, strstr(message.text, sentence), NULL), "expected '%s', got: %s", sentence,
              message.text);
}

Test(filter, broken_expressions_name_their_option)
{
    assert_refused("(", NULL, NULL, "cpu", EXIT_BAD_INPUT, "--op '(': ");
    assert_refused(NULL, "[", NULL, "cpu", EXIT_BAD_INPUT, "--variant '[': ");
    assert_refused(NULL, NULL, "a{2,1}", "cpu", EXIT_BAD_INPUT, "--case 'a{2,1}': ");
    assert_refused("*", "(", NULL, "cpu", EXIT_BAD_INPUT,
                   "expected a POSIX extended regular expression");
}

Test(filter, unknown_backends_are_told_the_known_ones)
{
    assert_refused(NULL, NULL, NULL, "gpu", EXIT_BAD_INPUT,
                   "--backend gpu: expected one or more of cpu, ");
    assert_refused(NULL, NULL, NULL, "cpu,tpu", EXIT_BAD_INPUT, "--backend tpu: ");
    assert_refused(NULL, NULL, NULL, "cpu,", EXIT_BAD_INPUT, "--backend : expected");
    assert_refused(NULL, NULL, NULL, "", EXIT_BAD_INPUT, "--backend : expected");
    assert_refused(NULL, NULL, NULL, "CPU", EXIT_BAD_INPUT, "--backend CPU: expected");
}

Test(filter, a_backend_that_cannot_run_here_says_why)
{
    const char *missing = backend_cuda.missing();
    struct filter filter;
    if (missing) {
        assert_refused(NULL, NULL, NULL, "cpu,cuda", EXIT_MACHINE_LACKS, missing);
    } else {
        filter = open_filter(NULL, NULL, NULL, "cuda,cpu");
        cr_assert(eq(ptr, (void *)filter.backend[1], (void *)&backend_cpu));
        filter_close(&filter);
    }
}

Test(filter, only_named_backends_are_used)
{
    struct filter one = open_filter(NULL, NULL, NULL, "cpu");
    cr_assert(eq(ptr, (void *)one.backend[0], (void *)&backend_cpu));
    cr_assert(eq(ptr, (void *)one.backend[1], NULL));
    filter_close(&one);
    struct filter two = open_filter(NULL, NULL, NULL, "cpu,simt");
    cr_assert(eq(ptr, (void *)two.backend[1], (void *)&backend_simt));
    cr_assert(eq(ptr, (void *)two.backend[2], NULL));
    filter_close(&two);
}

Test(filter, the_cpu_is_always_usable, .init = cr_redirect_stderr)
{
    struct filter filter = open_filter(NULL, NULL, NULL, NULL);
    cr_assert(eq(ptr, (void *)filter.backend[0], (void *)&backend_cpu));
    filter_close(&filter);
}

Test(filter, nothing_asked_for_matches_all)
{
    int variants = 0;
    for (const struct entry *entry = ENTRIES; entry->op; entry++)
        variants += !strcmp(entry->backend, "cpu") && !strcmp(entry->op, "selscan");
    cr_assert(ge(int, variants, 2));
    cr_assert(eq(int, matches(NULL, NULL, NULL, "any"), variants));
    cr_assert(eq(int, matches("", "", "", "any"), variants));
}

Test(filter, expressions_match_anywhere_unless_anchored)
{
    cr_assert(eq(int, matches(NULL, "^selscan/stepwise@cpu$", NULL, "any"), 1));
    cr_assert(eq(int, matches(NULL, "stepwise@", NULL, "any"), 1));
    cr_assert(eq(int, matches(NULL, "^stepwise", NULL, "any"), 0));
    cr_assert(eq(int, matches(NULL, "^selscan/(stepwise|sequential)@", NULL, "any"), 2));
    cr_assert(eq(int, matches("^sel", "stepwise", NULL, "any"), 1));
    cr_assert(eq(int, matches("^scan", NULL, NULL, "any"), 0));
}

Test(filter, cases_are_matched_by_their_whole_name)
{
    cr_assert(eq(int, matches(NULL, "stepwise", "length=64$", "lengths/length=64"), 1));
    cr_assert(eq(int, matches(NULL, "stepwise", "length=6$", "lengths/length=64"), 0));
    cr_assert(eq(int, matches(NULL, "stepwise", "^lengths", "lengths/length=64"), 1));
}

Test(filter, variants_of_other_backends_and_operations_do_not_match)
{
    struct filter filter = open_filter(NULL, NULL, NULL, "cpu");
    const struct test_case item = item_named("any");
    const struct backend *backend = NULL;
    const struct entry cuda = {"selscan", "x", "cuda", "selscan/x@cuda", NULL};
    const struct entry fft = {"fft", "x", "cpu", "fft/x@cpu", NULL};
    const struct entry mine = {"selscan", "x", "cpu", "selscan/x@cpu", NULL};
    cr_assert(not(filter_matches(&filter, &item, &cuda, &backend)));
    cr_assert(not(filter_matches(&filter, &item, &fft, &backend)));
    cr_assert(filter_matches(&filter, &item, &mine, &backend));
    cr_assert(eq(ptr, (void *)backend, (void *)&backend_cpu));
    filter_close(&filter);
}

/* However often and however late a backend is named, it is there once. */
Test(filter, backends_named_again_count_once)
{
    struct filter filter =
        open_filter(NULL, NULL, NULL, "simt,simt,simt,simt,simt,simt,simt,simt,simt,cpu,simt");
    cr_assert(eq(ptr, (void *)(uintptr_t)filter.backend[0], (void *)(uintptr_t)&backend_simt));
    cr_assert(eq(ptr, (void *)(uintptr_t)filter.backend[1], (void *)(uintptr_t)&backend_cpu));
    cr_assert(eq(ptr, (void *)(uintptr_t)filter.backend[2], NULL));
    filter_close(&filter);
    assert_refused(NULL, NULL, NULL, "cpu,cpu,cpu,cpu,cpu,cpu,cpu,cpu,gpu", EXIT_BAD_INPUT,
                   "--backend gpu: expected one or more of cpu, ");
}
