#include "registry.h"

#define OPERATION(op) extern const struct operation op##_operation;
#include "operations.inc"
#undef OPERATION

#define OPERATION(op) &op##_operation,
const struct operation *const OPERATIONS[] = {
#include "operations.inc"
    NULL,
};

#define ENTRY(op, name, backend) extern const struct variant op##_##name##_##backend;
#include "variants.inc"
#undef ENTRY

#define ENTRY(op, name, backend)                                                                   \
    {#op, #name, #backend, #op "/" #name "@" #backend, &op##_##name##_##backend},
const struct entry ENTRIES[] = {
#include "variants.inc"
    {0},
};

static const struct source {
    const char *full, *hash;
} SOURCES[] = {
#define SOURCE(full, hash) {full, hash},
#include "sources.inc"
    {0},
};

const struct operation *operation_find(const char *name)
{
    for (int i = 0; OPERATIONS[i]; i++)
        if (!strcmp(OPERATIONS[i]->name, name))
            return OPERATIONS[i];
    return NULL;
}

const char *source_hash(const char *full)
{
    for (const struct source *source = SOURCES; source->full; source++)
        if (!strcmp(source->full, full))
            return source->hash;
    return NULL;
}
