/* The command line from outside: exit statuses, sentences, and rows that survive. Runs the binary
 * that the environment variable SSMBENCH names. */
#include "backend.h"
#include "results.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TEXT_SIZE = 1 << 20 };

static char folder[] = "/tmp/ssmbench-cli-XXXXXX";
static char rows_path[64]; /* where a test may write its rows */

/* What the last command left. */
static int status;
static char out[TEXT_SIZE], err[TEXT_SIZE];

static const char *binary(void)
{
    const char *path = getenv("SSMBENCH");
    cr_assert(ne(ptr, (void *)path, NULL), "SSMBENCH has to name the binary under test");
    return path;
}

static void make_folder(void)
{
    cr_assert(ne(ptr, mkdtemp(folder), NULL));
    snprintf(rows_path, sizeof rows_path, "%s/rows.jsonl", folder);
}

static void remove_folder(void)
{
    static const char *const names[] = {"rows.jsonl", "suite.ini", "out", "err"};
    char path[128];
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

TestSuite(cli, .init = make_folder, .fini = remove_folder, .timeout = 120);

static void read_text(const char *name, char text[TEXT_SIZE])
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "r");
    text[fread(text, 1, TEXT_SIZE - 1, file)] = '\0';
    fclose(file);
}

/* Runs ssmbench with these arguments and fills status, out and err. */
__attribute__((format(printf, 1, 2))) static void ssmbench(const char *format, ...)
{
    char arguments[1024], command[2048];
    va_list list;
    va_start(list, format);
    vsnprintf(arguments, sizeof arguments, format, list);
    va_end(list);
    snprintf(command, sizeof command, "'%s' %s > %s/out 2> %s/err", binary(), arguments, folder,
             folder);
    const int wait_status = system(command);
    cr_assert(zero(int, WTERMSIG(wait_status)), "ssmbench %s", arguments);
    status = WEXITSTATUS(wait_status);
    read_text("out", out);
    read_text("err", err);
}

static void write_suite(const char *text, char path[64])
{
    snprintf(path, 64, "%s/suite.ini", folder);
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
}

static json_t *read_rows(void)
{
    struct message message = {""};
    json_t *rows = json_array();
    cr_assert(results_read(rows, rows_path, &message), "%s", message.text);
    return rows;
}

static void assert_row(const json_t *rows, size_t at, const char *item, const char *variant,
                       const char *wanted)
{
    const json_t *row = json_array_get(rows, at);
    cr_assert(eq(str, (char *)results_text(row, "case"), (char *)item));
    cr_assert(eq(str, (char *)results_text(row, "variant"), (char *)variant));
    cr_assert(eq(str, (char *)results_text(row, "check.status"), (char *)wanted), "%s on %s",
              variant, item);
}

static const struct refusal {
    const char *arguments;
    int status;
    bool argp; /* adds a line about --help */
    const char *sentence;
} REFUSALS[] = {
    {"frobnicate", 2, false, "frobnicate: expected one of list, verify, bench"},
    {"verify --frobnicate", 2, true, "unrecognized option '--frobnicate'"},
    {"verify --op", 2, true, "option '--op' requires an argument"},
    {"verify --budget=-1", 2, true, "--budget -1: expected a number of seconds above 0"},
    {"verify --budget ten", 2, true, "--budget ten: expected a number of seconds"},
    {"verify --json", 2, true, "unrecognized option '--json'"},
    {"verify quack", 2, false, "no suite 'quack': expected a file cases/quack.ini"},
    {"verify /nowhere/x.ini", 2, false, "/nowhere/x.ini: No such file or directory"},
    {"verify --op '('", 2, false, "--op '(': "},
    {"verify --variant '['", 2, false, "--variant '[': "},
    {"verify --case '(' quick", 2, false, "expected a POSIX extended regular expression"},
    {"verify --backend tpu", 2, false, "--backend tpu: expected one or more of cpu"},
    {"verify --backend cpu --case nosuch", 3, false, "no variant and case match"},
    {"verify --backend cpu --op fft", 3, false, "no variant and case match"},
    {"verify --backend cpu --out /proc/nonexistent/x.jsonl", 2, false,
     "/proc/nonexistent/x.jsonl: No such file or directory: expected a file that can be written"},
    {"verify --backend cpu --case '^plain' --out /dev/full", 2, false,
     "/dev/full: No space left on device"},
    {"table", 2, false,
     "expected one of speedup, roof, times, step, error, summary, slowdown, machine, rows, stale"},
    {"table pie /nowhere/x.jsonl", 2, false,
     "table pie: expected one of speedup, roof, times, step"},
    {"table speedup", 2, false, "table speedup: expected one or more .jsonl files"},
    {"table speedup /nowhere/x.jsonl", 2, false,
     "/nowhere/x.jsonl: No such file or directory: expected a readable .jsonl file"},
    {"table speedup Makefile", 2, false, "Makefile:1: "},
    {"table speedup /dev/null", 3, false, "no row in these files"},
    {"table speedup --format pdf x", 2, true, "--format pdf: expected text, md or csv"},
    {"list pets", 2, false, "list pets: expected ops, variants, cases or suites"},
    {"audio-check", 2, false, "audio-check: expected one folder of tracks"},
    {"audio-check a b", 2, false, "audio-check: expected one folder of tracks"},
    {"audio-check --json x", 2, true, "unrecognized option '--json'"},
    {"info everything", 2, false, "info everything: expected no argument"},
};

