#include "results.h"
#include "parts.h"
#include "roofs.h"
#include "version.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void make_parents(const char *path)
{
    char folder[4096];
    snprintf(folder, sizeof folder, "%s", path);
    for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(folder, 0777);
        *slash = '/';
    }
}

void results_close(struct results *results)
{
    if (results->file >= 0)
        close(results->file);
    results->file = -1;
}

/* Makes the file end with a whole line: a last row that only lacks its newline gets it, one that
 * was cut off is dropped. */
static bool end_line(const struct results *results)
{
    const off_t end = lseek(results->file, 0, SEEK_END);
    off_t start = end;
    char byte;
    while (start > 0 && pread(results->file, &byte, 1, start - 1) == 1 && byte != '\n')
        start--;
    if (start == end)
        return true;
    char *tail = must_allocate((size_t)(end - start), 1);
    json_t *row = NULL;
    if (pread(results->file, tail, (size_t)(end - start), start) == end - start)
        row = json_loadb(tail, (size_t)(end - start), 0, NULL);
    free(tail);
    json_decref(row);
    if (row)
        return write(results->file, "\n", 1) == 1;
    complain(EXIT_WELL, "%s: the last row was cut off and is dropped", results->path);
    return !ftruncate(results->file, start);
}

bool results_open(struct results *results, const char *path, struct message *message)
{
    *results = (struct results){path, -1};
    if (!path)
        return true;
    make_parents(path);
    results->file = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (results->file >= 0 && end_line(results))
        return true;
    refuse(message, "%s: %s: expected a file that can be written", path, strerror(errno));
    results_close(results);
    return false;
}

/* Appends `json` as a line in one write, and waits until it is on the disk. */
static bool append_line(int file, const json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(7));
    if (!text)
        return false;
    const size_t length = strlen(text);
    text[length] = '\n';
    size_t written = 0;
    while (written < length + 1) {
        const ssize_t count = write(file, text + written, length + 1 - written);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            break;
        written += (size_t)count;
    }
    free(text);
    return written == length + 1 && (!fdatasync(file) || errno == EINVAL);
}

bool results_append(struct results *results, const json_t *row, struct message *message)
{
    return results->file < 0 || append_line(results->file, row) ||
           refuse(message, "%s: %s: expected room for a row; the rows before it are kept",
                  results->path, strerror(errno));
}

void results_samples_path(const char *path, char *samples, size_t size)
{
    const size_t length = strlen(path);
    const bool ends = length > 6 && !strcmp(path + length - 6, ".jsonl");
    snprintf(samples, size, "%.*s.samples", (int)(ends ? length - 6 : length), path);
}

bool results_append_samples(const struct results *results, const json_t *row,
                            const struct timing *timing, struct message *message)
{
    static const char *const keys[] = {"date",    "commit", "op",   "variant",
                                       "backend", "suite",  "case", NULL};
    char path[4096];
    if (results->file < 0)
        return true;
    results_samples_path(results->path, path, sizeof path);
    json_t *line = json_object();
    for (int i = 0; keys[i]; i++)
        json_object_set(line, keys[i], json_object_get(row, keys[i]));
    results_samples(line, timing);
    const int file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    const bool good = file >= 0 && append_line(file, line);
    if (!good)
        refuse(message, "%s: %s: expected room for the samples of a row, which is kept", path,
               strerror(errno));
    if (file >= 0)
        close(file);
    json_decref(line);
    return good;
}

