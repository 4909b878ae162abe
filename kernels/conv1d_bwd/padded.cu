/* conv1d_bwd/padded: the passes of a framework's automatic differentiation, over whole tensors.
 *
 * Computes   dx, dweight, dbias and dinitial of reference/conv1d_bwd.h: all in fp32, sums over
 *            batch and length of 128 steps each in fp32, then in double.
 * Accepts    any shape; every option but seq_idx. Inputs are only read.
 * Layout     thread = one element of a pass's result, in the order of memory; in the sums, one sum
 *            of 128 steps, neighbours along channels.
 * Algorithm  forward again: pad x with initial or zeros before and zeros behind, convolve. Back:
 *            slope of silu; the outputs that were cut off, as zeros; convolution for the samples;
 *            unpad; products summed for the weights, and the bias. A launch a pass.
 * Cost       bytes: some 15 fp32 tensors like x move (12 without silu) where conv1d_bwd has 3; the
 *            sums' loads are strided by length where channel_first. Workspace: 16 bytes for each
 *            element of x and of the padding, 4 for each sum and 128 steps.
 * Error      f32 1e-6 at worst. Order of the sums: steps within 128, then partial.cuh.
 * Source     the derivative, pass by pass, of nn.Conv1d with padding = width-1 and its end cut off,
 *            as Mamba is written without kernels (Gu and Dao, arXiv 2312.00752).
 */
#include "padded.h"
#include "partial.cuh"

enum { THREADS = 128, PART = 128 };

typedef void element_pass(const struct conv1d_bwd_call *call, const struct padded *w, int64_t i);

template <element_pass *PASS>
static __global__ void elements(const struct conv1d_bwd_call call, const struct padded w,
                                int64_t count)
{
    if (thread_index() < count)
        PASS(&call, &w, thread_index());
}

template <element_pass *PASS>
static int over(const struct conv1d_bwd_call &call, const struct padded &w, int64_t steps,
                void *stream)
{
    return launch(elements<PASS>, blocks_for(w.rows * steps, THREADS), THREADS, 0, stream, call, w,
                  w.rows * steps);
}

static __global__ void sums(const struct conv1d_bwd_call call, const struct padded w, int64_t parts)
{
    const struct conv1d *p = &call.p;
    const int64_t i = thread_index(), d = i % p->channels;
    const int64_t k = i / p->channels % conv1d_bwd_sums(p);
    const int64_t part = i / p->channels / conv1d_bwd_sums(p);
    if (part < parts)
        w.partial[partial_at(p, part, k, d)] = padded_sum(p, &w, d, k, part * PART, PART);
}

static int64_t parts_of(const struct conv1d *p)
{
    return blocks_for(p->batch * p->length, PART);
}

static size_t workspace_bytes(const void *problem)
{
    const struct conv1d *p = (const struct conv1d *)problem;
    return padded_bytes(p) + partial_bytes(p, parts_of(p));
}

static int run(const void *problem, void *const tensor[], void *workspace, void *stream)
{
    const struct conv1d_bwd_call call = conv1d_bwd_pack(problem, tensor);
    const struct conv1d *p = &call.p;
    const struct padded w = padded_carve(p, workspace);
    const int64_t parts = parts_of(p);
    int error = over<padded_pad>(call, w, p->length + 2 * w.before, stream);
    if (!error && p->act == ACT_SILU)
        error = over<padded_convolve>(call, w, p->length + w.before, stream);
    if (!error)
        error = over<padded_activate>(call, w, p->length, stream);
    if (!error)
        error = over<padded_uncut>(call, w, p->length + w.before, stream);
    if (!error)
        error = over<padded_convolve_back>(call, w, p->length + w.before, stream);
    if (!error)
        error = over<padded_unpad>(call, w, p->length + w.before, stream);
    if (!error)
        error = launch(sums, blocks_for(parts * conv1d_bwd_sums(p) * p->channels, THREADS), THREADS,
                       0, stream, call, w, parts);
    return error ? error : reduce(call, w.partial, parts, stream);
}

VARIANT(conv1d_bwd_padded) = {.accepts = padded_accepts, .workspace = workspace_bytes, .run = run};
