#include "guarded.h"
#include "message.h"

#include <stdlib.h>
#include <string.h>

enum { POISON = 0xFF, PIECE = 8 << 20 };

/* Repeated, a NaN of f32, bf16 and f16; not POISON, so that a copy of a guard into an
 * output is no unwritten element, and one of an unwritten element over a guard is seen. */
static const unsigned char PATTERN[] = {0xF5, 0xFF};

static void fill(unsigned char guard[GUARD_BYTES])
{
    for (int i = 0; i < GUARD_BYTES; i++)
        guard[i] = PATTERN[i % (int)sizeof PATTERN];
}

int guarded_allocate(const struct backend *backend, struct guarded *memory)
{
    unsigned char guard[GUARD_BYTES];
    fill(guard);
    memory->base = backend->allocate(GUARD_BYTES + memory->offset + memory->bytes + GUARD_BYTES);
    if (!memory->base)
        return 0;
    memory->data = memory->base + GUARD_BYTES + memory->offset;
    const int error = backend->upload(memory->data - GUARD_BYTES, guard, GUARD_BYTES);
    return error ? error : backend->upload(memory->data + memory->bytes, guard, GUARD_BYTES);
}

int guarded_check(const struct backend *backend, const struct guarded *memory, const char **broken)
{
    unsigned char guard[GUARD_BYTES], now[GUARD_BYTES];
    fill(guard);
    *broken = NULL;
    for (int side = 0; side < 2; side++) {
        const char *const at = side ? memory->data + memory->bytes : memory->data - GUARD_BYTES;
        const int error = backend->download(now, at, GUARD_BYTES);
        if (error)
            return error;
        if (!*broken && memcmp(now, guard, GUARD_BYTES))
            *broken = side ? "behind" : "before";
    }
    return 0;
}

int guarded_poison(const struct backend *backend, const struct guarded *memory)
{
    return backend->set(memory->data, POISON, memory->bytes);
}

/* Downloaded in pieces, since fresh memory for a whole tensor costs more time than the copy. */
int guarded_holds(const struct backend *backend, const struct guarded *memory, const void *expected,
                  bool *same)
{
    const size_t bytes = memory->bytes, most = bytes < PIECE ? bytes : PIECE;
    char *const copy = must_allocate(most, 1);
    int error = 0;
    *same = true;
    for (size_t at = 0; at < bytes && !error && *same; at += most) {
        const size_t part = bytes - at < most ? bytes - at : most;
        error = backend->download(copy, memory->data + at, part);
        *same = !error && !memcmp(copy, (const char *)expected + at, part);
    }
    free(copy);
    return error;
}
