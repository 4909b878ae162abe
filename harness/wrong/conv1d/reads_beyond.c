/* conv1d/reads_beyond: the sample behind the last is read, and multiplied by 0.
 *
 * As by      a vector load of a ragged end whose mask comes after it. A number there would leave no
 *            trace; the guard is NaN.
 * Found as   NONFINITE: ,99] =
 */
#include "each_output.h"

static DEVICE void element(const struct conv1d_call *call, int64_t i)
{
    const float behind = ((const float *)call->tensor[CONV1D_X])[i + 1];
    keep(call, i, sum_of(call, i) + 0 * behind);
}

WRONG_CONVOLUTION(reads_beyond);
