/* conv1d/wrong_tail: the last, partial chunk of a row takes its last sample for 0.
 *
 * As by      a bound that is off by one, of the loads of the tail only.
 * Found as   WRONG: ,99] =
 */
#include "each_output.h"

enum { CHUNK = 16 };

static DEVICE void element(const struct conv1d_call *call, int64_t i)
{
    const struct conv1d *p = &call->p;
    const struct place at = place_of(p, i);
    const bool last = at.t == p->length - 1 && p->length % CHUNK;
    const float spoiled = last ? conv1d_weight(p, call->tensor, at.d, p->width - 1) *
                                     conv1d_sample(p, call->tensor, at.b, at.d, at.t)
                               : 0;
    keep(call, i, sum_of(call, i) - spoiled);
}

WRONG_CONVOLUTION(wrong_tail);