Test(cli, what_is_wrong_is_said_in_one_sentence)
{
    for (size_t i = 0; i < sizeof REFUSALS / sizeof *REFUSALS; i++) {
        const struct refusal *wanted = &REFUSALS[i];
        ssmbench("%s", wanted->arguments);
        cr_expect(eq(int, status, wanted->status), "ssmbench %s", wanted->arguments);
        cr_expect(ne(ptr, strstr(err, wanted->sentence), NULL),
                  "ssmbench %s: expected '%s', got: %s", wanted->arguments, wanted->sentence, err);
        cr_expect(eq(ptr, strstr(err, "ssmbench"), err), "ssmbench %s: %s", wanted->arguments, err);
        if (!wanted->argp)
            cr_expect(eq(sz, strcspn(err, "\n") + 1, strlen(err)), "more than a sentence: %s", err);
    }
}

Test(cli, without_a_verb_it_shows_its_usage)
{
    ssmbench("%s", "");
    cr_assert(eq(int, status, 2));
    cr_assert(eq(ptr, strstr(err, "Usage: ssmbench VERB"), err));
    cr_assert(eq(str, out, ""));
}

Test(cli, help_is_no_error)
{
    static const char *const arguments[] = {
        "--help",       "help",        "list --help",  "verify --help",      "bench --help",
        "table --help", "info --help", "check --help", "audio-check --help", "merge --help"};
    for (int i = 0; i < 8; i++) {
        ssmbench("%s", arguments[i]);
        cr_assert(eq(int, status, 0), "ssmbench %s", arguments[i]);
        cr_assert(eq(ptr, strstr(out, "Usage: ssmbench "), out), "ssmbench %s", arguments[i]);
        cr_assert(eq(str, err, ""), "ssmbench %s", arguments[i]);
    }
}

Test(cli, a_broken_case_file_is_named_with_its_line)
{
    char path[64], place[128];
    write_suite("[a]\nop = selscan\nlength = ten\nwhy = x\n", path);
    snprintf(place, sizeof place, "%s:3: length = ten: expected a whole number from 1", path);
    ssmbench("verify --backend cpu %s", path);
    cr_assert(eq(int, status, 2));
    cr_assert(ne(ptr, strstr(err, place), NULL), "%s", err);
}

Test(cli, cuda_without_a_gpu_is_what_the_machine_lacks)
{
    const char *missing = backend_cuda.missing();
    ssmbench("verify --backend cuda --case '^plain'");
    cr_assert(eq(int, status, missing ? 4 : 0), "%s", err);
    if (!missing)
        return;
    cr_assert(eq(ptr, strstr(err, "ssmbench: --backend cuda: "), err), "%s", err);
    ssmbench("verify --case '^plain'");
    cr_assert(eq(int, status, 0), "cuda was not asked for");
    cr_assert(ne(ptr, strstr(err, "no cuda variants: "), NULL), "%s", err);
}

Test(cli, verify_quick)
{
    ssmbench("verify quick --backend cpu --out %s", rows_path);
    cr_assert(eq(int, status, 0), "%s", out);
    cr_assert(ne(ptr, strstr(out, " passed, 0 failed, "), NULL));
    cr_assert(eq(str, err, ""));
    json_t *rows = read_rows();
    cr_assert(ge(sz, json_array_size(rows), 2));
    json_decref(rows);
}

