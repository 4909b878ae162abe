#include "find.h"

#include <string.h>

static bool runs_on(const struct filter *filter, const struct test_case *item)
{
    const struct backend *backend;
    for (const struct entry *entry = ENTRIES; entry->op; entry++)
        if (filter_matches(filter, item, entry, &backend))
            return true;
    return false;
}

enum exit_status find_case(const char *verb, const struct case_list *cases,
                           const struct filter *filter, bool runs, const struct test_case **found)
{
    const struct test_case *second = NULL;
    int count = 0;
    *found = NULL;
    for (int i = 0; i < cases->count; i++) {
        const struct test_case *item = &cases->item[i];
        if (regexec(&filter->op, item->op->name, 0, NULL, 0) ||
            regexec(&filter->item, item->name, 0, NULL, 0) || (runs && !runs_on(filter, item)))
            continue;
        if (++count == 1)
            *found = item;
        else if (count == 2)
            second = item;
    }
    if (!count && runs)
        return complain(EXIT_NOTHING_MATCHED, NO_ROW_MATCHES);
    if (!count)
        return complain(EXIT_NOTHING_MATCHED,
                        "no case matches: `ssmbench list cases` names what there is");
    if (count > 1)
        return complain(EXIT_BAD_INPUT,
                        "%s: %d cases match, %s/%s of %s and %s/%s of %s among them: expected one, "
                        "by --case '^NAME$' and --op '^OP$'",
                        verb, count, (*found)->suite, (*found)->name, (*found)->op->name,
                        second->suite, second->name, second->op->name);
    return EXIT_WELL;
}

/* Whether the same variant runs on the GPU, too, where that is another entry. */
static bool is_on_gpu_too(const struct filter *filter, const struct test_case *item,
                          const struct entry *entry)
{
    const struct backend *backend;
    for (const struct entry *other = ENTRIES; other->op; other++)
        if (other != entry && !strcmp(other->name, entry->name) &&
            filter_matches(filter, item, other, &backend) && backend == &backend_cuda)
            return true;
    return false;
}

enum exit_status find_variant(const char *verb, const struct filter *filter,
                              const struct test_case *item, const struct entry **found,
                              const struct backend **backend)
{
    const struct entry *second = NULL;
    const struct backend *where;
    int count = 0;
    for (const struct entry *entry = ENTRIES; entry->op; entry++) {
        if (!filter_matches(filter, item, entry, &where) || is_on_gpu_too(filter, item, entry))
            continue;
        if (++count == 1) {
            *found = entry;
            *backend = where;
        } else if (count == 2) {
            second = entry;
        }
    }
    if (!count)
        return complain(EXIT_NOTHING_MATCHED, NO_ROW_MATCHES);
    if (count > 1)
        return complain(EXIT_BAD_INPUT,
                        "%s: %d variants match on %s/%s, %s and %s among them: expected one, by "
                        "--variant '^OP/NAME@BACKEND$'",
                        verb, count, item->suite, item->name, (*found)->full, second->full);
    return EXIT_WELL;
}
