/* conv1d/writes_beyond: one element too many is written.
 *
 * As by      a grid that is rounded up, without a bound.
 * Found as   OVERRUN: a byte behind out was written
 */
#include "each_output.h"

static DEVICE void element(const struct conv1d_call *call, int64_t i)
{
    whole(call, i);
    if (i == outputs_of(&call->p) - 1)
        ((float *)call->tensor[CONV1D_OUT])[i + 1] = 0;
}

WRONG_CONVOLUTION(writes_beyond);
