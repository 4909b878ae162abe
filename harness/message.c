#include "message.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of the character that `text` begins with, or 0 when that is none of UTF-8. */
static size_t character_length(const char *text)
{
    for (size_t length = 1; length <= 4 && text[length - 1]; length++) {
        json_t *character = json_stringn(text, length);
        json_decref(character);
        if (character)
            return length;
    }
    return 0;
}

/* What stands in a file may be meant to move a terminal's cursor, or be cut off within a character:
 * a question mark in its place, so that a sentence is one line of UTF-8, as rows have to be. */
static void make_printable(char *text)
{
    while (*text) {
        const size_t length = character_length(text);
        if (!length || (unsigned char)*text < ' ' || *text == 0x7f)
            *text = '?';
        text += length ? length : 1;
    }
}

bool refuse(struct message *message, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message->text, sizeof message->text, format, arguments);
    va_end(arguments);
    make_printable(message->text);
    return false;
}

int complain(enum exit_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fflush(stdout);
    fputs("ssmbench: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return status;
}

void append(char *text, size_t size, const char *format, ...)
{
    const size_t used = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + used, size - used, format, arguments);
    va_end(arguments);
}

void *must_allocate(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size ? size : 1);
    if (!memory) {
        complain(EXIT_MACHINE_LACKS, "out of memory for %zu bytes", count * size);
        exit(EXIT_MACHINE_LACKS);
    }
    return memory;
}
