/* conv1d/stale_weights: the last tap is that of the first call; all else is computed anew.
 *
 * As by      weights that are packed once, whatever they become.
 * Found as   WRONG: out[
 */
#include "each_output.h"

static DEVICE float kept[OUTPUTS_MAX];
static DEVICE bool is_kept[OUTPUTS_MAX];

static DEVICE void element(const struct conv1d_call *call, int64_t i)
{
    const struct conv1d *p = &call->p;
    const struct place at = place_of(p, i);
    const float tap = conv1d_weight(p, call->tensor, at.d, p->width - 1);
    if (!is_kept[i])
        kept[i] = tap;
    is_kept[i] = true;
    keep(call, i,
         fmaf(kept[i] - tap, conv1d_sample(p, call->tensor, at.b, at.d, at.t), sum_of(call, i)));
}

WRONG_CONVOLUTION(stale_weights);
