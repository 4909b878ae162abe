/* The case parser on good files, and on broken ones: each has to be refused with the file, the line
 * and what would be accepted, and has to leave the list as it was. */
#include "../reference/audio.h"
#include "../reference/selscan.h"
#include "cases.h"
#include "registry.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Writes `text` to suite.ini in a folder of its own and puts its path in `path`. */
static void write_suite(const char *text, char path[64])
{
    char folder[] = "/tmp/ssmbench-cases-XXXXXX";
    cr_assert(ne(ptr, mkdtemp(folder), NULL));
    snprintf(path, 64, "%s/suite.ini", folder);
    FILE *file = fopen(path, "w");
    cr_assert(ne(ptr, file, NULL));
    fputs(text, file);
    fclose(file);
}

static void remove_suite(char path[64])
{
    unlink(path);
    *strrchr(path, '/') = '\0';
    rmdir(path);
}

static struct case_list parse(const char *text)
{
    struct case_list list = {0};
    struct message message = {""};
    char path[64];
    write_suite(text, path);
    const bool good = cases_read(path, &list, &message);
    remove_suite(path);
    cr_assert(good, "%s", message.text);
    return list;
}

/* Asserts that the text is refused at `line` (0: no line) with a sentence that holds `sentence`. */
static void assert_refused(const char *what, const char *text, int line, const char *sentence)
{
    struct case_list list = parse("[kept]\nop = selscan\nwhy = it was there before\n");
    struct message message = {""};
    char path[64], place[128];
    write_suite(text, path);
    const bool good = cases_read(path, &list, &message);
    snprintf(place, sizeof place, line ? "%s:%d: " : "%s: ", path, line);
    remove_suite(path);

    cr_expect(not(good), "%s: was accepted", what);
    cr_expect(eq(ptr, strstr(message.text, place), message.text), "%s: expected '%s...', got: %s",
              what, place, message.text);
    cr_expect(ne(ptr, strstr(message.text, sentence), NULL), "%s: expected '%s', got: %s", what,
              sentence, message.text);
    cr_expect(eq(int, list.count, 1), "%s: the list changed", what);
    cr_expect(eq(str, list.item[0].name, "kept"), "%s: the list changed", what);
    cases_free(&list);
}

static void assert_names(const struct case_list *list, const char *const names[])
{
    int count = 0;
    while (names[count])
        count++;
    cr_assert(eq(int, list->count, count));
    for (int i = 0; i < count; i++)
        cr_assert(eq(str, list->item[i].name, (char *)names[i]));
}

Test(cases, keys_reach_the_problem)
{
    struct case_list list = parse("# a comment\n"
                                  "[shape]\n"
                                  "op       = selscan\n"
                                  "batch    = 3\n"
                                  "channels = 2147483648\n"
                                  "\n"
                                  "; another comment\n"
                                  "layout   = channel_last\n"
                                  "dtype=f16\n"
                                  "seed = 0\n"
                                  "decay    = 1e-5\n"
                                  "inputs   = slow\n"
                                  "gate     =   on   \n"
                                  "why      = one, with a comma\n");
    cr_assert(eq(int, list.count, 1));
    const struct test_case *item = list.item;
    const struct selscan *p = item->problem;
    cr_assert(eq(str, item->suite, "suite"));
    cr_assert(eq(str, item->name, "shape"));
    cr_assert(eq(str, item->why, "one, with a comma"));
    cr_assert(eq(ptr, (void *)item->op, (void *)operation_find("selscan")));
    cr_assert(eq(i64, p->batch, 3));
    cr_assert(eq(i64, p->channels, INT64_C(2147483648)));
    cr_assert(eq(i64, p->layout, CHANNEL_LAST));
    cr_assert(eq(i64, p->dtype, DTYPE_F16));
    cr_assert(eq(i64, p->seed, 0));
    cr_assert(eq(dbl, p->decay, 1e-5));
    cr_assert(eq(i64, p->inputs, INPUTS_SLOW));
    cr_assert(eq(i64, p->gate, 1));
    cases_free(&list);
    cr_assert(eq(int, list.count, 0));
}

Test(cases, absent_keys_have_their_initial_values)
{
    struct case_list list = parse("[all-defaults]\nop = selscan\nwhy = nothing is said\n"
                                  "[untimed]\nop = selscan\nbench = off\nwhy = verified only\n");
    const struct selscan *p = list.item[0].problem;
    const struct selscan wanted = {
        .batch = 1, .channels = 64, .length = 128, .state = 16, .groups = 1, .seed = 1};
    cr_assert(zero(int, memcmp(p, &wanted, sizeof wanted)));
    cr_assert(not(list.item[0].verified_only));
    cr_assert(list.item[1].verified_only);
    cases_free(&list);
}

