/* step/before: a training step as a framework runs it, every operation in passes of its own.
 *
 * Computes   all outputs of reference/step.h, in fp32.
 * Accepts    what its parts accept.
 * Layout     that of its parts.
 * Algorithm  one after another: audio/single_thread, conv1d/padded and selscan/stepwise forward,
 *            stft_loss/separate, selscan_bwd/stepwise and conv1d_bwd/padded back.
 * Cost       that of its parts; nothing overlaps.
 * Error      that of its parts.
 * Source     the loop of the guide that reference/step.h's sizes come from.
 */
#include "wall.h"

DECLARE_VARIANT(audio, single_thread);
DECLARE_VARIANT(conv1d, padded);
DECLARE_VARIANT(selscan, stepwise);
DECLARE_VARIANT(stft_loss, separate);
DECLARE_VARIANT(selscan_bwd, stepwise);
DECLARE_VARIANT(conv1d_bwd, padded);

static const struct composition COMPOSITION = {{
    [STEP_CONV_FORWARD] = &VARIANT_OF(conv1d, padded),
    [STEP_SCAN_FORWARD] = &VARIANT_OF(selscan, stepwise),
    [STEP_SCAN_BACKWARD] = &VARIANT_OF(selscan_bwd, stepwise),
    [STEP_CONV_BACKWARD] = &VARIANT_OF(conv1d_bwd, padded),
    [STEP_STFT_LOSS] = &VARIANT_OF(stft_loss, separate),
    [STEP_AUDIO] = &VARIANT_OF(audio, single_thread),
}};

static const char *accepts(const void *problem)
{
    return step_accepts(problem, &COMPOSITION);
}

static size_t workspace(const void *problem)
{
    return step_memory_of(problem, &COMPOSITION, NULL).bytes;
}

static int run(const void *problem, void *const tensor[], void *memory, void *stream)
{
    const struct step *const p = problem;
    double unused[STEP_PARTS];
    struct wall_clock wall = wall_clock_new(p->part_ms ? p->part_ms : unused);
    const struct step_run step = {
        p, &COMPOSITION, tensor, step_memory_of(p, &COMPOSITION, memory), &wall.clock, stream};
    step_mark(&step, STEP_DATA);
    int error = step_enqueue(&step, STEP_AUDIO, STEP_TIME, 0, stream);
    if (!error)
        error = step_chain(&step);
    step_mark(&step, STEP_PARTS); /* cost only: the last part ends */
    return error;
}

VARIANT(step_before) = {.accepts = accepts, .workspace = workspace, .run = run};
