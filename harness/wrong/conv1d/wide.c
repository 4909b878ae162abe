/* conv1d/wide: the filter is a tap long, which is read behind the weights.
 *
 * As by      a loop over width + 1 taps: the next channel's first tap, and behind the last channel
 *            the guard, which is NaN.
 * Found as   NONFINITE: out[
 */
#include "each_output.h"

static DEVICE void element(const struct conv1d_call *call, int64_t i)
{
    const struct conv1d *p = &call->p;
    const struct place at = place_of(p, i);
    const float next = conv1d_sample_or_zero(p, call->tensor, at.b, at.d, at.t + 1);
    keep(call, i, fmaf(conv1d_weight(p, call->tensor, at.d, p->width), next, sum_of(call, i)));
}

WRONG_CONVOLUTION(wide);
