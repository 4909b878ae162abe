#include "merge.h"
#include "compare_files.h"
#include "history.h"
#include "stats.h"
#include "suite_order.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const double MERGE_WITHIN = 0.01;

/* One row may be that many times further apart than all by their median: where memory lies makes up
 * to 3 % of difference between two processes on one card. */
static const double ONE_ROW = 3;

#define AGAIN "time that case again on both machines, or allow for more by --within PERCENT"

/* Beside COMPARE_MACHINE: how the machine runs, and what was built. */
static const char *const BUILD[] = {"machine.cpu",
                                    "machine.arch",
                                    "machine.clock_max_mhz",
                                    "machine.compiler",
                                    "machine.flags",
                                    "commit",
                                    "dirty",
                                    NULL};

/* What rows of one name have in common. */
static const char *const SAME_ROW[] = {"keys", "source", "check.status", NULL};

/* A member that a row has while files are joined: its file. */
#define FROM "merge_from"

struct merge {
    json_t *all;     /* the latest row of each name, by its name */
    json_t *machine; /* the first row of each backend */
    double within, worst;
    char worst_row[HISTORY_NAME];
    double *ratio; /* of the file at hand, its rows' times by those of files before, logarithms */
    int shared;    /* how many */
};

/* The value of a member as a reader may see it; the caller frees it. */
static char *value(const json_t *row, const char *path)
{
    const json_t *member = results_get(row, path);
    char *text = member ? json_dumps(member, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    return text ? text : strdup("nothing");
}

/* Whether both rows have the same members; else says which differs. */
static bool agree(const json_t *one, const json_t *other, const char *const path[],
                  const char *what, struct message *message)
{
    for (int i = 0; path[i]; i++) {
        const char *const single[] = {path[i], NULL};
        if (results_same(one, other, single))
            continue;
        char *was = value(one, path[i]), *is = value(other, path[i]);
        refuse(message, "%s: %s of %s is %.200s, in %s it is %.200s: expected the same",
               results_text(other, FROM), path[i], what, is, results_text(one, FROM), was);
        free(was);
        free(is);
        return false;
    }
    return true;
}

/* Whether most samples of the row began before they were queued: how fast that goes is the host's,
 * and no 1 % of it comes again. */
static bool host_bound(const json_t *row)
{
    return results_number(row, "time.fed") > results_number(row, "time.count") / 2;
}

/* Compares a row that two files have. */
static bool agree_on_row(struct merge *merge, const json_t *one, const json_t *other,
                         const char *name, struct message *message)
{
    const double was = results_number(one, "time.median_ms");
    const double is = results_number(other, "time.median_ms");
    const double apart = fabs(log(is / was));
    if (!agree(one, other, SAME_ROW, name, message))
        return false;
    if (!isfinite(apart) || host_bound(one) || host_bound(other))
        return true;
    merge->ratio[merge->shared++] = log(is / was);
    if (apart > merge->worst) {
        merge->worst = apart;
        snprintf(merge->worst_row, sizeof merge->worst_row, "%s", name);
    }
    if (apart <= log1p(ONE_ROW * merge->within))
        return true;
    refuse(
        message,
        "%s takes %.4g ms in %s and %.4g ms in %s, %.1f %% apart: expected at most %g %%; " AGAIN,
        name, was, results_text(one, FROM), is, results_text(other, FROM), 100 * expm1(apart),
        100 * ONE_ROW * merge->within);
    const double had_mhz = results_number(one, "time.clock_mhz");
    const double has_mhz = results_number(other, "time.clock_mhz");
    if (had_mhz > 0 && has_mhz > 0)
        append(message->text, sizeof message->text, " (clocks: %.0f and %.0f MHz)", had_mhz,
               has_mhz);
    return false;
}

/* The rows of a file; the first file has nothing to agree with. */
static bool add_rows(struct merge *merge, const json_t *index, struct message *message)
{
    const char *name;
    json_t *row;
    json_object_foreach((json_t *)index, name, row)
    {
        const char *backend = results_text(row, "backend");
        const json_t *first = json_object_get(merge->machine, backend);
        const json_t *other = json_object_get(merge->all, name);
        if (!first)
            json_object_set(merge->machine, backend, row);
        else if (!agree(first, row, COMPARE_MACHINE, backend, message) ||
                 !agree(first, row, BUILD, backend, message))
            return false;
        if (other && !agree_on_row(merge, other, row, name, message))
            return false;
        json_object_set(merge->all, name, row);
    }
    return true;
}

/* Whether the file's times are those of the files before, by their median. */
static bool agree_on_times(const struct merge *merge, const char *file, struct message *message)
{
    const double median = summarise(merge->ratio, merge->shared).median;
    return fabs(median) <= log1p(merge->within) ||
           refuse(message,
                  "%s: of %d rows that a file before has, too, times are %.1f %% apart by their "
                  "median: expected at most %g %%; " AGAIN,
                  file, merge->shared, 100 * expm1(fabs(median)), 100 * merge->within);
}

/* Whether any row of the object has a time. */
static bool is_timed(const json_t *index)
{
    const char *name;
    json_t *row;
    json_object_foreach((json_t *)index, name, row)
    {
        if (results_get(row, "time"))
            return true;
    }
    return false;
}

static bool add_file(struct merge *merge, const char *file, struct message *message)
{
    json_t *rows = json_array();
    bool good = results_read(rows, file, message);
    json_t *index = history_index(rows);
    if (good && !json_array_size(rows))
        good = refuse(message, "%s: expected one row or more", file);
    for (size_t i = 0; i < json_array_size(rows); i++)
        json_object_set_new(json_array_get(rows, i), FROM, json_string(file));
    const bool alone = !is_timed(merge->all) || !is_timed(index);
    merge->shared = 0;
    merge->ratio = must_allocate(json_object_size(index) + 1, sizeof *merge->ratio);
    good = good && add_rows(merge, index, message);
    if (good && !alone && !merge->shared)
        good = refuse(message,
                      "%s: no row with a time stands in a file before it, too: expected parts of "
                      "one `ssmbench bench --shard I/N`, which share some",
                      file);
    if (good && merge->shared)
        good = agree_on_times(merge, file, message);
    free(merge->ratio);
    json_decref(index);
    json_decref(rows);
    return good;
}

/* Says which parts there are not. */
static void name_missing_parts(const json_t *all)
{
    json_t *have = json_object();
    const char *name;
    json_t *row;
    int parts = 0;
    json_object_foreach((json_t *)all, name, row)
    {
        int part, of;
        const char *shard = results_text(row, "shard");
        if (sscanf(shard, "%d/%d", &part, &of) == 2 && of > parts)
            parts = of;
        json_object_set_new(have, shard, json_true());
    }
    for (int part = 1; part <= parts; part++) {
        char shard[32];
        snprintf(shard, sizeof shard, "%d/%d", part, parts);
        if (!json_object_get(have, shard))
            complain(EXIT_WELL, "no row of part %s is in the files", shard);
    }
    json_decref(have);
}

/* Writes the rows to a file that is not there yet, all of them or none. 15 digits are those that a
 * row was written with, and no more. */
static bool write_rows(json_t *rows, const char *out, struct message *message)
{
    char *draft;
    if (asprintf(&draft, "%s.%d", out, (int)getpid()) < 0)
        abort();
    FILE *file = fopen(draft, "wx");
    bool good = file != NULL;
    for (size_t i = 0; i < json_array_size(rows) && good; i++) {
        json_t *row = json_array_get(rows, i);
        json_object_del(row, FROM);
        good = !json_dumpf(row, file, JSON_COMPACT | JSON_REAL_PRECISION(15)) &&
               fputc('\n', file) != EOF;
    }
    if (file)
        good = !fflush(file) && (!fsync(fileno(file)) || errno == EINVAL) && good;
    if (file)
        good = !fclose(file) && good;
    good = good && !link(draft, out); /* which does not replace a file */
    if (!good)
        refuse(message, "--out %s: %s: expected a file that can be made", out, strerror(errno));
    unlink(draft);
    free(draft);
    return good;
}

/* Appends a file that may not be there to another. */
static bool append_file(FILE *to, const char *path)
{
    char part[1 << 16];
    size_t size;
    FILE *from = fopen(path, "r");
    bool good = from || errno == ENOENT;
    while (from && good && (size = fread(part, 1, sizeof part, from)))
        good = fwrite(part, 1, size, to) == size;
    if (from)
        good = !ferror(from) && !fclose(from) && good;
    return good;
}

/* Joins the samples that stand beside the files, if any do, in a file that is not there yet. */
static bool join_samples(char *const *files, const char *out, struct message *message)
{
    char from[PATH_MAX], to[PATH_MAX];
    bool any = false;
    results_samples_path(out, to, sizeof to);
    for (int i = 0; files[i]; i++) {
        results_samples_path(files[i], from, sizeof from);
        any |= !access(from, F_OK);
    }
    if (!any)
        return true;
    FILE *file = fopen(to, "wx");
    if (!file)
        return refuse(message, "%s: %s: expected a file that can be made, for the samples", to,
                      strerror(errno));
    bool good = true;
    for (int i = 0; files[i] && good; i++) {
        results_samples_path(files[i], from, sizeof from);
        good =
            append_file(file, from) ||
            refuse(message, "%s: %s: expected samples that can be copied", from, strerror(errno));
    }
    if (fclose(file) && good)
        good = refuse(message, "%s: %s: expected room for the samples", to, strerror(errno));
    if (!good)
        unlink(to);
    return good;
}

/* Writes all, or nothing. */
static bool write_all(const json_t *all, char *const *files, const char *out,
                      struct message *message)
{
    char samples[PATH_MAX];
    json_t *rows = suite_order(all);
    bool good = join_samples(files, out, message);
    if (good && !write_rows(rows, out, message)) {
        results_samples_path(out, samples, sizeof samples);
        unlink(samples);
        good = false;
    }
    json_decref(rows);
    return good;
}

int merge_files(char *const *files, const char *out, double within)
{
    struct merge merge = {.all = json_object(), .machine = json_object(), .within = within};
    struct message message;
    int status = EXIT_WELL;
    bool good = true;
    if (!access(out, F_OK))
        good = refuse(&message, "--out %s: is there: expected a new file", out);
    for (int i = 0; files[i] && good; i++)
        good = add_file(&merge, files[i], &message);
    if (good) {
        name_missing_parts(merge.all);
        good = write_all(merge.all, files, out, &message);
    }
    if (!good)
        status = complain(EXIT_BAD_INPUT, "%s", message.text);
    else if (*merge.worst_row)
        printf("%zu rows; those in two files differ by %.2f %% at most, %s\n",
               json_object_size(merge.all), 100 * expm1(merge.worst), merge.worst_row);
    else
        printf("%zu rows\n", json_object_size(merge.all));
    json_decref(merge.all);
    json_decref(merge.machine);
    return status;
}
