/* How runs are timed on a GPU: between two events on the default stream, which is held back until
 * all of the run is queued.
 *
 * The kernel that holds it waits for a word in memory of the host's, or HOLD_MS: so long may a run
 * take to queue, and more launches than fit into the queue never do. Meanwhile it takes the clock
 * of its multiprocessor, cycles over time, from one tick of the GPU's timer to another.
 */
#include "../kernels/device/launch.cuh"
#include "draw.h"
#include "run_cuda.h"
#include "stats.h"

enum { FLUSH_TIMES = 2, FLUSH_GRAIN = 256, EMPTY_LAUNCHES = 4, MISFITS = 3 };
enum { HOLD_MS = 10, CLOCK_NS = 20000, FLOOR_ROUNDS = 31 };

/* In memory of the host's that the GPU sees. */
struct hold {
    unsigned released;   /* the ticket of the latest run that is queued */
    unsigned expired;    /* the ticket of the latest one that was not waited for to its end */
    uint64_t cycles, ns; /* of the latest one */
};

static struct hold *hold;
static unsigned ticket;
static bool held; /* the latest cuda_run() */
static cudaEvent_t start, stop;

static inline __device__ uint64_t timer_ns(void)
{
    uint64_t ns;
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(ns));
    return ns;
}

/* The timer at its next tick. */
static inline __device__ uint64_t tick_ns(void)
{
    const uint64_t before = timer_ns();
    uint64_t now;
    while ((now = timer_ns()) == before)
        ;
    return now;
}

static __global__ void hold_stream(volatile struct hold *h, unsigned wanted, uint64_t limit_ns)
{
    const uint64_t begin_ns = tick_ns(), begin = (uint64_t)clock64();
    bool released;
    uint64_t now;
    do {
        released = h->released == wanted;
        now = timer_ns();
    } while ((!released && now - begin_ns < limit_ns) || now - begin_ns < CLOCK_NS);
    const uint64_t end_ns = tick_ns(), end = (uint64_t)clock64();
    h->cycles = end - begin;
    h->ns = end_ns - begin_ns;
    if (!released)
        h->expired = wanted;
}

static __global__ void nothing(void)
{
}

/* By cycles: the tick of %globaltimer can be a microsecond. */
static __global__ void wait_cycles(int64_t cycles)
{
    const int64_t begin = clock64();
    while (clock64() - begin < cycles)
        ;
}

static int prepare(void)
{
    if (stop)
        return 0;
    RETURN_IF_ERROR(cudaHostAlloc((void **)&hold, sizeof *hold, cudaHostAllocMapped));
    memset(hold, 0, sizeof *hold);
    RETURN_IF_ERROR(cudaEventCreate(&start));
    return cudaEventCreate(&stop);
}

/* L2 gets other lines, none of which persists. Where they begin and how many empty launches follow
 * is drawn: after the same launches each time what the GPU keeps between them recurs every second
 * or fourth run, by up to 5 % of a short one. */
static int flush_cache(void)
{
    static char *flush;
    static int cache;
    if (!flush) {
        RETURN_IF_ERROR(cudaDeviceGetAttribute(&cache, cudaDevAttrL2CacheSize, 0));
        RETURN_IF_ERROR(cudaMalloc(&flush, (FLUSH_TIMES + 1) * (size_t)cache));
    }
    RETURN_IF_ERROR(cudaCtxResetPersistingL2Cache());
    char *const begin = flush + draw((unsigned)cache / FLUSH_GRAIN) * FLUSH_GRAIN;
    RETURN_IF_ERROR(cudaMemsetAsync(begin, (int)draw(256), FLUSH_TIMES * (size_t)cache, 0));
    int error = 0;
    for (unsigned i = draw(EMPTY_LAUNCHES); i > 0 && !error; i--)
        error = launch(nothing, 1, 1, 0, 0);
    return error;
}

/* Between the events on `stream`, which waits until they and `queue()` have been called, if those
 * fit into the queue. */
template <typename Queue>
static int between_events(cudaStream_t stream, bool holds, Queue queue, double *time_ms)
{
    float elapsed_ms = 0;
    *time_ms = 0;
    ticket++;
    if (!holds)
        *(volatile unsigned *)&hold->released = ticket;
    hold_stream<<<1, 1, 0, stream>>>(hold, ticket, HOLD_MS * (uint64_t)1000000);
    int error = cudaGetLastError();
    if (!error)
        error = cudaEventRecord(start, stream);
    if (!error)
        error = queue();
    if (!error)
        error = cudaEventRecord(stop, stream);
    *(volatile unsigned *)&hold->released = ticket;
    RETURN_IF_ERROR(error);
    RETURN_IF_ERROR(cudaStreamSynchronize(stream));
    RETURN_IF_ERROR(cudaEventElapsedTime(&elapsed_ms, start, stop));
    *time_ms = elapsed_ms;
    return 0;
}

