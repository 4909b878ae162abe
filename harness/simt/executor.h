/* What the parts of simt share: the state of a block and its threads. */
#ifndef SSMBENCH_EXECUTOR_H
#define SSMBENCH_EXECUTOR_H

#include "fiber.h"
#include "simt.h"

#include <atomic>
#include <vector>

/* ThreadSanitizer is told what orders memory accesses between the threads of a block. It does not
 * know OpenMP's own synchronisation: under it, one thread runs all blocks. */
#if defined(SIMT_TSAN)
#include <sanitizer/tsan_interface.h>
#define RELEASE(address) __tsan_release(address)
#define ACQUIRE(address) __tsan_acquire(address)
enum { OS_THREADS = 1 };
#else
#define RELEASE(address) ((void)0)
#define ACQUIRE(address) ((void)0)
enum { OS_THREADS = 0 };
#endif

namespace simt
{

enum { NO_BLOCK = -1, TURNS = 2 * WARP, BULKS_MAX = 1024 };

enum state {
    STATE_NEW,
    STATE_READY,
    STATE_AT_BARRIER,
    STATE_AT_COLLECTIVE,
    STATE_AT_PHASE, /* of an mbarrier, or of the cluster's barrier */
    STATE_POLLING,
    STATE_DONE
};

enum { NAN_BYTE = 0xFF };

struct copy {
    char *to;
    const char *from;
    size_t bytes, zeroed;
    bool ends_group;
};

/* One CUDA thread. */
struct thread {
    struct fiber fiber;
    enum state state;
    struct site where;
    const void *input;
    void *output;
    std::vector<copy> copies[COPY_ENGINES];
    bool arrived;   /* at the cluster's barrier, and has not waited yet ... */
    unsigned phase; /* ... for the end of this phase */
};

/* A warp collective that some lanes have come to. */
struct pending {
    struct site where;
    uint32_t mask, arrived;
    char *turn;
    const void *common;
    combine function;
};

struct warp {
    uint32_t left; /* lanes that have left the kernel, or that the block does not have */
    unsigned collectives;
    char turn[TURNS];
    std::vector<pending> pendings;
};

/* A bulk copy that is under way. */
struct bulk {
    char *to;
    const char *from;
    size_t bytes;
    struct mbarrier *barrier;
};

/* A shared array of the block. */
struct array {
    struct site where;
    char *memory;
    size_t bytes;
};

/* Blocks that run at once, beside each other on one OpenMP thread. */
struct cluster {
    struct executor *member[CLUSTER_MAX];
    int size, arrived;
    unsigned phases;    /* of its barrier, that are over */
    char phase_turn[2]; /* as barrier_turn, below */
    long polls;
    int pause;
};

struct launch_state {
    const char *kernel;
    size_t shared_bytes;
    void (*body)(void *);
    void *arguments;
    std::atomic<int64_t> next_cluster;
    std::atomic<bool> failed;
};

/* A block that an OpenMP thread runs, beside others; what it takes is kept for the next. */
struct executor {
    executor *next; /* of those that no thread has */
    int64_t block;  /* index in the grid, or NO_BLOCK */
    struct fiber scheduler;
    thread threads[THREADS_MAX];
    warp warps[THREADS_MAX / WARP];
    char *arena;
    size_t arena_used;
    std::vector<array> arrays;
    bulk bulks[BULKS_MAX]; /* no vector: ThreadSanitizer would watch what it calls */
    int bulk_count;
    launch_state *launch;
    struct cluster *cluster;
    int rank; /* in the cluster */
    int current, count, waiting, done;
    unsigned barriers;
    char barrier_turn[2];   /* only their addresses are used, as those of warp.turn */
    bool progress, polling; /* in this turn of the block's threads */
    uint64_t random;
};

extern __thread executor *self; /* the block that this OpenMP thread is running */

/* Keeps the first error of a launch; `rank` is the thread to name. */
void report(site where, int rank, const char *sentence);

/* Leaves the running thread in `state` and goes on with the scheduler. */
void leave(enum state state);

bool same_place(site a, site b);

/* The running thread has left the kernel: collectives that only waited for it go on. */
void leave_warp(void);

/* Marks what an asynchronous copy is about to write, as the running thread's access, and touches
 * what it reads, so that AddressSanitizer names the place that starts the copy. */
void announce_copy(char *to, const char *from, size_t bytes, size_t zeroed);

/* Reports guards that changed, once a block is done, and forgets its shared arrays. */
void check_guards(void);

} // namespace simt

#endif
