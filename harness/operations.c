/* The operations in this binary, apart from the variants: what reads cases needs no kernels. */
#include "message.h"
#include "registry.h"

#include <string.h>

#define OPERATION(op) extern const struct operation op##_operation;
#include "operations.inc"
#undef OPERATION

#define OPERATION(op) &op##_operation,
const struct operation *const OPERATIONS[] = {
#include "operations.inc"
    NULL,
};

const struct operation *operation_find(const char *name)
{
    for (int i = 0; OPERATIONS[i]; i++)
        if (!strcmp(OPERATIONS[i]->name, name))
            return OPERATIONS[i];
    return NULL;
}

void operations_append(char *text, size_t size)
{
    for (int i = 0; OPERATIONS[i]; i++)
        append(text, size, "%s %s", i ? "," : "", OPERATIONS[i]->name);
}
