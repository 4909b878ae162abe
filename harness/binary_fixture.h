/* Runs the binary that the environment variable SSMBENCH names, for tests from outside. */
#ifndef SSMBENCH_BINARY_FIXTURE_H
#define SSMBENCH_BINARY_FIXTURE_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

/* What the last command left: its exit status, and both its streams. */
static int status;
static char text[1 << 16];

static inline const char *tested_binary(void)
{
    const char *const binary = getenv("SSMBENCH");
    cr_assert(ne(ptr, (void *)binary, NULL), "SSMBENCH has to name the binary under test");
    return binary;
}

/* Runs a shell command. */
static inline void run_command(const char *command)
{
    char both[2304];
    snprintf(both, sizeof both, "{ %s\n} 2>&1", command);
    FILE *const stream = popen(both, "r");
    text[fread(text, 1, sizeof text - 1, stream)] = '\0';
    const int wait_status = pclose(stream);
    cr_assert(zero(int, WTERMSIG(wait_status)), "%s", command);
    status = WEXITSTATUS(wait_status);
}

__attribute__((format(printf, 1, 2))) static inline void ssmbench(const char *format, ...)
{
    char arguments[1024], command[2048];
    va_list list;
    va_start(list, format);
    vsnprintf(arguments, sizeof arguments, format, list);
    va_end(list);
    snprintf(command, sizeof command, "'%s' %s", tested_binary(), arguments);
    run_command(command);
}

static inline void assert_says(const char *sentence)
{
    cr_assert(ne(ptr, strstr(text, sentence), NULL), "expected '%s', got: %s", sentence, text);
}

/* Arguments that are not right, the exit status, and what is said. */
struct refusal {
    const char *arguments;
    int status;
    const char *sentence;
};

/* Each of them, behind VERB, which may be empty. */
static inline void assert_refusals(const char *verb, const struct refusal refusals[], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ssmbench("%s %s", verb, refusals[i].arguments);
        cr_assert(eq(int, status, refusals[i].status), "%s: %s", refusals[i].arguments, text);
        assert_says(refusals[i].sentence);
    }
}

#endif
