/* simt: runs CUDA kernels on a CPU, for correctness and never for speed.
 *
 * A block is a set of fibers on one OpenMP thread; blocks are spread over the threads. A fiber runs
 * until it meets a barrier or a warp collective that has to wait for others; which one runs next is
 * decided by the schedule: 0 takes threads in ascending order, warp by warp, 1 in descending order,
 * every other number shuffles them anew after each barrier. What the hardware leaves undefined is
 * an error that names kernel, block, thread and source line. docs/simt.md says what is emulated and
 * what is not.
 */
#ifndef SSMBENCH_SIMT_H
#define SSMBENCH_SIMT_H

#include <stddef.h>
#include <stdint.h>

namespace simt
{

enum { WARP = 32, THREADS_MAX = 1024, SHARED_MAX = 227 * 1024, CLUSTER_MAX = 16, ERROR = 999999 };

/* A place in a kernel's source; the default is where the caller's caller stands. */
struct site {
    const char *file, *what;
    int line;
};

#define SIMT_SITE(what)                                                                            \
    simt::site                                                                                     \
    {                                                                                              \
        file, what, line                                                                           \
    }
#define SIMT_HERE const char *file = __builtin_FILE(), int line = __builtin_LINE()

struct index3 {
    unsigned x, y, z;
};

/* The schedule of the launches to come; 0 at the start. */
void set_schedule(unsigned schedule);

/* One sentence about the latest error of a launch. */
const char *error_text(void);

/* Runs body(arguments) once for every thread of every block, each `cluster` neighbouring blocks of
 * a one-dimensional grid at once. Returns 0, or ERROR. */
int run(const char *kernel, index3 grid, index3 block, size_t shared_bytes,
        void (*body)(void *arguments), void *arguments, unsigned cluster = 1);

/* Ends the launch with an error that names this thread. Does not return. */
[[noreturn]] void fail(site where, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Waits until all threads of the block are here; all must be at the same place. */
void barrier(site where);

/* Lets others run: for a thread that polls memory. An error once everybody only polls. */
void yield(site where);

/* What this thread wrote before it is seen before what it writes after it. A call of its own: the
 * kernels may be compiled for ThreadSanitizer, which knows no fences. */
void fence(void);

/* The shared array that stands at `where`: the same for all threads of the block, NaN patterns at
 * first, guard bytes around it. */
void *shared(site where, size_t bytes);

/* The dynamic shared memory of the launch. */
void *dynamic_shared(site where);

/* Called once all lanes of a mask have come to the same place: fills output[lane] from the input[]
 * of all. `lanes` are those that came; both arrays are null for others. */
typedef void (*combine)(uint32_t lanes, const void *const input[WARP], void *const output[WARP],
                        const void *common, site where);

/* A warp collective: waits for the lanes of `mask` that have not left the kernel, which must come
 * to the same place with the same mask. */
void collective(site where, uint32_t mask, const void *input, void *output, const void *common,
                combine function);

/* The blocks of a cluster: how many, which of them this is, and where in the shared memory of
 * another `mine` is. That one has to run, and to have named the array. */
unsigned cluster_size(void);
unsigned cluster_rank(void);
void *cluster_at(site where, const void *mine, unsigned rank);

/* The cluster's barrier: each thread arrives, and waits until all threads of all blocks have. */
void cluster_arrive(site where);
void cluster_wait(site where);

/* This thread's place in its block, and its lane. */
unsigned thread_rank(void);
inline unsigned lane(void)
{
    return thread_rank() % WARP;
}

/* Errors unless the bytes are shared memory of this block, or unless the address is a multiple. */
void require_shared(site where, const void *memory, size_t bytes, size_t alignment);
void require_aligned(site where, const void *memory, size_t alignment);

/* Copies that are under way but not done: done by finish_copies() of the same thread, in groups;
 * until then the destination holds NaN patterns. COPY_ASYNC are those of cp.async, COPY_BULK those
 * from shared to global memory of cp.async.bulk. */
enum engine { COPY_ASYNC, COPY_BULK, COPY_ENGINES };
void start_copy(enum engine engine, void *to, const void *from, size_t bytes, size_t zeroed);
void commit_copies(enum engine engine);
void finish_copies(enum engine engine, int groups_left);

/* A barrier in shared memory. `unset` is what the NaN patterns of new shared memory say. */
struct alignas(8) mbarrier {
    uint64_t parity : 1, count : 20, awaited : 20;
    int64_t bytes : 22;
    uint64_t unset : 1;
};
void mbarrier_init(site where, mbarrier *barrier, unsigned count);
void mbarrier_arrive(site where, mbarrier *barrier, size_t expected_bytes);
void mbarrier_wait(site where, mbarrier *barrier, unsigned parity);

/* A copy from global to shared memory, done when a thread next polls the barrier. */
void copy_bulk(site where, void *to, const void *from, size_t bytes, mbarrier *barrier);

} // namespace simt

#endif
