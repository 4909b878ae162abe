/* Blocks of a cluster: their barrier, and their way to each other's shared memory. */
#include "executor.h"

namespace simt
{

unsigned cluster_size(void)
{
    return (unsigned)self->cluster->size;
}

unsigned cluster_rank(void)
{
    return (unsigned)self->rank;
}

void cluster_arrive(site where)
{
    struct cluster *const cluster = self->cluster;
    thread &mine = self->threads[self->current];
    if (mine.arrived)
        fail(where, "comes a second time without a cluster_wait() between");
    mine.arrived = true;
    mine.phase = cluster->phases;
    RELEASE(&cluster->phase_turn[cluster->phases % 2]);
    if (++cluster->arrived == cluster->size * self->count) {
        cluster->arrived = 0;
        cluster->phases++;
    }
}

void cluster_wait(site where)
{
    struct cluster *const cluster = self->cluster;
    thread &mine = self->threads[self->current];
    if (!mine.arrived)
        fail(where, "comes without a cluster_arrive() before it");
    while (cluster->phases == mine.phase) {
        mine.where = where;
        leave(STATE_AT_PHASE);
    }
    self->progress = true;
    mine.arrived = false;
    ACQUIRE(&cluster->phase_turn[mine.phase % 2]);
}

void *cluster_at(site where, const void *mine, unsigned rank)
{
    const char *const at = (const char *)mine;
    if (rank >= cluster_size())
        fail(where, "names block %u of a cluster of %u", rank, cluster_size());
    for (const array &own : self->arrays) {
        if (at < own.memory || at >= own.memory + own.bytes)
            continue;
        for (const array &other : self->cluster->member[rank]->arrays)
            if (same_place(other.where, own.where))
                return other.memory + (at - own.memory);
        fail(where,
             "is for block %u of the cluster, which has not named that shared array, or has "
             "ended",
             rank);
    }
    fail(where, "is given an address that is not in a shared array of the block");
}

} // namespace simt
