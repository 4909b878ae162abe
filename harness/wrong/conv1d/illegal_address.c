/* conv1d/illegal_address: an address that is nobody's is written.
 *
 * As by      an index that overflows.
 * Found as   CRASH: signal 11 (Segmentation fault)
 * On cuda    FAILED: run: an illegal memory access was encountered
 */
#include "each_output.h"

static DEVICE void element(const struct conv1d_call *call, int64_t i)
{
    const int64_t far = (int64_t)1 << 45;
    whole(call, i);
    if (!i)
        ((float *)call->tensor[CONV1D_OUT])[far] = 0;
}

WRONG_CONVOLUTION(illegal_address);
