/* audio/pipelined: threads decode into pinned memory, the GPU transforms an item once it is copied.
 *
 * Computes   mixture and target of reference/audio.h, in fp32; the rms in double. The same bits for
 *            any number of threads.
 * Accepts    any batch of a folder in which a track can be used.
 * Layout     `threads` host threads of loader.h read stems, channels side by side, into one of two
 *            pinned buffers; a copy stream brings them to the workspace, item after item. A block
 *            is 512 samples of both channels of an item, a thread every 128th of them.
 * Algorithm  pipeline.cuh: gains, sum, swap, shift and a sum of squares a block; then each block
 *            adds up the sums in the same order, and normalises.
 * Cost       bytes of device memory: 16 a sample for stems copied as fp32, stored and loaded once;
 *            outputs stored, loaded and stored. Over PCIe 16 a sample. The rest is waiting for the
 *            host's threads: run() returns when all is decoded.
 * Error      f32 2e-7 at worst in cases/quick.ini and audio.ini.
 * Source     written from the definition.
 */
#include "pipeline.cuh"

/* Pinned memory takes longer to get than a batch to decode, so it is kept until the process ends.
 */
static struct pipeline pipeline;

static size_t workspace_bytes(const void *problem)
{
    return pipeline_workspace((const struct audio *)problem);
}

static int run(const void *problem, void *const tensor[], void *workspace, void *stream)
{
    const int error = pipeline_begin(&pipeline, (const struct audio *)problem);
    return error ? error : pipeline_finish(&pipeline, tensor, workspace, (cudaStream_t)stream);
}

VARIANT(audio_pipelined) = {.accepts = audio_accepts, .workspace = workspace_bytes, .run = run};
