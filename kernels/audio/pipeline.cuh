/* The way of a batch from files to the GPU, for audio/pipelined and for whoever overlaps it with
 * other work:
 *
 *     static struct pipeline pipeline;
 *     pipeline_begin(&pipeline, problem);
 *     launches of other work, on other streams
 *     pipeline_finish(&pipeline, tensor, workspace, stream);
 *
 * A pipeline is all zeros at first, and kept for many batches. pipeline_begin() starts the threads
 * that decode, and returns; pipeline_finish() returns once all is decoded, and copies and
 * transforms are enqueued. Both return 0 or a cudaError_t; what has begun has to be finished.
 *
 * Batches are decoded into two pinned buffers in turn, so that one may be filled while copies from
 * the other are under way. They are copied on a stream of the pipeline's own, which first waits for
 * what `stream` was given before: that no longer reads the workspace, nor the outputs. The
 * transforms run on `stream`, each item's as soon as it is copied. To overlap copies and transforms
 * with other work, give them a `stream` of their own and join it by an event.
 */
#ifndef SSMBENCH_AUDIO_PIPELINE_CUH
#define SSMBENCH_AUDIO_PIPELINE_CUH

#include "../device/launch.cuh"
#include "common.h"
#include "loader.h"

enum { PIPELINE_BUFFERS = 2, PIPELINE_THREADS = 128, PIPELINE_PART = 4 * PIPELINE_THREADS };

struct pipeline {
    float *pinned[PIPELINE_BUFFERS];
    size_t bytes[PIPELINE_BUFFERS];
    cudaEvent_t copied[PIPELINE_BUFFERS]; /* the last copy from the buffer is over */
    cudaEvent_t ready;                    /* what the other stream waits for next */
    cudaStream_t copies;
    int turn, open;
    struct loader loader;
};

/* Blocks of an item, each PIPELINE_PART samples of both channels. */
static int64_t pipeline_parts(const struct audio *p)
{
    return blocks_for(p->length, PIPELINE_PART);
}

static int64_t pipeline_floats(const struct audio *p)
{
    return p->batch * audio_item_floats(p);
}

/* The workspace, in device memory: stems of all items, then sums of the parts of one, since items
 * are transformed one after another. */
static size_t pipeline_workspace(const struct audio *p)
{
    return (size_t)pipeline_floats(p) * sizeof(float) + (size_t)pipeline_parts(p) * sizeof(double);
}

/* The sum of a number of each thread, in an order that depends on the block's size only; all
 * threads have to call it, and get it. */
static inline __device__ double pipeline_sum(double mine)
{
    SHARED(double, sum, [PIPELINE_THREADS]);
    sum[threadIdx.x] = mine;
    __syncthreads(); /* each thread's number is there before others read it */
    for (unsigned half = PIPELINE_THREADS / 2; half > 0; half /= 2) {
        if (threadIdx.x < half)
            sum[threadIdx.x] += sum[threadIdx.x + half];
        __syncthreads(); /* this half is added up before half of it reads it */
    }
    return sum[0];
}

/* thread = every PIPELINE_THREADS-th sample of a part: gains, sum, swap, shift, squares. */
static __global__ void __launch_bounds__(PIPELINE_THREADS)
    pipeline_mix(const struct audio_move move, const float *stems, int64_t length, float *mixture,
                 float *target, double *sums)
{
    const int64_t first = (int64_t)blockIdx.x * PIPELINE_PART;
    double squares = 0;
    for (int64_t i = threadIdx.x; i < PIPELINE_PART && first + i < length; i += PIPELINE_THREADS) {
        const struct audio_sample sample = audio_sample_at(&move, stems, length, first + i);
        squares += audio_square(&sample);
        for (int c = 0; c < AUDIO_CHANNELS; c++) {
            mixture[c * length + first + i] = sample.mix[c];
            target[c * length + first + i] = sample.voice[c];
        }
    }
    const double sum = pipeline_sum(squares);
    if (threadIdx.x == 0) /* cost only: all would write the same */
        sums[blockIdx.x] = sum;
}

/* thread = every PIPELINE_THREADS-th sample of a part. Each block adds up all parts for itself. */
static __global__ void __launch_bounds__(PIPELINE_THREADS)
    pipeline_normalise(const double *sums, int64_t length, float *mixture, float *target)
{
    const int64_t first = (int64_t)blockIdx.x * PIPELINE_PART;
    double squares = 0;
    for (int64_t part = threadIdx.x; part < gridDim.x; part += PIPELINE_THREADS)
        squares += sums[part];
    const float scale = audio_scale(pipeline_sum(squares), length);
    for (int64_t i = threadIdx.x; i < PIPELINE_PART && first + i < length; i += PIPELINE_THREADS)
        for (int c = 0; c < AUDIO_CHANNELS; c++) {
            mixture[c * length + first + i] *= scale;
            target[c * length + first + i] *= scale;
        }
}

