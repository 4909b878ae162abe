#include "profiler.h"
#include "message.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void command_add(struct command *command, const char *word)
{
    command->word = realloc(command->word, (size_t)(command->words + 2) * sizeof *command->word);
    if (!command->word)
        abort();
    command->word[command->words++] = (char *)(uintptr_t)word;
    command->word[command->words] = NULL;
}

static void add_all(struct command *command, const char *const word[])
{
    for (int i = 0; word[i]; i++)
        command_add(command, word[i]);
}

/* All sections, so that the report answers the next question too; clocks as `bench` has them. */
static void add_ncu_options(struct command *command, const char *filter, const char *out)
{
    add_all(command, (const char *const[]){"--nvtx", "--nvtx-include", filter, "--clock-control",
                                           "none", "--set", "full", NULL});
    if (out) /* and print what is printed without it */
        add_all(command, (const char *const[]){"--import-source", "yes", "--page", "details",
                                               "--export", out, NULL});
}

static void add_nsys_options(struct command *command, const char *filter, const char *out)
{
    (void)filter; /* nothing else runs between the profiler's start and stop */
    add_all(command, (const char *const[]){"profile", "--trace=cuda,nvtx", "--sample=none",
                                           "--cpuctxsw=none", "--capture-range=cudaProfilerApi",
                                           "--capture-range-end=stop", "--stats=true", NULL});
    if (out)
        add_all(command, (const char *const[]){"--output", out, NULL});
}

const struct profiler PROFILERS[] = {
    {"ncu",
     "Nsight Compute, part of the CUDA Toolkit, packages nsight-compute-*",
     {"/usr/local/cuda/bin", "/opt/nvidia/nsight-compute/*"},
     1,
     add_ncu_options},
    {"nsys",
     "Nsight Systems, packages nsight-systems-*",
     {"/usr/local/cuda/bin", "/opt/nvidia/nsight-systems/*/bin"},
     20,
     add_nsys_options},
    {0},
};

const struct profiler *profiler_named(const char *name)
{
    for (const struct profiler *profiler = PROFILERS; profiler->name; profiler++)
        if (!strcmp(profiler->name, name))
            return profiler;
    return NULL;
}

static bool is_program(const char *file)
{
    struct stat about;
    return !stat(file, &about) && S_ISREG(about.st_mode) && !access(file, X_OK);
}

bool profiler_find(const struct profiler *profiler, const char *path, char *file, size_t size)
{
    while (path && *path) {
        const size_t length = strcspn(path, ":");
        snprintf(file, size, "%.*s/%s", (int)length, path, profiler->name);
        if (length && is_program(file))
            return true;
        path += length + (path[length] == ':');
    }
    bool found = false;
    for (int i = 0; i < PROFILER_PLACES && !found; i++) {
        char pattern[256];
        glob_t match = {0};
        snprintf(pattern, sizeof pattern, "%s/%s", profiler->places[i], profiler->name);
        if (!glob(pattern, 0, NULL, &match))
            for (size_t j = match.gl_pathc; j-- > 0 && !found;) {
                snprintf(file, size, "%s", match.gl_pathv[j]);
                found = is_program(file);
            }
        globfree(&match);
    }
    return found;
}

/* One word as a POSIX shell takes it. */
static void print_word(const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "@%_+=:,./-";
    if (*word && word[strspn(word, plain)] == '\0') {
        fputs(word, stderr);
        return;
    }
    fputc('\'', stderr);
    for (const char *c = word; *c; c++)
        if (*c == '\'')
            fputs("'\\''", stderr);
        else
            fputc(*c, stderr);
    fputc('\'', stderr);
}

int command_become(const struct command *command)
{
    fflush(stdout);
    for (int i = 0; i < command->words; i++) {
        print_word(command->word[i]);
        fputc(i + 1 < command->words ? ' ' : '\n', stderr);
    }
    execv(command->word[0], command->word);
    return complain(EXIT_MACHINE_LACKS, "%s: %s: expected a program that this machine runs",
                    command->word[0], strerror(errno));
}
