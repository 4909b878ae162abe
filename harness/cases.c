#include "cases.h"
#include "registry.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SETTINGS = MAX_KEYS, MAX_VALUES = 128, MAX_CASES_PER_SECTION = 20000 };

/* One key of a section, its values split at commas. */
struct setting {
    char *name, *text; /* text holds the values, cut by NUL */
    const char *value[MAX_VALUES];
    int count, line;
};

struct parser {
    FILE *file;
    const char *path;
    char suite[128];
    int line;
    bool continued; /* the line being read continues the value above */
    char section[128];
    int section_line; /* of its header */
    int header_line;  /* of the latest header */
    struct setting setting[MAX_SETTINGS];
    int settings;
    struct case_list *list;
    struct message *message;
    int failed_line; /* 0 while all is well */
};

static bool fail(struct parser *parser, int line, const char *sentence)
{
    parser->failed_line = line;
    return refuse(parser->message, "%s:%d: %s", parser->path, line, sentence);
}

static struct setting *find_setting(struct parser *parser, const char *name)
{
    for (int i = 0; i < parser->settings; i++)
        if (!strcmp(parser->setting[i].name, name))
            return &parser->setting[i];
    return NULL;
}

/* Splits at commas and trims; false when a value is empty or there again, or there are too many. */
static bool split(struct setting *setting)
{
    setting->count = 0;
    for (char *next = setting->text; next;) {
        char *value = strsep(&next, ",");
        value += strspn(value, " \t");
        size_t length = strlen(value);
        while (length && isspace((unsigned char)value[length - 1]))
            value[--length] = '\0';
        if (!length || setting->count == MAX_VALUES)
            return false;
        for (int i = 0; i < setting->count; i++)
            if (!strcmp(setting->value[i], value))
                return false;
        setting->value[setting->count++] = value;
    }
    return true;
}

static bool unknown_key(struct parser *parser, const struct operation *op,
                        const struct setting *setting)
{
    struct message sentence;
    refuse(&sentence, "unknown key '%s': %s takes op, why, bench, ", setting->name, op->name);
    keys_append(op, sentence.text, sizeof sentence.text);
    return fail(parser, setting->line, sentence.text);
}

/* Adds the case of one operation whose axis values are numbered by `index`. */
static bool add_case(struct parser *parser, const struct operation *op, int64_t index)
{
    char name[512];
    struct message sentence;
    void *problem = problem_new(op);
    snprintf(name, sizeof name, "%s", parser->section);
    for (int i = 0; i < parser->settings; i++) {
        struct setting *setting = &parser->setting[i];
        if (!strcmp(setting->name, "op") || !strcmp(setting->name, "why") ||
            !strcmp(setting->name, "bench"))
            continue;
        const struct key *key = key_find(op, setting->name);
        const char *value = setting->value[index % setting->count];
        index /= setting->count;
        if (!key || !key_parse(key, value, problem, &sentence)) {
            free(problem);
            return key ? fail(parser, setting->line, sentence.text)
                       : unknown_key(parser, op, setting);
        }
        if (setting->count > 1)
            append(name, sizeof name, "/%s=%s", setting->name, value);
    }

    const char *blamed = NULL, *reason = op->check(problem, &blamed);
    if (reason) {
        const struct setting *setting = find_setting(parser, blamed);
        free(problem);
        return fail(parser, setting ? setting->line : parser->section_line, reason);
    }
    const struct setting *bench = find_setting(parser, "bench");
    struct case_list *list = parser->list;
    list->item = realloc(list->item, (size_t)(list->count + 1) * sizeof *list->item);
    if (!list->item)
        abort();
    list->item[list->count++] =
        (struct test_case){.suite = strdup(parser->suite),
                           .name = strdup(name),
                           .why = strdup(find_setting(parser, "why")->value[0]),
                           .verified_only = bench && !strcmp(bench->value[0], "off"),
                           .op = op,
                           .problem = problem};
    return true;
}

static bool section_complete(struct parser *parser)
{
    struct message sentence;
    for (int i = 0; i < parser->settings; i++) {
        struct setting *setting = &parser->setting[i];
        if (!strcmp(setting->name, "why") && !setting->text[0])
            return fail(parser, setting->line, "why: expected a sentence");
        if (!strcmp(setting->name, "why")) {
            setting->value[0] = setting->text;
            setting->count = 1;
        } else if (!split(setting)) {
            refuse(&sentence, "%s: expected 1 to %d values with commas between them, each once",
                   setting->name, MAX_VALUES);
            return fail(parser, setting->line, sentence.text);
        }
        if (!strcmp(setting->name, "bench") &&
            (setting->count > 1 ||
             (strcmp(setting->value[0], "on") && strcmp(setting->value[0], "off"))))
            return fail(parser, setting->line, "bench: expected on or off");
    }
    if (!find_setting(parser, "why") || !find_setting(parser, "op")) {
        refuse(&sentence, "[%s] needs the keys op and why", parser->section);
        return fail(parser, parser->section_line, sentence.text);
    }
    for (int i = 0; i < parser->list->count; i++)
        if (!strcmp(parser->list->item[i].suite, parser->suite) &&
            !strncmp(parser->list->item[i].name, parser->section, strlen(parser->section)) &&
            strchr("/", parser->list->item[i].name[strlen(parser->section)])) {
            refuse(&sentence, "[%s] is there already: expected a name of its own", parser->section);
            return fail(parser, parser->section_line, sentence.text);
        }
    return true;
}

