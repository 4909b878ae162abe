/* How far apart neighbours are in a scan's tensors, in elements, for kernels that walk them by
 * adding. */
#ifndef SSMBENCH_SELSCAN_STRIDES_CUH
#define SSMBENCH_SELSCAN_STRIDES_CUH

#include "common.h"

/* Of the streams, of B and C; a step in the recurrence's own direction. */
struct strides {
    int64_t step, channel, state_step, state;
};

static inline struct strides strides_of(const struct selscan *p)
{
    const bool last = p->layout == CHANNEL_LAST;
    const int64_t forth = p->reverse ? -1 : 1;
    struct strides s;
    s.step = forth * (last ? p->channels : 1);
    s.channel = last ? 1 : p->length;
    s.state_step = forth * (last ? p->groups * p->state : 1);
    s.state = last ? 1 : p->length;
    return s;
}

#endif
