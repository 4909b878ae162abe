#include "list.h"
#include "campaign.h"
#include "grid.h"
#include "results.h"
#include "version.h"

#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

/* Prints an array of objects as JSON, or their members as an aligned table. */
static void print_objects(json_t *objects, bool json)
{
    if (json) {
        json_dumpf(objects, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(objects);
        return;
    }
    struct grid grid = {0};
    size_t i;
    json_t *object, *value;
    const char *name;
    json_array_foreach(objects, i, object)
    {
        int column = 0;
        grid_row(&grid, (int)json_object_size(object));
        json_object_foreach(object, name, value)
        {
            grid_set(&grid, column++, "%s", json_string_value(value));
        }
    }
    grid_print(&grid, GRID_LIST, stdout);
    grid_free(&grid);
    json_decref(objects);
}

static json_t *list_ops(bool json)
{
    json_t *objects = json_array();
    for (int i = 0; OPERATIONS[i]; i++) {
        const struct operation *op = OPERATIONS[i];
        json_array_append_new(objects, json_pack("{s:s, s:s, s:s}", "op", op->name, "key", "",
                                                 "meaning", op->summary));
        void *problem = problem_new(op);
        for (const struct key *key = op->keys; key->name; key++) {
            char meaning[512] = "", initial[KEY_VALUE_SIZE];
            key_print(key, problem, initial, sizeof initial);
            append(meaning, sizeof meaning, "%s; ", key->meaning);
            for (int word = 0; key->kind == KEY_WORD && key->words[word]; word++)
                append(meaning, sizeof meaning, "%s%s", word ? " | " : "", key->words[word]);
            if (key->kind == KEY_TEXT)
                append(meaning, sizeof meaning, "text");
            else if (key->kind != KEY_WORD)
                append(meaning, sizeof meaning, "%.10g ... %.10g", key->minimum, key->maximum);
            append(meaning, sizeof meaning, ", %s unless given", *initial ? initial : "none");
            json_array_append_new(objects, json_pack("{s:s, s:s, s:s}", "op", json ? op->name : "",
                                                     "key", key->name, "meaning", meaning));
        }
        free(problem);
    }
    return objects;
}

static json_t *list_variants(void)
{
    json_t *objects = json_array();
    for (const struct entry *entry = ENTRIES; entry->op; entry++) {
        const struct backend *backend = NULL;
        for (int i = 0; BACKENDS[i]; i++)
            if (!strcmp(BACKENDS[i]->name, entry->backend))
                backend = BACKENDS[i];
        const char *missing = backend ? backend->missing() : "unknown backend";
        json_array_append_new(objects,
                              json_pack("{s:s, s:s, s:s}", "variant", entry->full, "grade",
                                        entry->variant->grade == GRADE_EXACT ? "exact" : "reduced",
                                        "here", missing ? missing : "ready"));
    }
    return objects;
}

/* With `json` also what a row says of the case. */
static json_t *case_objects(const struct case_list *list, bool json)
{
    json_t *objects = json_array();
    for (int i = 0; i < list->count; i++) {
        const struct test_case *item = &list->item[i];
        json_t *object = json_pack("{s:s, s:s, s:s, s:s}", "op", item->op->name, "suite",
                                   item->suite, "case", item->name, "why", item->why);
        if (json) {
            json_object_set_new(object, "bench", json_boolean(!item->verified_only));
            json_object_set_new(object, "keys", results_keys(item));
            results_cost(object, item);
        }
        json_array_append_new(objects, object);
    }
    return objects;
}

/* The suites of the case directory, or all their cases. */
static int list_suites(bool json, bool only_names)
{
    char folder[PATH_MAX], pattern[PATH_MAX + 8];
    struct message message;
    struct case_list list = {0};
    glob_t found;
    if (!suite_directory(folder, sizeof folder))
        return complain(EXIT_BAD_INPUT, "no folder cases/ here or beside the executable");
    snprintf(pattern, sizeof pattern, "%s/*.ini", folder);
    if (glob(pattern, 0, NULL, &found))
        return complain(EXIT_NOTHING_MATCHED, "no .ini file in %s", folder);
    json_t *suites = json_array();
    for (size_t i = 0; i < found.gl_pathc; i++) {
        const int before = list.count;
        if (!cases_read(found.gl_pathv[i], &list, &message)) {
            globfree(&found);
            return complain(EXIT_BAD_INPUT, "%s", message.text);
        }
        char count[32];
        snprintf(count, sizeof count, "%d cases", list.count - before);
        json_array_append_new(suites, json_pack("{s:s, s:s, s:s}", "suite", list.item[before].suite,
                                                "cases", count, "file", found.gl_pathv[i]));
    }
    globfree(&found);
    print_objects(only_names ? suites : case_objects(&list, json), json);
    if (!only_names)
        json_decref(suites);
    cases_free(&list);
    return EXIT_WELL;
}

int list_print(const char *what, char *const *suites, bool json)
{
    struct case_list list = {0};
    struct message message;
    if (!strcmp(what, "ops"))
        print_objects(list_ops(json), json);
    else if (!strcmp(what, "variants"))
        print_objects(list_variants(), json);
    else if (!strcmp(what, "suites"))
        return list_suites(json, true);
    else if (strcmp(what, "cases"))
        return complain(EXIT_BAD_INPUT, "list %s: expected ops, variants, cases or suites", what);
    else if (!suites || !suites[0])
        return list_suites(json, false);
    else if (!campaign_cases(suites, &list, &message))
        return complain(EXIT_BAD_INPUT, "%s", message.text);
    else
        print_objects(case_objects(&list, json), json);
    cases_free(&list);
    return EXIT_WELL;
}

int info_print(bool json, bool slug)
{
    json_t *all = json_object();
    json_object_set_new(all, "version", json_string(SSMBENCH_COMMIT));
    json_object_set_new(all, "dirty", json_boolean(SSMBENCH_DIRTY));
    for (int i = 0; BACKENDS[i]; i++) {
        const struct backend *backend = BACKENDS[i];
        if (!backend->timed)
            continue;
        const char *missing = backend->missing();
        json_object_set_new(all, backend->name,
                            missing ? json_pack("{s:s}", "missing", missing)
                                    : results_machine(backend, !slug));
    }
    const char *name;
    json_t *machine, *value;
    if (slug) {
        const char *gpu = results_text(all, "cuda.slug");
        puts(*gpu ? gpu : results_text(all, "cpu.slug"));
    } else if (json) {
        json_dumpf(all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(7));
        putchar('\n');
    } else {
        printf("version: %s\n", SSMBENCH_COMMIT);
        json_object_foreach(all, name, machine)
        {
            const char *field;
            if (!json_is_object(machine))
                continue;
            printf("%s\n", name);
            json_object_foreach(machine, field, value)
            {
                char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
                printf("  %-16s %s\n", field, text);
                free(text);
            }
        }
    }
    json_decref(all);
    return EXIT_WELL;
}
