/* ssmbench profile from outside, within a script that stands for a profiler: it writes down what it
 * is called with, then becomes the program behind its options. Runs the binary that the environment
 * variable SSMBENCH names. */
#include "binary_fixture.h"
#include "profiler.h"

#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 256 };

static char folder[] = "/tmp/ssmbench it's a test-XXXXXX"; /* a name that needs quotes */
static char suite[PATH_SIZE], arguments[PATH_SIZE];

static const char SUITE[] = "[plain]\nop = selscan\nchannels = 3\nlength = 7, 9\nwhy = test\n"
                            "[it's \"odd\" & * $HOME]\nop = selscan, conv1d\nchannels = 2\n"
                            "length = 5\nwhy = test\n"
                            "[wrong]\nop = selscan\nchannels = 1\nlength = 1000000\nstate = 1\n"
                            "inputs = slow\ndecay = 1e-7\nwhy = more steps than fp32 has digits\n";

static void write_file(const char *name, const char *content, mode_t mode, char path[PATH_SIZE])
{
    snprintf(path, PATH_SIZE, "%s/%s", folder, name);
    FILE *const file = fopen(path, "w");
    fputs(content, file);
    fclose(file);
    chmod(path, mode);
}

/* Puts a script called `name` first on the PATH. */
static void write_profiler(const char *name, const char *after)
{
    char script[1024], path[PATH_SIZE], paths[4096];
    snprintf(script, sizeof script,
             "#!/bin/sh\nprintf '%%s\\n' \"$@\" > \"${0%%/*}/arguments\"\n"
             "while ! [ -f \"$1\" -a -x \"$1\" ]; do shift; done\n%s\n",
             after);
    write_file(name, script, 0755, path);
    snprintf(paths, sizeof paths, "%s:%s", folder, getenv("PATH"));
    setenv("PATH", paths, 1);
}

static void make_folder(void)
{
    cr_assert(ne(ptr, mkdtemp(folder), NULL));
    write_file("s.ini", SUITE, 0644, suite);
    snprintf(arguments, sizeof arguments, "%s/arguments", folder);
}

static void remove_folder(void)
{
    static const char *const names[] = {"s.ini", "arguments", "ncu", "nsys", "again.sh"};
    char path[PATH_SIZE];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

TestSuite(profile, .init = make_folder, .fini = remove_folder, .timeout = 60);

/* The lines that the script wrote: this program's own path stands for itself. */
static void assert_called_with(const char *wanted)
{
    char got[8192] = "", line[1024], *const self = realpath(getenv("SSMBENCH"), NULL);
    FILE *const file = fopen(arguments, "r");
    cr_assert(ne(ptr, file, NULL), "the profiler was not called: %s", text);
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s|",
                 !strcmp(line, self)    ? "SELF"
                 : !strcmp(line, suite) ? "SUITE"
                                        : line);
    }
    fclose(file);
    free(self);
    cr_assert(eq(str, got, (char *)(uintptr_t)wanted));
}

#define NCU_OPTIONS                                                                                \
    "--nvtx|--nvtx-include|ssmbench@selscan/sequential/it:s::odd:::::::HOME|--clock-control|none|" \
    "--set|full|"
#define INNER                                                                                      \
    "SELF|profile|--op|^selscan$|--variant|selscan/seq|--case|it's|--backend|cpu|--launches|1|"    \
    "--tool|none|--|SUITE|"
static const char ODD[] = "--op '^selscan$' --variant selscan/seq --case \"it's\" --backend cpu";

Test(profile, ncu_gets_words_and_not_a_line_for_a_shell)
{
    write_profiler("ncu", "exec \"$@\"");
    ssmbench("profile \"%s\" %s --tool ncu", suite, ODD);
    cr_assert(eq(int, status, 0), "%s", text);
    assert_called_with(NCU_OPTIONS INNER);
    assert_says("ncu watches a GPU, and selscan/sequential@cpu does not run on one");
    assert_says("PASS selscan/sequential@cpu s/it's \"odd\" & * $HOME  error ");
    assert_says(", then 1 launch\n");
    ssmbench("profile \"%s\" %s --tool ncu --out \"%s/a b\"", suite, ODD, folder);
    char wanted[2048];
    snprintf(wanted, sizeof wanted,
             NCU_OPTIONS "--import-source|yes|--page|details|--export|%s/a b|" INNER, folder);
    assert_called_with(wanted);
}

