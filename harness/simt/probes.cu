/* probes: runs all probes on a GPU, one line each; exits with 1 if one fails. Those that need a
 * newer GPU are skipped. */
#include "probes.cuh"

#include <stdio.h>
#include <stdlib.h>

#define CHECK(call)                                                                                \
    do {                                                                                           \
        const int error = (int)(call);                                                             \
        if (error) {                                                                               \
            fprintf(stderr, "probes: %s:%d: %s: %s\n", __FILE__, __LINE__, #call,                  \
                    cudaGetErrorString((cudaError_t)error));                                       \
            exit(4);                                                                               \
        }                                                                                          \
    } while (0)

/* The outputs start as NaN patterns. */
static void run_probe(const struct probe *probe, const uint32_t *in, uint32_t *out)
{
    const size_t in_bytes = sizeof *in * (size_t)probe->inputs;
    const size_t out_bytes = sizeof *out * (size_t)probe->outputs;
    uint32_t *device_in, *device_out;
    CHECK(cudaMalloc(&device_in, in_bytes));
    CHECK(cudaMalloc(&device_out, out_bytes));
    CHECK(cudaMemcpy(device_in, in, in_bytes, cudaMemcpyHostToDevice));
    CHECK(cudaMemset(device_out, 0xff, out_bytes));
    CHECK(probe_launch(probe, device_in, device_out));
    CHECK(cudaMemcpy(out, device_out, out_bytes, cudaMemcpyDeviceToHost));
    CHECK(cudaFree(device_in));
    CHECK(cudaFree(device_out));
}

/* Prints a probe's line; returns whether it passed. */
static bool print_probe(const struct probe *probe)
{
    uint32_t *in = (uint32_t *)calloc((size_t)probe->inputs, sizeof *in);
    uint32_t *out = (uint32_t *)calloc((size_t)probe->outputs, sizeof *out);
    uint32_t *want = (uint32_t *)calloc((size_t)probe->outputs, sizeof *want);
    double *allowed = (double *)calloc((size_t)probe->outputs, sizeof *allowed);
    if (!in || !out || !want || !allowed)
        exit(4);
    probe->fill(in);
    probe->expect(in, want, allowed);
    run_probe(probe, in, out);
    const struct verdict v = probe_judge(probe, out, want, allowed);
    printf("%-18s %s  worst error %.3g of what is allowed, %.3g, at output %d: %08x for %08x\n",
           probe->name, v.passed ? "pass" : "FAIL", v.error, allowed[v.worst], v.worst,
           out[v.worst], want[v.worst]);
    free(in);
    free(out);
    free(want);
    free(allowed);
    return v.passed;
}

int main(void)
{
    int major, minor, failed = 0;
    CHECK(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0));
    CHECK(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, 0));
    for (const struct probe &probe : PROBES)
        if (10 * major + minor < probe.arch)
            printf("%-18s skip  needs compute capability %d.%d\n", probe.name, probe.arch / 10,
                   probe.arch % 10);
        else
            failed += !print_probe(&probe);
    return failed > 0;
}
