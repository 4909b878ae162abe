#include "filter.h"

#include <stdio.h>
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

static enum exit_status named_backends(struct filter *filter, const char *names,
                                       struct message *message)
{
    char text[256], *next = text;
    int count = 0;
    snprintf(text, sizeof text, "%s", names);
    for (char *name; (name = strsep(&next, ",")) && count < MAX_BACKENDS;) {
        int i = 0;
        while (BACKENDS[i] && strcmp(BACKENDS[i]->name, name))
            i++;
        if (!BACKENDS[i]) {
            refuse(message, "--backend %s: expected one or more of", name);
            for (int j = 0; BACKENDS[j]; j++)
                append(message->text, sizeof message->text, "%s %s", j ? "," : "",
                       BACKENDS[j]->name);
            return EXIT_BAD_INPUT;
        }
        const char *missing = BACKENDS[i]->missing();
        if (missing) {
            refuse(message, "--backend %s: %s", name, missing);
            return EXIT_MACHINE_LACKS;
        }
        filter->backend[count++] = BACKENDS[i];
    }
    return EXIT_WELL;
}

static void usable_backends(struct filter *filter)
{
    int count = 0;
    for (int i = 0; BACKENDS[i]; i++) {
        if (!BACKENDS[i]->timed)
            continue;
        const char *missing = BACKENDS[i]->missing();
        if (!missing)
            filter->backend[count++] = BACKENDS[i];
        else
            complain(EXIT_WELL, "no %s variants: %s", BACKENDS[i]->name, missing);
    }
}

enum exit_status filter_open(struct filter *filter, const char *op, const char *variant,
                             const char *item, const char *backends, struct message *message)
{
    *filter = (struct filter){0};
    if (!filter_compile(&filter->op, op, "op", message) ||
        !filter_compile(&filter->variant, variant, "variant", message) ||
        !filter_compile(&filter->item, item, "case", message))
        return EXIT_BAD_INPUT;
    if (backends)
        return named_backends(filter, backends, message);
    usable_backends(filter);
    return EXIT_WELL;
}

void filter_close(struct filter *filter)
{
    regfree(&filter->op);
    regfree(&filter->variant);
    regfree(&filter->item);
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
