/* selscan_bwd/sequential: each channel walks the time axis, keeps its states, and walks back.
 *
 * Computes   all of reference/selscan_bwd.h, in fp32, in the order that is written there.
 * Accepts    state <= 256; every option.
 * Layout     one block of 32 channels of a batch and group per loop turn, turns spread over OpenMP
 *            threads. Workspace: dB and dC of each block; the states of one channel per thread.
 * Algorithm  forward length*state multiply-adds and as many floats kept, then back; decays in two
 *            parts, taken again on the way back. Its obviousness is the point, not its speed.
 * Cost       bytes: B twice, C and their sums once for every channel, from a cache if it holds
 *            them. Exponentials twice. Workspace: 8 bytes for each element of B and 32 channels,
 *            4*(state + 2) for each row (12 where A is scalar), 4*(length + 1)*state for each
 *            thread.
 * Error      f32 2e-6; 5e-6 where a state grows for 16384 steps; in dA 5e-7 of the sum of its
 *            terms' sizes. Sums over states in index order, those over channels and sequences as in
 *            sums.h.
 * Source     written from the definition; decays in two parts: docs/numerics.md.
 */
#include "walk.h"
#include <omp.h>

static inline __attribute__((always_inline)) void channels(const struct selscan_bwd_call *call,
                                                           enum dtype dtype, const struct sums *s,
                                                           const struct block *block, float *h)
{
    const struct selscan *p = &call->in.p;
    clear_sums(p, block, 0, p->length);
    for (int64_t d = block->d; d < block->d + block->channels; d++) {
        const struct stretch all = {call, block, d, 0, p->length};
        const int64_t row = stretch_row(&all);
        struct carry carry;
        for (int64_t n = 0; n < p->state; n++) {
            h[n] = selscan_initial(&call->in, row, n);
            carry.dh[n] = selscan_bwd_dfinal(call, row, n);
        }
        walk(&all, dtype, h);
        walk_back(&all, dtype, h, &carry, sums_share(p, s, 0, row));
        for (int64_t n = 0; n < p->state; n++)
            selscan_bwd_dinitial(call, row, n, carry.dh[n]);
    }
}

/* Floats of the states of a channel. */
static int64_t states_of(const struct selscan *p)
{
    return (p->length + 1) * p->state;
}

static size_t workspace(const void *problem)
{
    const struct selscan *p = problem;
    return (size_t)(sums_size(p, 1) + omp_get_max_threads() * states_of(p)) * sizeof(float);
}

static int run(const void *problem, void *const tensor[], void *memory, void *stream)
{
    const struct selscan_bwd_call call = selscan_bwd_pack(problem, tensor);
    const struct selscan *p = &call.in.p;
    const struct sums s = sums_carve(p, 1, memory);
    float *const states = (float *)memory + sums_size(p, 1);
    (void)stream;
#pragma omp parallel for
    for (int64_t i = 0; i < sums_blocks(p, &s); i++) {
        const struct block block = sums_block(p, &s, i);
        float *const h = states + omp_get_thread_num() * states_of(p);
        if (p->dtype == DTYPE_F32)
            channels(&call, DTYPE_F32, &s, &block, h);
        else if (p->dtype == DTYPE_BF16)
            channels(&call, DTYPE_BF16, &s, &block, h);
        else
            channels(&call, DTYPE_F16, &s, &block, h);
    }
    sums_reduce(&call, &s);
    return 0;
}

VARIANT(selscan_bwd_sequential) = {.accepts = selscan_accepts, .workspace = workspace, .run = run};
