/* The command line: ssmbench VERB [ARGUMENTS]. Each verb has its own --help. */
#include "arguments.h"
#include "audio_check.h"
#include "check.h"
#include "choices.h"
#include "compare.h"
#include "compare_files.h"
#include "export.h"
#include "list.h"
#include "merge.h"
#include "profile.h"
#include "run.h"
#include "selftest.h"
#include "table.h"
#include "version.h"

#include <stdio.h>
#include <stdlib.h>

static int verify_verb(struct arguments *a)
{
    a->campaign.suites = a->word;
    return campaign_run(&a->campaign);
}

static int bench_verb(struct arguments *a)
{
    a->campaign.bench = true;
    if (!a->campaign.out)
        a->campaign.out = "ssmbench.jsonl";
    if (!a->campaign.dry_run)
        complain(EXIT_WELL, "rows go to %s", a->campaign.out);
    return verify_verb(a);
}

static int list_verb(struct arguments *a)
{
    return list_print(a->words ? a->word[0] : "variants", a->words ? a->word + 1 : NULL, a->json);
}

static int info_verb(struct arguments *a)
{
    if (a->words)
        return complain(EXIT_BAD_INPUT, "info %s: expected no argument", a->word[0]);
    return info_print(a->json, a->slug);
}

static int export_verb(struct arguments *a)
{
    a->campaign.suites = a->word;
    return export_case(&a->campaign);
}

static int run_verb(struct arguments *a)
{
    if (a->words)
        return complain(EXIT_BAD_INPUT, "run %s: expected no argument", a->word[0]);
    return run_tensors(&a->campaign, a->tensors, a->keys);
}

static int profile_verb(struct arguments *a)
{
    a->campaign.suites = a->word;
    return profile_case(&a->campaign, a->tool, a->launches);
}

static int compare_verb(struct arguments *a)
{
    static const char expected[] =
        "compare: expected two variants, then suites, or two .jsonl files";
    const bool files = a->words && strlen(a->word[0]) > 6 &&
                       !strcmp(a->word[0] + strlen(a->word[0]) - 6, ".jsonl");
    if (a->words < 2 || (files && a->words > 2))
        return complain(EXIT_BAD_INPUT, "%s", expected);
    if (files)
        return compare_files(a->word[0], a->word[1]);
    const char *const names[] = {a->word[0], a->word[1]};
    a->campaign.suites = a->word + 2;
    return compare_variants(&a->campaign, names, a->rounds ? a->rounds : COMPARE_ROUNDS);
}

static int selftest_verb(struct arguments *a)
{
    a->campaign.suites = a->word;
    return selftest_run(&a->campaign, a->rounds ? a->rounds : COMPARE_ROUNDS,
                        a->trials ? a->trials : SELFTEST_TRIALS);
}

static int merge_verb(struct arguments *a)
{
    if (!a->campaign.out)
        return complain(EXIT_BAD_INPUT, "merge: expected --out FILE, which is to be written");
    if (a->words < 2)
        return complain(EXIT_BAD_INPUT, "merge: expected two or more .jsonl files");
    return merge_files(a->word, a->campaign.out, a->within > 0 ? a->within : MERGE_WITHIN);
}

static int check_verb(struct arguments *a)
{
    if (a->words != 2)
        return complain(EXIT_BAD_INPUT, "check: expected a file that `ssmbench export` wrote, and "
                                        "one with the outputs to compare");
    return check_outputs(a->word[0], a->word[1]);
}

static int audio_check_verb(struct arguments *a)
{
    if (a->words != 1)
        return complain(EXIT_BAD_INPUT, "audio-check: expected one folder of tracks");
    return audio_check(a->word[0]);
}

/* The kinds of table. */
static const char *const TABLES[] = {"speedup",  "roof",     "times",   "step", "error",
                                     "summary",  "slowdown", "machine", "rows", "stale",
                                     "selftest", "auto",     NULL};

static int table_verb(struct arguments *a)
{
    const char *kind = a->words ? a->word[0] : "";
    char kinds[128] = "";
    int known = 0;
    for (int i = 0; TABLES[i]; i++) {
        known += !strcmp(kind, TABLES[i]);
        append(kinds, sizeof kinds, "%s%s", i ? ", " : "", TABLES[i]);
    }
    if (!known)
        return complain(EXIT_BAD_INPUT, "table %s: expected one of %s", kind, kinds);
    if (a->words < 2)
        return complain(EXIT_BAD_INPUT, "table %s: expected one or more .jsonl files", kind);
    if (!strcmp(kind, "stale"))
        return table_stale(a->word + 1);
    return table_print(kind, a->word + 1, a->campaign.op, a->campaign.backends, a->format);
}

