/* Cases: the problems that variants are checked and timed on, read from INI files.
 *
 * A section is a case; a key with several comma-separated values is an axis, and the section then
 * stands for the product of its axes, named SECTION/key=value/... `op` lists the operations,
 * `why` says why the case exists, `bench = off` that it is verified but not timed; all other keys
 * belong to the operations. A line that starts with white space continues the value above it.
 */
#ifndef SSMBENCH_CASES_H
#define SSMBENCH_CASES_H

#include "../reference/operation.h"
#include "message.h"

struct test_case {
    char *suite, *name, *why;
    const struct operation *op;
    void *problem;
    bool verified_only; /* bench = off */
};

struct case_list {
    struct test_case *item;
    int count;
};

/* Appends the cases of `path` to the list. False, with file, line and what would be accepted in
 * `message`, when the file is not right; the list is then as before. */
bool cases_read(const char *path, struct case_list *list, struct message *message);

/* Finds the file of suite `name`: itself when it holds a '/' or ends in .ini, else cases/NAME.ini
 * below the current directory, the executable's, or the executable's parent. */
bool suite_path(const char *name, char *path, size_t size, struct message *message);

/* The directory that holds the suites, by the same search; false when there is none. */
bool suite_directory(char *path, size_t size);

void cases_free(struct case_list *list);

/* Keys of a case at most. */
enum { MAX_KEYS = 48 };

/* Room for any value that key_print() writes. */
enum { KEY_VALUE_SIZE = 512 };

/* Sets one key of a problem from its text; false with a sentence otherwise. */
bool key_parse(const struct key *key, const char *text, void *problem, struct message *message);

/* The value of a key as text, as key_parse() takes it. */
void key_print(const struct key *key, const void *problem, char *text, size_t size);

/* The key of that name, or NULL. */
const struct key *key_find(const struct operation *op, const char *name);

/* Appends the names of the operation's keys, with commas between. */
void keys_append(const struct operation *op, char *text, size_t size);

/* Sets the keys of "key = value, key = value"; given[i] becomes true for key i that it names,
 * unless `given` is null. False with a sentence otherwise. */
bool keys_assign(const struct operation *op, const char *text, void *problem, bool given[],
                 struct message *message);

/* A problem with every key at its initial value. */
void *problem_new(const struct operation *op);

#endif