json_t *results_json(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

/* A whole number, as far as JSON integers go. */
static json_t *whole(double value)
{
    return value < 1e18 ? json_integer((json_int_t)value) : results_json(value);
}

void results_set_known(json_t *object, const char *key, double value)
{
    if (value > 0)
        json_object_set_new(object, key, results_json(value));
}

json_t *results_machine(const struct backend *backend, bool measured)
{
    struct machine m, host;
    struct roofs roofs = {0};
    if (measured && backend->roofs && !backend->missing())
        backend->roofs(&roofs);
    backend->machine(&m);
    backend_cpu.machine(&host);
    json_t *object = json_pack("{s:s, s:s, s:s, s:i, s:s, s:s}", "name", m.name, "slug", m.slug,
                               "cpu", host.name, "threads", host.units, "compiler",
                               SSMBENCH_COMPILER, "flags", SSMBENCH_FLAGS);
    if (m.cuda[0]) {
        json_object_set_new(object, "cuda", json_string(m.cuda));
        json_object_set_new(object, "arch", json_string(SSMBENCH_ARCH));
        json_object_set_new(object, "driver", json_string(m.driver));
        json_object_set_new(object, "ecc", json_string(m.ecc));
        json_object_set_new(object, "multiprocessors", json_integer(m.units));
    }
    results_set_known(object, "clock_mhz", m.clock_mhz);
    results_set_known(object, "clock_max_mhz", m.clock_max_mhz);
    results_set_known(object, "power_cap_w", m.power_cap_w);
    results_set_known(object, "memory_gb", m.memory_bytes * 1e-9);
    results_set_known(object, "cache_mb", m.cache_bytes * 1e-6);
    roofs_write(&roofs, object);
    return object;
}

json_t *results_keys(const struct test_case *item)
{
    json_t *keys = json_object();
    for (const struct key *key = item->op->keys; key->name; key++) {
        char text[KEY_VALUE_SIZE];
        key_print(key, item->problem, text, sizeof text);
        if (key->kind == KEY_WHOLE)
            json_object_set_new(keys, key->name, json_integer(strtoll(text, NULL, 10)));
        else if (key->kind == KEY_REAL)
            json_object_set_new(keys, key->name, json_real(strtod(text, NULL)));
        else
            json_object_set_new(keys, key->name, json_string(text));
    }
    return keys;
}

void results_cost(json_t *row, const struct test_case *item)
{
    const struct cost cost = item->op->cost(item->problem);
    json_object_set_new(row, "bytes", whole(cost.bytes));
    json_object_set_new(row, "flops", whole(cost.flops));
    json_object_set_new(row, "exps", whole(cost.exps));
}

static json_t *check_json(const struct test_case *item, const struct outcome *outcome)
{
    json_t *check = json_pack("{s:s}", "status", STATUS_NAMES[outcome->status]);
    if (outcome->status != STATUS_PASS)
        json_object_set_new(check, "detail", json_string(outcome->detail));
    if (outcome->error < 0)
        return check;
    struct tensor tensor[MAX_TENSORS];
    json_t *errors = json_object();
    item->op->tensors(item->problem, tensor);
    for (int i = 0; i < item->op->tensor_count; i++)
        if (tensor[i].output && tensor[i].present)
            json_object_set_new(errors, tensor[i].name, results_json(outcome->tensor_error[i]));
    json_object_set_new(check, "error", results_json(outcome->error));
    json_object_set_new(check, "errors", errors);
    json_object_set_new(check, "run_s", results_json(outcome->run_s));
    if (outcome->other) {
        json_object_set_new(check, "other", json_string(outcome->other));
        json_object_set_new(check, "difference", results_json(outcome->difference));
    }
    return check;
}

/* What each part took and how wrong its outputs were, and how long the runs took that told. */
static json_t *parts_json(const struct operation *op, const struct outcome *outcome)
{
    json_t *parts = json_object();
    for (int part = 0; part < parts_count(op); part++) {
        double error = 0;
        for (int i = 0; i < op->tensor_count; i++)
            if (op->part_of(i) == part)
                error = fmax(error, outcome->tensor_error[i]);
        json_t *one = json_pack("{s:o, s:o}", "ms", results_json(outcome->part_ms[part]), "error",
                                results_json(error));
        json_object_set_new(parts, op->parts[part], one);
    }
    json_object_set_new(parts, "whole_ms", results_json(outcome->parts_whole_ms));
    json_object_set_new(parts, "runs", json_integer(outcome->part_runs));
    return parts;
}

json_t *results_row(const char *verb, const struct test_case *item, const struct entry *entry,
                    const json_t *machine, const struct outcome *outcome)
{
    const time_t now = time(NULL);
    char date[32], repeat[1024];
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
    snprintf(repeat, sizeof repeat, "ssmbench %s %s --case '^%s$' --variant '^%s$' --backend %s",
             verb, item->suite, item->name, entry->full, entry->backend);

    const struct cost cost = item->op->cost(item->problem);
    json_t *row =
        json_pack("{s:i, s:s, s:s, s:b, s:s, s:s, s:s, s:s, s:s}", "schema", SCHEMA, "date", date,
                  "commit", SSMBENCH_COMMIT, "dirty", SSMBENCH_DIRTY, "op", entry->op, "variant",
                  entry->name, "backend", entry->backend, "source", source_hash(entry->full),
                  "grade", entry->variant->grade == GRADE_EXACT ? "exact" : "reduced");
    json_object_set_new(row, "suite", json_string(item->suite));
    json_object_set_new(row, "case", json_string(item->name));
    json_object_set_new(row, "keys", results_keys(item));
    json_object_set_new(row, "check", check_json(item, outcome));
    results_cost(row, item);
    json_object_set_new(row, "workspace_bytes", whole(outcome->workspace_bytes));
    if (outcome->memory_bytes > 0)
        json_object_set_new(row, "memory_bytes", whole(outcome->memory_bytes));
    if (outcome->timed) {
        const double gbs = cost.bytes / outcome->timing.summary.median * 1e-6;
        const double copy = json_number_value(json_object_get(machine, "copy_gbs"));
        json_object_set_new(row, "time", results_time(&outcome->timing));
        json_object_set_new(row, "gbs", results_json(gbs));
        json_object_set_new(row, "copy_fraction", results_json(copy > 0 ? gbs / copy : NAN));
        if (item->op->parts)
            json_object_set_new(row, "parts", parts_json(item->op, outcome));
    }
    results_set_known(row, "spent_s", outcome->spent_s);
    results_set_known(row, "prepare_s", outcome->prepare_s);
    json_object_set_new(row, "machine", json_deep_copy(machine));
    roofs_set(row);
    json_object_set_new(row, "repeat", json_string(repeat));
    return row;
}

bool results_same(const json_t *a, const json_t *b, const char *const path[])
{
    for (int i = 0; path[i]; i++) {
        const json_t *one = results_get(a, path[i]), *other = results_get(b, path[i]);
        if (one ? !json_equal(one, other) : other != NULL)
            return false;
    }
    return true;
}
