/* Shared memory, and copies that are under way. */
#include "executor.h"

#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define POISON(memory, bytes)   ASAN_POISON_MEMORY_REGION(memory, bytes)
#define UNPOISON(memory, bytes) ASAN_UNPOISON_MEMORY_REGION(memory, bytes)
#else
#define POISON(memory, bytes)   ((void)0)
#define UNPOISON(memory, bytes) ((void)0)
#endif

namespace simt
{

enum { GUARD = 64, GUARD_BYTE = 0xA5, DYNAMIC = -1 };

static array *find_array(site where)
{
    for (array &known : self->arrays)
        if (same_place(known.where, where))
            return &known;
    return NULL;
}

/* memset, but not an access that ThreadSanitizer counts as the calling thread's. */
static void fill(char *memory, int byte, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        memory[i] = (char)byte;
}

void *shared(site where, size_t bytes)
{
    const array *known = find_array(where);
    if (known)
        return known->memory;
    const size_t start = (self->arena_used + 127) / 128 * 128, end = start + bytes + 2 * GUARD;
    if (bytes > SHARED_MAX || end > 2 * SHARED_MAX)
        fail(where, "takes %zu bytes of shared memory: a block has at most %d", bytes, SHARED_MAX);
    char *memory = self->arena + start + GUARD;
    fill(memory - GUARD, GUARD_BYTE, GUARD);
    fill(memory, NAN_BYTE, bytes);
    fill(memory + bytes, GUARD_BYTE, GUARD);
    POISON(memory - GUARD, GUARD);
    POISON(memory + bytes, GUARD);
    self->arena_used = end;
    self->arrays.push_back({where, memory, bytes});
    return memory;
}

void *dynamic_shared(site where)
{
    where.line = DYNAMIC;
    where.file = where.what = "dynamic shared memory";
    return shared(where, self->launch->shared_bytes);
}

void require_aligned(site where, const void *memory, size_t alignment)
{
    if ((uintptr_t)memory % alignment)
        fail(where, "is given an address that is not a multiple of %zu bytes", alignment);
}

void require_shared(site where, const void *memory, size_t bytes, size_t alignment)
{
    const char *first = (const char *)memory;
    require_aligned(where, memory, alignment);
    for (const array &a : self->arrays)
        if (first >= a.memory && first + bytes <= a.memory + a.bytes)
            return;
    fail(where, "is given %zu bytes that are not in a shared array of the block", bytes);
}

void announce_copy(char *to, const char *from, size_t bytes, size_t zeroed)
{
    if (bytes) {
        (void)*(const volatile char *)from;
        (void)*(const volatile char *)(from + bytes - 1);
    }
    memset(to, NAN_BYTE, bytes + zeroed);
}

void start_copy(enum engine engine, void *to, const void *from, size_t bytes, size_t zeroed)
{
    announce_copy((char *)to, (const char *)from, bytes, zeroed);
    self->threads[self->current].copies[engine].push_back(
        {(char *)to, (const char *)from, bytes, zeroed, false});
}

void commit_copies(enum engine engine)
{
    /* An empty group counts too. */
    self->threads[self->current].copies[engine].push_back({NULL, NULL, 0, 0, true});
}

void finish_copies(enum engine engine, int groups_left)
{
    std::vector<copy> &copies = self->threads[self->current].copies[engine];
    int groups = 0;
    for (const copy &c : copies)
        groups += c.ends_group;
    while (groups > groups_left) {
        const copy c = copies.front();
        copies.erase(copies.begin());
        groups -= c.ends_group;
        if (c.to) {
            memcpy(c.to, c.from, c.bytes);
            memset(c.to + c.bytes, 0, c.zeroed);
        }
    }
}

void check_guards(void)
{
    for (const array &a : self->arrays) {
        UNPOISON(a.memory - GUARD, GUARD);
        UNPOISON(a.memory + a.bytes, GUARD);
        for (int i = 0; i < GUARD; i++)
            if ((unsigned char)a.memory[-1 - i] != GUARD_BYTE ||
                (unsigned char)a.memory[a.bytes + (size_t)i] != GUARD_BYTE) {
                report(a.where, 0, "was written outside its bounds");
                break;
            }
        if (self->cluster->size > 1) /* who reads it later sees it */
            fill(a.memory, NAN_BYTE, a.bytes);
    }
    self->arrays.clear();
    self->arena_used = 0;
}

} // namespace simt
