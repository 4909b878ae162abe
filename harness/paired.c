#include "paired.h"
#include "message.h"
#include "stats.h"

#include <math.h>
#include <stdlib.h>

const char *const VERDICT_NAMES[VERDICT_COUNT] = {"SAME", "FASTER", "SLOWER", "UNRESOLVED"};

enum verdict paired_verdict(double low, double high, double band)
{
    if (low > band)
        return VERDICT_SLOWER;
    if (high < -band)
        return VERDICT_FASTER;
    const bool within = low >= -band && high <= band && band <= log1p(PAIRED_BAND_MAX);
    return within ? VERDICT_SAME : VERDICT_UNRESOLVED;
}

struct comparison paired_compare(const struct round rounds[], int count, int comparisons)
{
    const double alpha = PAIRED_ERROR_RATE / comparisons;
    double *a = must_allocate(6 * (size_t)count, sizeof *a), *b = a + 2 * count;
    double *ratio = b + 2 * count, *self = ratio + count;
    for (int i = 0; i < count; i++) {
        const struct round *r = &rounds[i];
        a[2 * i] = r->a1;
        a[2 * i + 1] = r->a2;
        b[2 * i] = r->b1;
        b[2 * i + 1] = r->b2;
        ratio[i] = 0.5 * log(r->b1 * r->b2 / (r->a1 * r->a2));
        if (i % 2)
            self[i / 2] = 0.5 * log(r->a1 * r->a2 / (r[-1].a1 * r[-1].a2));
    }
    const struct summary s = summarise_at(ratio, count, alpha);
    const struct summary own = summarise_at(self, count / 2, alpha);
    struct comparison c = {.rounds = count,
                           .a_ms = summarise(a, 2 * count).median,
                           .b_ms = summarise(b, 2 * count).median,
                           .ratio = exp(s.median),
                           .low = exp(s.low),
                           .high = exp(s.high),
                           .band = fmax(PAIRED_BAND, expm1(fmax(fabs(own.low), fabs(own.high)))),
                           .verdict = VERDICT_UNRESOLVED};
    if (isfinite(s.low) && isfinite(s.high) && isfinite(own.low))
        c.verdict = paired_verdict(s.low, s.high, log1p(c.band));
    free(a);
    return c;
}