/* Turns the section read so far into its cases. */
static bool finish_section(struct parser *parser)
{
    if (!parser->section[0])
        return true;
    if (!section_complete(parser))
        return false;

    int64_t product = 1;
    for (int i = 0; i < parser->settings && product <= MAX_CASES_PER_SECTION; i++)
        if (strcmp(parser->setting[i].name, "op"))
            product *= parser->setting[i].count;
    struct message sentence;
    if (product > MAX_CASES_PER_SECTION) {
        refuse(&sentence, "[%s] stands for more than %d cases", parser->section,
               MAX_CASES_PER_SECTION);
        return fail(parser, parser->section_line, sentence.text);
    }
    const struct setting *ops = find_setting(parser, "op");
    for (int i = 0; i < ops->count; i++) {
        const struct operation *op = operation_find(ops->value[i]);
        if (!op) {
            refuse(&sentence, "op = %s: expected one of", ops->value[i]);
            operations_append(sentence.text, sizeof sentence.text);
            return fail(parser, ops->line, sentence.text);
        }
        for (int64_t index = 0; index < product; index++)
            if (!add_case(parser, op, index))
                return false;
    }
    return true;
}

static void clear_section(struct parser *parser)
{
    for (int i = 0; i < parser->settings; i++) {
        free(parser->setting[i].name);
        free(parser->setting[i].text);
    }
    parser->settings = 0;
    parser->section[0] = '\0';
}

/* False when the latest header has no key below it. */
static bool header_used(struct parser *parser)
{
    return parser->header_line == parser->section_line ||
           fail(parser, parser->header_line,
                "a [section] without keys: it needs the keys op and why");
}

/* The reader that inih calls; it counts lines, which inih does not pass on. */
static char *read_line(char *text, int size, void *stream)
{
    struct parser *parser = stream;
    if (parser->failed_line || !fgets(text, size, parser->file))
        return NULL;
    parser->line++;
    parser->continued = text[0] == ' ' || text[0] == '\t';
    if (text[0] == '[') {
        if (!header_used(parser))
            return NULL;
        parser->header_line = parser->line;
    }
    if (!strchr(text, '\n') && !feof(parser->file)) {
        fail(parser, parser->line,
             "line too long: expected at most 198 characters; an indented line continues a value");
        return NULL;
    }
    return text;
}

static int handle(void *user, const char *section, const char *name, const char *value)
{
    struct parser *parser = user;
    struct message sentence;
    if (parser->failed_line)
        return 0;
    if (!section[0])
        return fail(parser, parser->line, "expected a [section] before the first key");
    if (parser->header_line != parser->section_line) {
        if (!finish_section(parser))
            return 0;
        clear_section(parser);
        snprintf(parser->section, sizeof parser->section, "%s", section);
        parser->section_line = parser->header_line;
    }
    struct setting *setting = find_setting(parser, name);
    if (setting && parser->continued) {
        const size_t size = strlen(setting->text) + strlen(value) + 2;
        setting->text = realloc(setting->text, size);
        if (!setting->text)
            abort();
        append(setting->text, size, " %s", value);
        return 1;
    }
    if (setting) {
        refuse(&sentence, "%s stands twice in [%s]", name, section);
        return fail(parser, parser->line, sentence.text);
    }
    if (parser->settings == MAX_SETTINGS)
        return fail(parser, parser->line, "more keys than any operation takes");
    setting = &parser->setting[parser->settings++];
    *setting = (struct setting){.name = strdup(name), .text = strdup(value), .line = parser->line};
    return 1;
}

/* Forgets all cases but the first `keep`. */
static void drop(struct case_list *list, int keep)
{
    while (list->count > keep) {
        struct test_case *item = &list->item[--list->count];
        free(item->suite);
        free(item->name);
        free(item->why);
        free(item->problem);
    }
}

bool cases_read(const char *path, struct case_list *list, struct message *message)
{
    const int before = list->count;
    struct parser *parser = must_allocate(1, sizeof *parser);
    parser->path = path;
    parser->list = list;
    parser->message = message;
    const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    snprintf(parser->suite, sizeof parser->suite, "%.*s", (int)strcspn(base, "."), base);

    bool good = false;
    parser->file = fopen(path, "r");
    if (!parser->file) {
        refuse(message, "%s: %s: expected a readable case file", path, strerror(errno));
    } else {
        const int bad_line = ini_parse_stream(read_line, parser, handle, parser);
        if (bad_line && (!parser->failed_line || bad_line < parser->failed_line))
            fail(parser, bad_line, "expected '[section]', 'key = value' or '# comment'");
        good = !parser->failed_line && header_used(parser) && finish_section(parser);
        if (good && list->count == before)
            good = refuse(message, "%s: no case in it: expected at least one [section]", path);
        fclose(parser->file);
    }
    clear_section(parser);
    free(parser);
    if (!good)
        drop(list, before);
    return good;
}

void cases_free(struct case_list *list)
{
    drop(list, 0);
    free(list->item);
    *list = (struct case_list){0};
}
