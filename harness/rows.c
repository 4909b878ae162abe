/* Reading results. */
#include "results.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

bool results_read(json_t *rows, const char *path, struct message *message)
{
    FILE *file = fopen(path, "r");
    if (!file)
        return refuse(message, "%s: %s: expected a readable .jsonl file", path, strerror(errno));
    char *line = NULL;
    size_t size = 0;
    bool good = true;
    ssize_t length;
    for (int number = 1; good && (length = getline(&line, &size, file)) >= 0; number++) {
        json_error_t error;
        const bool whole = length > 0 && line[length - 1] == '\n';
        if (line[strspn(line, " \t\r\n")] == '\0')
            continue;
        json_t *row = json_loadb(line, (size_t)length, JSON_REJECT_DUPLICATES, &error);
        if (!row && !whole)
            complain(EXIT_WELL, "%s:%d: the last row was cut off and is left out", path, number);
        else if (!row)
            good = refuse(message, "%s:%d: %s: expected one JSON object a line", path, number,
                          error.text);
        else if (results_number(row, "schema") != SCHEMA)
            good =
                refuse(message, "%s:%d: expected a row with \"schema\": %d", path, number, SCHEMA);
        else
            json_array_append(rows, row);
        json_decref(row);
    }
    free(line);
    fclose(file);
    return good;
}

json_t *results_get(const json_t *row, const char *path)
{
    char name[64];
    const json_t *at = row;
    while (at && *path) {
        const size_t length = strcspn(path, ".");
        if (length >= sizeof name)
            return NULL;
        memcpy(name, path, length);
        name[length] = '\0';
        at = json_object_get(at, name);
        path += length + (path[length] == '.');
    }
    return (json_t *)at;
}

const char *results_text(const json_t *row, const char *path)
{
    const char *text = json_string_value(results_get(row, path));
    return text ? text : "";
}

double results_number(const json_t *row, const char *path)
{
    const json_t *value = results_get(row, path);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

bool results_stale(const json_t *row)
{
    char full[256];
    const char *file = results_text(row, "file");
    snprintf(full, sizeof full, "%s/%s@%s", results_text(row, "op"), results_text(row, "variant"),
             results_text(row, "backend"));
    const char *hash = source_hash(*file ? file : full);
    return !hash || strcmp(hash, results_text(row, "source")) != 0;
}
