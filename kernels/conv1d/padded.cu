/* conv1d/padded: the baseline: pad, convolve, slice, activate, a launch for each.
 *
 * Computes   out and final of reference/conv1d.h, in fp32, in the order the sum is written.
 * Accepts    any shape; every option but seq_idx, which a padded convolution cannot express.
 *            Inputs are only read.
 * Layout     the passes of padded.h, thread = element of what the pass writes, block = 256 of them.
 *            With reverse the first and the last pass turn time round, when channel_last they
 *            transpose as well, uncoalesced.
 * Algorithm  Conv1d(padding = width-1, groups = channels)(x)[..., :length], then silu, as a
 *            framework runs it: width-1 outputs beyond the end are computed, and dropped.
 * Cost       bytes: three times conv1d's without silu, four times with it: every pass loads and
 *            stores a tensor of its own, in fp32 from the second on. 3 to 5 launches.
 * Error      f32 5e-7 at worst in cases/quick.ini and conv.ini; final is a copy of bits.
 * Source     written from the definition of a padded convolution.
 */
#include "../device/launch.cuh"
#include "padded.h"

enum { THREADS = 256 };

typedef void (*pass)(const struct conv1d_call *, const struct padded *, int64_t);

template <pass PASS>
static __global__ void __launch_bounds__(THREADS)
    each(const struct conv1d_call call, const struct padded w, int64_t count)
{
    const int64_t i = thread_index();
    if (i < count)
        PASS(&call, &w, i);
}

static int run(const void *problem, void *const tensor[], void *workspace, void *stream)
{
    const struct conv1d_call call = conv1d_pack(problem, tensor);
    const struct padded w = padded_carve(&call.p, workspace);
    const auto over = [&](auto kernel, int64_t count) {
        return launch(kernel, blocks_for(count, THREADS), THREADS, 0, stream, call, w, count);
    };
    int error = over(each<padded_pad>, w.rows * w.padded_row);
    if (!error)
        error = over(each<padded_convolve>, w.rows * w.full_row);
    if (!error)
        error = over(each<padded_slice>, w.outputs);
    if (!error && call.p.act == ACT_SILU)
        error = over(each<padded_silu>, w.outputs);
    if (!error && call.p.final && call.p.width > 1)
        error = over(each<padded_keep>, w.rows * (call.p.width - 1));
    return error;
}

VARIANT(conv1d_padded) = {.accepts = padded_accepts, .workspace = padded_bytes, .run = run};
