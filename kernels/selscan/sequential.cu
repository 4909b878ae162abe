/* selscan/sequential: one thread per channel walks the time axis.
 *
 * Computes   out and final of reference/selscan.h, in fp32, in the order the recurrence is written.
 * Accepts    state <= 256; every option.
 * Layout     thread = one (batch, channel) row, block = 128 rows; h[state] in registers up to 64
 *            states, in local memory above. Loads of u and delta are strided by length across a
 *            warp when channel_first: uncoalesced on purpose.
 * Algorithm  length steps of state multiply-adds, decays in two parts; no shared memory, no
 *            barrier. The baseline: its obviousness is the point, not its speed.
 * Cost       bytes: selscan's, plus B and C again for every further block of channels.
 *            Parallelism: only batch*channels threads.
 * Error      f32 1e-6 at worst; the sum over n runs in index order.
 * Source     written from the definition; decays in two parts: docs/numerics.md.
 */
#include "../device/launch.cuh"
#include "common.h"

enum { ROWS = 128 };

template <enum dtype DTYPE, int CAPACITY>
static __global__ void scan(const struct selscan_call call)
{
    const struct selscan *p = &call.p;
    const int64_t row = thread_index();
    if (row >= p->batch * p->channels)
        return;
    const int64_t b = row / p->channels, d = row % p->channels, g = selscan_group(p, d);
    const int state = (int)p->state;
    const float *A = (const float *)call.tensor[SELSCAN_A];
    const int64_t stride_n = selscan_bc_at(p, 0, 0, 1, 0);
    float h[CAPACITY];

#pragma unroll(CAPACITY <= 64 ? CAPACITY : 1)
    for (int n = 0; n < CAPACITY; n++)
        h[n] = n < state ? selscan_initial(&call, row, n) : 0.0f;
    for (int64_t step = 0; step < p->length; step++) {
        const int64_t t = selscan_time(p, step), at = selscan_at(p, b, d, t);
        const int64_t bc = selscan_bc_at(p, b, g, 0, t);
        const float u = dtype_load(call.tensor[SELSCAN_U], DTYPE, at);
        const float delta = selscan_delta(&call, DTYPE, d, at);
        const struct decay scalar = decay_of(p->a == A_SCALAR ? delta * A[d] : 0.0f);
        float y = 0;
#pragma unroll(CAPACITY <= 64 ? CAPACITY : 1)
        for (int n = 0; n < CAPACITY; n++)
            if (n < state) {
                const struct decay decay =
                    p->a == A_SCALAR ? scalar : decay_of(delta * A[d * state + n]);
                const int64_t i = bc + n * stride_n;
                h[n] = selscan_step(h[n], decay, delta * u,
                                    dtype_load(call.tensor[SELSCAN_B], DTYPE, i));
                y = fmaf(dtype_load(call.tensor[SELSCAN_C], DTYPE, i), h[n], y);
            }
        selscan_finish(&call, DTYPE, d, at, u, y);
    }
#pragma unroll(CAPACITY <= 64 ? CAPACITY : 1)
    for (int n = 0; n < CAPACITY; n++)
        if (n < state)
            selscan_final(&call, row, n, h[n]);
}

template <enum dtype DTYPE>
static int run_dtype(const struct selscan_call &call, void *stream)
{
    const int64_t blocks = blocks_for(call.p.batch * call.p.channels, ROWS);
    if (call.p.state <= 16)
        return launch(scan<DTYPE, 16>, blocks, ROWS, 0, stream, call);
    if (call.p.state <= 64)
        return launch(scan<DTYPE, 64>, blocks, ROWS, 0, stream, call);
    return launch(scan<DTYPE, STATE_MAX>, blocks, ROWS, 0, stream, call);
}

static int run(const void *problem, void *const tensor[], void *, void *stream)
{
    const struct selscan_call call = selscan_pack(problem, tensor);
    switch ((enum dtype)call.p.dtype) {
    case DTYPE_F32:
        return run_dtype<DTYPE_F32>(call, stream);
    case DTYPE_BF16:
        return run_dtype<DTYPE_BF16>(call, stream);
    case DTYPE_F16:
        return run_dtype<DTYPE_F16>(call, stream);
    }
    return cudaErrorInvalidValue;
}

VARIANT(selscan_sequential) = {.accepts = selscan_accepts, .run = run};
