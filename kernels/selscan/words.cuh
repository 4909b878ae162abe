/* Whether a scan's tensors can be read and written four neighbours at a time. */
#ifndef SSMBENCH_SELSCAN_WORDS_CUH
#define SSMBENCH_SELSCAN_WORDS_CUH

#include "../device/vector.cuh"
#include "common.h"

/* Whether each four neighbours in memory that the problem has lie together in a word: steps of a
 * channel or state, or with channel_last channels or states of a step. */
template <enum dtype DTYPE>
static bool words_fit(const struct selscan_call *call)
{
    const struct selscan *p = &call->p;
    bool fit = p->layout == CHANNEL_LAST ? p->channels / p->groups % 4 == 0 && p->state % 4 == 0
                                         : p->length % 4 == 0 && !p->reverse;
    for (const int tensor :
         {SELSCAN_U, SELSCAN_DELTA, SELSCAN_Z, SELSCAN_OUT, SELSCAN_B, SELSCAN_C})
        fit = fit && vector_phase<DTYPE>(call->tensor[tensor], 0) % 4 ==
                         0; /* GPU only: unaligned_test.c looks at it */
    return fit;
}

#endif
