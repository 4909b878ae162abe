/* What is wrong with an output of a run, in a word and in a sentence. */
#ifndef SSMBENCH_JUDGE_H
#define SSMBENCH_JUDGE_H

#include "trial.h"

struct judgement {
    enum status status; /* PASS, WRONG, UNWRITTEN or NONFINITE */
    double error;
    char detail[512]; /* a sentence unless PASS */
};

/* The largest error that an output of the problem may have: ERROR_LIMIT, or 0 where it has to be
 * exact. */
double error_limit(const struct operation *op, const void *problem, const struct tensor *tensor);

/* Compares an output, in the tensor's dtype, with the reference, as tensor_compare() does. With a
 * `limit` that is infinite only elements that are unwritten or not finite are wrong. */
struct judgement judge(const struct tensor *tensor, const void *out, const double *reference,
                       const double *scale, double limit);

#endif
