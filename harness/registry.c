#include "registry.h"

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

const char *source_hash(const char *full)
{
    for (const struct source *source = SOURCES; source->full; source++)
        if (!strcmp(source->full, full))
            return source->hash;
    return NULL;
}
