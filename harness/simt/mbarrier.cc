/* Barriers in shared memory, and the bulk copies that they wait for. */
#include "executor.h"

namespace simt
{

enum { COUNT_MAX = (1 << 20) - 1 };

/* What orders accesses around a phase, for ThreadSanitizer: one address for each parity, as for the
 * barriers of a block. */
[[maybe_unused]] static void *turn(mbarrier *barrier, unsigned parity)
{
    return (char *)barrier + parity;
}

static void require_mbarrier(site where, const mbarrier *barrier)
{
    require_shared(where, barrier, sizeof *barrier, alignof(mbarrier));
    if (barrier->unset)
        fail(where, "is given an mbarrier that is not initialised");
}

static void end_phase(mbarrier *barrier)
{
    if (barrier->awaited || barrier->bytes)
        return;
    barrier->parity ^= 1;
    barrier->awaited = barrier->count;
}

void mbarrier_init(site where, mbarrier *barrier, unsigned count)
{
    require_shared(where, barrier, sizeof *barrier, alignof(mbarrier));
    if (count < 1 || count > COUNT_MAX)
        fail(where, "has a count of %u: not 1 to %d", count, COUNT_MAX);
    barrier->parity = 0;
    barrier->count = barrier->awaited = count;
    barrier->bytes = 0;
    barrier->unset = 0;
}

void mbarrier_arrive(site where, mbarrier *barrier, size_t expected_bytes)
{
    require_mbarrier(where, barrier);
    if (!barrier->awaited)
        fail(where, "is one arrival more than the %u that a phase has", (unsigned)barrier->count);
    const int64_t bytes = barrier->bytes + (int64_t)expected_bytes;
    if (bytes > COUNT_MAX)
        fail(where, "makes a phase wait for %lld bytes: at most %d", (long long)bytes, COUNT_MAX);
    RELEASE(turn(barrier, barrier->parity));
    barrier->bytes = bytes;
    barrier->awaited--;
    end_phase(barrier);
}

/* Does the copies that count for the barrier. Byte by byte: they are not accesses of the thread
 * that happens to poll. */
static void land_copies(mbarrier *barrier)
{
    for (int i = 0; i < self->bulk_count;) {
        const bulk b = self->bulks[i];
        if (b.barrier != barrier) {
            i++;
            continue;
        }
        self->bulks[i] = self->bulks[--self->bulk_count];
        for (size_t byte = 0; byte < b.bytes; byte++)
            b.to[byte] = b.from[byte];
        barrier->bytes -= (int64_t)b.bytes;
        end_phase(barrier);
    }
}

void mbarrier_wait(site where, mbarrier *barrier, unsigned parity)
{
    require_mbarrier(where, barrier);
    if (parity > 1)
        fail(where, "has parity %u: not 0 or 1", parity);
    for (;;) {
        land_copies(barrier);
        if (barrier->parity != parity)
            break;
        self->threads[self->current].where = where;
        leave(STATE_AT_PHASE);
    }
    self->progress = true;
    ACQUIRE(turn(barrier, parity));
}

void copy_bulk(site where, void *to, const void *from, size_t bytes, mbarrier *barrier)
{
    require_mbarrier(where, barrier);
    require_shared(where, to, bytes, 16);
    require_aligned(where, from, 16);
    if (bytes % 16)
        fail(where, "copies %zu bytes: not a multiple of 16", bytes);
    if (self->bulk_count == BULKS_MAX)
        fail(where, "comes while %d bulk copies of the block are under way", BULKS_MAX);
    announce_copy((char *)to, (const char *)from, bytes, 0);
    RELEASE(turn(barrier, barrier->parity));
    self->bulks[self->bulk_count++] = {(char *)to, (const char *)from, bytes, barrier};
}

} // namespace simt
