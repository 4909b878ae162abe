/* What the wrong convolutions have in common: an element of out at a time, channel_first. A file
 * defines element(), which owes what whole() would do, and ends with WRONG_CONVOLUTION(its name).
 */
#ifndef SSMBENCH_EACH_OUTPUT_H
#define SSMBENCH_EACH_OUTPUT_H

#include "../../../kernels/conv1d/common.h"
#include "../each.h"

/* Where element i of out is. */
struct place {
    int64_t b, d, t;
};

static inline HOST_DEVICE
struct place place_of(const struct conv1d *p, int64_t i)
{
    struct place place;
    place.t = i % p->length;
    place.d = i / p->length % p->channels;
    place.b = i / p->length / p->channels;
    return place;
}

/* The right sum of element i. */
static inline HOST_DEVICE
float sum_of(const struct conv1d_call *call, int64_t i)
{
    const struct place at = place_of(&call->p, i);
    return conv1d_pre(&call->p, call->tensor, at.b, at.d, at.t);
}

static inline HOST_DEVICE
void keep(const struct conv1d_call *call, int64_t i, float sum)
{
    ((float *)call->tensor[CONV1D_OUT])[i] = conv1d_finish(&call->p, sum, 0);
}

/* Element i as it has to be. */
static inline HOST_DEVICE
void whole(const struct conv1d_call *call, int64_t i)
{
    keep(call, i, sum_of(call, i));
}

static inline HOST_DEVICE
int64_t outputs_of(const struct conv1d *p)
{
    return p->batch * p->channels * p->length;
}

/* What a variant that keeps something from call to call has room for. */
enum { OUTPUTS_MAX = 1 << 19 };

static const char *accepts(const void *problem)
{
    const struct conv1d *p = (const struct conv1d *)problem;
    const bool plain = p->dtype == DTYPE_F32 && p->layout == CONV1D_CHANNEL_FIRST && !p->act &&
                       !p->pad && !p->seq_idx && !p->reverse && !p->initial && !p->final;
    return plain && outputs_of(p) <= OUTPUTS_MAX ? NULL : "the cases of harness/wrong/wrong.ini";
}

/* Defines run(), which does element() for all outputs. */
#define EACH_OUTPUT(element)                                                                       \
    DEFINE_EACH(each_output, struct conv1d_call, element)                                          \
    static int run(const void *problem, void *const tensor[], void *workspace, void *stream)       \
    {                                                                                              \
        const struct conv1d_call call = conv1d_pack(problem, tensor);                              \
        (void)workspace;                                                                           \
        return each_output(&call, outputs_of(&call.p), stream);                                    \
    }

#define WRONG_CONVOLUTION(name)                                                                    \
    EACH_OUTPUT(element)                                                                           \
    VARIANT(conv1d_##name) = {.accepts = accepts, .run = run}

#endif
