/* Tables of choices: made of rows written here, read back, and found wrong when they are. */
#include "choices.h"
#include "choices_table.h"
#include "folder_fixture.h"
#include "results.h"
#include "table.h"

#include <criterion/redirect.h>

static char rows_path[FOLDER_PATH], table_path[FOLDER_PATH];
static char *const files[] = {rows_path, NULL};

/* Appends a row of a variant on a case of that length. */
static void add(const char *variant, const char *backend, const char *grade, const char *status,
                int length, double median_ms)
{
    FILE *const file = fopen(rows_path, "a");
    fprintf(file,
            "{\"schema\": %d, \"op\": \"selscan\", \"variant\": \"%s\", \"backend\": \"%s\", "
            "\"grade\": \"%s\", \"suite\": \"s\", \"case\": \"long/length=%d\", \"machine\": "
            "{\"name\": \"M\"}, \"keys\": {\"batch\": 2, \"channels\": 8, \"length\": %d, "
            "\"state\": 16, \"a\": \"scalar\", \"layout\": \"channel_last\", \"dtype\": \"bf16\"}, "
            "\"check\": {\"status\": \"%s\"}, \"time\": {\"median_ms\": %g}}\n",
            SCHEMA, variant, backend, grade, length, length, status, median_ms);
    fclose(file);
}

static void make_rows(void)
{
    folder_make();
    folder_path(rows_path, "rows.jsonl");
    folder_path(table_path, "choices.inc");
    add("slow", "cuda", "exact", "PASS", 64, 10);
    add("near", "cuda", "exact", "PASS", 64, 1.5);
    add("best", "cuda", "exact", "PASS", 64, 1);
    add("wrong", "cuda", "exact", "FAIL", 64, 0.5);
    add("rough", "cuda", "reduced", "PASS", 64, 0.5);
    add("auto", "cuda", "exact", "PASS", 64, 0.5);
    add("slow", "cpu", "exact", "PASS", 64, 0.5);
    add("eager", "peer", "exact", "PASS", 64, 0.5);
    add("near", "cuda", "exact", "PASS", 4096, 1);
    add("best", "cuda", "exact", "PASS", 4096, 1.04);
    cr_redirect_stdout();
    cr_redirect_stderr();
}

TestSuite(choices, .init = make_rows, .fini = folder_remove);

static int print(const char *check)
{
    const int status = choices_print("selscan", files, check);
    fflush(stdout);
    return status;
}

/* Writes a table of the candidates near and best. */
static void write_table(const char *lines)
{
    FILE *const file = fopen(table_path, "w");
    fprintf(file, "DECLARE_VARIANT(selscan, near);\nDECLARE_VARIANT(selscan, best);\n%s", lines);
    fclose(file);
}

/* Expects that the table is found wrong, with that sentence alone. */
static void says(const char *sentence)
{
    char text[256];
    cr_assert(eq(int, print(table_path), EXIT_CHECK_FAILED));
    snprintf(text, sizeof text, "ssmbench: %s: %s: run `make choices`\n", table_path, sentence);
    cr_assert_stderr_eq_str(text);
}

Test(choices, a_table_is_of_exact_variants_on_cuda)
{
    cr_assert(eq(int, print(NULL), EXIT_WELL));
    cr_assert_stdout_eq_str(
        "/* How slow the variants of selscan were on measured problems. `make choices` writes "
        "this.\n *\n"
        " * Where the sizes of a problem are left out of the table, the choice for it takes 1.270\n"
        " * times as long as the fastest variant on average, and 1.50 times at most, for\n"
        " * long/length=64.\n */\n"
        "DECLARE_VARIANT(selscan, near);\nDECLARE_VARIANT(selscan, best);\n\n"
        "static const struct variant *const CANDIDATES[] = {\n"
        "    &VARIANT_OF(selscan, near),\n    &VARIANT_OF(selscan, best),\n};\n\n"
        "/* struct choose_shape, and the time of each candidate as a multiple of the least. */\n"
        "static const struct choose_measured MEASURED[] = {\n    /* long */\n"
        "    {{2, 8, 64, 16, 1, 1, 1}, {1.5, 1}},\n"
        "    {{2, 8, 4096, 16, 1, 1, 1}, {1, 1.04}},\n};\n\n"
        "static const struct choose_table CHOICES = {MEASURED, 2, 2};\n");
}

Test(choices, what_is_within_the_limit_is_good)
{
    write_table("    {{2, 8, 64, 16, 1, 1, 1}, {3, 1}},\n"
                "    {{2, 8, 4096, 16, 1, 1, 1}, {1.1, 1}},\n");
    cr_assert(eq(int, print(table_path), EXIT_WELL));
}

Test(choices, a_choice_that_is_too_slow_is_found)
{
    write_table("    {{2, 8, 64, 16, 1, 1, 1}, {1, 1.5}},\n"
                "    {{2, 8, 4096, 16, 1, 1, 1}, {1, 1.04}},\n");
    says("on long/length=64 it chooses near, which is 1.50 times as slow as the fastest variant");
}

Test(choices, a_problem_that_is_not_there_is_found)
{
    write_table("    {{2, 8, 64, 16, 1, 1, 1}, {1.5, 1}},\n"
                "    {{2, 8, 4096, 16, 1, 1, 0}, {1, 1.04}},\n");
    says("long/length=4096 is not in it");
}

Test(choices, what_is_no_table_is_refused)
{
    static const char *const wrong[] = {
        "    {{2, 8, 64, 16, 1, 1, 1}, {1.5}},\n",
        "    {{2, 8, 64, 16, 1, 1, 1}, {1.5, 1, 2}},\n",
        "    {{2, 8, 0, 16, 1, 1, 1}, {1.5, 1}},\n",
        "    {{2, 8, 64, 16, 1, 1, 1}, {1.5, x}},\n",
        "DECLARE_VARIANT(selscan, );\n",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        write_table(wrong[i]);
        cr_assert(eq(int, print(table_path), EXIT_BAD_INPUT), "%s", wrong[i]);
    }
    cr_assert(eq(int, print("/nowhere/choices.inc"), EXIT_BAD_INPUT));
}

Test(choices, other_operations_have_no_rows_here)
{
    cr_assert(eq(int, choices_print("conv1d", files, NULL), EXIT_NOTHING_MATCHED));
}

Test(choices, auto_is_held_against_the_best_of_the_others)
{
    add("auto", "cuda", "exact", "PASS", 4096, 1.01);
    cr_assert(eq(int, table_print("auto", files, NULL, NULL, GRID_CSV), EXIT_WELL));
    fflush(stdout);
    cr_assert_stdout_eq_str(
        "machine,operation,suite,cases,\"auto, on average\",\"auto, at most\",on case\n"
        "M,selscan†,s,2,0.755×,1.010×,long/length=4096\n\n"
        "- Cold median of auto as a multiple of the least of any other "
        "variant; it promises 1.05× at most.\n"
        "- † measured before the variant's sources last changed.\n");
}

Test(choices, without_rows_of_auto_a_sentence_says_so)
{
    fclose(fopen(rows_path, "w"));
    add("best", "cuda", "exact", "PASS", 64, 1);
    cr_assert(eq(int, table_print("auto", files, NULL, NULL, GRID_MARKDOWN), EXIT_WELL));
    fflush(stdout);
    cr_assert_stdout_eq_str("There are no rows of auto yet.\n");
}