Test(profile, what_it_prints_can_be_run_again)
{
    char again[PATH_SIZE], command[1024];
    write_profiler("ncu", "exec \"$@\"");
    ssmbench("profile \"%s\" %s --tool ncu", suite, ODD);
    char *const line = strstr(text, "'/tmp/ssmbench it'\\''s a test-");
    cr_assert(ne(ptr, line, NULL), "%s", text);
    line[strcspn(line, "\n") + 1] = '\0';
    unlink(arguments);
    write_file("again.sh", line, 0644, again);
    snprintf(command, sizeof command, "sh \"%s\" > /dev/null 2>&1", again);
    cr_assert(zero(int, system(command)), "%s", line);
    assert_called_with(NCU_OPTIONS INNER);
}

Test(profile, nsys_captures_what_stands_between_start_and_stop)
{
    write_profiler("nsys", "exec \"$@\"");
    ssmbench("profile \"%s\" --variant selscan/seq --case length=7 --backend cpu --tool nsys "
             "--out there",
             suite);
    cr_assert(eq(int, status, 0), "%s", text);
    assert_called_with("profile|--trace=cuda,nvtx|--sample=none|--cpuctxsw=none|"
                       "--capture-range=cudaProfilerApi|--capture-range-end=stop|--stats=true|"
                       "--output|there|SELF|profile|--variant|selscan/seq|--case|length=7|"
                       "--backend|cpu|--launches|20|--tool|none|--|SUITE|");
    assert_says("PASS selscan/sequential@cpu s/plain/length=7  error ");
    assert_says(", then 20 launches\n");
}

Test(profile, the_exit_status_is_the_profilers)
{
    write_profiler("ncu", "exec \"$@\"");
    ssmbench("profile \"%s\" --variant selscan/seq --case wrong --backend cpu --tool ncu", suite);
    cr_assert(eq(int, status, 1), "%s", text);
    assert_says("WRONG selscan/sequential@cpu s/wrong  out[0,0,");
    assert_says("ssmbench: what is not correct is not profiled\n");
    write_profiler("ncu", "exit 7");
    ssmbench("profile \"%s\" %s --tool ncu", suite, ODD);
    cr_assert(eq(int, status, 7), "%s", text);
}

Test(profile, without_a_profiler)
{
    write_profiler("ncu", "exec \"$@\"");
    ssmbench("profile \"%s\" --variant selscan/seq --case length=9 --backend cpu --launches 3",
             suite);
    cr_assert(eq(int, status, 0), "%s", text);
    assert_says("PASS selscan/sequential@cpu s/plain/length=9  error ");
    assert_says(", then 3 launches\n");
    cr_assert(eq(ptr, strstr(text, " ms"), NULL), "a time that is not a measurement: %s", text);
    cr_assert(eq(int, access(arguments, F_OK), -1), "a profiler for a CPU variant");
    ssmbench("profile \"%s\" --variant selscan/seq --case length=9 --backend simt --tool none",
             suite);
    cr_assert(eq(int, status, 0), "%s", text);
    assert_says(", then 1 launch\n");
    ssmbench("profile \"%s\" --variant selscan/seq --case wrong --backend cpu", suite);
    cr_assert(eq(int, status, 1), "%s", text);
    ssmbench("profile \"%s\" --variant selscan/seq --case length=9 --backend cpu --out x", suite);
    cr_assert(eq(int, status, 2), "%s", text);
    assert_says("--out is for the report of a profiler: expected --tool ncu or nsys");
}

