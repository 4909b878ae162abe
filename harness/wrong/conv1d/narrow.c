/* conv1d/narrow: the filter is a tap short.
 *
 * As by      a loop over width - 1 taps; the oldest sample is left out.
 * Found as   WRONG: out[
 */
#include "each_output.h"

static DEVICE void element(const struct conv1d_call *call, int64_t i)
{
    const struct conv1d *p = &call->p;
    const struct place at = place_of(p, i);
    float sum = conv1d_bias(p, call->tensor, at.d);
    for (int64_t w = 1; w < p->width; w++)
        sum += conv1d_weight(p, call->tensor, at.d, w) *
               conv1d_sample(p, call->tensor, at.b, at.d, at.t - (p->width - 1) + w);
    keep(call, i, sum);
}

WRONG_CONVOLUTION(narrow);
