/* Steps of the recurrence as pairs that can be joined in any grouping, for variants that scan. */
#ifndef SSMBENCH_SELSCAN_PAIR_H
#define SSMBENCH_SELSCAN_PAIR_H

#include "common.h"

/* A stretch of steps: it turns the state h into a*h + x, where a is the product of its decays,
 * packed (common.h). */
struct pair {
    float a, x;
};

static inline HOST_DEVICE
struct pair pair_of(struct decay decay, float x)
{
    struct pair pair;
    pair.a = decay_pack(decay);
    pair.x = x;
    return pair;
}

static inline HOST_DEVICE
float pair_apply(struct pair pair, float h)
{
    return selscan_step(h, decay_unpack(pair.a), 1.0f, pair.x);
}

/* `earlier` and then `later`, as one. */
static inline HOST_DEVICE
struct pair pair_join(struct pair earlier, struct pair later)
{
    const struct decay e = decay_unpack(earlier.a), l = decay_unpack(later.a);
    struct decay both;
    both.whole = e.whole * l.whole;
    both.rest = fmaf(e.rest, l.rest, fmaf(e.whole, l.rest, l.whole * e.rest));
    if (both.whole > 0 && fabsf(both.rest) > 0.5f) {
        both.whole = 0;
        both.rest += 1;
    }
    return pair_of(both, pair_apply(later, earlier.x));
}

#endif
