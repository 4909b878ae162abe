/* conv1d/skips_store: one element of out is not written.
 *
 * As by      a gap between two tiles.
 * Found as   UNWRITTEN: 1 elements of out, such as out[
 */
#include "each_output.h"

static DEVICE void element(const struct conv1d_call *call, int64_t i)
{
    if (i != outputs_of(&call->p) / 2)
        whole(call, i);
}

WRONG_CONVOLUTION(skips_store);
