/* conv1d_bwd/padded: the passes of a framework's automatic differentiation, over whole tensors.
 *
 * Computes   dx, dweight, dbias and dinitial of reference/conv1d_bwd.h: all in fp32, sums over
 *            batch and length of 128 steps each in fp32, then in double.
 * Accepts    any shape; every option but seq_idx. Inputs are only read.
 * Layout     every pass goes over its result in the order of memory, spread over OpenMP threads.
 * Algorithm  forward again: pad x with initial or zeros before and zeros behind, convolve. Back:
 *            slope of silu; the outputs that were cut off, as zeros; convolution for the samples;
 *            unpad; products summed for the weights, then the bias.
 * Cost       bytes: some 15 fp32 tensors like x move (12 without silu) where conv1d_bwd has 3.
 *            Workspace: 16 bytes for each element of x and of the padding.
 * Error      f32 1e-6 at worst. Order of the sums: steps within 128, then those sums, ascending.
 * Source     the derivative, pass by pass, of nn.Conv1d with padding = width-1 and its end cut off,
 *            as Mamba is written without kernels (Gu and Dao, arXiv 2312.00752).
 */
#include "padded.h"

enum { PART = 128 };

typedef void element_pass(const struct conv1d_bwd_call *call, const struct padded *w, int64_t i);

static inline void over(element_pass *pass, const struct conv1d_bwd_call *call,
                        const struct padded *w, int64_t steps)
{
#pragma omp parallel for
    for (int64_t i = 0; i < w->rows * steps; i++)
        pass(call, w, i);
}

static size_t workspace_bytes(const void *problem)
{
    return padded_bytes(problem);
}

static int run(const void *problem, void *const tensor[], void *workspace, void *stream)
{
    const struct conv1d_bwd_call call = conv1d_bwd_pack(problem, tensor);
    const struct conv1d *p = &call.p;
    const struct padded w = padded_carve(p, workspace);
    const int64_t sums = conv1d_bwd_sums(p);
    (void)stream;
    over(padded_pad, &call, &w, p->length + 2 * w.before);
    if (p->act == ACT_SILU)
        over(padded_convolve, &call, &w, p->length + w.before);
    over(padded_activate, &call, &w, p->length);
    over(padded_uncut, &call, &w, p->length + w.before);
    over(padded_convolve_back, &call, &w, p->length + w.before);
    over(padded_unpad, &call, &w, p->length + w.before);
#pragma omp parallel for
    for (int64_t i = 0; i < p->channels * sums; i++) {
        const int64_t d = i / sums, k = i % sums;
        double sum = 0;
        for (int64_t first = 0; first < p->batch * p->length; first += PART)
            sum += (double)padded_sum(p, &w, d, k, first, PART);
        conv1d_bwd_store_sum(p, tensor, d, k, (float)sum);
    }
    return 0;
}

VARIANT(conv1d_bwd_padded) = {.accepts = padded_accepts, .workspace = workspace_bytes, .run = run};
