/* Which cases, variants and backends the command line asks for. */
#ifndef SSMBENCH_FILTER_H
#define SSMBENCH_FILTER_H

#include "backend.h"
#include "cases.h"
#include "registry.h"
#include <regex.h>

enum { MAX_BACKENDS = 8 };

struct filter {
    regex_t op, variant, item;
    /* Usable, as another process found, NULL-terminated; the one that runs variants there calls
     * missing() before. */
    const struct backend *backend[MAX_BACKENDS + 1];
};

/* Compiles the expressions (NULL matches all) and resolves the comma-separated backends; NULL takes
 * all timed ones that can run here and names those that cannot on standard error. Returns
 * EXIT_WELL, or EXIT_BAD_INPUT or EXIT_MACHINE_LACKS with a sentence. */
enum exit_status filter_open(struct filter *filter, const char *op, const char *variant,
                             const char *item, const char *backends, struct message *message);
void filter_close(struct filter *filter);

/* Compiles the expression that option --OPTION got; NULL matches all. */
bool filter_compile(regex_t *regex, const char *expression, const char *option,
                    struct message *message);

/* True when variant `entry` is to run on `item`; *backend is where. */
bool filter_matches(const struct filter *filter, const struct test_case *item,
                    const struct entry *entry, const struct backend **backend);

#endif
