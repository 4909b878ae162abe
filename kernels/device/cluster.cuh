/* Clusters: neighbouring blocks that run at once and reach each other's shared memory.
 *
 * Sizes      1 to 8 blocks; up to CLUSTER_MAX where cluster_fits() says so. Below capability 9.0
 *            each block is a cluster of its own, whatever is asked for: ask cluster_size().
 * Order      cluster_arrive() and cluster_wait() are the two halves of a barrier of all threads of
 *            all blocks, by whole warps: what threads did before they arrived, to any block's
 *            memory, is visible to who has waited. Of a block's own threads, too.
 * Life       A block's shared memory is there from its first cluster_arrive() to its end: others
 *            touch it only behind a barrier after which it began, and before one that it waits for.
 * Source     PTX ISA, "barrier.cluster", "mapa", "Cluster of Cooperative Thread Arrays".
 */
#ifndef SSMBENCH_CLUSTER_CUH
#define SSMBENCH_CLUSTER_CUH

#include "ptx.cuh"

enum { CLUSTER_PORTABLE = 8, CLUSTER_MAX = 16 };

/* The blocks of this block's cluster, and which of them it is. */
static inline __device__ unsigned cluster_size(void)
{
#ifdef __CUDACC__
    unsigned size = 1;
    if constexpr (DEVICE_ARCH >= 900)
        asm("mov.u32 %0, %%cluster_nctaid.x;" : "=r"(size));
    return size;
#else
    return simt::cluster_size();
#endif
}
static inline __device__ unsigned cluster_rank(void)
{
#ifdef __CUDACC__
    unsigned rank = 0;
    if constexpr (DEVICE_ARCH >= 900)
        asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
    return rank;
#else
    return simt::cluster_rank();
#endif
}

/* Where, in the shared memory of the cluster's block `rank`, `mine` is. */
template <typename T>
static inline __device__ T *cluster_at(T *mine, unsigned rank AND_HERE)
{
#ifdef __CUDACC__
    uint64_t there = (uint64_t)mine;
    if constexpr (DEVICE_ARCH >= 900)
        asm("mapa.u64 %0, %0, %1;" : "+l"(there) : "r"(rank));
    return (T *)there;
#else
    return (T *)simt::cluster_at(SIMT_SITE("cluster_at"), mine, rank);
#endif
}

/* By all lanes of a warp. */
#ifdef __CUDACC__
static inline __device__ void cluster_arrive(void)
{
    __syncwarp(); /* the instruction is for all lanes at once */
    if constexpr (DEVICE_ARCH >= 900)
        asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
}
static inline __device__ void cluster_wait(void)
{
    if constexpr (DEVICE_ARCH >= 900)
        asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
    else
        __syncthreads();
}
#else
static inline void cluster_arrive(SIMT_HERE)
{
    simt::cluster_arrive(SIMT_SITE("cluster_arrive"));
}
static inline void cluster_wait(SIMT_HERE)
{
    simt::cluster_wait(SIMT_SITE("cluster_wait"));
}
#endif

/* launch_cluster(kernel, cluster, blocks, threads, shared_bytes, stream, arguments...) is launch()
 * (launch.cuh) in clusters of `cluster` blocks; `blocks` is a multiple of it. */
#define launch_cluster(...) launch_cluster_named(#__VA_ARGS__, __VA_ARGS__)

#ifdef __CUDACC__
/* Lets a kernel have that much shared memory, and that large a cluster; fills in its launch. */
template <typename Kernel>
static inline cudaError_t cluster_prepare(Kernel kernel, int cluster, int64_t blocks, int threads,
                                          size_t shared_bytes, cudaLaunchAttribute *attribute,
                                          cudaLaunchConfig_t *config)
{
    cudaError_t error = cudaSuccess;
    if (shared_bytes > SHARED_UNASKED)
        error = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                     (int)shared_bytes);
    if (!error && cluster > CLUSTER_PORTABLE)
        error = cudaFuncSetAttribute(kernel, cudaFuncAttributeNonPortableClusterSizeAllowed, 1);
    attribute->id = cudaLaunchAttributeClusterDimension;
    attribute->val.clusterDim.x = (unsigned)cluster;
    attribute->val.clusterDim.y = attribute->val.clusterDim.z = 1;
    config->gridDim = dim3((unsigned)blocks);
    config->blockDim = dim3((unsigned)threads);
    config->dynamicSmemBytes = shared_bytes;
    config->attrs = attribute;
    config->numAttrs = 1;
    return error;
}

static inline bool cluster_known(void)
{
    int device = 0, major = 0;
    return cudaGetDevice(&device) == cudaSuccess &&
           cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device) ==
               cudaSuccess &&
           major >= 9;
}
#endif

/* The largest cluster of at most `cluster` blocks that this GPU runs the kernel in: 1 if it knows
 * no clusters. */
template <typename Kernel>
static inline int cluster_fits(Kernel kernel, int cluster, int threads, size_t shared_bytes)
{
#ifdef __CUDACC__
    cudaLaunchAttribute attribute = {};
    cudaLaunchConfig_t config = {};
    int resident = 0;
    if (!cluster_known())
        return 1;
    if (cluster <= CLUSTER_PORTABLE)
        return cluster;
    if (cluster_prepare(kernel, cluster, cluster, threads, shared_bytes, &attribute, &config) ||
        cudaOccupancyMaxActiveClusters(&resident, kernel, &config) || !resident) {
        cudaGetLastError(); /* that it does not fit is no error of the launch to come */
        return CLUSTER_PORTABLE;
    }
    return cluster;
#else
    (void)kernel;
    (void)threads;
    (void)shared_bytes;
    return cluster;
#endif
}

template <typename... Parameters, typename... Arguments>
static inline int launch_cluster_named(const char *call, void (*kernel)(Parameters...), int cluster,
                                       int64_t blocks, int threads, size_t shared_bytes,
                                       void *stream, Arguments... arguments)
{
    if (cluster == 1)
        return launch_named(call, kernel, blocks, threads, shared_bytes, stream, arguments...);
    if (blocks < 1 || blocks > INT32_MAX)
        return cudaErrorInvalidConfiguration;
#ifdef __CUDACC__
    cudaLaunchAttribute attribute = {};
    cudaLaunchConfig_t config = {};
    const cudaError_t error =
        cluster_prepare(kernel, cluster, blocks, threads, shared_bytes, &attribute, &config);
    config.stream = (cudaStream_t)stream;
    return error ? error : cudaLaunchKernelEx(&config, kernel, Parameters(arguments)...);
#else
    (void)stream;
    auto body = [&] { kernel(arguments...); };
    return simt::run(
        call, {(unsigned)blocks, 1, 1}, {(unsigned)threads, 1, 1}, shared_bytes,
        [](void *b) { (*(decltype(body) *)b)(); }, &body, (unsigned)cluster);
#endif
}

#endif
