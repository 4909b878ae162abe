/* Which of several variants runs a problem: the one that measured problems like it speak for.
 *
 * A measured problem tells how many times as slow as the fastest each candidate was there. What is
 * expected of a candidate is the mean of that, weighted by 1/distance^2, over the measured problems
 * that are no more than twice as far as the nearest one; of those that accept the problem, the
 * candidate with the least is chosen. Between two measured problems with different winners this
 * weighs how much either loses. Without the limit a crowd of problems that are far would outvote
 * the few that are near.
 *
 * The choice depends on the problem alone: it is the same in every run.
 */
#ifndef SSMBENCH_CHOOSE_H
#define SSMBENCH_CHOOSE_H

#include "kernel.h"

enum { CHOOSE_CANDIDATES = 16 };

/* A candidate that is slower, or has no time there, counts as this slow. */
#define CHOOSE_SLOWEST 3.0

/* What a choice depends on. The flags are 0 or 1. */
struct choose_shape {
    int64_t batch, channels, length;
    int64_t depth;                  /* state of a scan, width of a convolution */
    int scalar, channel_last, half; /* A of one value a channel; layout; 16-bit elements */
};

/* A measured problem: by candidate, its time as a multiple of the least one, 1 to CHOOSE_SLOWEST.
 */
struct choose_measured {
    struct choose_shape shape;
    double slower[CHOOSE_CANDIDATES];
};

/* A table, as `make choices` writes it. */
struct choose_table {
    const struct choose_measured *measured;
    int count, candidates;
};

/* What flags that differ add to the square of a distance; 4 is two doublings of a size. A scalar A
 * has variants of its own: problems with the other kind of A count only where there are no more. */
#define CHOOSE_OTHER_A     400.0
#define CHOOSE_OTHER_ORDER 4.0
#define CHOOSE_OTHER_TYPE  4.0

/* The logarithm of value >= 1 to base 2, linear between powers of 2: at most 0.09 too small. */
static inline double choose_log2(int64_t value)
{
    const int whole = 63 - __builtin_clzll((unsigned long long)value);
    const double power = (double)((int64_t)1 << whole);
    return whole + ((double)value - power) / power;
}

/* The square of the distance between two problems: rows, which are what fills a machine, length
 * and depth in doublings. */
static inline double choose_distance(const struct choose_shape *a, const struct choose_shape *b)
{
    const double rows = choose_log2(a->batch * a->channels) - choose_log2(b->batch * b->channels);
    const double length = choose_log2(a->length) - choose_log2(b->length);
    const double depth = choose_log2(a->depth) - choose_log2(b->depth);
    return rows * rows + length * length + depth * depth +
           (a->scalar != b->scalar ? CHOOSE_OTHER_A : 0) +
           (a->channel_last != b->channel_last ? CHOOSE_OTHER_ORDER : 0) +
           (a->half != b->half ? CHOOSE_OTHER_TYPE : 0);
}

/* What is expected of each candidate, times one factor for all of them. */
static inline void choose_expect(const struct choose_table *table, const struct choose_shape *shape,
                                 double expected[CHOOSE_CANDIDATES])
{
    double nearest = table->count ? choose_distance(shape, &table->measured[0].shape) : 0;
    for (int m = 1; m < table->count; m++) {
        const double distance = choose_distance(shape, &table->measured[m].shape);
        nearest = distance < nearest ? distance : nearest;
    }
    for (int i = 0; i < table->candidates; i++)
        expected[i] = 0;
    for (int m = 0; m < table->count; m++) {
        const struct choose_measured *at = &table->measured[m];
        const double distance = choose_distance(shape, &at->shape); /* the square of it */
        const double weight = distance > 4 * nearest ? 0 : 1 / (distance + 1e-9);
        for (int i = 0; i < table->candidates; i++)
            expected[i] += weight * at->slower[i];
    }
}

/* The candidate with the least expected slow-down that accepts the problem; NULL without any. */
static inline const struct variant *choose(const struct choose_table *table,
                                           const struct variant *const candidate[],
                                           const struct choose_shape *shape, const void *problem)
{
    double expected[CHOOSE_CANDIDATES];
    const struct variant *best = NULL;
    double least = 0;
    choose_expect(table, shape, expected);
    for (int i = 0; i < table->candidates; i++) {
        if ((best && !(expected[i] < least)) ||
            (candidate[i]->accepts && candidate[i]->accepts(problem)))
            continue;
        best = candidate[i];
        least = expected[i];
    }
    return best;
}

#endif
