/* conv1d/slower: right, and a fifth slower than conv1d/sound: the first of five sequences is done
 * twice.
 *
 * As by      work that nobody needs. `compare` says SLOWER.
 * Found as   PASS
 */
#include "each_output.h"

static DEVICE void element(const struct conv1d_call *call, int64_t i)
{
    whole(call, i);
}

EACH_OUTPUT(element)

static int run_longer(const void *problem, void *const tensor[], void *workspace, void *stream)
{
    struct conv1d first = *(const struct conv1d *)problem;
    const int error = run(problem, tensor, workspace, stream);
    first.batch /= 5;
    return error ? error : run(&first, tensor, workspace, stream);
}

VARIANT(conv1d_slower) = {.accepts = accepts, .run = run_longer};
