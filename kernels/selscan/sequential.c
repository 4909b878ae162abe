/* selscan/sequential: each channel walks the time axis, states in the inner loop.
 *
 * Computes   out and final of reference/selscan.h, in fp32, in the order the recurrence is written.
 * Accepts    state <= 256; every option.
 * Layout     one (batch, channel) row per loop turn, rows spread over OpenMP threads; h[state] on
 *            the stack.
 * Algorithm  length steps of state multiply-adds, decays in two parts. Its obviousness is the
 *            point, not its speed: B and C are strided by length when channel_first.
 * Cost       bytes: selscan's, plus B and C again for every further channel of a group.
 * Error      f32 1e-6 at worst; the sum over n runs in index order.
 * Source     written from the definition; decays in two parts: docs/numerics.md.
 */
#include "common.h"

static inline __attribute__((always_inline)) void scan_row(const struct selscan_call *call,
                                                           enum dtype dtype, int64_t b, int64_t d)
{
    const struct selscan *p = &call->p;
    const int64_t row = b * p->channels + d, g = selscan_group(p, d), state = p->state;
    const float *A = call->tensor[SELSCAN_A];
    float h[STATE_MAX];

    for (int64_t n = 0; n < state; n++)
        h[n] = selscan_initial(call, row, n);
    for (int64_t step = 0; step < p->length; step++) {
        const int64_t t = selscan_time(p, step), at = selscan_at(p, b, d, t);
        const float u = dtype_load(call->tensor[SELSCAN_U], dtype, at);
        const float delta = selscan_delta(call, dtype, d, at);
        const struct decay scalar = decay_of(p->a == A_SCALAR ? delta * A[d] : 0);
        float y = 0;
        for (int64_t n = 0; n < state; n++) {
            const int64_t bc = selscan_bc_at(p, b, g, n, t);
            const struct decay decay =
                p->a == A_SCALAR ? scalar : decay_of(delta * A[d * state + n]);
            h[n] = selscan_step(h[n], decay, delta * u,
                                dtype_load(call->tensor[SELSCAN_B], dtype, bc));
            y = fmaf(dtype_load(call->tensor[SELSCAN_C], dtype, bc), h[n], y);
        }
        selscan_finish(call, dtype, d, at, u, y);
    }
    for (int64_t n = 0; n < state; n++)
        selscan_final(call, row, n, h[n]);
}

static int run(const void *problem, void *const tensor[], void *workspace, void *stream)
{
    const struct selscan_call call = selscan_pack(problem, tensor);
    const int64_t rows = call.p.batch * call.p.channels;
    (void)workspace, (void)stream;
#pragma omp parallel for
    for (int64_t row = 0; row < rows; row++) {
        const int64_t b = row / call.p.channels, d = row % call.p.channels;
        if (call.p.dtype == DTYPE_F32)
            scan_row(&call, DTYPE_F32, b, d);
        else if (call.p.dtype == DTYPE_BF16)
            scan_row(&call, DTYPE_BF16, b, d);
        else
            scan_row(&call, DTYPE_F16, b, d);
    }
    return 0;
}

VARIANT(selscan_sequential) = {.accepts = selscan_accepts, .run = run};
