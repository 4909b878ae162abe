/* The operations and variants in this binary. Their tables are written by the Makefile's wildcards
 * into build/operations.inc, build/variants.inc and build/sources.inc. */
#ifndef SSMBENCH_REGISTRY_H
#define SSMBENCH_REGISTRY_H

#include "../kernels/kernel.h"
#include "../reference/operation.h"

struct entry {
    const char *op, *name, *backend;
    const char *full; /* op/name@backend */
    const struct variant *variant;
};

/* NULL-terminated. */
extern const struct operation *const OPERATIONS[];

/* Terminated by a NULL op. */
extern const struct entry ENTRIES[];

/* The operation of that name, or NULL. */
const struct operation *operation_find(const char *name);

/* Appends the names of all operations, " conv1d, selscan". */
void operations_append(char *text, size_t size);

/* The hash of the sources of a variant, also of one that this binary does not contain (a .cu file
 * in a binary without CUDA); NULL when there is no such file. Comments and white space do not
 * count, headers under kernels/ do, except kernel.h. Of a peer `full` is the path of its file. */
const char *source_hash(const char *full);

#endif
