/* The command line: ssmbench VERB [ARGUMENTS]. Each verb has its own --help. */
#include "audio_check.h"
#include "campaign.h"
#include "check.h"
#include "export.h"
#include "list.h"
#include "table.h"
#include "version.h"

#include <argp.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_ARGUMENTS = 256 };

/* What the options of all verbs are kept in; a verb names those it takes. */
struct arguments {
    struct campaign_options campaign;
    enum grid_format format;
    bool json, slug;
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
    KEY_SLUG
};

static const struct argp_option CAMPAIGN_OPTIONS[] = {
    {"op", KEY_OP, "RE", 0, "only operations that match this extended regular expression", 0},
    {"variant", KEY_VARIANT, "RE", 0, "only variants whose op/name@backend matches", 0},
    {"case", KEY_CASE, "RE", 0, "only cases whose name matches", 0},
    {"backend", KEY_BACKEND, "LIST", 0, "of cpu, cuda, simt, with commas; else cpu and cuda", 0},
    {"out", KEY_OUT, "FILE", 0, "append a JSON line a row to FILE", 0},
    {"budget", KEY_BUDGET, "SECONDS", 0,
     "leave out, and name, what does not fit in this time or in memory", 0},
    {"fail-fast", KEY_FAIL_FAST, NULL, 0, "end after the first row that fails", 0},
    {0},
};
static const struct argp_option EXPORT_OPTIONS[] = {
    {"op", KEY_OP, "RE", 0, "only the operation that matches this extended regular expression", 0},
    {"case", KEY_CASE, "RE", 0, "the case whose name matches", 0},
    {"out", KEY_OUT, "FILE", 0, "the file to write", 0},
    {0},
};
static const struct argp_option TABLE_OPTIONS[] = {
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
        a->campaign.budget_s = strtod(text, &end);
        if (*end || !(a->campaign.budget_s > 0) || !isfinite(a->campaign.budget_s))
            argp_error(state, "--budget %s: expected a number of seconds above 0", text);
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
    case KEY_JSON:
        a->json = true;
        break;
    case KEY_SLUG:
        a->slug = true;
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

static int table_verb(struct arguments *a)
{
    const char *kind = a->words ? a->word[0] : "";
    const bool stale = !strcmp(kind, "stale");
    if (!stale && strcmp(kind, "speedup") && strcmp(kind, "roof") && strcmp(kind, "summary") &&
        strcmp(kind, "slowdown") && strcmp(kind, "step"))
        return complain(EXIT_BAD_INPUT,
                        "table %s: expected speedup, roof, step, summary, slowdown or stale", kind);
    if (a->words < 2)
        return complain(EXIT_BAD_INPUT, "table %s: expected one or more .jsonl files", kind);
    if (stale)
        return table_stale(a->word + 1);
    return table_print(kind, a->word + 1, a->format);
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
     "speedup|roof|step|summary|slowdown|stale RESULTS.jsonl...",
     "Prints a table of result rows: times and speedups, the same with the share of the copy "
     "bandwidth, what passed, how much slower simt is than cpu, or which rows are older than "
     "their variant's sources."},
    {"export", export_verb, EXPORT_OPTIONS, "[SUITE...]",
     "Writes a case's inputs and reference outputs.\vA .safetensors file: the inputs by their "
     "names, "
     "as every variant gets them; the outputs of the double-precision reference, as F64; "
     "operation, "
     "case, keys and the outputs' types as metadata."},
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
