#include "junit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Writes a text as XML has it within quotes and between tags; what XML cannot hold becomes '?'. */
static void put(FILE *stream, const char *text)
{
    for (; *text; text++) {
        const unsigned char byte = (unsigned char)*text;
        if (byte == '&')
            fputs("&amp;", stream);
        else if (byte == '<')
            fputs("&lt;", stream);
        else if (byte == '>')
            fputs("&gt;", stream);
        else if (byte == '"')
            fputs("&quot;", stream);
        else if (byte == '\n' || byte == '\t')
            fprintf(stream, "&#%d;", byte);
        else
            fputc(byte < ' ' || byte == 0x7F ? '?' : byte, stream);
    }
}

void junit_open(struct junit *junit, const char *path)
{
    *junit = (struct junit){.path = path};
    if (path)
        junit->stream = open_memstream(&junit->cases, &junit->size);
    if (path && !junit->stream)
        abort();
}

void junit_add(struct junit *junit, const char *full, const char *suite, const char *name,
               enum status status, const char *detail, double seconds)
{
    FILE *stream = junit->stream;
    if (!junit->path)
        return;
    junit->count[status]++;
    junit->seconds += seconds;
    fputs("    <testcase classname=\"", stream);
    put(stream, full);
    fputs("\" name=\"", stream);
    put(stream, suite);
    fputc('/', stream);
    put(stream, name);
    fprintf(stream, "\" time=\"%.6f\"", seconds);
    if (status == STATUS_PASS) {
        fputs("/>\n", stream);
        return;
    }
    /* An error is what kept the check from being made; a failure is what it found. */
    const bool error =
        status == STATUS_CRASH || status == STATUS_TIMEOUT || status == STATUS_FAILED;
    const char *tag = status == STATUS_SKIPPED ? "skipped" : error ? "error" : "failure";
    fprintf(stream, ">\n      <%s type=\"%s\" message=\"", tag, STATUS_NAMES[status]);
    put(stream, detail);
    fputs("\"/>\n    </testcase>\n", stream);
}

bool junit_write(struct junit *junit, struct message *message)
{
    const int *count = junit->count;
    int tests = 0;
    if (!junit->path)
        return true;
    for (int status = 0; status < STATUS_COUNT; status++)
        tests += count[status];
    const int errors = count[STATUS_CRASH] + count[STATUS_TIMEOUT] + count[STATUS_FAILED];
    const int failures = tests - errors - count[STATUS_PASS] - count[STATUS_SKIPPED];
    fflush(junit->stream);
    FILE *file = fopen(junit->path, "w");
    bool good = file != NULL;
    if (good) {
        fprintf(file,
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
                "  <testsuite name=\"ssmbench\" tests=\"%d\" failures=\"%d\" errors=\"%d\" "
                "skipped=\"%d\" time=\"%.6f\">\n",
                tests, failures, errors, count[STATUS_SKIPPED], junit->seconds);
        fwrite(junit->cases, 1, junit->size, file);
        fputs("  </testsuite>\n</testsuites>\n", file);
        good = !ferror(file);
        good = !fclose(file) && good;
    }
    return good || refuse(message, "%s: %s: expected a file that can be written", junit->path,
                          strerror(errno));
}

void junit_close(struct junit *junit)
{
    if (junit->stream)
        fclose(junit->stream);
    free(junit->cases);
}
