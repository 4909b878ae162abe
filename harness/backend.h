/* A place where variants run: memory, inputs, launches, clocks. */
#ifndef SSMBENCH_BACKEND_H
#define SSMBENCH_BACKEND_H

#include "../kernels/kernel.h"
#include "../reference/operation.h"
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a row says about its machine. Numbers that are not known are 0. */
struct machine {
    char name[256];    /* "NVIDIA H100 80GB HBM3", "AMD EPYC" */
    char slug[64];     /* "h100", "amd-epyc": the folder below results/ */
    char driver[32];   /* of the GPU */
    char cuda[32];     /* runtime version */
    char ecc[8];       /* "on" or "off" */
    int units;         /* multiprocessors, or threads used */
    int clock_mhz;     /* of the multiprocessors, now */
    int clock_max_mhz; /* the highest they may take */
    int power_cap_w;
    double memory_bytes; /* in all */
    double cache_bytes;  /* of the last level: L2, or the largest CPU cache */
};

/* What bounds a run, in 1e9 a second; what is not known is 0. Measured in this run on this machine:
 * bytes, read plus written, of a large copy; bytes read from the last-level cache and from the
 * shared memories of a GPU; flops of fused multiply-adds in f32, two each; exponentials. Then the
 * peaks of its data sheet. */
struct roofs {
    double copy_gbs, cache_gbs, shared_gbs, fma_gflops, ex2_gops;
    double dram_peak_gbs, shared_peak_gbs, fma_peak_gflops, ex2_peak_gops;
};

/* The NVTX domain of the ranges that profile_begin() opens. */
#define PROFILE_DOMAIN "ssmbench"

/* One run of a variant. */
struct launch {
    const struct variant *variant;
    const void *problem;
    void *const *tensor;
    void *workspace;
};

/* What is known of the latest run, beside its time. */
struct latest {
    double clock_mhz; /* of a multiprocessor just before it; 0 where that is not measured */
    bool queued;      /* whole, before it began; else the host fed it meanwhile */
};

/* What events or clocks say of nothing, in ms. */
struct floors {
    double pair_ms;   /* between two of them */
    double kernel_ms; /* of an empty kernel; 0 where there are none */
};

/* Functions that return int return 0 or an error that describe() turns into words. */
struct backend {
    const char *name;
    bool timed; /* false: for correctness only, and used only when named */
    int runs;   /* of a trial, from poisoned outputs: all have to give the same bits */

    /* NULL when the backend can run here, else a sentence that says what is missing. */
    const char *(*missing)(void);

    void (*machine)(struct machine *machine);
    size_t (*memory_free)(void);
    void *(*allocate)(size_t bytes); /* NULL when there is not enough */
    void (*release)(void *memory);
    int (*set)(void *memory, int byte, size_t bytes);
    int (*upload)(void *memory, const void *host, size_t bytes);
    int (*download)(void *host, const void *memory, size_t bytes);

    /* Fills `elements` elements with their values by the Philox stream of `key`. */
    int (*generate)(void *memory, const struct fill *fill, enum dtype dtype, int64_t elements,
                    uint64_t key);

    /* Runs once and waits. With `cold`, 2 times the last-level cache is written first. *time_ms is
     * the time between start and end of the run on the backend's clock. */
    int (*run)(const struct launch *launch, bool cold, double *time_ms);

    /* Of the latest run(). NULL: nothing is known. */
    void (*latest)(struct latest *latest);

    /* `count` runs one behind the other, caches as they leave them; *time_ms is for each. With
     * `graph` as one CUDA graph: an error where the run cannot be captured. NULL: not there. */
    int (*batch)(const struct launch *launch, int count, bool graph, double *time_ms);
    int (*floors)(struct floors *floors); /* NULL: not there */

    /* Enqueues a wait of so many ticks of the backend's own clock, nanoseconds of a CPU, cycles of
     * a GPU: see slowed.h. NULL where nothing is timed. */
    int (*spin)(int64_t ticks, void *stream);

    /* Measures the roofs, in about half a second. NULL when not `timed`. */
    int (*roofs)(struct roofs *roofs);

    const char *(*describe)(int error);

    /* Around launches that a profiler watches: switches it on and names them, by one range within
     * the other; closes the ranges, waits, and switches it off. Both NULL where there is no
     * profiler to tell. */
    int (*profile_begin)(const char *op, const char *variant, const char *item);
    int (*profile_end)(void);
};

int roofs_cpu(struct roofs *roofs);
int roofs_cuda(struct roofs *roofs);

extern const struct backend backend_cpu, backend_cuda, backend_simt;

/* NULL-terminated, in the order in which they are used. */
extern const struct backend *const BACKENDS[];

/* The backend of that name, or NULL. */
const struct backend *backend_find(const char *name);

/* The values of an input tensor by Random123 on all CPU threads: what generate() of every backend
 * has to equal bit for bit. */
void inputs_generate(void *memory, const struct fill *fill, enum dtype dtype, int64_t elements,
                     uint64_t key);

/* The Philox block of element `index` under `key`: Random123's. */
void inputs_block(int64_t index, uint64_t key, uint32_t word[4]);

/* The same by cuRAND's code, on the host; only in a binary with CUDA. */
HOST_DEVICE
void curand_block(int64_t index, uint64_t key, uint32_t word[4]);

/* The Philox key of tensor `tensor` of a problem with that seed. */
uint64_t inputs_key(int64_t seed, int tensor);

/* Bytes of main memory that a process can still take. */
size_t host_memory_free(void);

/* Lower-case words of a machine's name joined by '-', without vendor marks and memory sizes. */
void machine_slug(const char *name, char *slug, size_t size);

/* Reads clocks, power cap, ECC and driver of a GPU through the driver's management library, where
 * there is one. `bus` is its PCI bus id. */
void nvml_machine(const char *bus, struct machine *machine);

#ifdef __cplusplus
}
#endif

#endif
