/* step/after: a training step of the fastest variants, as one CUDA graph, with data made beside it.
 *
 * Computes   all outputs of reference/step.h, in fp32.
 * Accepts    what its parts accept.
 * Layout     that of its parts; one host thread starts audio on a stream of its own.
 * Algorithm  audio/pipelined beside a graph of conv1d/auto and selscan/auto forward, which choose a
 *            variant for each path, stft_loss/batched, selscan_bwd/chunked and
 *            conv1d_bwd/channel_last back; the stream of the graph then waits for the data. On simt
 *            one after another, without a graph.
 * Cost       that of its parts, and the recording of the graph in each run.
 * Error      that of its parts.
 * Source     composed of what is fastest in results/.
 */
#include "../device/graph.cuh"
#include "beside.h"
#include "events.cuh"

DECLARE_VARIANT(audio, pipelined);
DECLARE_VARIANT(conv1d, auto);
DECLARE_VARIANT(selscan, auto);
DECLARE_VARIANT(stft_loss, batched);
DECLARE_VARIANT(selscan_bwd, chunked);
DECLARE_VARIANT(conv1d_bwd, channel_last);

/* By enum step_kernel. */
static const struct composition COMPOSITION = {{
    &VARIANT_OF(conv1d, auto),
    &VARIANT_OF(selscan, auto),
    &VARIANT_OF(selscan_bwd, chunked),
    &VARIANT_OF(conv1d_bwd, channel_last),
    &VARIANT_OF(stft_loss, batched),
    &VARIANT_OF(audio, pipelined),
}};

static const char *accepts(const void *problem)
{
    return step_accepts((const struct step *)problem, &COMPOSITION);
}

static size_t workspace(const void *problem)
{
    return step_memory_of((const struct step *)problem, &COMPOSITION, NULL).bytes;
}

/* Starts the graph of the step on its stream. */
static int start_graph(const struct step_run *step)
{
    return graph_run((cudaStream_t)step->stream, [&](cudaStream_t stream) {
        struct step_run recorded = *step;
        recorded.stream = stream;
        const int error = step_chain(&recorded);
        return error ? error : step_mark(&recorded, STEP_EXPOSED);
    });
}

#ifdef __CUDACC__

/* Makes the data beside the graph, and lets the stream of the step wait for it. */
static int run_beside(const struct step_run *step, struct beside *data)
{
    cudaStream_t copies = NULL;
    cudaEvent_t ready = NULL;
    int error = cudaStreamCreateWithFlags(&copies, cudaStreamNonBlocking);
    if (!error)
        error = cudaEventCreateWithFlags(&ready, cudaEventDisableTiming);
    if (!error) /* the data come no earlier than the step's turn */
        error = cudaEventRecord(ready, (cudaStream_t)step->stream);
    if (!error)
        error = cudaStreamWaitEvent(copies, ready, 0);
    if (!error)
        error = beside_begin(data, step, copies);
    if (!error) {
        error = start_graph(step);
        const int data_error = beside_end(data);
        error = error ? error : data_error;
    }
    if (!error)
        error = cudaEventRecord(ready, copies);
    if (!error)
        error = cudaStreamWaitEvent((cudaStream_t)step->stream, ready, 0);
    if (copies) {
        cudaStreamSynchronize(copies); /* no later than what waits for it */
        cudaStreamDestroy(copies);
    }
    if (ready)
        cudaEventDestroy(ready);
    return error;
}

#else

static int run_beside(const struct step_run *step, struct beside *data)
{
    int error = beside_begin(data, step, step->stream);
    if (!error)
        error = beside_end(data);
    return error ? error : start_graph(step);
}

#endif

static int run(const void *problem, void *const tensor[], void *memory, void *stream)
{
    const struct step *const p = (const struct step *)problem;
    event_clock clock = event_clock_new();
    struct step_run step = {};
    struct beside data = {};
    double unused[STEP_PARTS];
    double *const part_ms = p->part_ms ? p->part_ms : unused;
    step.p = p;
    step.c = &COMPOSITION;
    step.tensor = tensor;
    step.memory = step_memory_of(p, &COMPOSITION, memory);
    step.clock = p->part_ms ? &clock.clock : NULL;
    step.stream = stream;
    clock.captured = true;
    int error = run_beside(&step, &data);
    clock.captured = false;
    if (!error)
        error = step_mark(&step, STEP_PARTS);
    const int clock_error = event_clock_read(&clock, part_ms);
    part_ms[STEP_DATA] = data.took_ms;
    return error ? error : clock_error;
}

VARIANT(step_after) = {.accepts = accepts, .workspace = workspace, .run = run};
