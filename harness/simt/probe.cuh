/* A probe: a kernel, its inputs, and what its outputs have to be by definition. The same probes run
 * on simt (probes_test.cc) and on a GPU (probes.cu): that is what ties the two meanings of a
 * wrapper together.
 *
 * Inputs and outputs are words of 32 bits, most of them bits of floats.
 */
#ifndef SSMBENCH_PROBE_CUH
#define SSMBENCH_PROBE_CUH

#include "../../kernels/device/cluster.cuh"
#include "../../kernels/dtype.h"

#include <math.h>

struct probe {
    const char *name;
    int arch; /* least compute capability, 80 for 8.0 */
    int blocks, threads;
    void (*kernel)(const uint32_t *in, uint32_t *out);
    int inputs, outputs;
    void (*fill)(uint32_t *in);
    /* `want` as bits of floats. `allowed` is the error allowed of each; 0, as it comes, asks for
     * the same bits. */
    void (*expect)(const uint32_t *in, uint32_t *want, double *allowed);
    int cluster; /* blocks of a cluster; 0 is 1 */
};

/* Enqueues it. */
static inline int probe_launch(const struct probe *probe, const uint32_t *in, uint32_t *out)
{
    return launch_cluster(probe->kernel, probe->cluster ? probe->cluster : 1, probe->blocks,
                          probe->threads, 0, NULL, in, out);
}

/* The worst output: its error, as a multiple of what is allowed where that is not 0. */
struct verdict {
    bool passed;
    int worst;
    double error;
};

static inline HOST_DEVICE
bool is_nan(uint32_t bits)
{
    return (bits & 0x7fffffffu) > 0x7f800000u;
}

/* Any NaN is as good as any other. */
static inline double probe_error(uint32_t out, uint32_t want, double allowed)
{
    if (out == want || (is_nan(out) && is_nan(want)))
        return 0;
    const double error = fabs((double)bits_float(out) - (double)bits_float(want)) / allowed;
    return error >= 0 && allowed > 0 ? error : INFINITY;
}

static inline struct verdict probe_judge(const struct probe *probe, const uint32_t *out,
                                         const uint32_t *want, const double *allowed)
{
    struct verdict verdict = {true, 0, 0};
    for (int i = 0; i < probe->outputs; i++) {
        const double error = probe_error(out[i], want[i], allowed[i]);
        if (error > verdict.error) {
            verdict.error = error;
            verdict.worst = i;
        }
    }
    verdict.passed = verdict.error <= 1;
    return verdict;
}

/* A number that looks random. */
static inline uint32_t scrambled(uint32_t i)
{
    i = (i ^ i >> 16) * 0x7feb352du;
    i = (i ^ i >> 15) * 0x846ca68bu;
    return i ^ i >> 16;
}

/* In [-1, 1), with 24 bits. */
static inline uint32_t scrambled_float(uint32_t i)
{
    return float_bits((float)((int32_t)scrambled(i) >> 8) * 0x1p-23f);
}

#endif
