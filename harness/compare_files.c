#include "compare_files.h"
#include "message.h"
#include "paired.h"
#include "results.h"
#include "table_rows.h"

#include <math.h>
#include <stdio.h>

/* Two runs of the same thing, minutes apart on one machine, may differ by this much. */
static const double BAND = 0.01;

static const char *const LIKE[] = {"op", "variant", "backend", "suite", "case", "keys", NULL};

const char *const COMPARE_MACHINE[] = {"machine.name",
                                       "machine.driver",
                                       "machine.cuda",
                                       "machine.threads",
                                       "machine.power_cap_w",
                                       "machine.ecc",
                                       NULL};

static const json_t *find(const json_t *rows, const json_t *like)
{
    for (size_t i = 0; i < json_array_size(rows); i++)
        if (results_same(json_array_get(rows, i), like, LIKE))
            return json_array_get(rows, i);
    return NULL;
}

/* Compares a row of both and prints its line; true when it counts towards *verdict. Counts it in
 * *within where the medians are no further apart than the band. */
static bool compare_row(const json_t *before, const json_t *after, enum verdict *verdict,
                        int *within)
{
    const double was = results_number(before, "time.median_ms");
    const double is = results_number(after, "time.median_ms");
    const double low =
        results_number(after, "time.low_ms") / results_number(before, "time.high_ms");
    const double high =
        results_number(after, "time.high_ms") / results_number(before, "time.low_ms");
    *within += fabs(log(is / was)) <= log1p(BAND);
    const bool same_machine = results_same(before, after, COMPARE_MACHINE);
    *verdict = isfinite(low) && isfinite(high) ? paired_verdict(log(low), log(high), log1p(BAND))
                                               : VERDICT_UNRESOLVED;
    printf("%-12s %s/%s@%s %s/%s  %.4g ms, %.4g ms: %.4f times [%.4f, %.4f]\n",
           same_machine ? VERDICT_NAMES[*verdict] : "INCOMPARABLE", results_text(after, "op"),
           results_text(after, "variant"), results_text(after, "backend"),
           results_text(after, "suite"), results_text(after, "case"), was, is, is / was, low, high);
    return same_machine;
}

static int compare_rows(const json_t *before, const json_t *after)
{
    int count[VERDICT_COUNT] = {0}, incomparable = 0, alone = 0, pairs = 0, within = 0;
    for (size_t i = 0; i < json_array_size(after); i++) {
        const json_t *row = json_array_get(after, i), *other = find(before, row);
        enum verdict verdict;
        if (!results_get(row, "time"))
            continue;
        if (!other || !results_get(other, "time")) {
            alone++;
            continue;
        }
        pairs++;
        if (compare_row(other, row, &verdict, &within))
            count[verdict]++;
        else
            incomparable++;
    }
    for (int verdict = 0; verdict < VERDICT_COUNT; verdict++)
        printf("%d %s, ", count[verdict], VERDICT_NAMES[verdict]);
    printf("%d INCOMPARABLE, %d without a counterpart\n", incomparable, alone);
    printf("%d of %d medians are within %g %% of each other\n", within, pairs, 100 * BAND);
    puts("From two runs at two times, band 1 %: `ssmbench compare VARIANT VARIANT` takes times in "
         "turns and tells more.");
    if (!pairs)
        return complain(EXIT_NOTHING_MATCHED, "no row with a time stands in both files");
    return count[VERDICT_SLOWER] ? EXIT_CHECK_FAILED : EXIT_WELL;
}

int compare_files(const char *before, const char *after)
{
    json_t *rows[2] = {json_array(), json_array()};
    char *files[2][2] = {{(char *)(uintptr_t)before, NULL}, {(char *)(uintptr_t)after, NULL}};
    struct message message;
    int status = EXIT_BAD_INPUT;
    if (rows_read(rows[0], files[0], &message) && rows_read(rows[1], files[1], &message))
        status = compare_rows(rows[0], rows[1]);
    else
        complain(EXIT_BAD_INPUT, "%s", message.text);
    json_decref(rows[0]);
    json_decref(rows[1]);
    return status;
}
