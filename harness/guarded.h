/* Memory on a backend between two guards: bytes that nobody may write, and that show when they are
 * read, as each is part of a NaN of every dtype. */
#ifndef SSMBENCH_GUARDED_H
#define SSMBENCH_GUARDED_H

#include "backend.h"

enum { GUARD_BYTES = 256 }; /* on either side: keeps the data's alignment */

/* A tensor or the workspace. */
struct guarded {
    char *base, *data; /* base is null without memory */
    size_t offset;     /* bytes from the alignment of the backend's memory to the data */
    size_t bytes;      /* of the data */
};

/* Allocates and writes the guards. Returns 0 or an error of the backend; base is null when there is
 * not enough memory. */
int guarded_allocate(const struct backend *backend, struct guarded *memory);

/* *broken becomes "before" or "behind", where a guard was written, or null. Returns 0 or an error
 * of the backend. */
int guarded_check(const struct backend *backend, const struct guarded *memory, const char **broken);

/* Fills the data with 0xFF bytes, which no output may keep. Returns 0 or an error of the backend.
 */
int guarded_poison(const struct backend *backend, const struct guarded *memory);

/* *same tells whether the data are the bytes of `expected`. Returns 0 or an error of the backend.
 */
int guarded_holds(const struct backend *backend, const struct guarded *memory, const void *expected,
                  bool *same);

#endif
