/* Every file that the fuzzers found worth keeping, read again without them. A promise that is
 * broken aborts, which Criterion reports with the sentence of it. */
#include "fuzz.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

enum { FILE_MAX = 4096 };

static bool accepts(bool (*target)(const uint8_t *, size_t), const char *path)
{
    uint8_t bytes[FILE_MAX];
    FILE *stream = fopen(path, "r");
    cr_assert(ne(ptr, stream, NULL), "%s", path);
    const size_t size = fread(bytes, 1, sizeof bytes, stream);
    fclose(stream);
    cr_assert(lt(sz, size, sizeof bytes), "%s: expected less than %d bytes", path, FILE_MAX);
    return target(bytes, size);
}

/* A file that was made by hand says in its name what it is: good-... or bad-... */
static void read_corpus(const char *pattern, bool (*target)(const uint8_t *, size_t))
{
    glob_t found;
    int accepted = 0, refused = 0;
    cr_assert(eq(int, glob(pattern, 0, NULL, &found), 0), "%s", pattern);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        const char *path = found.gl_pathv[i];
        const bool good = accepts(target, path);
        if (strstr(path, good ? "/bad-" : "/good-"))
            cr_fail("%s was %s", path, good ? "accepted" : "refused");
        *(good ? &accepted : &refused) += 1;
    }
    globfree(&found);
    cr_expect(ge(int, accepted, 5), "%s", pattern);
    cr_expect(ge(int, refused, 10), "%s", pattern);
}

TestSuite(corpus, .timeout = 120);

Test(corpus, safetensors)
{
    read_corpus("harness/fuzz/corpus/safetensors/*", safetensors_fuzz);
}

Test(corpus, cases)
{
    read_corpus("harness/fuzz/corpus/cases/*", cases_fuzz);
}