Test(cases, axes_are_multiplied_and_named)
{
    struct case_list list = parse("[axes]\n"
                                  "length = 7 , 9,11\t\n"
                                  "op     = selscan\n"
                                  "state  = 4\n"
                                  "a      = full, scalar\n"
                                  "why    = six cases\n");
    static const char *const names[] = {"axes/length=7/a=full",
                                        "axes/length=9/a=full",
                                        "axes/length=11/a=full",
                                        "axes/length=7/a=scalar",
                                        "axes/length=9/a=scalar",
                                        "axes/length=11/a=scalar",
                                        NULL};
    assert_names(&list, names);
    for (int i = 0; i < 6; i++) {
        const struct selscan *p = list.item[i].problem;
        cr_assert(eq(i64, p->length, 7 + 2 * (i % 3)));
        cr_assert(eq(i64, p->a, i / 3));
        cr_assert(eq(i64, p->state, 4));
    }
    cases_free(&list);
}

Test(cases, an_indented_line_continues_the_value)
{
    struct case_list list = parse("[long]\n"
                                  "op     = selscan\n"
                                  "length = 1, 2,\n"
                                  " 3,\n"
                                  "\t4\n"
                                  "why    = first half\n"
                                  "         and second\n");
    static const char *const names[] = {"long/length=1", "long/length=2", "long/length=3",
                                        "long/length=4", NULL};
    assert_names(&list, names);
    cr_assert(eq(str, list.item[3].why, "first half and second"));
    cases_free(&list);
}

Test(cases, files_are_appended_and_names_may_share_a_beginning)
{
    struct case_list list = parse("[length]\nop = selscan\nwhy = a\n"
                                  "[lengths]\nop = selscan\nwhy = b\n");
    static const char *const names[] = {"length", "lengths", NULL};
    assert_names(&list, names);
    cases_free(&list);
}

static const struct broken {
    const char *what, *text;
    int line;
    const char *sentence;
} BROKEN[] = {
    {"unknown key", "[a]\nop = selscan\nwhy = x\nlenght = 3\n", 4,
     "unknown key 'lenght': selscan takes op, why, bench, batch, channels, length"},
    {"not a number", "[a]\nop = selscan\nlength = ten\nwhy = x\n", 3,
     "length = ten: expected a whole number from 1 to 2147483648"},
    {"trailing letters", "[a]\nop = selscan\nlength = 10k\nwhy = x\n", 3,
     "length = 10k: expected a whole number from 1 to 2147483648"},
    {"negative", "[a]\nop = selscan\n\nbatch = 2\nlength = -1\nwhy = x\n", 5,
     "length = -1: expected a whole number from 1 to 2147483648"},
    {"zero", "[a]\nop = selscan\nwhy = x\n# comment\nlength = 0\n", 5,
     "length = 0: expected a whole number from 1"},
    {"too large", "[a]\nop = selscan\nlength = 2147483649\nwhy = x\n", 3, "to 2147483648"},
    {"fraction", "[a]\nop = selscan\nlength = 1.5\nwhy = x\n", 3, "expected a whole number"},
    {"not finite", "[a]\nop = selscan\ndecay = nan\nwhy = x\n", 3,
     "decay = nan: expected a number from 0 to 100"},
    {"bad second value", "[a]\nop = selscan\nlength = 1, 2, x\nwhy = x\n", 3,
     "length = x: expected a whole number"},
    {"unknown word", "[a]\nop = selscan\ndtype = f64\nwhy = x\n", 3,
     "dtype = f64: expected one of f32, bf16, f16"},
    {"groups", "[a]\nop = selscan\nchannels = 6\ngroups = 4\nwhy = x\n", 4,
     "groups must divide channels"},
    {"integers and gate", "[a]\nop = selscan\ninputs = integers\ngate = on\nwhy = x\n", 3,
     "only with softplus = off and gate = off"},
    {"slow without decay", "[a]\nop = selscan\ninputs = slow\nwhy = x\n", 3,
     "need decay, a number"},
    {"unknown op", "[a]\nop = selscam\nwhy = x\n", 2,
     "op = selscam: expected one of audio, conv1d, "},
    {"unknown second op", "[a]\nop = selscan, fft\nwhy = x\n", 2, "op = fft: expected one of"},
    {"no why", "[a]\nop = selscan\n", 1, "[a] needs the keys op and why"},
    {"no op", "[a]\nwhy = x\n", 1, "[a] needs the keys op and why"},
    {"bench of neither", "[a]\nop = selscan\nwhy = x\nbench = no\n", 4,
     "bench: expected on or off"},
    {"bench of both", "[a]\nop = selscan\nbench = on, off\nwhy = x\n", 3,
     "bench: expected on or off"},
    {"empty why", "[a]\nop = selscan\nwhy =\n", 3, "why: expected"},
    {"section twice",
     "[a]\nop = selscan\nwhy = x\n[b]\nop = selscan\nwhy = x\n[a]\nop = selscan\n"
     "why = y\n",
     7, "[a] is there already: expected a name of its own"},
    {"section of axes twice",
     "[a]\nop = selscan\nlength = 1, 2\nwhy = x\n[b]\nop = selscan\nwhy = x\n[a]\nop = selscan\n"
     "why = y\n",
     8, "[a] is there already"},
    {"section twice in a row", "[a]\nop = selscan\nwhy = x\n[a]\nlength = 3\n", 4, "[a] "},
    {"section of another file", "[kept]\nop = selscan\nwhy = x\n", 1, "[kept] is there already"},
    {"value twice", "[a]\nop = selscan\nlength = 3, 4, 3\nwhy = x\n", 3, "each once"},
    {"key twice", "[a]\nop = selscan\nlength = 3\nwhy = x\nlength = 3\n", 5,
     "length stands twice in [a]"},
    {"empty value", "[a]\nop = selscan\nlength = 1,,3\nwhy = x\n", 3,
     "length: expected 1 to 128 values with commas between them"},
    {"trailing comma", "[a]\nop = selscan\nlength = 1,\nwhy = x\n", 3, "length: expected 1 to 128"},
    {"no value", "[a]\nop = selscan\nlength =\nwhy = x\n", 3, "length: expected 1 to 128 values"},
    {"key before a section", "op = selscan\n[a]\nop = selscan\nwhy = x\n", 1,
     "expected a [section] before the first key"},
    {"no equals sign", "[a]\nop = selscan\nwhy = x\nlength 3\n", 4, "expected '[section]'"},
    {"open bracket", "[a\nop = selscan\nwhy = x\n", 1, "expected '[section]', 'key = value'"},
    {"empty file", "", 0, "no case in it: expected at least one [section]"},
    {"only comments", "# nothing\n\n", 0, "no case in it: expected at least one [section]"},
    {"section without keys", "[a]\n[b]\nop = selscan\nwhy = x\n", 1, "the keys op and why"},
    {"a good case first", "[a]\nop = selscan\nwhy = x\n[b]\nop = selscan\nwhy = x\nstate = no\n", 7,
     "state = no: expected a whole number"},
};

