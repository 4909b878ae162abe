/* conv1d/stale_outputs: the outputs of the first call are given again and again.
 *
 * As by      a cache of results whose key is the problem, or the pointers.
 * Found as   WRONG: other inputs give the same bits
 */
#include "each_output.h"

static DEVICE float kept[OUTPUTS_MAX];
static DEVICE bool is_kept[OUTPUTS_MAX];

static DEVICE void element(const struct conv1d_call *call, int64_t i)
{
    if (!is_kept[i])
        kept[i] = sum_of(call, i);
    is_kept[i] = true;
    keep(call, i, kept[i]);
}

WRONG_CONVOLUTION(stale_outputs);
