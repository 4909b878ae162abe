/* Which of two is faster, from times taken in turns: A B B A or B A A B, round after round. */
#ifndef SSMBENCH_PAIRED_H
#define SSMBENCH_PAIRED_H

enum verdict {
    VERDICT_SAME,       /* B takes as long as A, within the band */
    VERDICT_FASTER,     /* B is faster, by more than the band */
    VERDICT_SLOWER,     /* B is slower, by more than the band */
    VERDICT_UNRESOLVED, /* the rounds do not tell */
    VERDICT_COUNT
};

extern const char *const VERDICT_NAMES[VERDICT_COUNT];

/* Below this share of a difference nobody cares; in a band wider than the second one nothing is
 * called the same. */
#define PAIRED_BAND     0.005
#define PAIRED_BAND_MAX 0.05

/* How often a whole table may say FASTER or SLOWER of what is the same. */
#define PAIRED_ERROR_RATE 0.05

/* The times of one round, in ms: a1 was taken before a2, b1 before b2. */
struct round {
    double a1, b1, b2, a2;
};

/* Ratios are times of B by times of A. */
struct comparison {
    int rounds;
    double a_ms, b_ms;       /* medians */
    double ratio, low, high; /* median over rounds of sqrt(b1 b2 / (a1 a2)), and its interval */
    double band;             /* the larger of PAIRED_BAND and what A differs from itself by */
    enum verdict verdict;
};

/* What an interval of the logarithm of a ratio says, with a band about 0. */
enum verdict paired_verdict(double low, double high, double band);

/* Compares from the rounds. The interval of the median ratio is that of the sign test, exact
 * whatever the distribution of times; a drift that is even over a round cancels. Its probability is
 * 1 - PAIRED_ERROR_RATE / comparisons, so that of a table of as many comparisons of equal things 95
 * % have no verdict but SAME or UNRESOLVED. The band comes from A by A, of each two rounds on end:
 * the interval of their ratios holds what a thing differs from itself by in these very rounds. With
 * too few rounds for an interval the verdict is UNRESOLVED. */
struct comparison paired_compare(const struct round rounds[], int count, int comparisons);

#endif
