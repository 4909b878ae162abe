/* Runs of a launch on a GPU, for backend.h's `run`, `spin`, `latest`, `batch` and `floors`. */
#ifndef SSMBENCH_RUN_CUDA_H
#define SSMBENCH_RUN_CUDA_H

#include "backend.h"

#define RETURN_IF_ERROR(call)                                                                      \
    do {                                                                                           \
        const int error_ = (int)(call);                                                            \
        if (error_)                                                                                \
            return error_;                                                                         \
    } while (0)

int cuda_run(const struct launch *launch, bool cold, double *time_ms);
int cuda_spin(int64_t ticks, void *stream);
void cuda_latest(struct latest *latest);
int cuda_batch(const struct launch *launch, int count, bool graph, double *time_ms);
int cuda_floors(struct floors *floors);

#endif
