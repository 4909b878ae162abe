/* How long the parts of a composed operation take within it. */
#ifndef SSMBENCH_PARTS_H
#define SSMBENCH_PARTS_H

#include "backend.h"

/* Runs `launch`, of operation `op`, which has parts, `runs` times from a cold cache, and leaves the
 * median of each part in ms, and that of the whole runs on the same clock in *whole_ms. Returns 0
 * or the error of a run. */
int parts_measure(const struct backend *backend, const struct operation *op,
                  const struct launch *launch, int runs, double part_ms[MAX_PARTS],
                  double *whole_ms);

/* How many parts `op` has. */
int parts_count(const struct operation *op);

#endif
