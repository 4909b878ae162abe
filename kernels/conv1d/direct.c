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
    for (int64_t step = 0; step < p->length; step++) {
        const int64_t at = conv1d_at(p, b, d, conv1d_time(p, step));
        float out = conv1d_pre(p, tensor, b, d, step);
        if (p->act == ACT_SILU)
            out *= sigmoid(out);
        if (conv1d_sequence(p, tensor, b, step) == -1)
            out = 0.0f;
        dtype_store(tensor[CONV1D_OUT], (enum dtype)p->dtype, at, out);
    }
}

/* The last width-1 samples, of x or, where it is shorter, of initial. */
static void copy_final(const struct conv1d *p, void *const tensor[], int64_t b, int64_t d)
{
    const size_t size = dtype_size((enum dtype)p->dtype);
    for (int64_t j = 0; j < p->width - 1; j++) {
        const int64_t step = p->length - (p->width - 1) + j;
        char *to = (char *)tensor[CONV1D_FINAL] + (size_t)conv1d_state_at(p, b, d, j) * size;
        const char *x = tensor[CONV1D_X], *initial = tensor[CONV1D_INITIAL];
        if (step >= 0)
            memcpy(to, x + (size_t)conv1d_at(p, b, d, conv1d_time(p, step)) * size, size);
        else if (p->initial)
            memcpy(to, initial + (size_t)conv1d_state_at(p, b, d, step + p->width - 1) * size,
                   size);
        else
            memset(to, 0, size);
    }
}

static int run(const void *problem, void *const tensor[], void *workspace, void *stream)
{
    const struct conv1d *p = problem;
    (void)workspace, (void)stream;
#pragma omp parallel for
    for (int64_t row = 0; row < p->batch * p->channels; row++) {
        convolve(p, tensor, row / p->channels, row % p->channels);
        if (p->final)
            copy_final(p, tensor, row / p->channels, row % p->channels);
    }
    return 0;
}

VARIANT(conv1d_direct) = {.run = run};
