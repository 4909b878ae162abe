#include "profile.h"
#include "find.h"
#include "fit.h"
#include "profiler.h"
#include "trial.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the options come down to. */
struct subject {
    const struct test_case *item;
    const struct entry *entry;
    const struct backend *backend;
};

/* Complains unless the variant takes the case and memory suffices. */
static enum exit_status can_run(const struct subject *s)
{
    struct message message;
    const char *accepted =
        s->entry->variant->accepts ? s->entry->variant->accepts(s->item->problem) : NULL;
    if (accepted)
        return complain(EXIT_NOTHING_MATCHED, "%s does not take %s/%s: it accepts %s",
                        s->entry->full, s->item->suite, s->item->name, accepted);
    if (!memory_fits(s->item, s->entry, s->backend, false, &message))
        return complain(EXIT_MACHINE_LACKS, "%s %s", s->item->name, message.text);
    return EXIT_WELL;
}

/* The launches themselves, whoever watches. */
static enum exit_status profile_here(const struct subject *s, int64_t launches)
{
    struct prepared prepared;
    struct outcome outcome;
    struct range range;
    char filter[3 * RANGE_NAME_SIZE];
    range_name(&range, s->entry, s->item, launches);
    range_filter(&range, filter, sizeof filter);
    s->backend->missing(); /* makes it ready in this process */
    prepare(s->item, &prepared);
    prepared.one_backend = true;
    trial_profile(&prepared, s->entry, s->backend, &range, &outcome);
    prepared_free(&prepared);
    printf("%s %s %s/%s", STATUS_NAMES[outcome.status], s->entry->full, s->item->suite,
           s->item->name);
    if (outcome.status != STATUS_PASS) {
        printf("  %s\n", outcome.detail);
        return complain(EXIT_CHECK_FAILED, "what is not correct is not profiled");
    }
    printf("  error %.1e, then %" PRId64 " launch%s", outcome.error, launches,
           launches == 1 ? "" : "es");
    if (s->backend->profile_begin)
        printf(" in %s", filter);
    putchar('\n');
    return EXIT_WELL;
}

/* Says what to install: `asked`, or any profiler. */
static int lacks_profiler(const struct profiler *asked)
{
    char text[512] = "";
    for (const struct profiler *p = PROFILERS; p->name; p++) {
        if (asked && p != asked)
            continue;
        append(text, sizeof text, "%s%s (%s) on the PATH", *text ? ", or " : "", p->name,
               p->product);
        for (int i = 0; i < PROFILER_PLACES; i++)
            append(text, sizeof text, " or in %s", p->places[i]);
    }
    return complain(EXIT_MACHINE_LACKS, "profile: expected %s; --tool none runs without a profiler",
                    text);
}

/* Chooses the profiler, NULL for none, and finds its program. */
static enum exit_status choose(const char *tool, const struct subject *s,
                               const struct profiler **profiler, char file[PATH_MAX])
{
    const char *path = getenv("PATH");
    *profiler = NULL;
    if (tool ? !strcmp(tool, "none") : s->backend != &backend_cuda)
        return EXIT_WELL;
    for (const struct profiler *p = PROFILERS; p->name; p++)
        if ((!tool || !strcmp(p->name, tool)) && profiler_find(p, path, file, PATH_MAX)) {
            *profiler = p;
            return EXIT_WELL;
        }
    return lacks_profiler(tool ? profiler_named(tool) : NULL);
}

/* The same command for the same variant and case, but without a profiler. */
static void add_inner(struct command *command, const char *self,
                      const struct campaign_options *options, const struct subject *s,
                      const char *launches)
{
    const char *const word[][2] = {
        {"--op", options->op},           {"--variant", options->variant}, {"--case", options->item},
        {"--backend", s->backend->name}, {"--launches", launches},        {"--tool", "none"},
    };
    command_add(command, self);
    command_add(command, "profile");
    for (size_t i = 0; i < sizeof word / sizeof *word; i++)
        if (word[i][1]) {
            command_add(command, word[i][0]);
            command_add(command, word[i][1]);
        }
    command_add(command, "--");
    for (int i = 0; options->suites && options->suites[i]; i++)
        command_add(command, options->suites[i]);
}

/* Becomes the profiler; returns when that fails. */
static int profile_within(const struct profiler *profiler, const char *file,
                          const struct campaign_options *options, const struct subject *s,
                          int64_t launches)
{
    struct command command = {0};
    struct range range;
    char filter[3 * RANGE_NAME_SIZE], self[PATH_MAX], count[32];
    const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length < 0)
        return complain(EXIT_MACHINE_LACKS, "profile: expected /proc, to find this program in");
    self[length] = '\0';
    if (s->backend != &backend_cuda)
        complain(EXIT_WELL, "%s watches a GPU, and %s does not run on one", profiler->name,
                 s->entry->full);
    snprintf(count, sizeof count, "%" PRId64, launches);
    range_name(&range, s->entry, s->item, launches);
    range_filter(&range, filter, sizeof filter);
    command_add(&command, file);
    profiler->add_options(&command, filter, options->out);
    add_inner(&command, self, options, s, count);
    const int status = command_become(&command);
    free(command.word);
    return status;
}

static int profile_subject(const struct campaign_options *options, const char *tool,
                           int64_t launches, const struct subject *s)
{
    const struct profiler *profiler;
    char file[PATH_MAX];
    enum exit_status status = can_run(s);
    if (!status)
        status = choose(tool, s, &profiler, file);
    if (status)
        return status;
    if (!profiler && options->out)
        return complain(EXIT_BAD_INPUT,
                        "profile: --out is for the report of a profiler: expected --tool ncu or "
                        "nsys, or no --out");
    if (!profiler)
        return profile_here(s, launches ? launches : 1);
    return profile_within(profiler, file, options, s, launches ? launches : profiler->launches);
}

int profile_case(const struct campaign_options *options, const char *tool, int64_t launches)
{
    struct case_list cases = {0};
    struct filter filter;
    struct message message;
    struct subject subject;
    if (!campaign_cases(options->suites, &cases, &message))
        return complain(EXIT_BAD_INPUT, "%s", message.text);
    int status = filter_open(&filter, options->op, options->variant, options->item,
                             options->backends, &message);
    if (status) {
        cases_free(&cases);
        return complain((enum exit_status)status, "%s", message.text);
    }
    status = find_case("profile", &cases, &filter, true, &subject.item);
    if (!status)
        status = find_variant("profile", &filter, subject.item, &subject.entry, &subject.backend);
    if (!status)
        status = profile_subject(options, tool, launches, &subject);
    filter_close(&filter);
    cases_free(&cases);
    return status;
}
