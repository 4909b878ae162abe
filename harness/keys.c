#include "cases.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
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
    static struct copy {
        struct copy *next;
        char text[];
    } * copies;
    struct copy *copy = copies;
    while (copy && strcmp(copy->text, text))
        copy = copy->next;
    if (!copy) {
        copy = must_allocate(1, sizeof *copy + strlen(text) + 1);
        strcpy(copy->text, text);
        copy->next = copies;
        copies = copy;
    }
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