Test(cli, a_case_too_large_for_memory_is_skipped_and_the_rest_is_kept)
{
    char path[64];
    write_suite("[huge]\nop = selscan\nlength = 2147483648\nchannels = 65536\nwhy = x\n"
                "[small]\nop = selscan\nwhy = x\n",
                path);
    ssmbench("verify --backend cpu --variant '/(sequential|stepwise)@' --out %s %s", rows_path,
             path);
    cr_assert(eq(int, status, 4), "%s", out);
    cr_assert(ne(ptr, strstr(err, "not all cases fit in memory"), NULL), "%s", err);
    json_t *rows = read_rows();
    cr_assert(eq(sz, json_array_size(rows), 4));
    assert_row(rows, 0, "huge", "sequential", "SKIPPED");
    assert_row(rows, 1, "huge", "stepwise", "SKIPPED");
    assert_row(rows, 2, "small", "sequential", "PASS");
    assert_row(rows, 3, "small", "stepwise", "PASS");
    json_decref(rows);

    ssmbench("verify --backend cpu --variant /sequential@ --budget 100 %s", path);
    cr_assert(eq(int, status, 0), "%s", err);
}

/* (2^31)^2 * 4 elements are 2^64: counted in 64 bits they are none. */
Test(cli, a_case_whose_size_wraps_around_is_skipped_too)
{
    char path[64];
    write_suite("[wraps]\nop = selscan\nbatch = 2147483648\nlength = 2147483648\nchannels = 4\n"
                "state = 4\nwhy = x\n",
                path);
    ssmbench("verify --backend cpu --variant /sequential@ %s", path);
    cr_assert(eq(int, status, 4), "%s", err);
    cr_assert(ne(ptr, strstr(out, "SKIPPED"), NULL), "%s", out);
}

Test(cli, a_variant_skips_what_it_does_not_accept)
{
    char path[64];
    write_suite("[wide]\nop = selscan\nchannels = 4\nlength = 9\nstate = 300\nwhy = x\n", path);
    ssmbench("verify --backend cpu --variant '/(sequential|stepwise)@' --out %s %s", rows_path,
             path);
    cr_assert(eq(int, status, 0), "%s", err);
    cr_assert(ne(ptr, strstr(out, "accepts state <= 256"), NULL), "%s", out);
    cr_assert(ne(ptr, strstr(out, "1 passed, 0 failed, 1 skipped"), NULL), "%s", out);
    json_t *rows = read_rows();
    assert_row(rows, 0, "wide", "sequential", "SKIPPED");
    assert_row(rows, 1, "wide", "stepwise", "PASS");
    json_decref(rows);
    ssmbench("table speedup %s", rows_path);
    cr_assert(eq(int, status, 3), "only verified: %s", out);

    ssmbench("verify --backend cpu --variant /sequential@ %s", path);
    cr_assert(eq(int, status, 3), "nothing was run");
    cr_assert(ne(ptr, strstr(err, "every matching row was skipped"), NULL), "%s", err);
}

/* The long case would take 256 times as long as the short one. */
Test(cli, a_budget_leaves_out_what_would_take_too_long)
{
    char path[64];
    write_suite("[short]\nop = selscan\nlength = 1024\nstate = 256\nwhy = x\n"
                "[long]\nop = selscan\nlength = 65536\nchannels = 256\nstate = 256\nwhy = x\n",
                path);
    ssmbench("verify --backend cpu --variant /sequential@ --budget 0.3 --out %s %s", rows_path,
             path);
    cr_assert(eq(int, status, 0), "%s", err);
    cr_assert(ne(ptr, strstr(out, "left of --budget"), NULL), "%s", out);
    json_t *rows = read_rows();
    assert_row(rows, 0, "short", "sequential", "PASS");
    assert_row(rows, 1, "long", "sequential", "SKIPPED");
    json_decref(rows);
}

