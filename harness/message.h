/* Sentences about what went wrong, and what the process then exits with. */
#ifndef SSMBENCH_MESSAGE_H
#define SSMBENCH_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>

enum exit_status {
    EXIT_WELL = 0,
    EXIT_CHECK_FAILED = 1,
    EXIT_BAD_INPUT = 2,
    EXIT_NOTHING_MATCHED = 3,
    EXIT_MACHINE_LACKS = 4,
    EXIT_INTERRUPTED = 130,
};

enum { MESSAGE_SIZE = 1024 };

struct message {
    char text[MESSAGE_SIZE];
};

/* Writes the sentence and returns false, so that a failing function can `return refuse(...)`. What
 * is no printable character of UTF-8 becomes a question mark. */
__attribute__((format(printf, 2, 3))) bool refuse(struct message *message, const char *format, ...);

/* Prints "ssmbench: SENTENCE" to standard error and returns `status`. */
__attribute__((format(printf, 2, 3))) int complain(enum exit_status status, const char *format,
                                                   ...);

/* Like strcat and snprintf in one, into a buffer of `size` bytes, cut off at its end. */
__attribute__((format(printf, 3, 4))) void append(char *text, size_t size, const char *format, ...);

/* calloc that does not return when memory is out. */
void *must_allocate(size_t count, size_t size);

#endif
