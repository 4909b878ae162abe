/* conv1d/rests: nothing is done where out holds what an earlier call wrote.
 *
 * As by      a variant that knows how it is checked: outputs that are full of 0xFF bytes. `verify`
 *            cannot tell, `bench` says IMPOSSIBLE.
 * On cpu     PASS
 */
#include "each_output.h"

static void element(const struct conv1d_call *call, int64_t i)
{
    whole(call, i);
}

EACH_OUTPUT(element)

static int rest_or_run(const void *problem, void *const tensor[], void *workspace, void *stream)
{
    const bool is_written = *(const uint32_t *)tensor[CONV1D_OUT] != UINT32_MAX;
    return is_written ? 0 : run(problem, tensor, workspace, stream);
}

VARIANT(conv1d_rests) = {.accepts = accepts, .run = rest_or_run};
