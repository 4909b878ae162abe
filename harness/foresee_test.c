/* What a dry run lists, and from where its estimates are. Runs the binary that the environment
 * variable SSMBENCH names. */
#include "binary_fixture.h"
#include "folder_fixture.h"
#include "results.h"

static char rows[FOLDER_PATH];

static void make_folder(void)
{
    folder_make();
    folder_path(rows, "rows.jsonl");
}

TestSuite(foresee, .init = make_folder, .fini = folder_remove, .timeout = 120);

/* The line of the last dry run that has the text. */
static const char *line_with(const char *words)
{
    static char line[512];
    const char *start = strstr(text, words);
    cr_assert(ne(ptr, (void *)start, NULL), "expected '%s', got: %s", words, text);
    while (start > text && start[-1] != '\n')
        start--;
    snprintf(line, sizeof line, "%.*s", (int)strcspn(start, "\n"), start);
    return line;
}

static void assert_line(const char *words, const char *says)
{
    cr_assert(ne(ptr, strstr(line_with(words), says), NULL), "expected '%s' in: %s", says,
              line_with(words));
}

Test(foresee, does_nothing)
{
    char xml[FOLDER_PATH];
    folder_path(xml, "out.xml");
    ssmbench("bench quick --backend cpu --op '^conv1d$' --case '^conv-one-option-(bias|pad)' "
             "--dry-run --out %s --junit %s",
             rows, xml);
    cr_assert(eq(int, status, 0), "%s", text);
    cr_assert(ne(int, access(rows, F_OK), 0));
    cr_assert(ne(int, access(xml, F_OK), 0));
    cr_assert(eq(ptr, strstr(text, "rows go to"), NULL));
    assert_says(" to do, ");
    ssmbench("verify quick --backend cpu --case nothing-is-called-so --dry-run");
    cr_assert(eq(int, status, 3));
    assert_says("no variant and case match");
}

Test(foresee, says_what_is_skipped_and_why)
{
    ssmbench("verify quick --backend simt --variant 'conv1d/vectorized@' --case "
             "'^conv-channel-words' --dry-run");
    cr_assert(eq(int, status, 0), "%s", text);
    assert_line("SKIPPED", "accepts layout = channel_first");
    assert_says("0 to do, ");
}

#define PLAIN "quick --backend cpu --variant '^selscan/simd' --case '^(guide|ragged-state)$'"

/* A row is measured when it was before, and scaled when its variant was; what was only checked
 * tells how long runs take, and nothing of rows that are timed. */
Test(foresee, says_where_estimates_are_from)
{
    ssmbench("verify quick --backend cpu --variant '^selscan/simd' --case '^guide$' --out %s",
             rows);
    cr_assert(eq(int, status, 0), "%s", text);
    ssmbench("verify " PLAIN " --dry-run --out %s", rows);
    assert_line("quick/guide", "measured");
    assert_line("quick/ragged-state", "scaled");
    ssmbench("bench " PLAIN " --dry-run --out %s", rows);
    assert_line("quick/guide", "scaled");
    ssmbench("verify " PLAIN " --dry-run --resume --out %s", rows);
    assert_says("1 rows are kept, 1 are left");
    assert_says("1 to do, 0 skipped, 1 kept");
}

/* The first row of a case pays for the reference; every row says what it took, also one that was
 * lost. */
Test(foresee, rows_say_what_they_took)
{
    struct message message;
    json_t *array = json_array();
    ssmbench("verify quick --backend cpu --op '^selscan$' --case '^guide$' --out %s", rows);
    cr_assert(eq(int, status, 0), "%s", text);
    ssmbench("verify speedup --backend cpu --variant '^selscan/stepwise' --case "
             "'^lengths/length=65536$' --timeout 0.2 --out %s",
             rows);
    cr_assert(eq(int, status, 1), "%s", text);
    cr_assert(results_read(array, rows, &message), "%s", message.text);
    const size_t last = json_array_size(array) - 1;
    for (size_t i = 0; i < last; i++) {
        const json_t *row = json_array_get(array, i);
        const double spent_s = results_number(row, "spent_s");
        cr_expect(ge(dbl, spent_s, results_number(row, "check.run_s")));
        cr_expect(eq(int, results_get(row, "prepare_s") != NULL, i == 0));
        cr_expect(i > 0 || results_number(row, "prepare_s") < spent_s);
    }
    cr_assert(ge(dbl, results_number(json_array_get(array, last), "spent_s"), 0.2));
    json_decref(array);
}

/* What a row says that it took is what a dry run says that it will take. */
Test(foresee, repeats_what_was_measured)
{
    ssmbench("verify quick --backend cpu --variant '^selscan/simd' --case '^guide$' --out %s",
             rows);
    char command[512];
    snprintf(command, sizeof command,
             "sed -i 's/\"spent_s\":[0-9.e-]*/\"spent_s\":7384.0/; "
             "s/\"prepare_s\":[0-9.e-]*/\"prepare_s\":184.0/' %s",
             rows);
    cr_assert(zero(int, system(command)));
    ssmbench("verify quick --backend cpu --variant '^selscan/simd' --case '^guide$' --dry-run "
             "--out %s",
             rows);
    assert_line("quick/guide", "2 h 03 min, measured");
    assert_says("about 2 h 03 min, of which 2 h 03 min measured");
    FILE *const file = fopen(rows, "a");
    fputs("no row\n", file);
    fclose(file);
    ssmbench("verify quick --backend cpu --variant '^selscan/simd' --case '^guide$' --dry-run "
             "--out %s",
             rows);
    cr_assert(eq(int, status, 0));
    assert_says("estimates do without");
}