/* The latest launch whose runs did not fit into the queue, and how often on end. */
static struct launch misfit;
static int misfits;

static bool is_misfit(const struct launch *launch)
{
    return misfit.variant == launch->variant && misfit.problem == launch->problem;
}

/* Whether to hold the stream for a run. The first of a variant may take long to queue because its
 * code comes to the GPU then, so that only MISFITS on end tell that runs never fit. */
static bool may_fit(const struct launch *launch)
{
    return !is_misfit(launch) || misfits < MISFITS;
}

static void note_fit(const struct launch *launch, bool fitted)
{
    if (fitted && is_misfit(launch))
        misfits = 0;
    if (fitted)
        return;
    misfits = is_misfit(launch) ? misfits + 1 : 1;
    misfit = *launch;
}

static int queue_run(const struct launch *launch, cudaStream_t stream)
{
    return launch->variant->run(launch->problem, launch->tensor, launch->workspace, stream);
}

int cuda_run(const struct launch *launch, bool cold, double *time_ms)
{
    RETURN_IF_ERROR(prepare());
    if (cold)
        RETURN_IF_ERROR(flush_cache());
    held = may_fit(launch);
    RETURN_IF_ERROR(between_events(
        0, held, [=] { return queue_run(launch, 0); }, time_ms));
    if (held)
        note_fit(launch, hold->expired != ticket);
    return cudaDeviceSynchronize();
}

int cuda_spin(int64_t ticks, void *stream)
{
    return launch(wait_cycles, 1, 1, 0, stream, ticks);
}

void cuda_latest(struct latest *latest)
{
    latest->clock_mhz = hold->ns ? (double)hold->cycles / (double)hold->ns * 1e3 : 0;
    latest->queued = held && hold->expired != ticket;
}

/* `count` runs as one graph. */
static int batch_graph(const struct launch *launch, int count, double *time_ms)
{
    cudaStream_t stream = NULL;
    cudaGraph_t graph = NULL;
    cudaGraphExec_t exec = NULL;
    int error = cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
    if (!error)
        error = cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal);
    if (!error) {
        int queued = 0;
        for (int i = 0; i < count && !queued; i++)
            queued = queue_run(launch, stream);
        error = cudaStreamEndCapture(stream, &graph);
        error = queued ? queued : error;
    }
    if (!error)
        error = cudaGraphInstantiate(&exec, graph, 0);
    for (int round = 0; round < 2 && !error; round++) /* the first one warms up */
        error = between_events(
            stream, true, [=] { return cudaGraphLaunch(exec, stream); }, time_ms);
    if (exec)
        cudaGraphExecDestroy(exec);
    if (graph)
        cudaGraphDestroy(graph);
    if (stream)
        cudaStreamDestroy(stream);
    if (cudaGetLastError() && !error)
        error = cudaErrorUnknown;
    return error;
}

int cuda_batch(const struct launch *launch, int count, bool graph, double *time_ms)
{
    RETURN_IF_ERROR(prepare());
    int error;
    if (graph) {
        error = batch_graph(launch, count, time_ms);
    } else {
        error = between_events(
            0, may_fit(launch),
            [=] {
                int queued = 0;
                for (int i = 0; i < count && !queued; i++)
                    queued = queue_run(launch, 0);
                return queued;
            },
            time_ms);
    }
    *time_ms /= count;
    return error;
}

int cuda_floors(struct floors *floors)
{
    static struct floors known;
    double pair_ms[FLOOR_ROUNDS], kernel_ms[FLOOR_ROUNDS];
    RETURN_IF_ERROR(prepare());
    for (int i = 0; i < FLOOR_ROUNDS && !(known.kernel_ms > 0); i++) {
        RETURN_IF_ERROR(between_events(
            0, true, [] { return 0; }, &pair_ms[i]));
        RETURN_IF_ERROR(between_events(
            0, true, [] { return launch(nothing, 1, 1, 0, 0); }, &kernel_ms[i]));
    }
    if (!(known.kernel_ms > 0))
        known = {summarise(pair_ms, FLOOR_ROUNDS).median,
                 summarise(kernel_ms, FLOOR_ROUNDS).median};
    *floors = known;
    return 0;
}
