#include "simt.h"
#include "cuda_runtime.h"
#include "executor.h"

#include <mutex>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

thread_local simt::index3 threadIdx, blockIdx, blockDim, gridDim;

namespace simt
{

static const long POLLS_MAX = 20 * 1000 * 1000;
enum { RESIDENT = 3 }; /* blocks that an OpenMP thread runs at once */

__thread executor *self;
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

void report(site where, int rank, const char *sentence)
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

static void start_block(int64_t index)
{
    self->block = index;
    self->waiting = self->done = 0;
    self->random = (uint64_t)(index + 1) * 0x9e3779b97f4a7c15u ^ schedule ^
                   (uint64_t)gridDim.x << 32; /* other grids, other orders */
    for (int i = 0; i < self->count; i++) {
        self->threads[i].state = STATE_NEW;
        self->threads[i].arrived = false;
        for (std::vector<copy> &copies : self->threads[i].copies)
            copies.clear();
    }
    self->bulk_count = 0;
    for (int first = 0; first < self->count; first += WARP) {
        const int lanes = self->count - first;
        self->warps[first / WARP].left = lanes < WARP ? ~0u << lanes : 0;
        self->warps[first / WARP].pendings.clear();
    }
    RELEASE(&self->count);
}

/* Lets the thread's warp go on until none of its lanes can. */
static void exhaust_warp(int rank)
{
    const int first = rank / WARP * WARP,
              end = first + WARP < self->count ? first + WARP : self->count;
    for (bool ran = true; ran && !self->launch->failed;) {
        ran = false;
        for (int i = 0; i < end - first && !self->launch->failed; i++) {
            const int lane = schedule == 1 ? end - 1 - i : first + i;
            if (self->threads[lane].state > STATE_READY)
                continue;
            ran = true;
            resume(lane);
        }
    }
}

/* Lets every thread of the block that can go on do so: by schedules 0 and 1 warp by warp, each
 * until it waits for others; by shuffled schedules once, now and then only half of them, so that
 * other blocks see what some threads have done and others have not. */
static void advance_block(void)
{
    int order[THREADS_MAX];
    blockIdx = index_of(self->block, gridDim);
    self->progress = self->polling = false;
    order_threads(order);
    const bool ragged = schedule > 1 && random_number() % 8 == 0;
    for (int i = 0; i < self->count && !self->launch->failed; i++) {
        const enum state state = self->threads[order[i]].state;
        self->polling |= state == STATE_POLLING;
        if (state == STATE_AT_BARRIER || state == STATE_AT_COLLECTIVE || state == STATE_DONE)
            continue;
        self->progress |= state <= STATE_READY;
        if (schedule <= 1 && state <= STATE_READY)
            exhaust_warp(order[i]);
        else if (!ragged || state > STATE_READY || random_number() % 2)
            resume(order[i]);
    }
    if (self->done < self->count && !self->launch->failed)
        return;
    ACQUIRE(self);
    check_guards();
    self->block = NO_BLOCK;
}

/* Lets every block of the cluster go on, by shuffled schedules only some of several; reports when
 * no thread of any can. Returns whether one is left. */
static bool advance_cluster(struct cluster *cluster)
{
    bool progress = false, polling = false, left = false;
    for (int i = 0; i < cluster->size; i++) {
        self = cluster->member[schedule == 1 ? cluster->size - 1 - i : i];
        if (self->block == NO_BLOCK)
            continue;
        left = true;
        if (schedule > 1 && cluster->size > 1 && random_number() % 2) {
            progress = true;
            continue;
        }
        advance_block();
        progress |= self->progress || self->block == NO_BLOCK;
        polling |= self->polling;
    }
    cluster->polls = progress ? 0 : cluster->polls + 1;
    if (left && !progress && (!polling || cluster->polls > POLLS_MAX)) {
        for (int i = 0; self->block == NO_BLOCK; i++)
            self = cluster->member[i];
        blockIdx = index_of(self->block, gridDim);
        report_stuck();
    }
    return left;
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

/* Executors that no thread has, kept for the next launch on whatever thread. */
static executor *idle;
static std::mutex idle_lock;

static executor *take_executor(void)
{
    const std::lock_guard<std::mutex> lock(idle_lock);
    executor *taken = idle;
    if (taken) {
        idle = taken->next;
    } else {
        taken = new executor();
        taken->arena = (char *)malloc(2 * SHARED_MAX);
    }
    /* Another thread's stack may be what it was last scheduled from. */
    taken->scheduler.stack = NULL;
    taken->scheduler.fake_stack = taken->scheduler.tsan = NULL;
    return taken;
}

static void give_executor(executor *done)
{
    const std::lock_guard<std::mutex> lock(idle_lock);
    done->next = idle;
    idle = done;
}

/* Starts the blocks of the launch's next cluster, if one is left. */
static void start_cluster(struct cluster *cluster, launch_state *launch, int64_t clusters)
{
    int64_t turn;
    if (launch->failed || (turn = launch->next_cluster++) >= clusters)
        return;
    cluster->arrived = 0;
    cluster->polls = 0;
    for (int i = 0; i < cluster->size; i++) {
        self = cluster->member[i];
        start_block(block_at(turn, clusters) * cluster->size + i);
    }
}

/* Runs clusters until none are left: one after the other by schedules 0 and 1, else several at
 * once, turn by turn, if they are of one block; by shuffled schedules a cluster pauses now and
 * then, for up to 31 turns. */
static void run_clusters(launch_state *launch, int64_t clusters, int size, index3 grid,
                         index3 block)
{
    struct cluster resident[RESIDENT] = {};
    const int slots = schedule > 1 && size == 1 ? RESIDENT : 1;
    uint64_t chance = schedule ^ (uint64_t)clusters << 8;
    bool active;
    gridDim = grid;
    blockDim = block;
    for (int i = 0; i < slots; i++) {
        resident[i].size = size;
        for (int rank = 0; rank < size; rank++) {
            executor *const e = resident[i].member[rank] = take_executor();
            e->launch = launch;
            e->cluster = &resident[i];
            e->rank = rank;
            e->count = (int)(block.x * block.y * block.z);
            e->block = NO_BLOCK;
        }
    }
    do {
        active = false;
        for (int i = 0; i < slots; i++) {
            struct cluster *const cluster = &resident[i];
            bool idle_now = true;
            for (int rank = 0; rank < size; rank++)
                idle_now &= cluster->member[rank]->block == NO_BLOCK;
            if (idle_now)
                start_cluster(cluster, launch, clusters);
            chance = chance * 6364136223846793005u + 1442695040888963407u;
            if (schedule > 1 && !cluster->pause && chance >> 61 == 0)
                cluster->pause = (int)(chance >> 56); /* 0 ... 31 */
            if (cluster->pause && !launch->failed && !idle_now) {
                cluster->pause--;
                active = true;
            } else {
                active |= advance_cluster(cluster);
            }
        }
    } while (active);
    for (int i = slots - 1; i >= 0; i--)
        for (int rank = size - 1; rank >= 0; rank--)
            give_executor(resident[i].member[rank]);
}

int run(const char *kernel, index3 grid, index3 block, size_t shared_bytes,
        void (*body)(void *arguments), void *arguments, unsigned cluster)
{
    const int64_t blocks = (int64_t)grid.x * grid.y * grid.z;
    const int64_t threads = (int64_t)block.x * block.y * block.z;
    launch_state launch = {kernel, shared_bytes, body, arguments, {0}, {false}};
    if (threads < 1 || threads > THREADS_MAX || blocks < 1 || grid.y > 65535 || grid.z > 65535 ||
        grid.x > INT32_MAX || shared_bytes > SHARED_MAX || cluster < 1 || cluster > CLUSTER_MAX ||
        blocks % cluster) {
        snprintf(error_sentence, sizeof error_sentence,
                 "%.*s: a grid of %u x %u x %u blocks, %u a cluster, of %u x %u x %u threads with "
                 "%zu bytes of shared memory cannot be launched",
                 name_length(kernel), kernel, grid.x, grid.y, grid.z, cluster, block.x, block.y,
                 block.z, shared_bytes);
        return ERROR;
    }
    const int64_t clusters = blocks / cluster;
    const int most = OS_THREADS ? OS_THREADS : omp_get_max_threads();
    const int workers = clusters < most ? (int)clusters : most; /* cost only: none is idle */
#pragma omp parallel num_threads(workers)
    run_clusters(&launch, clusters, (int)cluster, grid, block);
    return launch.failed ? ERROR : 0;
}

} // namespace simt
