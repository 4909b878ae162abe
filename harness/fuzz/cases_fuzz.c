/* The reader of case files: each case it accepts passes its operation's check, has a name that no
 * other case has before it and keys that print as they parse; what it refuses leaves a sentence and
 * the list as it was. */
#include "../cases.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of a long list only so many cases are looked at. */
enum { CASES_MAX = 64 };

static void check_keys(const struct test_case *item)
{
    void *again = problem_new(item->op);
    struct message message = {""};
    for (const struct key *key = item->op->keys; key->name; key++) {
        char text[KEY_VALUE_SIZE], printed[KEY_VALUE_SIZE];
        key_print(key, item->problem, text, sizeof text);
        fuzz_must(key_parse(key, text, again, &message), "the text of a key can be read");
        key_print(key, again, printed, sizeof printed);
        fuzz_must(!strcmp(text, printed), "a key is the same when it is printed and read");
    }
    free(again);
}

static void check_case(const struct test_case *item)
{
    struct tensor tensor[MAX_TENSORS];
    const char *key = NULL;
    fuzz_must(item->name[0] && item->why[0] && item->suite[0], "a case has names and a reason");
    fuzz_must(!item->op->check(item->problem, &key), "a case passes its operation's check");
    item->op->tensors(item->problem, tensor);
    check_keys(item);
}

bool cases_fuzz(const uint8_t *data, size_t size)
{
    struct case_list list = {0};
    struct message message = {""};
    char path[64];
    const int bytes = fuzz_file(data, size, path), next = fuzz_next_descriptor();
    const bool accepted = cases_read(path, &list, &message);
    fuzz_must(accepted == (list.count > 0), "a file is accepted for its cases");
    for (int i = 0; i < list.count && i < CASES_MAX; i++)
        check_case(&list.item[i]);
    if (!accepted)
        fuzz_must_be_sentence(&message);
    cases_free(&list);
    fuzz_must(fuzz_next_descriptor() == next, "nothing is left open");
    close(bytes);
    return accepted;
}

/* A text has nothing in it that counts the rest. */
void cases_mend(uint8_t *data, size_t size)
{
    (void)data, (void)size;
}
