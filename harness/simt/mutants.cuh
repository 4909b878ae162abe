/* Faulty kernels, one fault each: what simt, and on a GPU compute-sanitizer, has to find. The right
 * kernel turns x into x[t] + x[t+1 mod THREADS]. */
#ifndef SSMBENCH_MUTANTS_CUH
#define SSMBENCH_MUTANTS_CUH

#include "../../kernels/device/launch.cuh"

enum { MUTANT_THREADS = 128 };

static __global__ void mutant_none(const float *x, float *y)
{
    SHARED(float, tile, [MUTANT_THREADS]);
    const int t = (int)threadIdx.x;
    tile[t] = x[t];
    __syncthreads();
    y[t] = tile[t] + tile[(t + 1) % MUTANT_THREADS];
}

static __global__ void mutant_missing_barrier(const float *x, float *y)
{
    SHARED(float, tile, [MUTANT_THREADS]);
    const int t = (int)threadIdx.x;
    tile[t] = x[t];
    y[t] = tile[t] + tile[(t + 1) % MUTANT_THREADS];
}

/* Reads a neighbour that may or may not have been overwritten. */
static __global__ void mutant_racy_neighbour(const float *x, float *y)
{
    SHARED(float, tile, [MUTANT_THREADS]);
    const int t = (int)threadIdx.x;
    tile[t] = x[t];
    __syncthreads();
    tile[t] = tile[t] + tile[(t + 1) % MUTANT_THREADS];
    __syncthreads();
    y[t] = tile[t];
}

static __global__ void mutant_uninitialised_read(const float *x, float *y)
{
    SHARED(float, tile, [MUTANT_THREADS]);
    const int t = (int)threadIdx.x;
    if (t != 77)
        tile[t] = x[t];
    __syncthreads();
    y[t] = tile[t] + tile[(t + 1) % MUTANT_THREADS];
}

static __global__ void mutant_out_of_bounds_write(const float *x, float *y)
{
    SHARED(float, tile, [MUTANT_THREADS]);
    const int t = (int)threadIdx.x;
    tile[t + (t == MUTANT_THREADS - 1)] = x[t];
    __syncthreads();
    y[t] = tile[t] + tile[(t + 1) % MUTANT_THREADS];
}

/* Half of the warp does not come to the shuffle but to the barrier. */
static __global__ void mutant_shuffle_under_divergence(const float *x, float *y)
{
    const int t = (int)threadIdx.x;
    float neighbour = 0;
    if (t % 32 < 16)
        neighbour = __shfl_sync(0xffffffffu, x[t], (t + 1) % 32);
    __syncthreads();
    y[t] = x[t] + neighbour;
}

static __global__ void mutant_barrier_in_branch(const float *x, float *y)
{
    SHARED(float, tile, [MUTANT_THREADS]);
    const int t = (int)threadIdx.x;
    tile[t] = x[t];
    if (t < 48)
        __syncthreads();
    y[t] = tile[t] + tile[(t + 1) % MUTANT_THREADS];
}

static const struct mutant {
    const char *name;
    void (*kernel)(const float *, float *);
} MUTANTS[] = {
    {"none", mutant_none},
    {"missing_barrier", mutant_missing_barrier},
    {"racy_neighbour", mutant_racy_neighbour},
    {"uninitialised_read", mutant_uninitialised_read},
    {"out_of_bounds_write", mutant_out_of_bounds_write},
    {"shuffle_under_divergence", mutant_shuffle_under_divergence},
    {"barrier_in_branch", mutant_barrier_in_branch},
};
enum { MUTANT_COUNT = sizeof MUTANTS / sizeof *MUTANTS };

#endif
