#include "filter.h"
#include "supervise.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool filter_compile(regex_t *regex, const char *expression, const char *option,
                    struct message *message)
{
    char reason[256];
    const int error = regcomp(regex, expression ? expression : "", REG_EXTENDED | REG_NOSUB);
    if (!error)
        return true;
    regerror(error, regex, reason, sizeof reason);
    return refuse(message, "--%s '%s': %s: expected a POSIX extended regular expression", option,
                  expression, reason);
}

static void print_missing(FILE *stream, const void *question)
{
    const struct backend *backend = question;
    const char *missing = backend->missing();
    fputs(missing ? missing : "", stream);
}

/* What a backend lacks, as backend->missing(), asked in another process: this one may still have to
 * fork, and has neither threads nor a GPU context then. */
static const char *missing_of(const struct backend *backend)
{
    static char sentence[MESSAGE_SIZE];
    char *answer = ask_child(print_missing, backend, ASK_LIMIT_S);
    snprintf(sentence, sizeof sentence, "%s",
             answer ? answer : "the process that looked for it did not end well");
    free(answer);
    return *sentence ? sentence : NULL;
}

/* Adds the backend of that name, unless it is there already. */
static enum exit_status add_backend(struct filter *filter, const char *name,
                                    struct message *message)
{
    const struct backend *backend = backend_find(name);
    if (!backend) {
        refuse(message, "--backend %.80s: expected one or more of", name);
        for (int i = 0; BACKENDS[i]; i++)
            append(message->text, sizeof message->text, "%s %s", i ? "," : "", BACKENDS[i]->name);
        return EXIT_BAD_INPUT;
    }
    const char *missing = missing_of(backend);
    if (missing) {
        refuse(message, "--backend %s: %s", name, missing);
        return EXIT_MACHINE_LACKS;
    }
    int count = 0;
    while (filter->backend[count] && filter->backend[count] != backend)
        count++;
    filter->backend[count] = backend;
    return EXIT_WELL;
}

static enum exit_status named_backends(struct filter *filter, const char *names,
                                       struct message *message)
{
    char *text = must_allocate(strlen(names) + 1, 1), *next = text;
    enum exit_status status = EXIT_WELL;
    strcpy(text, names);
    for (char *name; !status && (name = strsep(&next, ","));)
        status = add_backend(filter, name, message);
    free(text);
    return status;
}

static void usable_backends(struct filter *filter)
{
    int count = 0;
    for (int i = 0; BACKENDS[i]; i++) {
        if (!BACKENDS[i]->timed)
            continue;
        const char *missing = missing_of(BACKENDS[i]);
        if (!missing)
            filter->backend[count++] = BACKENDS[i];
        else
            complain(EXIT_WELL, "no %s variants: %s", BACKENDS[i]->name, missing);
    }
}

/* The expressions; what was compiled stays when one is not right. */
static bool compile_all(struct filter *filter, const char *op, const char *variant,
                        const char *item, struct message *message)
{
    return filter_compile(&filter->op, op, "op", message) &&
           filter_compile(&filter->variant, variant, "variant", message) &&
           filter_compile(&filter->item, item, "case", message);
}

enum exit_status filter_open(struct filter *filter, const char *op, const char *variant,
                             const char *item, const char *backends, struct message *message)
{
    *filter = (struct filter){0};
    enum exit_status status = EXIT_BAD_INPUT;
    if (compile_all(filter, op, variant, item, message))
        status = backends ? named_backends(filter, backends, message) : EXIT_WELL;
    if (!status && !backends)
        usable_backends(filter);
    if (status)
        filter_close(filter);
    return status;
}

void filter_close(struct filter *filter)
{
    regfree(&filter->op);
    regfree(&filter->variant);
    regfree(&filter->item);
    *filter = (struct filter){0};
}

bool filter_matches(const struct filter *filter, const struct test_case *item,
                    const struct entry *entry, const struct backend **backend)
{
    if (strcmp(item->op->name, entry->op) || regexec(&filter->op, item->op->name, 0, NULL, 0) ||
        regexec(&filter->variant, entry->full, 0, NULL, 0) ||
        regexec(&filter->item, item->name, 0, NULL, 0))
        return false;
    for (int i = 0; filter->backend[i]; i++)
        if (!strcmp(filter->backend[i]->name, entry->backend)) {
            *backend = filter->backend[i];
            return true;
        }
    return false;
}
