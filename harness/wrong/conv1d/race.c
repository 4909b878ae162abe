/* conv1d/race: the taps are added to out in whatever order threads come.
 *
 * As by      float atomics: each sum is right, and has other bits than the last time.
 * Found as   NONDETERMINISTIC: out has other bits after another run
 */
#include "each_output.h"

static DEVICE void clear(const struct conv1d_call *call, int64_t i)
{
    keep(call, i, conv1d_bias(&call->p, call->tensor, place_of(&call->p, i).d));
}

static DEVICE void add(const struct conv1d_call *call, int64_t i)
{
    const struct conv1d *p = &call->p;
    const int64_t output = i % outputs_of(p), w = i / outputs_of(p);
    const struct place at = place_of(p, output);
    const float x = conv1d_sample(p, call->tensor, at.b, at.d, at.t - (p->width - 1) + w);
    add_at_once((float *)call->tensor[CONV1D_OUT] + output,
                conv1d_weight(p, call->tensor, at.d, w) * x);
}

DEFINE_EACH(clear_each, struct conv1d_call, clear)
DEFINE_EACH_ON(add_each, struct conv1d_call, add, 4) /* on however few processors */

static int run(const void *problem, void *const tensor[], void *workspace, void *stream)
{
    const struct conv1d_call call = conv1d_pack(problem, tensor);
    const int error = clear_each(&call, outputs_of(&call.p), stream);
    (void)workspace;
    return error ? error : add_each(&call, outputs_of(&call.p) * call.p.width, stream);
}

VARIANT(conv1d_race) = {.accepts = accepts, .run = run};
