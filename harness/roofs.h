/* Roofs: what bounds a run, and which of them binds. struct roofs is in backend.h. */
#ifndef SSMBENCH_ROOFS_H
#define SSMBENCH_ROOFS_H

#include "backend.h"
#include <jansson.h>

/* Sets the known ones in what rows say of their machine, each by the name of its member. */
void roofs_write(const struct roofs *roofs, json_t *machine);

/* Those that a row says of its machine; 0 where it does not. */
struct roofs roofs_read(const json_t *machine);

/* The roof under which that work takes longest, of the copy, fma and ex2 that were measured: its
 * name, and how long. The name is NULL where none was. */
struct binding {
    const char *name;
    double time_ms;
};

struct binding roofs_bind(const struct roofs *roofs, const struct cost *cost);

/* Sets `roof` in a row that has a time: the name of the binding one, and the fraction of the median
 * time that it would take. Nothing where no roof is known. */
void roofs_set(json_t *row);

/* Appends what roofs_set() found, "93 % of copy"; nothing where it found none. */
void roofs_append(const json_t *row, char *text, size_t size);

#endif
