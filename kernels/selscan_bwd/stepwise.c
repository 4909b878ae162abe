/* selscan_bwd/stepwise: the derivative, pass by pass, of the loop over time of selscan/stepwise.
 *
 * Computes   all of reference/selscan_bwd.h, in fp32; sums over channels, and over batch and
 *            length, of 64 terms each in fp32, then in double.
 * Accepts    every problem.
 * Layout     workspace: a = exp(delta*A) and x = delta*B*u of all steps, each (batch, length,
 *            channels, state); y, dy and delta', each (batch, length, channels). Gradients take the
 *            place of what is no longer needed.
 * Algorithm  passes over whole tensors, each a parallel region of its own: materialise a and x; for
 *            every step h = a*h + x, all of which are kept; y = <C, h>; dC; for every step from the
 *            last dh = C*dy + a*dh, and a*h'*dh in the place of a; dB; du, ddelta and dz; at last
 *            the gradients of parameters.
 * Cost       bytes: 68*batch*length*channels*state beyond selscan_bwd's. Workspace:
 *            4*batch*length*channels*(2*state + 3).
 * Error      f32 2e-6; 5e-6 where a state grows for 16384 steps; in dA 5e-7 of the sum of its
 *            terms' sizes.
 * Source     the derivative of selscan/stepwise, as a framework's automatic differentiation takes
 *            it, which keeps all states.
 */
#include "stepwise.h"

static void forward(const struct selscan_bwd_call *call, const struct stepwise_bwd *w)
{
    const struct selscan *p = &call->in.p;
#pragma omp parallel for
    for (int64_t i = 0; i < w->f.outputs; i++) {
        stepwise_bwd_prepare(call, w, i);
        stepwise_materialise(&call->in, &w->f, i, 0, 1);
    }
    for (int64_t step = 0; step < p->length; step++) {
#pragma omp parallel for
        for (int64_t i = 0; i < w->f.rows * p->state; i++)
            stepwise_bwd_update(call, w, i, step);
    }
#pragma omp parallel for
    for (int64_t i = 0; i < w->f.outputs; i++)
        w->f.y[i] = stepwise_bwd_contract(call, w, SELSCAN_BWD_C, i, 0, 1);
}

/* All sums over the channels of a group. */
static void reduce(const struct selscan_bwd_call *call, const struct stepwise_bwd *w,
                   enum selscan_bwd_tensor tensor)
{
    const struct selscan *p = &call->in.p;
#pragma omp parallel for
    for (int64_t j = 0; j < p->batch * p->length * p->groups * p->state; j++)
        stepwise_bwd_reduce(call, w, tensor, j);
}

static void parameters(const struct selscan_bwd_call *call, const struct stepwise_bwd *w)
{
    const struct selscan *p = &call->in.p;
    const int64_t sums = stepwise_bwd_sums(p);
#pragma omp parallel for
    for (int64_t i = 0; i < p->channels * sums; i++) {
        double sum = 0;
        for (int64_t first = 0; first < p->batch * p->length; first += STEPWISE_PART)
            sum += (double)stepwise_bwd_sum(call, w, i / sums, i % sums, first);
        stepwise_bwd_store_sum(call, i / sums, i % sums, (float)sum);
    }
}

static int run(const void *problem, void *const tensor[], void *memory, void *stream)
{
    const struct selscan_bwd_call call = selscan_bwd_pack(problem, tensor);
    const struct selscan *p = &call.in.p;
    const struct stepwise_bwd w = stepwise_bwd_carve(p, memory);
    (void)stream;

    forward(&call, &w);
    reduce(&call, &w, SELSCAN_BWD_DC);
    for (int64_t step = p->length - 1; step >= -1; step--) {
#pragma omp parallel for
        for (int64_t i = 0; i < w.f.rows * p->state; i++)
            stepwise_bwd_back(&call, &w, i, step);
    }
    reduce(&call, &w, SELSCAN_BWD_DB);
#pragma omp parallel for
    for (int64_t i = 0; i < w.f.outputs; i++)
        stepwise_bwd_finish(&call, &w, i, stepwise_bwd_contract(&call, &w, SELSCAN_BWD_B, i, 0, 1),
                            stepwise_bwd_contract_a(&call, &w, i, 0, 1));
    parameters(&call, &w);
    return 0;
}

VARIANT(selscan_bwd_stepwise) = {.workspace = stepwise_bwd_workspace, .run = run};
