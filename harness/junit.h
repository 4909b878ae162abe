/* What a campaign found, in the XML that build servers read ("JUnit"). */
#ifndef SSMBENCH_JUNIT_H
#define SSMBENCH_JUNIT_H

#include "message.h"
#include "trial.h"
#include <stdio.h>

struct junit {
    const char *path; /* NULL: nothing is kept */
    char *cases;      /* the test cases so far */
    size_t size;
    FILE *stream; /* to `cases` */
    int count[STATUS_COUNT];
    double seconds;
};

void junit_open(struct junit *junit, const char *path);

/* Adds a row: variant `full` on `suite`/`name`. */
void junit_add(struct junit *junit, const char *full, const char *suite, const char *name,
               enum status status, const char *detail, double seconds);

/* Writes the file; false with a sentence when it cannot be. */
bool junit_write(struct junit *junit, struct message *message);

void junit_close(struct junit *junit);

#endif
