/* The command line: ssmbench VERB [ARGUMENTS]. Each verb has its own --help. */
#include "audio_check.h"
#include "campaign.h"
#include "check.h"
#include "export.h"
#include "list.h"
#include "profile.h"
#include "profiler.h"
#include "run.h"
#include "table.h"
#include "version.h"

#include <argp.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_ARGUMENTS = 256 };

/* What the options of all verbs are kept in; a verb names those it takes. */
struct arguments {
    struct campaign_options campaign;
    enum grid_format format;
    const char *tensors, *keys; /* of run */
    bool json, slug;
    const char *tool; /* that profiles: see profile.h */
    int64_t launches;
    char *word[MAX_ARGUMENTS + 1]; /* NULL-terminated */
    int words;
};

enum {
    KEY_OP = 256,
    KEY_VARIANT,
    KEY_CASE,
    KEY_BACKEND,
    KEY_OUT,
    KEY_BUDGET,
    KEY_FAIL_FAST,
    KEY_FORMAT,
    KEY_JSON,
    KEY_SLUG,
    KEY_TENSORS,
    KEY_SET,
    KEY_TIMEOUT,
    KEY_RESUME,
    KEY_JUNIT,
    KEY_IN_PROCESS,
    KEY_TOOL,
    KEY_LAUNCHES
};

static const struct argp_option CAMPAIGN_OPTIONS[] = {
    {"op", KEY_OP, "RE", 0, "only operations that match this extended regular expression", 0},
    {"variant", KEY_VARIANT, "RE", 0, "only variants whose op/name@backend matches", 0},
    {"case", KEY_CASE, "RE", 0, "only cases whose name matches", 0},
    {"backend", KEY_BACKEND, "LIST", 0, "of cpu, cuda, simt, with commas; else cpu and cuda", 0},
    {"out", KEY_OUT, "FILE", 0, "append a JSON line a row to FILE", 0},
    {"budget", KEY_BUDGET, "SECONDS", 0,
     "leave out, and name, what does not fit in this time or in memory", 0},
    {"junit", KEY_JUNIT, "FILE", 0, "write what was found to FILE, as XML for build servers", 0},
    {"resume", KEY_RESUME, NULL, 0,
     "do what FILE of --out lacks: rows of the same case, sources, build and machine are kept", 0},
    {"timeout", KEY_TIMEOUT, "SECONDS", 0,
     "end a row after this time; else 60 s and what its work may take at most", 0},
    {"in-process", KEY_IN_PROCESS, NULL, 0,
     "run rows in this process, for a debugger: a crash ends all", 0},
    {"fail-fast", KEY_FAIL_FAST, NULL, 0, "end after the first row that fails", 0},
    {0},
};
static const struct argp_option EXPORT_OPTIONS[] = {
    {"op", KEY_OP, "RE", 0, "only the operation that matches this extended regular expression", 0},
    {"case", KEY_CASE, "RE", 0, "the case whose name matches", 0},
    {"out", KEY_OUT, "FILE", 0, "the file to write", 0},
    {0},
};
static const struct argp_option RUN_OPTIONS[] = {
    {"tensors", KEY_TENSORS, "FILE", 0, "a .safetensors file with the operation's inputs", 0},
    {"op", KEY_OP, "NAME", 0, "the operation; else what the file's metadata say", 0},
    {"variant", KEY_VARIANT, "RE", 0, "only variants whose op/name@backend matches", 0},
    {"backend", KEY_BACKEND, "LIST", 0, "of cpu, cuda, simt, with commas; else cpu and cuda", 0},
    {"set", KEY_SET, "KEY=VALUE,...", 0, "keys that shapes do not tell: `ssmbench list ops`", 0},
    {"out", KEY_OUT, "FILE", 0, "write all outputs to FILE, a .safetensors", 0},
    {0},
};
static const struct argp_option PROFILE_OPTIONS[] = {
    {"op", KEY_OP, "RE", 0, "only the operation that matches this extended regular expression", 0},
    {"variant", KEY_VARIANT, "RE", 0, "the variant whose op/name@backend matches", 0},
    {"case", KEY_CASE, "RE", 0, "the case whose name matches", 0},
    {"backend", KEY_BACKEND, "LIST", 0, "of cpu, cuda, simt, with commas; else cuda, then cpu", 0},
    {"launches", KEY_LAUNCHES, "N", 0, "in the profiled range; else 1, or some more under nsys", 0},
    {"tool", KEY_TOOL, "TOOL", 0,
     "ncu, nsys or none; else the first of them that is found for a variant on the GPU, none for "
     "others",
     0},
    {"out", KEY_OUT, "FILE", 0, "keep the report of ncu or nsys in FILE", 0},
    {0},
};
static const struct argp_option TABLE_OPTIONS[] = {
    {"op", KEY_OP, "RE", 0, "only operations that match this extended regular expression", 0},
    {"backend", KEY_BACKEND, "LIST", 0, "of cpu, cuda, simt, with commas; else all", 0},
    {"format", KEY_FORMAT, "FORMAT", 0, "text (the default), md or csv", 0},
    {0},
};
static const struct argp_option LIST_OPTIONS[] = {
    {"json", KEY_JSON, NULL, 0, "as JSON", 0},
    {0},
};
static const struct argp_option INFO_OPTIONS[] = {
    {"json", KEY_JSON, NULL, 0, "as JSON", 0},
    {"slug", KEY_SLUG, NULL, 0, "only the name of this machine's folder below results/", 0},
    {0},
};

