/* Parts of a campaign: what they share, what they leave out, and which there can be. Runs the
 * binary that the environment variable SSMBENCH names. */
#include "binary_fixture.h"
#include "shard.h"

#include <math.h>

TestSuite(shard, .timeout = 120);

Test(shard, parts_weigh_alike)
{
    static const double weight[] = {8, 1, 1, 1, 5, 3, 1};
    int part[7];
    double load[3] = {0};
    shard_balance(weight, 7, 3, part);
    for (int i = 0; i < 7; i++)
        load[part[i]] += weight[i];
    cr_assert(eq(dbl, load[0], 8));
    cr_assert(eq(dbl, load[1], 6));
    cr_assert(eq(dbl, load[2], 6));
    shard_balance((double[]){0, 0, 0}, 3, 1, part);
    cr_assert(zero(int, part[0] + part[1] + part[2]));
}

enum { PARTS = 4, LISTED = 4096 };

/* Some hundred rows of three operations: `text` has no room for all. */
#define FEW                                                                                        \
    " quick --backend cpu --op '^(selscan|stft_loss|conv1d)$' --case '^(guide|stft|conv-one)'"

/* The rows that a dry run lists, "selscan/simd@cpu quick/plain". */
struct list {
    char row[LISTED][256];
    int count;
};

static void list_rows(const char *arguments, struct list *list)
{
    list->count = 0;
    ssmbench("%s --dry-run", arguments);
    cr_assert(eq(int, status, 0), "%s", text);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        char full[64], item[160];
        if ((!strncmp(line, "to do ", 6) && sscanf(line + 6, "%63s %159s", full, item) == 2) ||
            (!strncmp(line, "SKIPPED ", 8) && sscanf(line + 8, "%63s %159s", full, item) == 2))
            snprintf(list->row[list->count++], sizeof *list->row, "%s %s", full, item);
    }
}

/* How often the list has the row. */
static int count_row(const struct list *list, const char *row)
{
    int count = 0;
    for (int i = 0; i < list->count; i++)
        count += !strcmp(list->row[i], row);
    return count;
}

/* Every row is in one part, but for those of one case, when times are taken, which are in all; and
 * so are all rows of a case. */
static void assert_parts(const char *verb, int shared_cases)
{
    static struct list whole, part[PARTS];
    static char shared[256], last[256];
    char arguments[256];
    int found_shared = 0, rows = 0;
    snprintf(arguments, sizeof arguments, "%s" FEW, verb);
    list_rows(arguments, &whole);
    cr_assert(gt(int, whole.count, 100));
    for (int i = 0; i < PARTS; i++) {
        snprintf(arguments, sizeof arguments, "%s" FEW " --shard %d/%d", verb, i + 1, PARTS);
        list_rows(arguments, &part[i]);
        rows += part[i].count;
        cr_assert(gt(int, part[i].count, 0));
    }
    int last_parts = 0;
    for (int i = 0; i < whole.count; i++) {
        char unit[256]; /* operation and case */
        int in = 0, parts = 0;
        snprintf(unit, sizeof unit, "%.*s%s", (int)strcspn(whole.row[i], "/"), whole.row[i],
                 strchr(whole.row[i], ' '));
        for (int j = 0; j < PARTS; j++) {
            const int here = count_row(&part[j], whole.row[i]);
            cr_assert(le(int, here, 1));
            in += here;
            parts |= here << j;
        }
        cr_assert(in == 1 || in == PARTS, "%s is in %d parts", whole.row[i], in);
        if (in == PARTS && strcmp(shared, unit)) {
            strcpy(shared, unit);
            found_shared++;
        }
        cr_assert(strcmp(last, unit) || parts == last_parts, "%s is torn", unit);
        strcpy(last, unit);
        last_parts = parts;
    }
    cr_assert(eq(int, found_shared, shared_cases));
    cr_assert(shared_cases ? rows > whole.count : rows == whole.count);
}

Test(shard, every_row_is_in_one_part)
{
    assert_parts("verify", 0);
}

Test(shard, parts_that_time_share_a_case)
{
    assert_parts("bench", 1);
}

Test(shard, says_which_parts_there_are)
{
    static const char *const wrong[] = {"0/3", "4/3", "3", "1/0", "1/3x", "-1/3", "a/b", "1/"};
    for (int i = 0; i < (int)(sizeof wrong / sizeof *wrong); i++) {
        ssmbench("verify quick --dry-run --shard %s", wrong[i]);
        cr_expect(eq(int, status, 2), "%s", wrong[i]);
        assert_says("expected I/N, part I from 1 to N of N parts, such as 1/3");
    }
    ssmbench("verify quick --backend cpu --op '^selscan$' --case '^guide$' --shard 1/2");
    cr_assert(eq(int, status, 2));
    assert_says("--shard 1/2: expected at most 1 parts, as many as there are cases");
    ssmbench("verify quick --backend cpu --case nothing-is-called-so --shard 1/2");
    cr_assert(eq(int, status, 3));
}
