/* step/before: a training step as a framework runs it, every operation in passes of its own.
 *
 * Computes   all outputs of reference/step.h, in fp32.
 * Accepts    what its parts accept.
 * Layout     that of its parts.
 * Algorithm  one after another in one stream: audio/single_thread on the CPU, a copy of its batch,
 *            conv1d/padded and selscan/stepwise forward, stft_loss/separate, selscan_bwd/stepwise
 *            and conv1d_bwd/padded back.
 * Cost       that of its parts; the GPU waits for the data.
 * Error      that of its parts.
 * Source     the loop of the guide that reference/step.h's sizes come from.
 */
#include "events.cuh"

#include <stdlib.h>

DECLARE_VARIANT_ON(audio, single_thread, cpu);
DECLARE_VARIANT(conv1d, padded);
DECLARE_VARIANT(selscan, stepwise);
DECLARE_VARIANT(stft_loss, separate);
DECLARE_VARIANT(selscan_bwd, stepwise);
DECLARE_VARIANT(conv1d_bwd, padded);

/* By enum step_kernel. */
static const struct composition COMPOSITION = {{
    &VARIANT_OF(conv1d, padded), &VARIANT_OF(selscan, stepwise), &VARIANT_OF(selscan_bwd, stepwise),
    &VARIANT_OF(conv1d_bwd, padded), &VARIANT_OF(stft_loss, separate), NULL, /* load_data() */
}};

static const char *accepts(const void *problem)
{
    const struct audio audio = step_audio((const struct step *)problem);
    const char *const reason = step_accepts((const struct step *)problem, &COMPOSITION);
    return reason ? reason : audio_single_thread_cpu.accepts(&audio);
}

static size_t workspace(const void *problem)
{
    return step_memory_of((const struct step *)problem, &COMPOSITION, NULL).bytes;
}

/* Makes the batch in main memory and copies it when it is ready. */
static int load_data(const struct step *p, void *const tensor[], void *stream)
{
    const struct audio audio = step_audio(p);
    const size_t bytes = (size_t)(audio.batch * AUDIO_CHANNELS * audio.length) * sizeof(float);
    const size_t scratch = audio_single_thread_cpu.workspace(&audio);
    char *const memory = (char *)malloc(2 * bytes + scratch);
    void *batch[AUDIO_TENSORS];
    if (!memory)
        return cudaErrorMemoryAllocation;
    batch[AUDIO_MIXTURE] = memory + scratch;
    batch[AUDIO_TARGET] = memory + scratch + bytes;
    int error = audio_single_thread_cpu.run(&audio, batch, memory, NULL);
    if (!error)
        error = cudaMemcpyAsync(tensor[STEP_MIXTURE], batch[AUDIO_MIXTURE], bytes,
                                cudaMemcpyHostToDevice, (cudaStream_t)stream);
    if (!error)
        error = cudaMemcpyAsync(tensor[STEP_TARGET], batch[AUDIO_TARGET], bytes,
                                cudaMemcpyHostToDevice, (cudaStream_t)stream);
    if (!error)
        error = cudaStreamSynchronize((cudaStream_t)stream);
    free(memory);
    return error;
}

static int run(const void *problem, void *const tensor[], void *memory, void *stream)
{
    const struct step *const p = (const struct step *)problem;
    event_clock clock = event_clock_new();
    struct step_run step = {};
    step.p = p;
    step.c = &COMPOSITION;
    step.tensor = tensor;
    step.memory = step_memory_of(p, &COMPOSITION, memory);
    step.clock = p->part_ms ? &clock.clock : NULL;
    step.stream = stream;
    int error = step_mark(&step, STEP_DATA);
    if (!error)
        error = load_data(p, tensor, stream);
    if (!error)
        error = step_chain(&step);
    if (!error)
        error = step_mark(&step, STEP_PARTS);
    double unused[STEP_PARTS];
    const int clock_error = event_clock_read(&clock, p->part_ms ? p->part_ms : unused);
    return error ? error : clock_error;
}

VARIANT(step_before) = {.accepts = accepts, .workspace = workspace, .run = run};
