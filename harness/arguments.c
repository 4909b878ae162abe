#include "arguments.h"
#include "compare.h"
#include "profile.h"
#include "profiler.h"
#include "selftest.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    KEY_ROUNDS,
    KEY_TRIALS,
    KEY_IN_PROCESS,
    KEY_TOOL,
    KEY_LAUNCHES,
    KEY_SHARD,
    KEY_DRY_RUN,
    KEY_WITHIN,
    KEY_CHECK
};

const struct argp_option CAMPAIGN_OPTIONS[] = {
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
    {"shard", KEY_SHARD, "I/N", 0,
     "only part I of N of the cases, for one of N like machines: `ssmbench merge` joins their "
     "files",
     0},
    {"dry-run", KEY_DRY_RUN, NULL, 0,
     "list the rows that would be done or skipped, and how long they would take; do nothing", 0},
    {0},
};
const struct argp_option COMPARE_OPTIONS[] = {
    {"case", KEY_CASE, "RE", 0, "only cases whose name matches", 0},
    {"backend", KEY_BACKEND, "LIST", 0, "of cpu, cuda, with commas; else both", 0},
    {"rounds", KEY_ROUNDS, "N", 0, "of A B B A on each case, at least; else 52", 0},
    {0},
};
const struct argp_option SELFTEST_OPTIONS[] = {
    {"op", KEY_OP, "RE", 0, "only operations that match this extended regular expression", 0},
    {"variant", KEY_VARIANT, "RE", 0, "only variants whose op/name@backend matches", 0},
    {"case", KEY_CASE, "RE", 0, "only cases whose name matches", 0},
    {"backend", KEY_BACKEND, "NAME", 0, "cpu or cuda; else cuda, then cpu", 0},
    {"trials", KEY_TRIALS, "N", 0, "of each slow-down of each variant and case; else 100", 0},
    {"rounds", KEY_ROUNDS, "N", 0, "of A B B A in each trial, at least; else 52", 0},
    {"out", KEY_OUT, "FILE", 0, "append a JSON line a trial to FILE", 0},
    {0},
};
const struct argp_option MERGE_OPTIONS[] = {
    {"out", KEY_OUT, "FILE", 0, "the file to write, which may not be there yet", 0},
    {"within", KEY_WITHIN, "PERCENT", 0, "that times may differ by, by their median; else 1", 0},
    {0},
};
const struct argp_option EXPORT_OPTIONS[] = {
    {"op", KEY_OP, "RE", 0, "only the operation that matches this extended regular expression", 0},
    {"case", KEY_CASE, "RE", 0, "the case whose name matches", 0},
    {"out", KEY_OUT, "FILE", 0, "the file to write", 0},
    {0},
};
const struct argp_option RUN_OPTIONS[] = {
    {"tensors", KEY_TENSORS, "FILE", 0, "a .safetensors file with the operation's inputs", 0},
    {"op", KEY_OP, "NAME", 0, "the operation; else what the file's metadata say", 0},
    {"variant", KEY_VARIANT, "RE", 0, "only variants whose op/name@backend matches", 0},
    {"backend", KEY_BACKEND, "LIST", 0, "of cpu, cuda, simt, with commas; else cpu and cuda", 0},
    {"set", KEY_SET, "KEY=VALUE,...", 0, "keys that shapes do not tell: `ssmbench list ops`", 0},
    {"out", KEY_OUT, "FILE", 0, "write all outputs to FILE, a .safetensors", 0},
    {0},
};
const struct argp_option PROFILE_OPTIONS[] = {
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
const struct argp_option TABLE_OPTIONS[] = {
    {"op", KEY_OP, "RE", 0, "only operations that match this extended regular expression", 0},
    {"backend", KEY_BACKEND, "LIST", 0, "of cpu, cuda, simt, with commas; else all", 0},
    {"format", KEY_FORMAT, "FORMAT", 0, "text (the default), md or csv", 0},
    {0},
};
const struct argp_option CHOICES_OPTIONS[] = {
    {"check", KEY_CHECK, "FILE", 0, "hold the table in FILE against the rows instead", 0},
    {0},
};
const struct argp_option LIST_OPTIONS[] = {
    {"json", KEY_JSON, NULL, 0, "as JSON", 0},
    {0},
};
const struct argp_option INFO_OPTIONS[] = {
    {"json", KEY_JSON, NULL, 0, "as JSON", 0},
    {"slug", KEY_SLUG, NULL, 0, "only the name of this machine's folder below results/", 0},
    {0},
};

const struct argp_option NO_OPTIONS[] = {{0}};

static double parse_positive(const char *option, const char *unit, const char *text,
                             struct argp_state *state)
{
    char *end;
    const double value = strtod(text, &end);
    if (*end || !(value > 0) || !isfinite(value))
        argp_error(state, "--%s %s: expected a number of %s above 0", option, text, unit);
    return value;
}

static int parse_count(const char *option, const char *text, int most, struct argp_state *state)
{
    char *end;
    const long count = strtol(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end || count < 1 || count > most)
        argp_error(state, "--%s %s: expected a number from 1 to %d", option, text, most);
    return (int)count;
}

/* "2/3": the second of three parts. */
static void parse_shard(const char *text, struct campaign_options *options,
                        struct argp_state *state)
{
    int end = 0;
    if (!isdigit((unsigned char)*text) ||
        sscanf(text, "%7d/%n%7d%n", &options->shard, &end, &options->shards, &end) != 2 ||
        text[end] || options->shard < 1 || options->shard > options->shards)
        argp_error(state, "--shard %s: expected I/N, part I from 1 to N of N parts, such as 1/3",
                   text);
}

error_t arguments_parse(int key, char *text, struct argp_state *state)
{
    static const char *const formats[] = {"text", "md", "csv"};
    struct arguments *a = state->input;
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
        a->campaign.budget_s = parse_positive("budget", "seconds", text, state);
        break;
    case KEY_TIMEOUT:
        a->campaign.timeout_s = parse_positive("timeout", "seconds", text, state);
        break;
    case KEY_ROUNDS:
        a->rounds = parse_count("rounds", text, COMPARE_ROUNDS_MAX, state);
        break;
    case KEY_TRIALS:
        a->trials = parse_count("trials", text, SELFTEST_TRIALS_MAX, state);
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
    case KEY_SHARD:
        parse_shard(text, &a->campaign, state);
        break;
    case KEY_DRY_RUN:
        a->campaign.dry_run = true;
        break;
    case KEY_WITHIN:
        a->within = parse_positive("within", "percent", text, state) / 100;
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
    case KEY_CHECK:
        a->check = text;
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
        a->launches = parse_count("launches", text, MAX_LAUNCHES, state);
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
