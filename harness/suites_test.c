/* Where suites are looked for: a path, the current folder, beside the executable, above it. */
#include "cases.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/ssmbench-suites-XXXXXX";

static void assert_path(const char *name, const char *wanted)
{
    char path[4096];
    struct message message = {""};
    cr_assert(suite_path(name, path, sizeof path, &message), "%s", message.text);
    cr_assert(eq(str, path, (char *)wanted));
}

Test(suites, a_path_is_taken_as_it_is)
{
    assert_path("some/where", "some/where");
    assert_path("mine.ini", "mine.ini");
    assert_path("./quick", "./quick");
}

Test(suites, a_name_is_a_file_in_cases)
{
    assert_path("quick", "cases/quick.ini");
}

Test(suites, an_unknown_name_is_told_where_it_was_looked_for)
{
    char path[4096];
    struct message message = {""};
    cr_assert(not(suite_path("quack", path, sizeof path, &message)));
    cr_assert(eq(str, message.text,
                 "no suite 'quack': expected a file cases/quack.ini; `ssmbench "
                 "list suites` names them"));
}

/* Runs a shell line in which B is the binary under test and F a folder; returns its exit status. */
static int shell(const char *line)
{
    char command[1024];
    const char *binary = getenv("SSMBENCH");
    cr_assert(ne(ptr, (void *)binary, NULL), "SSMBENCH has to name the binary under test");
    snprintf(command, sizeof command, "B='%s' F=%s; { %s; } > %s/out 2>&1", binary, folder, line,
             folder);
    const int status = system(command);
    cr_assert(zero(int, WTERMSIG(status)));
    return WEXITSTATUS(status);
}

static void make_folder(void)
{
    cr_assert(ne(ptr, mkdtemp(folder), NULL));
    cr_assert(zero(int, shell("mkdir $F/bin $F/cases $F/else && cp $B $F/bin/ssmbench && "
                              "printf '[a]\\nop = selscan\\nwhy = x\\n' > $F/cases/mine.ini")));
}

static void remove_folder(void)
{
    shell("rm -r $F/bin $F/cases $F/else");
    shell("rm $F/out; rmdir $F");
}

Test(suites, they_are_found_above_the_executable, .init = make_folder, .fini = remove_folder)
{
    cr_assert(zero(int, shell("cd $F/else && $F/bin/ssmbench list cases mine && "
                              "$F/bin/ssmbench list suites | grep \"mine  1 cases\"")));
}

Test(suites, they_are_found_beside_the_executable, .init = make_folder, .fini = remove_folder)
{
    cr_assert(zero(int, shell("mv $F/cases $F/bin/ && cd $F/else && "
                              "$F/bin/ssmbench list cases mine && mv $F/bin/cases $F")));
}

Test(suites, the_current_folder_comes_first, .init = make_folder, .fini = remove_folder)
{
    cr_assert(zero(int, shell("mkdir $F/else/cases && cp $F/cases/mine.ini $F/else/cases/yours.ini "
                              "&& cd $F/else && $F/bin/ssmbench list cases yours")));
    cr_assert(eq(int, shell("cd $F/else && $F/bin/ssmbench list cases mine"), 2));
}

Test(suites, without_a_folder_that_is_said, .init = make_folder, .fini = remove_folder)
{
    cr_assert(eq(int,
                 shell("mv $F/cases $F/gone; cd $F/else; $F/bin/ssmbench verify mine > $F/else/x "
                       "2>&1; s=$?; mv $F/gone $F/cases; grep -q 'no folder cases/ here or "
                       "beside the executable: expected one with mine.ini' $F/else/x || s=9; "
                       "exit $s"),
                 2));
}