static int choices_verb(struct arguments *a)
{
    if (a->words < 2)
        return complain(EXIT_BAD_INPUT,
                        "choices: expected an operation, then one or more .jsonl files");
    return choices_print(a->word[0], a->word + 1, a->check);
}

static const struct verb {
    const char *name;
    int (*run)(struct arguments *arguments);
    const struct argp_option *options;
    const char *arguments, *help;
} VERBS[] = {
    {"list", list_verb, LIST_OPTIONS, "[ops|variants|suites|cases [SUITE...]]",
     "Lists what there is."},
    {"verify", verify_verb, CAMPAIGN_OPTIONS, "[SUITE...]",
     "Checks every variant on every case of the suites (quick without any) against the "
     "double-precision reference.\vA SUITE is the name of a file in cases/, or a path. Exit "
     "status: "
     "0 all well, 1 a check failed, 2 bad usage or input, 3 nothing matched, 4 the machine lacks "
     "what was asked for, 130 interrupted."},
    {"bench", bench_verb, CAMPAIGN_OPTIONS, "[SUITE...]",
     "Checks, and times what is correct.\vRows go to ssmbench.jsonl unless --out names a file. "
     "Beside a time stands the share of the roof that binds it; a time that no run can have is "
     "IMPOSSIBLE, and a failure. Exit status as for verify."},
    {"table", table_verb, TABLE_OPTIONS,
     "speedup|roof|times|step|error|summary|slowdown|machine|rows|stale|selftest|auto "
     "RESULTS.jsonl...",
     "Prints a table of result rows: times and speedups, the same with the binding roof and its "
     "share, the five times of each side by side, what a training step costs, errors, what passed, "
     "how much slower simt is than "
     "cpu, what the machine was, each row with the command that repeats it, or which rows are "
     "older "
     "than their variant's sources, how often compare is right (selftest-aa), or how much slower "
     "than the best variant the one is that chooses among them."},
    {"choices", choices_verb, CHOICES_OPTIONS, "OP RESULTS.jsonl...",
     "Prints the table by which OP/auto chooses.\vThe C of kernels/OP/choices.inc, made of the "
     "rows "
     "of exact variants on cuda. Exit status: 0 all well, 1 the file of --check is no table of "
     "these rows, 2 bad input, 3 no such row."},
    {"export", export_verb, EXPORT_OPTIONS, "[SUITE...]",
     "Writes a case's inputs and reference outputs.\vA .safetensors file: the inputs by their "
     "names, "
     "as every variant gets them; the outputs of the double-precision reference, as F64; "
     "operation, "
     "case, keys and the outputs' types as metadata."},
    {"run", run_verb, RUN_OPTIONS, "",
     "Runs variants and the reference on tensors of your own.\vInputs by their names and shapes in "
     "reference/OP.h, as F32, BF16 or F16, or as F64, which is rounded; sizes, layout and options "
     "follow from them, and --set gives what does not. Prints the error of each output; --out gets "
     "VARIANT/TENSOR of each variant and reference/TENSOR. Exit status as for verify."},
    {"profile", profile_verb, PROFILE_OPTIONS, "[SUITE...]",
     "Checks one variant on one case, then launches it for a profiler to watch.\vRuns itself again "
     "within ncu or nsys, and prints that command; the exit status is then theirs. With --tool "
     "none, under which any profiler can stand, the launches are between the profiler's start and "
     "stop, in NVTX ranges of the domain ssmbench. Exit status else: 0 all well, 1 the check "
     "failed, 2 bad usage or input, 3 nothing matched, 4 the machine lacks what was asked for. "
     "docs/profiling.md says more."},
    {"compare", compare_verb, COMPARE_OPTIONS, "VARIANT VARIANT [SUITE...]\nA.jsonl B.jsonl",
     "Tells whether the second variant is faster than the first.\vTimes them in turns, A B B A or "
     "B A A B, on "
     "each case that both accept, or compares the times of two files of rows, which tells less. "
     "SAME, FASTER or SLOWER where the interval of the ratio, over all cases at 95 %, is within or "
     "outside of a band, 0.5 % or what the first one differs from itself by; else UNRESOLVED. Exit "
     "status: 1 when SLOWER, or not correct; else as for verify."},
    {"selftest-aa", selftest_verb, SELFTEST_OPTIONS, "[SUITE...]",
     "Tells how far compare can be believed.\vCompares each variant on each case (of the suite "
     "selftest without any) with itself, and with itself made slower by 1 % and 5 %, many times; "
     "on "
     "the GPU, where there is one. Prints how often there was a false alarm, and how often the "
     "slower one was found: `ssmbench table selftest` prints it again of the rows in --out. Exit "
     "status: 1 when false alarms are beyond doubt in more than 5 % of tables, or a variant is not "
     "correct; else as for verify. docs/measuring.md says how to read it."},
    {"merge", merge_verb, MERGE_OPTIONS, "A.jsonl B.jsonl...",
     "Joins the files that the parts of a bench or verify --shard have written.\vRefuses files of "
     "machines or builds that differ, or whose times of the case that all parts time differ by "
     "more "
     "than 1 % by their median, or 3 % for one variant; nothing is written then. Of several rows "
     "of a variant and case the "
     "last one counts; they come in the order of their suite. Exit status: 0 written, 2 not."},
    {"check", check_verb, NO_OPTIONS, "CASE.safetensors OUTPUTS.safetensors",
     "Compares outputs computed elsewhere with those of an exported case.\vThe first file is what "
     "export wrote, the second has the outputs by their names, in the case's types. Prints status "
     "and errors as JSON. Exit status: 0 correct, 1 not, 2 not such files."},
    {"info", info_verb, INFO_OPTIONS, "",
     "Prints this machine, its backends and their measured roofs.\vRoofs, in 1e9 a second: a copy "
     "in main memory, reads of the last-level cache and of shared memory, multiply-adds, "
     "exponentials; of a GPU the peaks of its data sheet, too. docs/measuring.md says how."},
    {"audio-check", audio_check_verb, NO_OPTIONS, "DIR",
     "Prints what a folder of tracks holds, DIR/TRACK/{vocals,drums,bass,other}.wav or .flac, and "
     "what of it the operation audio would use.\vExit status: 0 when at least one track can be "
     "used, else 2."},
};
enum { VERB_COUNT = sizeof VERBS / sizeof *VERBS };

