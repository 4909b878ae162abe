#include "choices_table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

char *choices_add_candidate(struct choices *choices)
{
    const int at = choices->table.candidates;
    return at < CHOOSE_CANDIDATES ? choices->candidate[choices->table.candidates++] : NULL;
}

struct choose_measured *choices_add(struct choices *choices)
{
    const int at = choices->table.count;
    choices->table.measured = choices->measured;
    return at < CHOICES_MAX ? &choices->measured[choices->table.count++] : NULL;
}

/* A table without the problems that are skipped, in a copy of the measured ones. */
static struct choose_table without(const struct choices *choices, const bool *skip,
                                   struct choose_measured *left)
{
    struct choose_table table = choices->table;
    table.count = 0;
    table.measured = left;
    for (int m = 0; m < choices->table.count; m++)
        if (!skip || !skip[m])
            left[table.count++] = choices->measured[m];
    return table;
}

int choices_pick(const struct choices *choices, const struct choose_shape *shape,
                 const bool may[CHOOSE_CANDIDATES], const bool *skip)
{
    struct choose_measured *const left = must_allocate(CHOICES_MAX, sizeof *left);
    const struct choose_table table = without(choices, skip, left);
    double expected[CHOOSE_CANDIDATES];
    int best = -1;
    choose_expect(&table, shape, expected);
    for (int i = 0; i < table.candidates; i++)
        if (may[i] && (best < 0 || expected[i] < expected[best]))
            best = i;
    free(left);
    return best;
}

void choices_write(const struct choices *choices, const char *op)
{
    const int candidates = choices->table.candidates, count = choices->table.count;
    for (int i = 0; i < candidates; i++)
        printf("DECLARE_VARIANT(%s, %s);\n", op, choices->candidate[i]);
    puts("\nstatic const struct variant *const CANDIDATES[] = {");
    for (int i = 0; i < candidates; i++)
        printf("    &VARIANT_OF(%s, %s),\n", op, choices->candidate[i]);
    puts("};\n\n/* struct choose_shape, and the time of each candidate as a multiple of the least. "
         "*/\n"
         "static const struct choose_measured MEASURED[] = {");
    for (int m = 0; m < count; m++) {
        const struct choose_measured *at = &choices->measured[m];
        const struct choose_shape *s = &at->shape;
        const int section = (int)strcspn(choices->name[m], "/");
        if (!m || strncmp(choices->name[m], choices->name[m - 1], (size_t)section + 1))
            printf("    /* %.*s */\n", section, choices->name[m]);
        printf("    {{%lld, %lld, %lld, %lld, %d, %d, %d}, {", (long long)s->batch,
               (long long)s->channels, (long long)s->length, (long long)s->depth, s->scalar,
               s->channel_last, s->half);
        for (int i = 0; i < candidates; i++)
            printf("%s%.3g", i ? ", " : "", at->slower[i]);
        puts("}},");
    }
    printf("};\n\nstatic const struct choose_table CHOICES = {MEASURED, %d, %d};\n", count,
           candidates);
}

/* Reads a line "    {{8, 2048, ...}, {1, 2.5, ...}}," and passes over any other; false when there
 * is no number for each candidate, or no room. */
static bool read_measured(struct choices *choices, const char *line)
{
    long long batch, channels, length, depth;
    struct choose_shape shape;
    int read = 0;
    if (sscanf(line, " {{%lld, %lld, %lld, %lld, %d, %d, %d}, {%n", &batch, &channels, &length,
               &depth, &shape.scalar, &shape.channel_last, &shape.half, &read) < 7 ||
        !read)
        return true;
    shape.batch = batch;
    shape.channels = channels;
    shape.length = length;
    shape.depth = depth;
    struct choose_measured *const measured = choices_add(choices);
    if (!measured || batch < 1 || channels < 1 || length < 1 || depth < 1)
        return false;
    measured->shape = shape;
    for (int i = 0; i < choices->table.candidates; i++) {
        int more = 0;
        if (sscanf(line + read, i ? ", %lf%n" : "%lf%n", &measured->slower[i], &more) < 1)
            return false;
        read += more;
    }
    return line[read] == '}';
}

bool choices_read(struct choices *choices, const char *path, struct message *message)
{
    static const char declares[] = "DECLARE_VARIANT(";
    FILE *const file = fopen(path, "r");
    char line[1024];
    bool good = true;
    if (!file)
        return refuse(message, "%s: %s: expected a table that `make choices` wrote", path,
                      strerror(errno));
    for (int number = 1; good && fgets(line, sizeof line, file); number++) {
        if (strncmp(line, declares, strlen(declares))) {
            good = read_measured(choices, line);
        } else {
            char *const name = choices_add_candidate(choices);
            good = name && sscanf(line, "DECLARE_VARIANT(%*[a-z0-9_], %95[a-z0-9_])", name) == 1;
        }
        if (!good)
            refuse(message, "%s:%d: expected a table that `make choices` wrote", path, number);
    }
    fclose(file);
    return good;
}
