/* selscan/chunked: time in chunks; states of all chunks from zero, carries, then the outputs.
 *
 * Computes   out and final of reference/selscan.h, in fp32.
 * Accepts    state <= 256; every option.
 * Layout     one (chunk, channel) per loop turn, spread over OpenMP threads; h[state] on the stack.
 *            Workspace: the state after each chunk but the last.
 * Algorithm  as chunked.cu, with channels as row blocks: parallel over time where channels are few.
 *            The order is fixed: the same bits whatever the number of threads.
 * Cost       bytes: B and C again for every channel of a group. Exponentials twice where there is
 *            more than one chunk.
 * Error      f32 1e-6 at worst.
 * Source     as chunked.cu.
 */
#include "chunked.h"
#include <stdbool.h>

/* Walks a chunk of a channel from states h; `out` says whether outputs are wanted. Returns
 * the sum of delta'. */
static float walk(const struct selscan_call *call, const struct chunked *w, int64_t chunk,
                  int64_t row, bool out, float *h)
{
    const struct selscan *p = &call->p;
    const enum dtype dtype = (enum dtype)p->dtype;
    const int64_t b = row / p->channels, d = row % p->channels, g = selscan_group(p, d);
    const float *A = call->tensor[SELSCAN_A];
    float total = 0;

    for (int64_t step = chunk * w->steps; step < chunked_end(p, w, chunk); step++) {
        const int64_t t = selscan_time(p, step), at = selscan_at(p, b, d, t);
        const float u = dtype_load(call->tensor[SELSCAN_U], dtype, at);
        const float delta = selscan_delta(call, dtype, d, at);
        const struct decay scalar = decay_of(p->a == A_SCALAR ? delta * A[d] : 0);
        float y = 0;
        total += delta;
        for (int64_t n = 0; n < p->state; n++) {
            const int64_t bc = selscan_bc_at(p, b, g, n, t);
            const struct decay decay =
                p->a == A_SCALAR ? scalar : decay_of(delta * A[d * p->state + n]);
            h[n] = selscan_step(h[n], decay, delta * u,
                                dtype_load(call->tensor[SELSCAN_B], dtype, bc));
            if (out)
                y = fmaf(dtype_load(call->tensor[SELSCAN_C], dtype, bc), h[n], y);
        }
        if (out)
            selscan_finish(call, dtype, d, at, u, y);
    }
    return total;
}

static size_t workspace(const void *problem)
{
    const struct selscan *p = problem;
    return chunked_bytes(p, p->batch * p->channels);
}

static int run(const void *problem, void *const tensor[], void *memory, void *stream)
{
    const struct selscan_call call = selscan_pack(problem, tensor);
    const struct selscan *p = &call.p;
    const struct chunked w = chunked_carve(p, p->batch * p->channels, memory);
    (void)stream;

#pragma omp parallel for
    for (int64_t i = 0; i < (w.chunks - 1) * w.rows; i++) {
        float *h = w.state + i * p->state;
        for (int64_t n = 0; n < p->state; n++)
            h[n] = 0;
        w.total[i] = walk(&call, &w, i / w.rows, i % w.rows, false, h);
    }
#pragma omp parallel for
    for (int64_t i = 0; i < w.rows * p->state; i++)
        chunked_carry(&call, &w, i / p->state, i % p->state);
#pragma omp parallel for
    for (int64_t i = 0; i < w.chunks * w.rows; i++) {
        const int64_t chunk = i / w.rows, row = i % w.rows;
        float h[STATE_MAX];
        for (int64_t n = 0; n < p->state; n++)
            h[n] = chunked_start(&call, &w, chunk, row, n);
        walk(&call, &w, chunk, row, true, h);
        if (chunk == w.chunks - 1)
            for (int64_t n = 0; n < p->state; n++)
                selscan_final(&call, row, n, h[n]);
    }
    return 0;
}

VARIANT(selscan_chunked) = {.accepts = selscan_accepts, .workspace = workspace, .run = run};
