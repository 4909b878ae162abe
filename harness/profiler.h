/* Nsight's profilers: where they are, and this program run again within one of them. */
#ifndef SSMBENCH_PROFILER_H
#define SSMBENCH_PROFILER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PROFILER_PLACES = 2 };

/* A command line that grows: NULL-terminated words, which are not copied. */
struct command {
    char **word;
    int words;
};

void command_add(struct command *command, const char *word);

struct profiler {
    const char *name;
    const char *product;                 /* what to install, and how packages of it are called */
    const char *places[PROFILER_PLACES]; /* patterns of folders beside those of the PATH */
    int64_t launches;                    /* unless the user says how many */

    /* Adds the options that select the launches of range_filter() and, unless `out` is NULL, keep
     * the report there. */
    void (*add_options)(struct command *command, const char *filter, const char *out);
};

/* Terminated by a NULL name, the first choice first. */
extern const struct profiler PROFILERS[];

/* The profiler of that name, or NULL. */
const struct profiler *profiler_named(const char *name);

/* Looks for the program in the folders of `path`, as in the environment's PATH, then in its places,
 * the last one by name where a pattern stands for several. False when it is nowhere. */
bool profiler_find(const struct profiler *profiler, const char *path, char *file, size_t size);

/* Prints the command on standard error, as a shell would take it, and becomes it. Returns only when
 * that fails: the exit status, after a complaint. */
int command_become(const struct command *command);

#endif
