/* step/after: a training step of the fastest CPU variants, with data made beside it.
 *
 * Computes   all outputs of reference/step.h, in fp32.
 * Accepts    what its parts accept.
 * Layout     that of its parts; one thread starts audio, whose threads share the cores with the
 *            others.
 * Algorithm  audio/pipelined beside conv1d/simd and selscan/simd forward, stft_loss/threaded,
 *            selscan_bwd/simd and conv1d_bwd/simd back.
 * Cost       that of its parts; where no core is idle, decoding costs the others its time.
 * Error      that of its parts.
 * Source     composed of what is fastest in results/.
 */
#include "beside.h"

DECLARE_VARIANT(audio, pipelined);
DECLARE_VARIANT(conv1d, simd);
DECLARE_VARIANT(selscan, simd);
DECLARE_VARIANT(stft_loss, threaded);
DECLARE_VARIANT(selscan_bwd, simd);
DECLARE_VARIANT(conv1d_bwd, simd);

static const struct composition COMPOSITION = {{
    [STEP_CONV_FORWARD] = &VARIANT_OF(conv1d, simd),
    [STEP_SCAN_FORWARD] = &VARIANT_OF(selscan, simd),
    [STEP_SCAN_BACKWARD] = &VARIANT_OF(selscan_bwd, simd),
    [STEP_CONV_BACKWARD] = &VARIANT_OF(conv1d_bwd, simd),
    [STEP_STFT_LOSS] = &VARIANT_OF(stft_loss, threaded),
    [STEP_AUDIO] = &VARIANT_OF(audio, pipelined),
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
    struct beside data;
    int error = beside_begin(&data, &step, stream);
    if (error)
        return error;
    error = step_chain(&step);
    step_mark(&step, STEP_EXPOSED);
    const int data_error = beside_end(&data);
    step_mark(&step, STEP_PARTS); /* cost only: the last part ends */
    wall.part_ms[STEP_DATA] = data.took_ms;
    return error ? error : data_error;
}

VARIANT(step_after) = {.accepts = accepts, .workspace = workspace, .run = run};
