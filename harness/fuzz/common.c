#include "fuzz.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void fuzz_must(bool holds, const char *promise)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz: a promise was broken: %s\n", promise);
    abort();
}

int fuzz_file(const uint8_t *data, size_t size, char path[64])
{
    const int file = memfd_create("fuzz", MFD_CLOEXEC);
    fuzz_must(file >= 0 && write(file, data, size) == (ssize_t)size, "a file can be written");
    snprintf(path, 64, "/proc/self/fd/%d", file);
    return file;
}

int fuzz_next_descriptor(void)
{
    const int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(next);
    return next;
}

void fuzz_must_be_sentence(const struct message *message)
{
    json_t *text = json_string(message->text);
    fuzz_must(message->text[0] != '\0', "a refusal has a sentence");
    fuzz_must(text != NULL, "a sentence is UTF-8, as rows are");
    for (const char *c = message->text; *c; c++)
        fuzz_must((unsigned char)*c >= ' ' && *c != 0x7f, "a sentence is one line");
    json_decref(text);
}
