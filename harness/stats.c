#include "stats.h"
#include "message.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* A copy in ascending order. */
static double *in_order(const double sample[], int count)
{
    double *sorted = must_allocate((size_t)count, sizeof *sorted);
    memcpy(sorted, sample, (size_t)count * sizeof *sorted);
    qsort(sorted, (size_t)count, sizeof *sorted, compare);
    return sorted;
}

double smallest_step(const double sample[], int count)
{
    double least = INFINITY, *const sorted = in_order(sample, count);
    for (int i = 1; i < count; i++)
        if (sorted[i] > sorted[i - 1])
            least = fmin(least, sorted[i] - sorted[i - 1]);
    free(sorted);
    return isinf(least) ? 0 : least;
}

double quantile(const double sorted[], int count, double q)
{
    const double at = q * (count - 1);
    const int below = (int)at, above = below + 1 < count ? below + 1 : below;
    return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
}

/* P(k of `count` happen), each with probability p. */
static double binomial(int count, int k, double p)
{
    return exp(lgamma(count + 1.0) - lgamma(k + 1.0) - lgamma(count - k + 1.0) + k * log(p) +
               (count - k) * log1p(-p));
}

int median_interval(int count, int *low, int *high)
{
    return median_interval_at(count, 0.05, low, high);
}

int median_interval_at(int count, double alpha, int *low, int *high)
{
    /* P(fewer than k of the samples lie below the median), summed until it would pass alpha/2. */
    double tail = 0;
    int k = 0;
    while (k < count / 2) {
        tail += binomial(count, k, 0.5);
        if (!(tail <= alpha / 2))
            break;
        k++;
    }
    *low = k - 1;
    *high = count - k;
    return k > 0;
}

struct summary summarise(const double sample[], int count)
{
    return summarise_at(sample, count, 0.05);
}

struct summary summarise_at(const double sample[], int count, double alpha)
{
    struct summary s = {.count = count, .low = NAN, .high = NAN};
    if (count < 1) {
        s.min = s.q1 = s.median = s.q3 = s.max = NAN;
        return s;
    }
    double *const sorted = in_order(sample, count);
    s.min = sorted[0];
    s.q1 = quantile(sorted, count, 0.25);
    s.median = quantile(sorted, count, 0.5);
    s.q3 = quantile(sorted, count, 0.75);
    s.max = sorted[count - 1];
    int low, high;
    if (median_interval_at(count, alpha, &low, &high)) {
        s.low = sorted[low];
        s.high = sorted[high];
    }
    free(sorted);
    return s;
}

/* The p at which `least` or more of `count` happen with probability `tail`. */
static double rate_at(int least, int count, double tail)
{
    double low = 0, high = 1;
    for (int step = 0; step < 60; step++) {
        const double p = 0.5 * (low + high);
        double above = 0;
        for (int k = least; k <= count; k++)
            above += binomial(count, k, p);
        if (above < tail)
            low = p;
        else
            high = p;
    }
    return 0.5 * (low + high);
}

void rate_interval(int hits, int count, double *low, double *high)
{
    *low = hits > 0 ? rate_at(hits, count, 0.025) : 0;
    *high = hits < count ? rate_at(hits + 1, count, 0.975) : 1;
}
