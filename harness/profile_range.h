/* The launches that a profiler watches: what they are called, and nothing else between them. */
#ifndef SSMBENCH_PROFILE_RANGE_H
#define SSMBENCH_PROFILE_RANGE_H

#include "backend.h"
#include "cases.h"
#include "registry.h"

enum { RANGE_NAME_SIZE = 512 };

struct range {
    char op[RANGE_NAME_SIZE], variant[RANGE_NAME_SIZE], item[RANGE_NAME_SIZE];
    int64_t launches;
};

/* Names the ranges of `entry` on `item`: letters, digits and ._=- stay, all else becomes ':', so
 * that no name holds what ncu's filters or a shell take for more than a letter. */
void range_name(struct range *range, const struct entry *entry, const struct test_case *item,
                int64_t launches);

/* How ncu's --nvtx-include selects them: ssmbench@OP/VARIANT/CASE. */
void range_filter(const struct range *range, char *text, size_t size);

/* Runs the launch until the clock is steady, unless the backend is not timed; then, between
 * profile_begin() and profile_end() of the backend, enqueues exactly range->launches runs of the
 * variant. Returns 0, or the first error of the backend. */
int profile_range(const struct backend *backend, const struct launch *launch,
                  const struct range *range);

#endif
