/* selscan/stepwise: the loop over time as a framework without a scan kernel runs it.
 *
 * Computes   out and final of reference/selscan.h, in fp32.
 * Accepts    every problem.
 * Layout     workspace: a = exp(delta*A) and x = delta*B*u of all steps, each (batch, length,
 *            channels, state); y (batch, length, channels); the state (batch, channels, state).
 * Algorithm  passes over whole tensors, each a parallel region of its own: materialise a and x;
 *            then for every step h = a*h + x, and y = <C, h>; at last skip and gate. The usual loop
 *            materialises a rounded exp(delta*A), which misses 1e-5 on slow decay; a packed decay
 *            (common.h) takes the same bytes and does not.
 * Cost       bytes: 16*batch*length*channels*state beyond selscan's, and 3 passes over the state a
 *            step. Half of the former is workspace.
 * Error      f32 1e-6 at worst.
 * Source     written from the definition.
 */
#include "stepwise.h"

static int run(const void *problem, void *const tensor[], void *memory, void *stream)
{
    const struct selscan_call call = selscan_pack(problem, tensor);
    const struct selscan *p = &call.p;
    const struct stepwise w = stepwise_carve(p, memory);
    (void)stream;

#pragma omp parallel for
    for (int64_t i = 0; i < w.rows * p->state; i++)
        w.h[i] = selscan_initial(&call, i / p->state, i % p->state);
#pragma omp parallel for
    for (int64_t i = 0; i < w.outputs; i++)
        stepwise_materialise(&call, &w, i, 0, 1);
    for (int64_t step = 0; step < p->length; step++) {
        const int64_t t = selscan_time(p, step);
#pragma omp parallel for
        for (int64_t row = 0; row < w.rows; row++)
            for (int64_t n = 0; n < p->state; n++)
                stepwise_update(p, &w, row * p->state + n, t);
#pragma omp parallel for
        for (int64_t row = 0; row < w.rows; row++)
            w.y[stepwise_at(p, row, t)] = stepwise_contract(&call, &w, row, t, 0, 1);
    }
#pragma omp parallel for
    for (int64_t i = 0; i < w.outputs; i++)
        stepwise_finish(&call, &w, i);
#pragma omp parallel for
    for (int64_t i = 0; i < w.rows * p->state; i++)
        selscan_final(&call, i / p->state, i % p->state, w.h[i]);
    return 0;
}

VARIANT(selscan_stepwise) = {.workspace = stepwise_workspace, .run = run};