static void print_usage(FILE *stream)
{
    fputs("Usage: ssmbench VERB [ARGUMENT...]\n"
          "Compiles, checks, times and compares state-space-model kernels.\n\n",
          stream);
    for (int i = 0; i < VERB_COUNT; i++)
        fprintf(stream, "  %-11s %.*s\n", VERBS[i].name, (int)strcspn(VERBS[i].help, "\v"),
                VERBS[i].help);
    fputs("\n`ssmbench VERB --help` says more. Version " SSMBENCH_COMMIT ".\n", stream);
}

int main(int count, char **argument)
{
    const char *name = count > 1 ? argument[1] : "";
    if (!strcmp(name, "--help") || !strcmp(name, "help")) {
        print_usage(stdout);
        return EXIT_WELL;
    }
    for (int i = 0; i < VERB_COUNT; i++) {
        if (strcmp(name, VERBS[i].name))
            continue;
        struct arguments arguments = {0};
        const struct argp argp = {
            VERBS[i].options, arguments_parse, VERBS[i].arguments, VERBS[i].help, NULL, NULL, NULL};
        char program[64];
        snprintf(program, sizeof program, "ssmbench %s", name);
        argument[1] = program;
        argp_err_exit_status = EXIT_BAD_INPUT;
        argp_parse(&argp, count - 1, argument + 1, 0, NULL, &arguments);
        return VERBS[i].run(&arguments);
    }
    if (!*name) {
        print_usage(stderr);
        return EXIT_BAD_INPUT;
    }
    char verbs[256] = "";
    for (int i = 0; i < VERB_COUNT; i++)
        append(verbs, sizeof verbs, "%s%s", i ? ", " : "", VERBS[i].name);
    return complain(EXIT_BAD_INPUT, "%s: expected one of %s", name, verbs);
}
