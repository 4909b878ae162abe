#include "parts.h"
#include "message.h"
#include "stats.h"

#include <stdlib.h>

int parts_count(const struct operation *op)
{
    int count = 0;
    while (op->parts && op->parts[count])
        count++;
    return count;
}

int parts_measure(const struct backend *backend, const struct operation *op,
                  const struct launch *launch, int runs, double part_ms[MAX_PARTS],
                  double *whole_ms)
{
    const int parts = parts_count(op);
    double told_ms[MAX_PARTS] = {0}, *const told = told_ms;
    double *sample_ms = must_allocate((size_t)(runs * (parts + 1)), sizeof *sample_ms);
    char *problem = must_allocate(op->problem_size, 1);
    struct launch asked = *launch;
    int error = 0;
    memcpy(problem, launch->problem, op->problem_size);
    memcpy(problem + op->part_ms, &told, sizeof told);
    asked.problem = problem;
    for (int run = 0; run < runs && !error; run++) {
        error = backend->run(&asked, true, &sample_ms[parts * runs + run]);
        for (int part = 0; part < parts; part++)
            sample_ms[part * runs + run] = told_ms[part];
    }
    for (int part = 0; part <= parts && !error; part++)
        *(part < parts ? &part_ms[part] : whole_ms) =
            summarise(sample_ms + part * runs, runs).median;
    free(problem);
    free(sample_ms);
    return error;
}
