/* conv1d/not_a_number: one element of out is NaN.
 *
 * As by      0/0 in an activation.
 * Found as   NONFINITE: , expected
 */
#include "each_output.h"

static DEVICE void element(const struct conv1d_call *call, int64_t i)
{
    const bool hit = i == outputs_of(&call->p) / 2;
    keep(call, i, hit ? sqrtf(-1 - fabsf(sum_of(call, i))) : sum_of(call, i));
}

WRONG_CONVOLUTION(not_a_number);
