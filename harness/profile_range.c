#include "profile_range.h"
#include "time.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Longest warm-up, in seconds. */
static const double WARMUP_LIMIT_S = 1;

static void plain_name(char name[RANGE_NAME_SIZE], const char *text)
{
    snprintf(name, RANGE_NAME_SIZE, "%s", text);
    for (char *c = name; *c; c++)
        if (!isascii((unsigned char)*c) || (!isalnum((unsigned char)*c) && !strchr("._=-", *c)))
            *c = ':';
}

void range_name(struct range *range, const struct entry *entry, const struct test_case *item,
                int64_t launches)
{
    plain_name(range->op, entry->op);
    plain_name(range->variant, entry->name);
    plain_name(range->item, item->name);
    range->launches = launches;
}

void range_filter(const struct range *range, char *text, size_t size)
{
    snprintf(text, size, PROFILE_DOMAIN "@%s/%s/%s", range->op, range->variant, range->item);
}

int profile_range(const struct backend *backend, const struct launch *launch,
                  const struct range *range)
{
    static const volatile sig_atomic_t never;
    const char *how;
    int error = backend->timed ? warm_up(backend, launch, WARMUP_LIMIT_S, &never, &how) : 0;
    if (!error && backend->profile_begin)
        error = backend->profile_begin(range->op, range->variant, range->item);
    if (error)
        return error;
    for (int64_t i = 0; i < range->launches && !error; i++)
        error = launch->variant->run(launch->problem, launch->tensor, launch->workspace, NULL);
    const int end_error = backend->profile_end ? backend->profile_end() : 0;
    return error ? error : end_error;
}
