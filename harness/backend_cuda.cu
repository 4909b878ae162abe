/* The GPU: device 0 of what CUDA_VISIBLE_DEVICES leaves, the default stream. */
#include "../kernels/device/launch.cuh"
#include "backend.h"
#include "fill.h"
#include "run_cuda.h"

/* cuRAND's Philox, callable on the host too, so that a test can hold it against Random123. */
#define QUALIFIERS static inline __host__ __device__
#include <curand_philox4x32_x.h>

#include <cuda_profiler_api.h>
#include <nvtx3/nvToolsExt.h>
#include <stdio.h>

enum { THREADS = 256, RANGES = 3 };

static __global__ void probe(void)
{
}

static char sentence[512];

/* "no kernel image": names the GPU, the architectures of this binary and the cure. */
static const char *wrong_architecture(int major, int minor)
{
    snprintf(sentence, sizeof sentence,
             "the GPU is sm_%d%d, and this binary holds kernels for %s only: expected a binary "
             "built with `make clean all ARCH=%d%d`",
             major, minor, SSMBENCH_ARCH, major, minor);
    return sentence;
}

static const char *missing(void)
{
    static bool asked;
    static const char *answer;
    if (asked)
        return answer;
    asked = true;
    int devices = 0, major = 0, minor = 0;
    cudaError_t error = cudaGetDeviceCount(&devices);
    if (error || !devices) {
        snprintf(sentence, sizeof sentence, "no GPU (%s): expected one that nvidia-smi lists",
                 error ? cudaGetErrorString(error) : "none listed");
        return answer = sentence;
    }
    cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0);
    cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, 0);
    probe<<<1, 1>>>();
    error = cudaGetLastError();
    if (!error)
        error = cudaDeviceSynchronize();
    if (error == cudaErrorNoKernelImageForDevice || error == cudaErrorUnsupportedPtxVersion)
        return answer = wrong_architecture(major, minor);
    if (error) {
        snprintf(sentence, sizeof sentence, "the GPU does not run an empty kernel: %s",
                 cudaGetErrorString(error));
        answer = sentence;
    }
    return answer;
}

static size_t cache_bytes(void)
{
    int bytes = 0;
    cudaDeviceGetAttribute(&bytes, cudaDevAttrL2CacheSize, 0);
    return (size_t)bytes;
}

static void machine(struct machine *m)
{
    cudaDeviceProp properties;
    char bus[32] = "";
    int runtime = 0, ecc = 0;
    size_t free_bytes, total = 0;
    memset(m, 0, sizeof *m);
    cudaGetDeviceProperties(&properties, 0);
    cudaDeviceGetPCIBusId(bus, sizeof bus, 0);
    cudaRuntimeGetVersion(&runtime);
    cudaDeviceGetAttribute(&ecc, cudaDevAttrEccEnabled, 0);
    cudaMemGetInfo(&free_bytes, &total);
    snprintf(m->name, sizeof m->name, "%s", properties.name);
    machine_slug(m->name, m->slug, sizeof m->slug);
    snprintf(m->cuda, sizeof m->cuda, "%d.%d", runtime / 1000, runtime % 1000 / 10);
    snprintf(m->ecc, sizeof m->ecc, "%s", ecc ? "on" : "off");
    m->units = properties.multiProcessorCount;
    m->memory_bytes = (double)total;
    m->cache_bytes = (double)cache_bytes();
    nvml_machine(bus, m);
}

static size_t memory_free(void)
{
    size_t free_bytes = 0, total;
    return cudaMemGetInfo(&free_bytes, &total) ? 0 : free_bytes;
}

static void *allocate(size_t bytes)
{
    void *memory = NULL;
    if (!cudaMalloc(&memory, bytes ? bytes : 1))
        return memory;
    cudaGetLastError(); /* out of memory is not sticky: forget it */
    return NULL;
}

static void release(void *memory)
{
    cudaFree(memory);
}

static int set(void *memory, int byte, size_t bytes)
{
    return cudaMemset(memory, byte, bytes);
}

static int upload(void *memory, const void *host, size_t bytes)
{
    return cudaMemcpy(memory, host, bytes, cudaMemcpyHostToDevice);
}

static int download(void *host, const void *memory, size_t bytes)
{
    return cudaMemcpy(host, memory, bytes, cudaMemcpyDeviceToHost);
}

extern "C" __host__ __device__ void curand_block(int64_t index, uint64_t key, uint32_t word[4])
{
    const uint4 counter = make_uint4((uint32_t)index, (uint32_t)((uint64_t)index >> 32), 0, 0);
    const uint2 philox_key = make_uint2((uint32_t)key, (uint32_t)(key >> 32));
    const uint4 block = curand_Philox4x32_10(counter, philox_key);
    word[0] = block.x;
    word[1] = block.y;
    word[2] = block.z;
    word[3] = block.w;
}

static __global__ void fill_kernel(void *memory, const struct fill fill, enum dtype dtype,
                                   int64_t elements, uint64_t key)
{
    const int64_t i = thread_index();
    if (i >= elements)
        return;
    uint32_t word[4];
    curand_block(i, key, word);
    fill_store(memory, &fill, dtype, i, word);
}

static int generate(void *memory, const struct fill *fill, enum dtype dtype, int64_t elements,
                    uint64_t key)
{
    RETURN_IF_ERROR(launch(fill_kernel, blocks_for(elements, THREADS), THREADS, 0, NULL, memory,
                           *fill, dtype, elements, key));
    return cudaDeviceSynchronize();
}

static nvtxDomainHandle_t domain(void)
{
    static nvtxDomainHandle_t handle = nvtxDomainCreateA(PROFILE_DOMAIN);
    return handle;
}

static int profile_begin(const char *op, const char *variant, const char *item)
{
    const char *const name[RANGES] = {op, variant, item};
    domain();
    RETURN_IF_ERROR(cudaProfilerStart());
    for (int i = 0; i < RANGES; i++) {
        nvtxEventAttributes_t range = {};
        range.version = NVTX_VERSION;
        range.size = NVTX_EVENT_ATTRIB_STRUCT_SIZE;
        range.messageType = NVTX_MESSAGE_TYPE_ASCII;
        range.message.ascii = name[i];
        nvtxDomainRangePushEx(domain(), &range);
    }
    return 0;
}

static int profile_end(void)
{
    for (int i = 0; i < RANGES; i++)
        nvtxDomainRangePop(domain());
    const int error = cudaDeviceSynchronize();
    const int stop_error = cudaProfilerStop();
    return error ? error : stop_error;
}

static const char *describe(int error)
{
    return cudaGetErrorString((cudaError_t)error);
}

extern "C" const struct backend backend_cuda = {
    .name = "cuda",
    .timed = true,
    .runs = 2,
    .missing = missing,
    .machine = machine,
    .memory_free = memory_free,
    .allocate = allocate,
    .release = release,
    .set = set,
    .upload = upload,
    .download = download,
    .generate = generate,
    .run = cuda_run,
    .latest = cuda_latest,
    .batch = cuda_batch,
    .floors = cuda_floors,
    .spin = cuda_spin,
    .roofs = roofs_cuda,
    .describe = describe,
    .profile_begin = profile_begin,
    .profile_end = profile_end,
};
