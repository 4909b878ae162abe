/* Quotients of whole numbers by a divisor that the host knows, in about ten instructions; the
 * compiler takes a hundred for 64 bits.
 *
 * Shapes     0 <= n < 2^52, 1 <= divisor < 2^31.
 * Error      none: the product with the inverse is off by one at most, and put right.
 * Source     written from the definition.
 */
#ifndef SSMBENCH_DIVIDE_CUH
#define SSMBENCH_DIVIDE_CUH

#include "launch.cuh"

struct divisor {
    double inverse;
    int value;
};

static inline struct divisor divisor_of(int64_t value)
{
    struct divisor d;
    d.value = (int)value;
    d.inverse = 1.0 / (double)value;
    return d;
}

/* n / d; the rest goes to `rest`. */
static inline __device__ int64_t divide(int64_t n, const struct divisor *d, int *rest)
{
    int64_t quotient = (int64_t)((double)n * d->inverse);
    int64_t left = n - quotient * d->value;
    if (left < 0) { /* GPU only: the inverse is rarely too large */
        quotient--;
        left += d->value;
    } else if (left >= d->value) {
        quotient++;
        left -= d->value;
    }
    *rest = (int)left;
    return quotient;
}

#endif