/* Streams, events and pinned memory, those that are not there yet. */
static int pipeline_open(struct pipeline *pipeline, const struct audio *p)
{
    const unsigned untimed = cudaEventDisableTiming;
    const size_t bytes = (size_t)pipeline_floats(p) * sizeof(float);
    const int turn = pipeline->turn;
    int error = 0;
    if (!pipeline->open) {
        error = cudaStreamCreateWithFlags(&pipeline->copies, cudaStreamNonBlocking);
        error = error ? error : cudaEventCreateWithFlags(&pipeline->ready, untimed);
        for (int i = 0; i < PIPELINE_BUFFERS && !error; i++)
            error = cudaEventCreateWithFlags(&pipeline->copied[i], untimed); /* GPU only */
        pipeline->open = !error;
    }
    error = error ? error : cudaEventSynchronize(pipeline->copied[turn]);
    if (error || pipeline->bytes[turn] >= bytes)
        return error;
    cudaFreeHost(pipeline->pinned[turn]);
    pipeline->pinned[turn] = NULL;
    error = cudaMallocHost(&pipeline->pinned[turn], bytes);
    pipeline->bytes[turn] = error ? 0 : bytes;
    return error;
}

/* Starts to decode a batch into the buffer whose turn it is. */
static int pipeline_begin(struct pipeline *pipeline, const struct audio *p)
{
    pipeline->turn = (pipeline->turn + 1) % PIPELINE_BUFFERS;
    const int error = pipeline_open(pipeline, p);
    if (error)
        return error;
    return loader_begin(&pipeline->loader, p, pipeline->pinned[pipeline->turn])
               ? 0
               : (int)cudaErrorMemoryAllocation;
}

/* Lets `waiting` go on once `other` is where it is now. */
static int pipeline_wait(struct pipeline *pipeline, cudaStream_t waiting, cudaStream_t other)
{
    const int error = cudaEventRecord(pipeline->ready, other);
    return error ? error : cudaStreamWaitEvent(waiting, pipeline->ready, 0);
}

/* Copies and transforms one item once it is decoded. */
static int pipeline_item(struct pipeline *pipeline, int64_t item, void *const tensor[],
                         void *workspace, cudaStream_t stream)
{
    const struct audio *const p = &pipeline->loader.p;
    const int64_t parts = pipeline_parts(p), floats = audio_item_floats(p);
    float *const stems = (float *)workspace + item * floats;
    double *const sums = (double *)((float *)workspace + pipeline_floats(p));
    float *const mixture = (float *)tensor[AUDIO_MIXTURE] + item * AUDIO_CHANNELS * p->length;
    float *const target = (float *)tensor[AUDIO_TARGET] + item * AUDIO_CHANNELS * p->length;
    const float *const read = loader_item(&pipeline->loader, item);
    if (!read)
        return cudaErrorInvalidValue;
    int error = cudaMemcpyAsync(stems, read, (size_t)floats * sizeof *stems, cudaMemcpyHostToDevice,
                                pipeline->copies);
    error = error ? error : pipeline_wait(pipeline, stream, pipeline->copies);
    error = error ? error
                  : launch(pipeline_mix, parts, PIPELINE_THREADS, 0, stream, audio_move_of(p, item),
                           stems, p->length, mixture, target, sums);
    return error ? error
                 : launch(pipeline_normalise, parts, PIPELINE_THREADS, 0, stream, sums, p->length,
                          mixture, target);
}

/* Enqueues copies and transforms of the batch that was begun, item after item as they are there. */
static int pipeline_finish(struct pipeline *pipeline, void *const tensor[], void *workspace,
                           cudaStream_t stream)
{
    int error = pipeline_wait(pipeline, pipeline->copies, stream);
    for (int64_t item = 0; item < pipeline->loader.p.batch && !error; item++)
        error = pipeline_item(pipeline, item, tensor, workspace, stream);
    const int recorded = cudaEventRecord(pipeline->copied[pipeline->turn], pipeline->copies);
    loader_finish(&pipeline->loader);
    return error ? error : recorded;
}

#endif