static const struct argp_option NO_OPTIONS[] = {{0}};

static double parse_seconds(const char *option, const char *text, struct argp_state *state)
{
    char *end;
    const double seconds = strtod(text, &end);
    if (*end || !(seconds > 0) || !isfinite(seconds))
        argp_error(state, "--%s %s: expected a number of seconds above 0", option, text);
    return seconds;
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    static const char *const formats[] = {"text", "md", "csv"};
    struct arguments *a = state->input;
    char *end;
    switch (key) {
    case KEY_OP:
        a->campaign.op = text;
        break;
    case KEY_VARIANT:
        a->campaign.variant = text;
        break;
    case KEY_CASE:
        a->campaign.item = text;
        break;
    case KEY_BACKEND:
        a->campaign.backends = text;
        break;
    case KEY_OUT:
        a->campaign.out = text;
        break;
    case KEY_BUDGET:
        a->campaign.budget_s = parse_seconds("budget", text, state);
        break;
    case KEY_TIMEOUT:
        a->campaign.timeout_s = parse_seconds("timeout", text, state);
        break;
    case KEY_JUNIT:
        a->campaign.junit = text;
        break;
    case KEY_RESUME:
        a->campaign.resume = true;
        break;
    case KEY_IN_PROCESS:
        a->campaign.in_process = true;
        break;
    case KEY_FAIL_FAST:
        a->campaign.fail_fast = true;
        break;
    case KEY_FORMAT:
        for (a->format = GRID_TEXT; a->format <= GRID_CSV; a->format++)
            if (!strcmp(formats[a->format], text))
                return 0;
        argp_error(state, "--format %s: expected text, md or csv", text);
        break;
    case KEY_TENSORS:
        a->tensors = text;
        break;
    case KEY_SET:
        a->keys = text;
        break;
    case KEY_JSON:
        a->json = true;
        break;
    case KEY_SLUG:
        a->slug = true;
        break;
    case KEY_TOOL:
        a->tool = text;
        if (strcmp(text, "none") && !profiler_named(text))
            argp_error(state, "--tool %s: expected ncu, nsys or none", text);
        break;
    case KEY_LAUNCHES:
        a->launches = strtol(text, &end, 10);
        if (!isdigit((unsigned char)*text) || *end || a->launches < 1 || a->launches > MAX_LAUNCHES)
            argp_error(state, "--launches %s: expected a number from 1 to %d", text, MAX_LAUNCHES);
        break;
    case ARGP_KEY_ARG:
        if (a->words == MAX_ARGUMENTS)
            argp_error(state, "more than %d arguments", MAX_ARGUMENTS);
        a->word[a->words++] = text;
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

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
static const char *const TABLES[] = {"speedup",  "roof",    "step", "error", "summary",
                                     "slowdown", "machine", "rows", "stale", NULL};

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
     "Exit "
     "status as for verify."},
    {"table", table_verb, TABLE_OPTIONS,
     "speedup|roof|step|error|summary|slowdown|machine|rows|stale RESULTS.jsonl...",
     "Prints a table of result rows: times and speedups, the same with the share of the copy "
     "bandwidth, what a training step costs, errors, what passed, how much slower simt is than "
     "cpu, what the machine was, each row with the command that repeats it, or which rows are "
     "older "
     "than their variant's sources."},
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
    {"check", check_verb, NO_OPTIONS, "CASE.safetensors OUTPUTS.safetensors",
     "Compares outputs computed elsewhere with those of an exported case.\vThe first file is what "
     "export wrote, the second has the outputs by their names, in the case's types. Prints status "
     "and errors as JSON. Exit status: 0 correct, 1 not, 2 not such files."},
    {"info", info_verb, INFO_OPTIONS, "",
     "Prints this machine, its backends and their copy bandwidth."},
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
            VERBS[i].options, parse, VERBS[i].arguments, VERBS[i].help, NULL, NULL, NULL};
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
