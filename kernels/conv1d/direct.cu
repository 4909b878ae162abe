/* conv1d/direct: one output per thread, straight from memory.
 *
 * Computes   out and final of reference/conv1d.h, in fp32, in the order the sum is written.
 * Accepts    any shape; every option. Inputs are only read.
 * Layout     thread = one element of out, in the order of memory, so that neighbours load and store
 *            neighbouring elements in both layouts; block = 256 of them.
 * Algorithm  width multiply-adds a thread, from global memory; no shared memory, no barrier. The
 *            baseline: its obviousness is the point, not its speed.
 * Cost       bytes: conv1d's, as far as the L1 cache holds the width samples of an output, which
 *            its neighbours load too: width loads of x and of weight an output.
 * Error      f32 5e-7 at worst in cases/quick.ini and conv.ini; final is a copy of bits.
 * Source     written from the definition.
 */
#include "common.cuh"

enum { THREADS = 256 };

template <bool LAST>
static __global__ void __launch_bounds__(THREADS) convolve(const struct conv1d_call call)
{
    const struct conv1d *p = &call.p;
    const int64_t row = LAST ? p->channels : p->length, rows = LAST ? p->length : p->channels;
    const int64_t i = thread_index(), fast = i % row, slow = i / row % rows, b = i / row / rows;

    conv1d_keep_share(&call);
    if (b >= p->batch)
        return;
    const int64_t d = LAST ? fast : slow, t = LAST ? slow : fast;
    const int64_t step = conv1d_time(p, t); /* its own inverse */
    const float pre = conv1d_pre(p, call.tensor, b, d, step);
    dtype_store(call.tensor[CONV1D_OUT], (enum dtype)p->dtype, conv1d_at(p, b, d, t),
                conv1d_finish(p, pre, conv1d_sequence(p, call.tensor, b, step)));
}

static int run(const void *problem, void *const tensor[], void *, void *stream)
{
    const struct conv1d_call call = conv1d_pack(problem, tensor);
    const struct conv1d *p = &call.p;
    const auto kernel = p->layout == CONV1D_CHANNEL_LAST ? convolve<true> : convolve<false>;
    return launch(kernel, blocks_for(p->batch * p->channels * p->length, THREADS), THREADS, 0,
                  stream, call);
}

VARIANT(conv1d_direct) = {.run = run};