Test(cases, broken_files_are_refused)
{
    for (size_t i = 0; i < sizeof BROKEN / sizeof *BROKEN; i++)
        assert_refused(BROKEN[i].what, BROKEN[i].text, BROKEN[i].line, BROKEN[i].sentence);
}

Test(cases, a_line_that_is_too_long_is_refused)
{
    char text[512] = "[a]\nop = selscan\nwhy = ";
    const size_t head = strlen(text);
    memset(text + head, 'x', 250);
    strcpy(text + head + 250, "\nlength = 2\n");
    assert_refused("long line", text, 3, "line too long: expected at most 198 characters");
}

Test(cases, the_longest_line_is_accepted)
{
    char text[512] = "[a]\nop = selscan\nwhy = ";
    const size_t head = strlen(text), why = 198 - strlen("why = ");
    memset(text + head, 'x', why);
    strcpy(text + head + why, "\nlength = 2\n");
    struct case_list list = parse(text);
    cr_assert(eq(sz, strlen(list.item[0].why), why));
    cases_free(&list);
}

/* Appends "KEY = 1, 2, ... count" in lines of ten values. */
static void append_axis(char *text, size_t size, const char *key, int count)
{
    append(text, size, "%s = 1", key);
    for (int i = 2; i <= count; i++)
        append(text, size, "%s%d", i % 10 ? ", " : ",\n    ", i);
    append(text, size, "\n");
}

Test(cases, too_many_values_are_refused)
{
    char text[4096] = "[a]\nop = selscan\nwhy = x\n";
    append_axis(text, sizeof text, "seed", 129);
    assert_refused("129 values", text, 4, "seed: expected 1 to 128 values");
}

Test(cases, too_many_cases_are_refused)
{
    char text[4096] = "[a]\nop = selscan\nwhy = x\n";
    append_axis(text, sizeof text, "seed", 128);
    append_axis(text, sizeof text, "batch", 128);
    append(text, sizeof text, "length = 1, 2\n");
    assert_refused("32768 cases", text, 1, "[a] stands for more than 20000 cases");
}

