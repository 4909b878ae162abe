/* The one case, and the one variant, that a verb is about. */
#ifndef SSMBENCH_FIND_H
#define SSMBENCH_FIND_H

#include "filter.h"

/* What a verb says when its filter leaves nothing to run. */
#define NO_ROW_MATCHES                                                                             \
    "no variant and case match: `ssmbench list variants` and `ssmbench list cases` name what "     \
    "there is"

/* Finds the one case of the list that the filter's op and item match; with `runs`, only among those
 * that a variant of the filter runs on. Returns EXIT_WELL, or complains in the name of `verb`: that
 * none matches, or which two of those that do. */
enum exit_status find_case(const char *verb, const struct case_list *cases,
                           const struct filter *filter, bool runs, const struct test_case **found);

/* Finds the one variant of the filter for `item`, and where it runs: on the GPU, where it is there
 * for several backends. Returns as find_case() does. */
enum exit_status find_variant(const char *verb, const struct filter *filter,
                              const struct test_case *item, const struct entry **found,
                              const struct backend **backend);

#endif
