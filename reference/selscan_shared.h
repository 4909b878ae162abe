/* What reference/selscan.c and reference/selscan_bwd.c share: keys, inputs, the tensors that look
 * alike, and the parts of a step, in double precision. */
#ifndef SSMBENCH_SELSCAN_SHARED_H
#define SSMBENCH_SELSCAN_SHARED_H

#include "operation.h"
#include "selscan.h"
#include <math.h>

extern const struct key SELSCAN_KEYS[];

const char *selscan_check(const void *problem, const char **key);

/* True when every sum is one of whole numbers. */
bool selscan_exact(const void *problem);

/* How the inputs of selscan are drawn, the first ones of both operations; the others of `count` are
 * bells. */
void selscan_fill(const struct selscan *p, struct fill fill[], int count);

/* Sets the tensors that stand at the same place in both operations: u to initial. */
void selscan_inputs(const struct selscan *p, struct tensor tensor[]);

/* The tensors: u and its like, A and its like, B and its like, D and its like, initial and its
 * like. */
struct tensor selscan_u(const struct selscan *p, const char *name, bool present);
struct tensor selscan_a(const struct selscan *p, const char *name);
struct tensor selscan_b(const struct selscan *p, const char *name);
struct tensor selscan_parameter(const struct selscan *p, const char *name, bool present);
struct tensor selscan_state(const struct selscan *p, const char *name, bool present);

/* batch*channels*length */
double selscan_outputs(const struct selscan *p);

/* Memory for `count` doubles, or the end. */
double *selscan_doubles(int64_t count);

/* B or C of one batch and group as doubles, [time][state]. */
void selscan_widen(const struct selscan *p, const void *tensor, int64_t b, int64_t g, double *out);

/* delta + delta_bias of channel d at element `at`. */
static inline double selscan_raw_delta(const struct selscan *p, const void *const input[],
                                       int64_t d, int64_t at)
{
    const double delta = dtype_load(input[SELSCAN_DELTA], (enum dtype)p->dtype, at);
    return p->bias ? delta + (double)((const float *)input[SELSCAN_DELTA_BIAS])[d] : delta;
}

/* delta' of the same. */
static inline double selscan_delta_of(const struct selscan *p, double raw)
{
    return p->softplus && raw <= (double)SOFTPLUS_THRESHOLD ? log1p(exp(raw)) : raw;
}

#endif
