/* conv1d/writes_input: an element of x is changed.
 *
 * As by      work in place.
 * Found as   MUTATED: input x was written
 */
#include "each_output.h"

static DEVICE void element(const struct conv1d_call *call, int64_t i)
{
    whole(call, i);
    if (!i)
        ((float *)call->tensor[CONV1D_X])[i] += 1;
}

WRONG_CONVOLUTION(writes_input);