Test(cases, as_many_cases_as_allowed_are_accepted)
{
    char text[4096] = "[a]\n";
    append_axis(text, sizeof text, "seed", 100);
    append_axis(text, sizeof text, "batch", 100);
    append(text, sizeof text, "length = 1, 2\nop = selscan\nwhy = x\n");
    struct case_list list = parse(text);
    cr_assert(eq(int, list.count, 20000));
    cr_assert(eq(str, list.item[19999].name, "a/seed=100/batch=100/length=2"));
    cases_free(&list);
}

Test(cases, a_missing_file_is_named)
{
    struct case_list list = {0};
    struct message message = {""};
    cr_assert(not(cases_read("/nowhere/suite.ini", &list, &message)));
    cr_assert(eq(str, message.text,
                 "/nowhere/suite.ini: No such file or directory: expected a "
                 "readable case file"));
    cr_assert(eq(int, list.count, 0));
}

Test(cases, keys_print_as_they_parse)
{
    const struct operation *op = operation_find("selscan");
    static const struct {
        const char *key, *text;
    } values[] = {{"length", "2147483648"}, {"seed", "4294967295"},     {"decay", "1e-05"},
                  {"dtype", "bf16"},        {"layout", "channel_last"}, {"decay", "0.125"}};
    void *problem = problem_new(op);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        for (const struct key *key = op->keys; key->name; key++) {
            char text[64];
            struct message message = {""};
            if (strcmp(key->name, values[i].key))
                continue;
            cr_assert(key_parse(key, values[i].text, problem, &message), "%s", message.text);
            key_print(key, problem, text, sizeof text);
            cr_assert(eq(str, text, (char *)values[i].text));
        }
    free(problem);
}

Test(cases, a_text_is_kept_once_and_ends_with_the_process)
{
    struct texts {
        const char *first, *second;
    } one = {0}, two = {0};
    const struct key first = {.name = "first", .kind = KEY_TEXT};
    const struct key second = {
        .name = "second", .kind = KEY_TEXT, .offset = offsetof(struct texts, second)};
    struct message message = {""};
    char text[KEY_VALUE_SIZE], given[] = "/music/Größe 1";
    cr_assert(key_parse(&first, given, &one, &message), "%s", message.text);
    cr_assert(key_parse(&second, "", &one, &message), "%s", message.text);
    cr_assert(key_parse(&first, "/music/Größe 1", &two, &message), "%s", message.text);
    cr_assert(key_parse(&second, "", &two, &message), "%s", message.text);
    given[0] = 'x';
    cr_assert(zero(int, memcmp(&one, &two, sizeof one)), "equal texts are the same pointer");
    key_print(&first, &one, text, sizeof text);
    cr_assert(eq(str, text, "/music/Größe 1"));
    key_print(&second, &one, text, sizeof text);
    cr_assert(eq(str, text, ""));
}

Test(cases, a_text_that_no_row_can_hold_is_refused)
{
    const char *field = NULL;
    const struct key key = {.name = "folder", .kind = KEY_TEXT};
    struct message message = {""};
    char text[KEY_VALUE_SIZE + 1] = "";
    memset(text, 'a', KEY_VALUE_SIZE - 1);
    cr_assert(key_parse(&key, text, &field, &message));
    text[KEY_VALUE_SIZE - 1] = 'a';
    cr_assert(not(key_parse(&key, text, &field, &message)));
    cr_assert(ne(ptr, strstr(message.text, "expected at most 511 bytes of UTF-8"), NULL));
    cr_assert(not(key_parse(&key, "/music/\xff", &field, &message)));
    cr_assert(ne(ptr, strstr(message.text, "folder = /music/?: expected at most"), NULL));
}

Test(cases, a_folder_reaches_the_problem_and_an_absent_one_is_refused)
{
    struct case_list list = parse("[made]\nop = audio\nwhy = no folder\n");
    cr_assert(eq(str, (char *)((const struct audio *)list.item[0].problem)->folder, ""));
    cases_free(&list);
    assert_refused("an absent folder", "[a]\nop = audio\nwhy = x\nfolder = /nowhere/music\n", 4,
                   "/nowhere/music: No such file or directory: expected a folder of tracks");
    assert_refused("two sets", "[a]\nop = audio\nwhy = x\nfolder = /x\ndamaged = on\n", 4,
                   "damaged = on is for the set that is made here");
}

Test(cases, all_suites_parse_and_say_why)
{
    glob_t found;
    cr_assert(zero(int, glob("cases/*.ini", 0, NULL, &found)), "no cases/*.ini here");
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct case_list list = {0};
        struct message message = {""};
        cr_assert(cases_read(found.gl_pathv[i], &list, &message), "%s", message.text);
        for (int j = 0; j < list.count; j++)
            cr_assert(gt(sz, strlen(list.item[j].why), 0), "%s", list.item[j].name);
        cases_free(&list);
    }
    globfree(&found);
}
