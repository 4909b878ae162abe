#include "simt.h"
#include "cuda_runtime.h"
#include "fiber.h"

#include <atomic>
#include <mutex>
#include <omp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define POISON(memory, bytes)   ASAN_POISON_MEMORY_REGION(memory, bytes)
#define UNPOISON(memory, bytes) ASAN_UNPOISON_MEMORY_REGION(memory, bytes)
#else
#define POISON(memory, bytes)   ((void)0)
#define UNPOISON(memory, bytes) ((void)0)
#endif

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

thread_local simt::index3 threadIdx, blockIdx, blockDim, gridDim;

namespace simt
{

enum { GUARD = 64, GUARD_BYTE = 0xA5, NAN_BYTE = 0xFF, DYNAMIC = -1, TURNS = 2 * WARP };
static const long POLLS_MAX = 20 * 1000 * 1000;

enum state {
    STATE_NEW,
    STATE_READY,
    STATE_AT_BARRIER,
    STATE_AT_COLLECTIVE,
    STATE_POLLING,
    STATE_DONE
};

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
    std::vector<copy> copies;
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

/* A shared array of the block. */
struct array {
    struct site where;
    char *memory;
    size_t bytes;
};

struct launch_state {
    const char *kernel;
    index3 grid, block;
    size_t shared_bytes;
    void (*body)(void *);
    void *arguments;
    std::atomic<int64_t> next_block;
    std::atomic<bool> failed;
};

/* What an OpenMP thread keeps between blocks. */
struct executor {
    struct fiber scheduler;
    thread threads[THREADS_MAX];
    warp warps[THREADS_MAX / WARP];
    char *arena;
    size_t arena_used;
    std::vector<array> arrays;
    launch_state *launch;
    int current, count, waiting, done;
    unsigned barriers;
    char barrier_turn[2]; /* only their addresses are used, as those of warp.turn */
    long polls;
    uint64_t random;
};

static thread_local executor *self;
static unsigned schedule;
static std::mutex error_mutex;
static char error_sentence[1024];

void set_schedule(unsigned number)
{
    schedule = number;
}

const char *error_text(void)
{
    return error_sentence;
}

unsigned thread_rank(void)
{
    return (unsigned)self->current;
}

static index3 index_of(int64_t rank, index3 size)
{
    return {(unsigned)(rank % size.x), (unsigned)(rank / size.x % size.y),
            (unsigned)(rank / size.x / size.y)};
}

/* Characters of the kernel's name in the text of its launch: up to the first comma that is not one
 * of template arguments. */
static int name_length(const char *call)
{
    int length = 0, depth = 0;
    for (; call[length] && (call[length] != ',' || depth); length++)
        depth += (call[length] == '<') - (call[length] == '>');
    return length;
}

/* Keeps the first error of a launch. */
static void report(site where, int rank, const char *sentence)
{
    const std::lock_guard<std::mutex> lock(error_mutex);
    if (self->launch->failed.exchange(true))
        return;
    const index3 t = index_of(rank, blockDim);
    snprintf(error_sentence, sizeof error_sentence,
             "%.*s, block (%u,%u,%u), thread (%u,%u,%u), %s:%d: %s %s",
             name_length(self->launch->kernel), self->launch->kernel, blockIdx.x, blockIdx.y,
             blockIdx.z, t.x, t.y, t.z, where.file, where.line, where.what, sentence);
}

static void leave(enum state state)
{
    self->threads[self->current].state = state;
    fiber_switch(&self->threads[self->current].fiber, &self->scheduler);
}

void fail(site where, const char *format, ...)
{
    char sentence[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    report(where, self->current, sentence);
    RELEASE(self);
    leave(STATE_DONE);
    abort();
}

void yield(site where)
{
    self->threads[self->current].where = where;
    leave(STATE_POLLING);
}

static bool same_place(site a, site b)
{
    return a.line == b.line && (a.file == b.file || !strcmp(a.file, b.file)) &&
           (a.what == b.what || !strcmp(a.what, b.what));
}

void barrier(site where)
{
    self->threads[self->current].where = where;
    if (self->done)
        fail(where, "waits for %d threads that have left the kernel", self->done);
    /* Two addresses in turn: who leaves this barrier late must not see who is early at the next. */
    char *const turn = &self->barrier_turn[self->barriers % 2];
    RELEASE(turn);
    if (++self->waiting == self->count) {
        for (int i = 0; i < self->count; i++) {
            thread &other = self->threads[i];
            if (i != self->current && !same_place(other.where, where))
                fail(where, "is not where thread %d of the block waits, %s at %s:%d", i,
                     other.where.what, other.where.file, other.where.line);
            other.state = STATE_READY;
        }
        self->waiting = 0;
        self->barriers++;
        leave(STATE_READY);
    } else {
        leave(STATE_AT_BARRIER);
    }
    (void)turn;
    ACQUIRE(turn);
}

/* Lanes of the warp that have not left the kernel. */
static uint32_t alive(const warp &w)
{
    return ~w.left;
}

/* Runs collective `c` of a warp and lets its lanes go on. */
static void complete(warp &w, int first, size_t c)
{
    const void *input[WARP] = {};
    void *output[WARP] = {};
    const pending p = w.pendings[c];
    w.pendings.erase(w.pendings.begin() + (long)c);
    for (int lane = 0; lane < WARP; lane++)
        if (p.arrived >> lane & 1) {
            thread &other = self->threads[first + lane];
            input[lane] = other.input;
            output[lane] = other.output;
            other.state = STATE_READY;
        }
    ACQUIRE(p.turn); /* what all lanes brought; then give them what comes out */
    if (p.function)
        p.function(p.arrived, input, output, p.common, p.where);
    RELEASE(p.turn);
}

void collective(site where, uint32_t mask, const void *input, void *output, const void *common,
                combine function)
{
    const int first = self->current / WARP * WARP;
    warp &w = self->warps[first / WARP];
    thread &mine = self->threads[self->current];
    mine.where = where;
    mine.input = input;
    mine.output = output;
    if (!(mask >> lane() & 1))
        fail(where, "has a mask, %08x, without the lane that calls it, %u", mask, lane());
    size_t c = 0;
    while (c < w.pendings.size() && !(w.pendings[c].mask & mask))
        c++;
    if (c == w.pendings.size())
        w.pendings.push_back({where, mask, 0, &w.turn[w.collectives++ % TURNS], common, function});
    pending &p = w.pendings[c];
    if (p.mask != mask || !same_place(p.where, where))
        fail(where, "with mask %08x meets lanes %08x at %s with mask %08x, %s:%d", mask, p.arrived,
             p.where.what, p.mask, p.where.file, p.where.line);
    p.arrived |= 1u << lane();
    char *const turn = p.turn;
    RELEASE(turn);
    mine.state = STATE_AT_COLLECTIVE;
    if (p.arrived == (mask & alive(w)))
        complete(w, first, c);
    leave(mine.state);
    (void)turn;
    ACQUIRE(turn);
}

/* The running thread has left: collectives that only waited for it go on. */
static void leave_warp(void)
{
    const int first = self->current / WARP * WARP;
    warp &w = self->warps[first / WARP];
    w.left |= 1u << lane();
    for (size_t c = w.pendings.size(); c-- > 0;)
        if (w.pendings[c].arrived == (w.pendings[c].mask & alive(w)))
            complete(w, first, c);
}

static array *find_array(site where)
{
    for (array &known : self->arrays)
        if (known.where.line == where.line && known.where.file == where.file &&
            known.where.what == where.what)
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

void start_copy(void *to, const void *from, size_t bytes, size_t zeroed)
{
    self->threads[self->current].copies.push_back(
        {(char *)to, (const char *)from, bytes, zeroed, false});
}

void commit_copies(void)
{
    /* An empty group counts too. */
    self->threads[self->current].copies.push_back({NULL, NULL, 0, 0, true});
}

void finish_copies(int groups_left)
{
    std::vector<copy> &copies = self->threads[self->current].copies;
    int groups = 0;
    for (const copy &c : copies)
        groups += c.ends_group;
    while (groups > groups_left && !copies.empty()) {
        const copy c = copies.front();
        copies.erase(copies.begin());
        groups -= c.ends_group;
        if (c.to) {
            memcpy(c.to, c.from, c.bytes);
            memset(c.to + c.bytes, 0, c.zeroed);
        }
    }
}

/* A guard that changed, once a block is done. */
static void check_guards(void)
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
    }
    self->arrays.clear();
    self->arena_used = 0;
}

/* Where a thread of the block waits at a barrier. */
static site waiting_place(void)
{
    int rank = 0;
    while (self->threads[rank].state != STATE_AT_BARRIER)
        rank++;
    return self->threads[rank].where;
}

/* The life of a fiber. */
static void thread_entry(void)
{
    executor *e = self;
    ACQUIRE(&e->count);
    e->launch->body(e->launch->arguments);
    thread &mine = e->threads[e->current];
    if (!mine.copies.empty() && mine.copies.back().to)
        finish_copies(0);
    leave_warp();
    mine.fiber.running = false;
    RELEASE(e);
    e->done++;
    if (e->waiting)
        report(waiting_place(), e->current, "waits for this thread, which has left the kernel");
    leave(STATE_DONE);
}

static void resume(int rank)
{
    thread &next = self->threads[rank];
    self->current = rank;
    threadIdx = index_of(rank, blockDim);
    if (next.state == STATE_NEW)
        fiber_start(&next.fiber, thread_entry);
    next.state = STATE_READY;
    fiber_switch(&self->scheduler, &next.fiber);
}

/* xorshift64 */
static uint64_t random_number(void)
{
    self->random ^= self->random << 13;
    self->random ^= self->random >> 7;
    return self->random ^= self->random << 17;
}

static void order_threads(int order[])
{
    for (int i = 0; i < self->count; i++)
        order[i] = schedule == 1 ? self->count - 1 - i : i;
    for (int i = self->count - 1; i > 0 && schedule > 1; i--) {
        const int j = (int)(random_number() % (uint64_t)(i + 1));
        const int swapped = order[i];
        order[i] = order[j];
        order[j] = swapped;
    }
}

/* Nobody can go on: says who waits for whom. */
static void report_stuck(void)
{
    int waiting = 0;
    while (self->threads[waiting].state == STATE_DONE)
        waiting++;
    const thread &first = self->threads[waiting];
    for (int i = 0; i < self->count; i++) {
        const thread &other = self->threads[i];
        if (other.state != STATE_DONE && !same_place(other.where, first.where)) {
            char sentence[256];
            snprintf(sentence, sizeof sentence,
                     "waits for ever: thread %d waits elsewhere, %s at %s:%d", i, other.where.what,
                     other.where.file, other.where.line);
            report(first.where, waiting, sentence);
            return;
        }
    }
    report(first.where, waiting, "waits for ever for threads of the block that do not come");
}

static void run_block(int64_t index)
{
    int order[THREADS_MAX];
    blockIdx = index_of(index, gridDim);
    self->waiting = self->done = 0;
    self->polls = 0;
    self->random = (uint64_t)(index + 1) * 0x9e3779b97f4a7c15u ^ schedule;
    for (int i = 0; i < self->count; i++) {
        self->threads[i].state = STATE_NEW;
        self->threads[i].copies.clear();
    }
    for (int first = 0; first < self->count; first += WARP) {
        const int lanes = self->count - first;
        self->warps[first / WARP].left = lanes < WARP ? ~0u << lanes : 0;
        self->warps[first / WARP].pendings.clear();
    }
    RELEASE(&self->count);
    while (self->done < self->count && !self->launch->failed) {
        bool progress = false, polling = false;
        order_threads(order);
        for (int i = 0; i < self->count && !self->launch->failed; i++) {
            const enum state state = self->threads[order[i]].state;
            polling |= state == STATE_POLLING;
            if (state > STATE_READY && state != STATE_POLLING)
                continue;
            progress |= state != STATE_POLLING;
            resume(order[i]);
        }
        self->polls = progress ? 0 : self->polls + 1;
        if (!progress && (!polling || self->polls > POLLS_MAX) && !self->launch->failed)
            report_stuck();
    }
    ACQUIRE(self);
    check_guards();
}

/* A permutation of the blocks: CUDA promises no order. */
static int64_t block_at(int64_t turn, int64_t blocks)
{
    if (schedule == 0)
        return turn;
    if (schedule == 1)
        return blocks - 1 - turn;
    int64_t stride = 1 + (int64_t)(schedule * 2654435761u) % blocks;
    for (int64_t a = stride, b = blocks;;) { /* the next stride without a common divisor */
        while (b) {
            const int64_t rest = a % b;
            a = b;
            b = rest;
        }
        if (a == 1)
            break;
        a = ++stride;
        b = blocks;
    }
    return (int64_t)((__int128)turn * stride % blocks);
}

int run(const char *kernel, index3 grid, index3 block, size_t shared_bytes,
        void (*body)(void *arguments), void *arguments)
{
    const int64_t blocks = (int64_t)grid.x * grid.y * grid.z;
    const int64_t threads = (int64_t)block.x * block.y * block.z;
    launch_state launch = {kernel, grid, block, shared_bytes, body, arguments, {0}, {false}};
    if (threads < 1 || threads > THREADS_MAX || blocks < 1 || grid.y > 65535 || grid.z > 65535 ||
        grid.x > INT32_MAX || shared_bytes > SHARED_MAX) {
        snprintf(error_sentence, sizeof error_sentence,
                 "%.*s: a grid of %u x %u x %u blocks of %u x %u x %u threads with %zu bytes of "
                 "shared memory cannot be launched",
                 name_length(kernel), kernel, grid.x, grid.y, grid.z, block.x, block.y, block.z,
                 shared_bytes);
        return ERROR;
    }
    const int workers = OS_THREADS ? OS_THREADS : omp_get_max_threads();
#pragma omp parallel num_threads(workers)
    {
        if (!self) {
            self = new executor();
            self->arena = (char *)malloc(2 * SHARED_MAX);
        }
        self->launch = &launch;
        self->count = (int)threads;
        gridDim = grid;
        blockDim = block;
        for (int64_t turn; (turn = launch.next_block++) < blocks && !launch.failed;)
            run_block(block_at(turn, blocks));
    }
    return launch.failed ? ERROR : 0;
}

} // namespace simt
