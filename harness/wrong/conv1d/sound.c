/* conv1d/sound: nothing is wrong; what the others here are without their fault.
 *
 * Found as   PASS
 */
#include "each_output.h"

static DEVICE void element(const struct conv1d_call *call, int64_t i)
{
    whole(call, i);
}

WRONG_CONVOLUTION(sound);
