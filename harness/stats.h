/* Order statistics of timing samples. */
#ifndef SSMBENCH_STATS_H
#define SSMBENCH_STATS_H

#ifdef __cplusplus
extern "C" {
#endif

struct summary {
    int count;
    double min, q1, median, q3, max;
    double low, high; /* 95 % interval of the median; NaN below 6 samples */
};

/* Quantile q (0 ... 1) of `count` ascending values, linear between the two nearest (Hyndman and
 * Fan, 1996, type 7, the default of R and NumPy). */
double quantile(const double sorted[], int count, double q);

/* The ranks (from 0) of the two order statistics that hold the median of `count` independent
 * samples with at least 95 % probability, whatever their distribution: the binomial interval.
 * Returns 0 when there are too few. */
int median_interval(int count, int *low, int *high);

/* The same with a probability of at least 1 - alpha. */
int median_interval_at(int count, double alpha, int *low, int *high);

/* The exact 95 % interval of the probability of what happened `hits` of `count` times (Clopper and
 * Pearson, 1934). */
void rate_interval(int hits, int count, double *low, double *high);

/* The least difference between samples that differ; 0 when all are the same. */
double smallest_step(const double sample[], int count);

/* All order statistics; `sample` is left as it is. */
struct summary summarise(const double sample[], int count);

/* The same with an interval of at least 1 - alpha. */
struct summary summarise_at(const double sample[], int count, double alpha);

#ifdef __cplusplus
}
#endif

#endif
