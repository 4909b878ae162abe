/* conv1d_bwd/direct: each gradient is summed from memory, one after another.
 *
 * Computes   dx, dweight, dbias and dinitial of reference/conv1d_bwd.h: sums over taps in fp32,
 *            sums over batch and length of 128 steps each in fp32, then in double.
 * Accepts    any shape; every option. Inputs are only read.
 * Layout     thread = one sample of x or initial; then one sum of 128 steps of a channel;
 *            neighbours along time, or along channels when channel_last, and along channels in the
 *            sums.
 * Algorithm  every g is computed from x again wherever it is read. The baseline: its obviousness is
 *            the point, not its speed.
 * Cost       loads: per sample width of dout and, with silu, width^2 of x; as many per step for the
 *            sums. Workspace: 4 bytes for each sum and 128 steps of a channel.
 * Error      f32 1e-6 at worst. Order of the sums: steps within 128, then partial.cuh.
 * Source     written from the definition.
 */
#include "partial.cuh"

enum { THREADS = 128, PART = 128 };

/* Samples of x, then those of initial. */
static __global__ void samples(const struct conv1d_bwd_call call, int64_t steps)
{
    const struct conv1d *p = &call.p;
    const int64_t i = thread_index(), before = steps - p->length;
    if (i >= p->batch * p->channels * steps)
        return;
    const bool last = p->layout == CONV1D_CHANNEL_LAST; /* cost only: neighbours in memory */
    const int64_t b = i / (p->channels * steps), inner = i % (p->channels * steps);
    const int64_t d = last ? inner % p->channels : inner / steps;
    const int64_t step = (last ? inner / p->channels : inner % steps) - before;
    const float sum = conv1d_bwd_sample(p, call.tensor, b, d, step);
    if (step >= 0)
        dtype_store(call.tensor[CONV1D_BWD_DX], (enum dtype)p->dtype,
                    conv1d_at(p, b, d, conv1d_time(p, step)), sum);
    else
        dtype_store(call.tensor[CONV1D_BWD_DINITIAL], (enum dtype)p->dtype,
                    conv1d_state_at(p, b, d, step + before), sum);
}

/* Steps of all sequences one behind the other, 128 a part. */
static __global__ void sums(const struct conv1d_bwd_call call, float *partial, int64_t parts)
{
    const struct conv1d *p = &call.p;
    const int64_t i = thread_index(), d = i % p->channels;
    const int64_t w = i / p->channels % conv1d_bwd_sums(p);
    const int64_t part = i / p->channels / conv1d_bwd_sums(p);
    if (part >= parts)
        return;
    int64_t b = part * PART / p->length, step = part * PART % p->length;
    float sum = 0;
    for (int n = 0; n < PART && b < p->batch; n++) {
        const int64_t from = step - (p->width - 1) + w;
        if (w == p->width)
            sum += conv1d_bwd_g(p, call.tensor, b, d, step);
        else if (conv1d_joined(p, call.tensor, b, from, step))
            sum = fmaf(conv1d_bwd_g(p, call.tensor, b, d, step),
                       conv1d_sample(p, call.tensor, b, d, from), sum);
        if (++step == p->length) {
            step = 0;
            b++;
        }
    }
    partial[partial_at(p, part, w, d)] = sum;
}

static int64_t parts_of(const struct conv1d *p)
{
    return blocks_for(p->batch * p->length, PART);
}

static size_t workspace_bytes(const void *problem)
{
    const struct conv1d *p = (const struct conv1d *)problem;
    return partial_bytes(p, parts_of(p));
}

static int run(const void *problem, void *const tensor[], void *workspace, void *stream)
{
    const struct conv1d_bwd_call call = conv1d_bwd_pack(problem, tensor);
    const struct conv1d *p = &call.p;
    const int64_t steps = p->length + (p->initial ? p->width - 1 : 0), parts = parts_of(p);
    int error = launch(samples, blocks_for(p->batch * p->channels * steps, THREADS), THREADS, 0,
                       stream, call, steps);
    if (!error)
        error = launch(sums, blocks_for(parts * conv1d_bwd_sums(p) * p->channels, THREADS), THREADS,
                       0, stream, call, (float *)workspace, parts);
    return error ? error : reduce(call, workspace, parts, stream);
}

VARIANT(conv1d_bwd_direct) = {.workspace = workspace_bytes, .run = run};