Test(cli, bench_then_tables)
{
    char path[64];
    write_suite("[untimed]\nop = selscan\nbench = off\nwhy = x\n"
                "[tiny]\nop = selscan\nchannels = 8\nlength = 16\nwhy = x\n",
                path);
    ssmbench("bench --backend cpu --variant '/(sequential|stepwise)@' --budget 15 --out %s %s",
             rows_path, path);
    cr_assert(eq(int, status, 0), "%s", err);
    cr_assert(ne(ptr, strstr(err, "bench = off, which are only verified: 1\n"), NULL), "%s", err);
    json_t *rows = read_rows();
    cr_assert(eq(sz, json_array_size(rows), 2));
    assert_row(rows, 1, "tiny", "stepwise", "PASS");
    cr_assert(gt(dbl, results_number(json_array_get(rows, 1), "time.median_ms"), 0));

    ssmbench("table speedup --format csv %s", rows_path);
    cr_assert(eq(int, status, 0));
    cr_assert(eq(ptr, strstr(out, "machine.name,op,variant,backend,suite,case,"), out), "%s", out);
    cr_assert(ne(ptr, strstr(out, ",time.median_ms,"), NULL));
    cr_assert(ne(ptr, strstr(out, ",speedup,stale\n"), NULL));
    cr_assert(ne(ptr, strstr(out, "selscan,stepwise,cpu,suite,tiny,"), NULL), "%s", out);

    ssmbench("table speedup --format md %s", rows_path);
    cr_assert(eq(int, status, 0));
    cr_assert(
        ne(ptr, strstr(out, "| case | batch×channels×length | stepwise | sequential |\n"), NULL),
        "%s", out);
    cr_assert(ne(ptr, strstr(out, "| tiny | 1×8×16, state 16 | "), NULL), "%s", out);

    ssmbench("table error --format md %s", rows_path);
    cr_assert(eq(int, status, 0));
    cr_assert(ne(ptr, strstr(out, "| case | sequential | stepwise |\n"), NULL), "%s", out);

    json_object_set_new(json_array_get(rows, 1), "roof",
                        json_pack("{s:s, s:f}", "name", "fma", "fraction", 0.42));
    cr_assert(eq(int, json_dump_file(json_array_get(rows, 1), rows_path, JSON_COMPACT), 0));
    ssmbench("table roof --format md %s", rows_path);
    cr_assert(eq(int, status, 0), "%s", err);
    cr_assert(ne(ptr, strstr(out, " ms (42 % of fma) |\n"), NULL), "%s", out);
    json_decref(rows);

    ssmbench("table stale %s", rows_path);
    cr_assert(eq(int, status, 0));
    cr_assert(eq(str, out, ""), "rows of this very binary");
}

/* Starts a bench of the suite `speedup` that appends to rows_path. */
static pid_t start_bench(void)
{
    const char *program = binary();
    const pid_t child = fork();
    if (child == 0) {
        const int nowhere = open("/dev/null", O_WRONLY);
        dup2(nowhere, STDOUT_FILENO);
        dup2(nowhere, STDERR_FILENO);
        execl(program, program, "bench", "speedup", "--backend", "cpu", "--budget", "20", "--out",
              rows_path, (char *)NULL);
        _exit(127);
    }
    return child;
}

static bool has_a_line(const char *path)
{
    char line[8192];
    FILE *file = fopen(path, "r");
    const bool has = file && fgets(line, sizeof line, file) && strchr(line, '\n');
    if (file)
        fclose(file);
    return has;
}

Test(cli, an_interrupt_keeps_the_finished_rows)
{
    const pid_t child = start_bench();
    int wait_status = 0;
    cr_assert(gt(int, child, 0));
    for (int i = 0; i < 600 && !has_a_line(rows_path); i++)
        usleep(100000);
    kill(child, SIGINT);
    cr_assert(eq(int, waitpid(child, &wait_status, 0), child));
    cr_assert(zero(int, WTERMSIG(wait_status)));
    cr_assert(eq(int, WEXITSTATUS(wait_status), 130));
    json_t *rows = read_rows();
    cr_assert(ge(sz, json_array_size(rows), 1));
    cr_assert(eq(str, (char *)results_text(json_array_get(rows, 0), "suite"), "speedup"));
    json_decref(rows);
}

Test(cli, lists)
{
    json_error_t error;
    ssmbench("list");
    cr_assert(eq(int, status, 0));
    cr_assert(ne(ptr, strstr(out, "selscan/stepwise@cpu"), NULL));
    ssmbench("list ops");
    cr_assert(ne(ptr, strstr(out, "f32 | bf16 | f16, f32 unless given"), NULL), "%s", out);
    cr_assert(ne(ptr, strstr(out, "; text, none unless given"), NULL), "%s", out);
    ssmbench("list suites");
    cr_assert(ne(ptr, strstr(out, "quick "), NULL), "%s", out);
    ssmbench("list cases quick --json");
    cr_assert(eq(int, status, 0));
    json_t *cases = json_loads(out, 0, &error);
    cr_assert(ne(ptr, cases, NULL), "%s", error.text);
    cr_assert(eq(str, (char *)results_text(json_array_get(cases, 0), "suite"), "quick"));
    json_decref(cases);
}

Test(cli, the_slug_names_a_folder)
{
    ssmbench("info --slug");
    cr_assert(eq(int, status, 0));
    const size_t length = strspn(out, "abcdefghijklmnopqrstuvwxyz0123456789-_");
    cr_assert(ge(sz, length, 1));
    cr_assert(eq(str, out + length, "\n"));
}
