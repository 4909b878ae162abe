#include "history.h"

#include <stdio.h>

void history_name(const json_t *row, char name[HISTORY_NAME])
{
    snprintf(name, HISTORY_NAME, "%s/%s@%s %s/%s", results_text(row, "op"),
             results_text(row, "variant"), results_text(row, "backend"), results_text(row, "suite"),
             results_text(row, "case"));
}

json_t *history_index(const json_t *rows)
{
    json_t *index = json_object();
    for (size_t i = 0; i < json_array_size(rows); i++) {
        json_t *row = json_array_get(rows, i);
        char name[HISTORY_NAME];
        history_name(row, name);
        json_object_set(index, name, row);
    }
    return index;
}

json_t *history_find(const json_t *index, const char *full, const struct test_case *item)
{
    char name[HISTORY_NAME];
    snprintf(name, sizeof name, "%s %s/%s", full, item->suite, item->name);
    return json_object_get(index, name);
}
