#include "suite_order.h"
#include "campaign.h"
#include "results.h"

#include <stdlib.h>
#include <string.h>

/* A member that a row has while it is sorted. */
#define PLACE "order_place"

/* The place of a row's case in its suite; behind all when that is not known. */
static int place_in(const struct case_list *cases, const json_t *row)
{
    int i = 0;
    while (i < cases->count && (strcmp(cases->item[i].suite, results_text(row, "suite")) ||
                                strcmp(cases->item[i].name, results_text(row, "case")) ||
                                strcmp(cases->item[i].op->name, results_text(row, "op"))))
        i++;
    return i;
}

/* The cases of the suites that the rows name, as far as there are such. */
static void read_suites(const json_t *all, struct case_list *cases)
{
    json_t *seen = json_object();
    const char *name;
    json_t *row;
    json_object_foreach((json_t *)all, name, row)
    {
        const char *suite = results_text(row, "suite");
        char *const suites[] = {(char *)(uintptr_t)suite, NULL};
        struct case_list more = {0};
        struct message message;
        if (json_object_get(seen, suite))
            continue;
        json_object_set_new(seen, suite, json_true());
        if (!strchr(suite, '/') && campaign_cases(suites, &more, &message)) {
            const size_t size = (size_t)(cases->count + more.count) * sizeof *cases->item;
            cases->item = realloc(cases->item, size ? size : 1);
            if (!cases->item)
                abort();
            memcpy(cases->item + cases->count, more.item, (size_t)more.count * sizeof *more.item);
            cases->count += more.count;
            free(more.item);
        }
    }
    json_decref(seen);
}

static int by_place(const void *a, const void *b)
{
    const json_t *const *one = a, *const *other = b;
    const double first = results_number(*one, PLACE), second = results_number(*other, PLACE);
    return (first > second) - (first < second);
}

json_t *suite_order(const json_t *all)
{
    const size_t count = json_object_size(all);
    json_t **order = must_allocate(count, sizeof *order), *sorted = json_array(), *row;
    struct case_list cases = {0};
    const char *name;
    size_t at = 0;
    read_suites(all, &cases);
    json_object_foreach((json_t *)all, name, row)
    {
        const double place = (double)place_in(&cases, row) * (double)count + (double)at;
        json_object_set_new(row, PLACE, json_real(place));
        order[at++] = row;
    }
    qsort(order, count, sizeof(json_t *), by_place);
    for (at = 0; at < count; at++) {
        json_object_del(order[at], PLACE);
        json_array_append(sorted, order[at]);
    }
    cases_free(&cases);
    free(order);
    return sorted;
}
