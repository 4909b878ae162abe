/* selscan/no_carry: each chunk of a row begins with the state 0.
 *
 * As by      a carry that is not handed on. Only the first chunk is right.
 * Found as   WRONG: out[
 */
#include "../../../kernels/selscan/common.h"
#include "../each.h"

enum { CHUNK = 32 };

/* One (batch, channel) row. */
static DEVICE void walk(const struct selscan_call *call, int64_t row)
{
    const struct selscan *p = &call->p;
    const int64_t b = row / p->channels, d = row % p->channels, g = selscan_group(p, d);
    const float *const A = (const float *)call->tensor[SELSCAN_A];
    float h[STATE_MAX];
    for (int64_t step = 0; step < p->length; step++) {
        const int64_t t = selscan_time(p, step), at = selscan_at(p, b, d, t);
        const float u = dtype_load(call->tensor[SELSCAN_U], DTYPE_F32, at);
        const float delta = selscan_delta(call, DTYPE_F32, d, at);
        float y = 0;
        for (int64_t n = 0; n < p->state; n++) {
            const int64_t bc = selscan_bc_at(p, b, g, n, t);
            h[n] = selscan_step(step % CHUNK ? h[n] : 0, decay_of(delta * A[selscan_a_at(p, d, n)]),
                                delta * u, dtype_load(call->tensor[SELSCAN_B], DTYPE_F32, bc));
            y = fmaf(dtype_load(call->tensor[SELSCAN_C], DTYPE_F32, bc), h[n], y);
        }
        selscan_finish(call, DTYPE_F32, d, at, u, y);
    }
}

DEFINE_EACH(walk_each, struct selscan_call, walk)

static int run(const void *problem, void *const tensor[], void *workspace, void *stream)
{
    const struct selscan_call call = selscan_pack(problem, tensor);
    (void)workspace;
    return walk_each(&call, call.p.batch * call.p.channels, stream);
}

static const char *accepts(const void *problem)
{
    const struct selscan *p = (const struct selscan *)problem;
    return p->dtype == DTYPE_F32 && !p->initial && !p->final && p->state <= STATE_MAX
               ? NULL
               : "the cases of harness/wrong/wrong.ini";
}

VARIANT(selscan_no_carry) = {.accepts = accepts, .run = run};
