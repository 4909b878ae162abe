/* conv1d_bwd/direct: each gradient is summed from memory, one after another.
 *
 * Computes   dx, dweight, dbias and dinitial of reference/conv1d_bwd.h: sums over taps in fp32,
 *            sums over batch and length in double.
 * Accepts    any shape; every option. Inputs are only read.
 * Layout     one channel of all sequences per loop turn, channels spread over OpenMP threads; g of
 *            a row in the workspace, the channel's dweight and dbias on the stack.
 * Algorithm  per row: g of each step, then dx and dinitial from g, then the row's share of dweight
 *            and dbias, in the order of the steps: the same bits in every run.
 * Cost       bytes: conv1d_bwd's, if a cache holds x and g of a row. Workspace: 4 bytes for each
 *            channel and step. Parallelism: only channels.
 * Error      f32 1e-6 at worst in cases/quick.ini and conv.ini. Sums of 310*801 random terms in
 *            fp32, one after another, were found 1.1e-5 off the largest of 200: hence double.
 * Source     written from the definition.
 */
#include "common.h"

/* The gradient of the sample of step -(width-1) ... length-1. */
static float sample_gradient(const struct conv1d *p, void *const tensor[], const float g[],
                             int64_t b, int64_t d, int64_t step)
{
    float sum = conv1d_bwd_dfinal(p, tensor, b, d, step);
    for (int64_t w = 0; w < p->width; w++) {
        const int64_t to = step + (p->width - 1) - w;
        if (to >= 0 && to < p->length && conv1d_joined(p, tensor, b, step, to))
            sum = fmaf(conv1d_weight(p, tensor, d, w), g[to], sum);
    }
    return sum;
}

static void add_weight_gradients(const struct conv1d *p, void *const tensor[], const float g[],
                                 int64_t b, int64_t d, double dweight[], double *dbias)
{
    for (int64_t step = 0; step < p->length; step++) {
        for (int64_t w = 0; w < p->width; w++) {
            const int64_t from = step - (p->width - 1) + w;
            if (conv1d_joined(p, tensor, b, from, step))
                dweight[w] += (double)g[step] * (double)conv1d_sample(p, tensor, b, d, from);
        }
        *dbias += (double)g[step];
    }
}

/* The sequences of channel d; g is scratch for `length` floats. */
static void channel(const struct conv1d *p, void *const tensor[], int64_t d, float g[])
{
    const enum dtype dtype = (enum dtype)p->dtype;
    double dweight[CONV1D_WIDTH_MAX] = {0}, dbias = 0;
    for (int64_t b = 0; b < p->batch; b++) {
        for (int64_t step = 0; step < p->length; step++)
            g[step] = conv1d_bwd_g(p, tensor, b, d, step);
        for (int64_t step = 0; step < p->length; step++)
            dtype_store(tensor[CONV1D_BWD_DX], dtype, conv1d_at(p, b, d, conv1d_time(p, step)),
                        sample_gradient(p, tensor, g, b, d, step));
        for (int64_t j = 0; j < p->width - 1 && p->initial; j++)
            dtype_store(tensor[CONV1D_BWD_DINITIAL], dtype, conv1d_state_at(p, b, d, j),
                        sample_gradient(p, tensor, g, b, d, j - (p->width - 1)));
        add_weight_gradients(p, tensor, g, b, d, dweight, &dbias);
    }
    for (int64_t w = 0; w < p->width; w++)
        conv1d_bwd_store_sum(p, tensor, d, w, (float)dweight[w]);
    if (p->bias)
        conv1d_bwd_store_sum(p, tensor, d, p->width, (float)dbias);
}

static size_t workspace_bytes(const void *problem)
{
    const struct conv1d *p = problem;
    return (size_t)p->channels * (size_t)p->length * sizeof(float);
}

static int run(const void *problem, void *const tensor[], void *workspace, void *stream)
{
    const struct conv1d *p = problem;
    (void)stream;
#pragma omp parallel for
    for (int64_t d = 0; d < p->channels; d++)
        channel(p, tensor, d, (float *)workspace + d * p->length);
    return 0;
}

VARIANT(conv1d_bwd_direct) = {.workspace = workspace_bytes, .run = run};
