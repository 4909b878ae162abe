/* conv1d/direct: each output is summed from memory, one after another.
 *
 * Computes   out and final of reference/conv1d.h, in fp32, in the order the sum is written.
 * Accepts    any shape; every option. Inputs are only read.
 * Layout     one (batch, channel) row per loop turn, rows spread over OpenMP threads.
 * Algorithm  length outputs of width multiply-adds; nothing is kept from one output to the next.
 *            Its obviousness is the point, not its speed.
 * Cost       bytes: conv1d's, if a cache holds the last width samples and, when channel_last, the
 *            rows of neighbouring channels. Each load asks for type, side and sequence anew.
 * Error      f32 5e-7 at worst in cases/quick.ini and conv.ini; final is a copy of bits.
 * Source     written from the definition.
 */
#include "common.h"

static void convolve(const struct conv1d *p, void *const tensor[], int64_t b, int64_t d)
{
    for (int64_t step = 0; step < p->length; step++)
        dtype_store(tensor[CONV1D_OUT], (enum dtype)p->dtype,
                    conv1d_at(p, b, d, conv1d_time(p, step)),
                    conv1d_finish(p, conv1d_pre(p, tensor, b, d, step),
                                  conv1d_sequence(p, tensor, b, step)));
    for (int64_t j = 0; p->final && j < p->width - 1; j++)
        conv1d_keep(p, tensor, b, d, j);
}

static int run(const void *problem, void *const tensor[], void *workspace, void *stream)
{
    const struct conv1d *p = problem;
    (void)workspace, (void)stream;
#pragma omp parallel for
    for (int64_t row = 0; row < p->batch * p->channels; row++)
        convolve(p, tensor, row / p->channels, row % p->channels);
    return 0;
}

VARIANT(conv1d_direct) = {.run = run};
