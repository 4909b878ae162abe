/* conv1d/hangs: one thread waits for a sign that nobody gives.
 *
 * As by      a block that waits for one that is not scheduled.
 * Found as   TIMEOUT: ended after its time-out
 */
#include "each_output.h"

static DEVICE void element(const struct conv1d_call *call, int64_t i)
{
    const volatile float *const sign = (const volatile float *)call->tensor[CONV1D_X];
    whole(call, i);
    while (!i && *sign < INFINITY)
        ;
}

WRONG_CONVOLUTION(hangs);
