/* Rows that crash, hang, end the process or are interrupted, and what the parent makes of them. */
#include "supervise.h"
#include "time.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/redirect.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROWS = 6 };

/* What each row does. */
enum deed { GOOD, CRASH, HANG, LEAVE, LOUD, LEAVE_BETWEEN, AGAIN, STOP, LEAVE_AT_END };

static enum deed deeds[ROWS];
static int begun[ROWS], done[ROWS], lost[ROWS], lost_at_end;
static enum loss how[ROWS];
static char why[ROWS + 1][1024];
static bool go_on;
static pid_t parent;
static volatile sig_atomic_t interrupted;

static enum child_end work(void *context, int first)
{
    cr_assert(eq(ptr, context, (void *)deeds));
    for (int row = first; row < ROWS; row++) {
        if (deeds[row] == LEAVE_BETWEEN)
            _exit(9);
        child_begin(row);
        if (deeds[row] == CRASH)
            raise(SIGSEGV);
        while (deeds[row] == HANG)
            pause();
        if (deeds[row] == LEAVE)
            exit(0);
        if (deeds[row] == LOUD) {
            for (int i = 0; i < 10000; i++)
                fprintf(stderr, "line %d\n", i);
            abort();
        }
        const pid_t answer = getpid();
        child_end(row, &answer, sizeof answer);
        if (deeds[row] == AGAIN)
            return CHILD_AGAIN;
        if (deeds[row] == STOP)
            return CHILD_STOPPED;
        if (deeds[row] == LEAVE_AT_END)
            _exit(23);
    }
    return CHILD_DONE;
}

static double begin(void *context, int row)
{
    (void)context;
    begun[row]++;
    return 0.3;
}

static pid_t process[ROWS];

static void end(void *context, int row, const void *report)
{
    (void)context;
    memcpy(&process[row], report, sizeof process[row]);
    done[row]++;
}

static bool lose(void *context, int row, enum loss loss, const char *reason)
{
    (void)context;
    snprintf(why[row], sizeof why[row], "%s", reason);
    if (row == ROWS) {
        lost_at_end++;
        return false;
    }
    lost[row]++;
    how[row] = loss;
    return go_on;
}

static const struct supervision SUPERVISION = {.work = work,
                                               .begin = begin,
                                               .done = end,
                                               .lost = lose,
                                               .context = deeds,
                                               .rows = ROWS,
                                               .interrupted = &interrupted};

static void run(enum deed first, enum deed second, enum deed last)
{
    const enum deed all[ROWS] = {GOOD, first, GOOD, second, GOOD, last};
    memcpy(deeds, all, sizeof deeds);
    parent = getpid();
    go_on = true;
    cr_redirect_stderr();
    cr_assert(supervise(&SUPERVISION));
    cr_assert(eq(int, waitpid(-1, NULL, WNOHANG), -1), "no child is left");
}

static void assert_rows(const char *expected)
{
    for (int row = 0; row < ROWS; row++) {
        cr_assert(eq(int, done[row], expected[row] == '+'), "row %d", row);
        cr_assert(eq(int, lost[row], expected[row] == '-'), "row %d", row);
    }
}

TestSuite(supervise, .timeout = 30);

Test(supervise, good_rows_share_one_process)
{
    run(GOOD, GOOD, GOOD);
    assert_rows("++++++");
    for (int row = 0; row < ROWS; row++) {
        cr_assert(ne(int, process[row], parent));
        cr_assert(eq(int, process[row], process[0]));
    }
}

Test(supervise, a_crash_costs_one_row)
{
    run(CRASH, CRASH, CRASH);
    assert_rows("+-+-+-");
    cr_assert(eq(int, (int)how[1], LOSS_CRASH));
    cr_assert(eq(str, why[1], "signal 11 (Segmentation fault)"));
    cr_assert(ne(int, process[2], process[0]), "another process does the rest");
    cr_assert(eq(int, lost_at_end, 0));
}

Test(supervise, a_hang_costs_its_time_and_one_row)
{
    const double start = now_s();
    run(HANG, GOOD, GOOD);
    assert_rows("+-++++");
    cr_assert(eq(int, (int)how[1], LOSS_TIMEOUT));
    cr_assert(eq(str, why[1], "ended after its time-out"));
    cr_assert(ge(dbl, now_s() - start, 0.3));
    cr_assert(lt(dbl, now_s() - start, 10));
}

/* Whoever calls exit(0) in a row has not done it. */
Test(supervise, leaving_within_a_row_loses_it)
{
    run(LEAVE, LEAVE_BETWEEN, GOOD);
    assert_rows("+-+-++");
    cr_assert(eq(str, why[1], "the process ended with exit status 0"));
    cr_assert(eq(str, why[3], "the process ended with exit status 9"));
    cr_assert(eq(int, begun[3], 0));
}

Test(supervise, the_log_ends_a_crash)
{
    run(LOUD, GOOD, GOOD);
    assert_rows("+-++++");
    cr_assert(eq(int, strncmp(why[1], "signal 6 (Aborted); its log ends: ", 34), 0), "%s", why[1]);
    cr_assert(ne(ptr, strstr(why[1], "line 9998 line 9999"), NULL), "%s", why[1]);
    cr_assert(eq(ptr, strchr(why[1], '\n'), NULL));
    cr_assert(lt(sz, strlen(why[1]), 500));
}

Test(supervise, a_fresh_process_does_the_rest)
{
    run(AGAIN, GOOD, GOOD);
    assert_rows("++++++");
    cr_assert(eq(int, process[1], process[0]));
    cr_assert(ne(int, process[2], process[0]));
}

Test(supervise, no_row_follows_a_stop)
{
    run(GOOD, STOP, GOOD);
    assert_rows("++++..");
}

Test(supervise, a_bad_end_behind_the_last_row_is_told)
{
    run(GOOD, GOOD, LEAVE_AT_END);
    assert_rows("++++++");
    cr_assert(eq(int, lost_at_end, 1));
    cr_assert(eq(str, why[ROWS], "the process ended with exit status 23"));
}

Test(supervise, an_interrupt_ends_the_child)
{
    interrupted = 1;
    run(HANG, GOOD, GOOD);
    cr_assert(eq(int, lost[1], 0));
    cr_assert(eq(int, done[2], 0));
}

Test(supervise, nothing_follows_when_the_loss_says_so)
{
    deeds[1] = CRASH;
    cr_assert(supervise(&SUPERVISION));
    assert_rows("+-....");
}

Test(supervise, without_a_child_rows_run_here)
{
    struct supervision supervision = SUPERVISION;
    supervision.in_process = true;
    cr_assert(supervise(&supervision));
    assert_rows("++++++");
    cr_assert(eq(int, process[0], getpid()));
}

static void answer(FILE *stream, const void *question)
{
    const int what = *(const int *)question;
    for (int i = 0; i < 100000 && what == 0; i++)
        fputc('a' + i % 26, stream);
    if (what == 1)
        raise(SIGSEGV);
    while (what == 2)
        pause();
}

Test(supervise, asks_a_child)
{
    int what = 0;
    char *text = ask_child(answer, &what, 10);
    cr_assert(eq(sz, strlen(text), 100000));
    cr_assert(eq(chr, text[99999], 'a' + 99999 % 26));
    free(text);
    what = 1;
    cr_assert(eq(ptr, ask_child(answer, &what, 10), NULL));
    what = 2;
    cr_assert(eq(ptr, ask_child(answer, &what, 0.2), NULL));
}
