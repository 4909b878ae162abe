/* conv1d/padded: the baseline: pad, convolve, slice, activate, a pass over the tensor for each.
 *
 * Computes   out and final of reference/conv1d.h, in fp32, in the order the sum is written.
 * Accepts    any shape; every option but seq_idx, which a padded convolution cannot express.
 *            Inputs are only read.
 * Layout     the passes of padded.h, elements spread over OpenMP threads. With reverse the first
 *            and the last pass turn time round, when channel_last they transpose as well.
 * Algorithm  Conv1d(padding = width-1, groups = channels)(x)[..., :length], then silu, as a
 *            framework runs it: width-1 outputs beyond the end are computed, and dropped.
 * Cost       bytes: three times conv1d's without silu, four times with it: every pass loads and
 *            stores a tensor of its own, in fp32 from the second on.
 * Error      f32 5e-7 at worst in cases/quick.ini and conv.ini; final is a copy of bits.
 * Source     written from the definition of a padded convolution.
 */
#include "padded.h"

static int run(const void *problem, void *const tensor[], void *workspace, void *stream)
{
    const struct conv1d_call call = conv1d_pack(problem, tensor);
    const struct padded w = padded_carve(&call.p, workspace);
    (void)stream;
#pragma omp parallel for
    for (int64_t i = 0; i < w.rows * w.padded_row; i++)
        padded_pad(&call, &w, i);
#pragma omp parallel for
    for (int64_t i = 0; i < w.rows * w.full_row; i++)
        padded_convolve(&call, &w, i);
#pragma omp parallel for
    for (int64_t i = 0; i < w.outputs; i++)
        padded_slice(&call, &w, i);
#pragma omp parallel for
    for (int64_t i = 0; i < (call.p.act == ACT_SILU ? w.outputs : 0); i++)
        padded_silu(&call, &w, i);
#pragma omp parallel for
    for (int64_t i = 0; i < (call.p.final ? w.rows * (call.p.width - 1) : 0); i++)
        padded_keep(&call, &w, i);
    return 0;
}

VARIANT(conv1d_padded) = {.accepts = padded_accepts, .workspace = padded_bytes, .run = run};
