#include "cases.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void store(const struct key *key, double value, void *problem)
{
    char *field = (char *)problem + key->offset;
    const int64_t whole = (int64_t)value;
    if (key->kind == KEY_REAL)
        memcpy(field, &value, sizeof value);
    else
        memcpy(field, &whole, sizeof whole);
}

static double load(const struct key *key, const void *problem)
{
    const char *field = (const char *)problem + key->offset;
    double real;
    int64_t whole;
    memcpy(&real, field, sizeof real);
    memcpy(&whole, field, sizeof whole);
    return key->kind == KEY_REAL ? real : (double)whole;
}

/* The one copy of a text, kept until the process ends, so that problems may be copied and compared
 * byte by byte. */
static const char *kept(const char *text)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static struct copy {
        struct copy *next;
        char text[];
    } * copies;
    pthread_mutex_lock(&mutex);
    struct copy *copy = copies;
    while (copy && strcmp(copy->text, text))
        copy = copy->next;
    if (!copy) {
        copy = must_allocate(1, sizeof *copy + strlen(text) + 1);
        strcpy(copy->text, text);
        copy->next = copies;
        copies = copy;
    }
    pthread_mutex_unlock(&mutex);
    return copy->text;
}

static void store_text(const struct key *key, const char *text, void *problem)
{
    const char *const copy = kept(text);
    memcpy((char *)problem + key->offset, &copy, sizeof copy);
}

/* Rows are JSON, which is UTF-8. */
static bool parse_text(const struct key *key, const char *text, void *problem,
                       struct message *message)
{
    json_t *const json = strlen(text) < KEY_VALUE_SIZE ? json_string(text) : NULL;
    json_decref(json);
    if (!json)
        return refuse(message, "%s = %.80s: expected at most %d bytes of UTF-8", key->name, text,
                      KEY_VALUE_SIZE - 1);
    store_text(key, text, problem);
    return true;
}

static bool parse_word(const struct key *key, const char *text, void *problem,
                       struct message *message)
{
    char accepted[256] = "";
    for (int i = 0; key->words[i]; i++) {
        if (!strcmp(text, key->words[i])) {
            store(key, i, problem);
            return true;
        }
        append(accepted, sizeof accepted, "%s%s", i ? ", " : "", key->words[i]);
    }
    return refuse(message, "%s = %s: expected one of %s", key->name, text, accepted);
}

bool key_parse(const struct key *key, const char *text, void *problem, struct message *message)
{
    if (key->kind == KEY_WORD)
        return parse_word(key, text, problem, message);
    if (key->kind == KEY_TEXT)
        return parse_text(key, text, problem, message);

    char *end;
    errno = 0;
    const double value = strtod(text, &end);
    const bool number = *text && !*end && !errno && isfinite(value);
    const bool whole = key->kind == KEY_REAL || value == floor(value);
    if (number && whole && value >= key->minimum && value <= key->maximum) {
        store(key, value, problem);
        return true;
    }
    return refuse(message, "%s = %s: expected a %s from %.15g to %.15g", key->name, text,
                  key->kind == KEY_REAL ? "number" : "whole number", key->minimum, key->maximum);
}

void key_print(const struct key *key, const void *problem, char *text, size_t size)
{
    const char *kept_text;
    if (key->kind == KEY_TEXT) {
        memcpy(&kept_text, (const char *)problem + key->offset, sizeof kept_text);
        snprintf(text, size, "%s", kept_text);
    } else if (key->kind == KEY_WORD) {
        snprintf(text, size, "%s", key->words[(int)load(key, problem)]);
    } else {
        snprintf(text, size, "%.15g", load(key, problem));
    }
}

void *problem_new(const struct operation *op)
{
    void *problem = must_allocate(1, op->problem_size);
    for (const struct key *key = op->keys; key->name; key++)
        if (key->kind == KEY_TEXT)
            store_text(key, "", problem);
        else
            store(key, key->initial, problem);
    return problem;
}

const struct key *key_find(const struct operation *op, const char *name)
{
    for (const struct key *key = op->keys; key->name; key++)
        if (!strcmp(key->name, name))
            return key;
    return NULL;
}

void keys_append(const struct operation *op, char *text, size_t size)
{
    for (const struct key *key = op->keys; key->name; key++)
        append(text, size, "%s%s", key == op->keys ? "" : ", ", key->name);
}

/* Cuts white space off both ends. */
static char *trim(char *text)
{
    text += strspn(text, " \t\n");
    for (size_t length = strlen(text); length && strchr(" \t\n", text[length - 1]);)
        text[--length] = '\0';
    return text;
}

/* One setting, which is cut into pieces. */
static bool assign(const struct operation *op, char *setting, void *problem, bool given[],
                   struct message *message)
{
    char names[MESSAGE_SIZE / 2] = "", *value = strchr(setting, '=');
    if (!value)
        return refuse(message, "'%.80s': expected key = value", trim(setting));
    *value++ = '\0';
    const struct key *key = key_find(op, trim(setting));
    keys_append(op, names, sizeof names);
    if (!key)
        return refuse(message, "unknown key '%.80s': expected one of %s", trim(setting), names);
    if (given)
        given[key - op->keys] = true;
    return key_parse(key, trim(value), problem, message);
}

bool keys_assign(const struct operation *op, const char *text, void *problem, bool given[],
                 struct message *message)
{
    char *copy = must_allocate(strlen(text) + 1, 1), *next = copy;
    bool good = true;
    strcpy(copy, text);
    while (good && next) {
        char *setting = strsep(&next, ",");
        good = !*trim(setting) || assign(op, setting, problem, given, message);
    }
    free(copy);
    return good;
}