Test(profile, a_profiler_that_is_not_there)
{
    char file[PATH_SIZE];
    setenv("PATH", "", 1);
    if (profiler_find(profiler_named("ncu"), "", file, sizeof file))
        cr_skip("%s stands where it is looked for without a PATH", file);
    ssmbench("profile \"%s\" %s --tool ncu", suite, ODD);
    cr_assert(eq(int, status, 4), "%s", text);
    assert_says("profile: expected ncu (Nsight Compute, part of the CUDA Toolkit, packages "
                "nsight-compute-*) on the PATH or in ");
}

Test(profile, where_a_profiler_is_looked_for)
{
    char path[PATH_SIZE], place[PATH_SIZE], file[PATH_SIZE], wanted[PATH_SIZE];
    struct profiler profiler = *profiler_named("ncu");
    snprintf(place, sizeof place, "%.*s*", (int)strlen(folder) - 2, folder);
    profiler.places[0] = "/nowhere";
    profiler.places[1] = place;
    cr_assert(not(profiler_find(&profiler, "", file, sizeof file)));
    cr_assert(not(profiler_find(&profiler, NULL, file, sizeof file)));
    write_file("ncu", "", 0644, path);
    cr_assert(not(profiler_find(&profiler, folder, file, sizeof file)), "not executable");
    chmod(path, 0755);
    cr_assert(profiler_find(&profiler, "", file, sizeof file));
    cr_assert(eq(str, file, path));
    profiler.places[1] = "/nowhere";
    cr_assert(not(profiler_find(&profiler, "/nowhere", file, sizeof file)));
    snprintf(wanted, sizeof wanted, "/nowhere::/tmp:%s:/usr", folder);
    cr_assert(profiler_find(&profiler, wanted, file, sizeof file));
    cr_assert(eq(str, file, path));
}

Test(profile, one_variant_and_one_case)
{
    ssmbench("profile \"%s\" --variant selscan/s --case length=9 --backend cpu", suite);
    cr_assert(eq(int, status, 2), "%s", text);
    assert_says("profile: 3 variants match on s/plain/length=9, selscan/sequential@cpu and "
                "selscan/simd@cpu among them: expected one, by --variant '^OP/NAME@BACKEND$'\n");
    ssmbench("profile \"%s\" --variant selscan/seq --case plain --backend cpu", suite);
    cr_assert(eq(int, status, 2), "%s", text);
    assert_says("profile: 2 cases match, s/plain/length=7 of selscan and s/plain/length=9 of "
                "selscan among them: expected one, by --case '^NAME$' and --op '^OP$'\n");
    ssmbench("profile \"%s\" --variant selscan/seq --case odd --backend cpu", suite);
    cr_assert(eq(int, status, 0), "the case is conv1d's, too, the variant is not: %s", text);
    ssmbench("profile \"%s\" --variant nosuch --case odd --backend cpu", suite);
    cr_assert(eq(int, status, 3), "%s", text);
    assert_says("no variant and case match: `ssmbench list variants` and");
    ssmbench("profile \"%s\" --variant selscan/seq --case nosuch --backend cpu", suite);
    cr_assert(eq(int, status, 3), "%s", text);
    ssmbench("profile /nowhere/x.ini --variant selscan/seq --case odd");
    cr_assert(eq(int, status, 2), "%s", text);
}

Test(profile, launches_and_tools_that_are_refused)
{
    static const char *const bad[] = {"0",  "-1",  "x",       "''",
                                      "1x", "1.5", "1000001", "99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ssmbench("profile \"%s\" %s --launches %s", suite, ODD, bad[i]);
        cr_assert(eq(int, status, 2), "%s: %s", bad[i], text);
        assert_says(": expected a number from 1 to 1000000\n");
    }
    write_profiler("ncu", "exit 0"); /* which launches nothing */
    ssmbench("profile \"%s\" %s --launches 1000000 --tool ncu", suite, ODD);
    cr_assert(eq(int, status, 0), "%s", text);
    assert_says(" --launches 1000000 ");
    ssmbench("profile \"%s\" %s --tool vtune", suite, ODD);
    cr_assert(eq(int, status, 2), "%s", text);
    assert_says("--tool vtune: expected ncu, nsys or none\n");
}
