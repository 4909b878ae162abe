/* Work that is recorded once as a graph and started by one call, and streams and events around it.
 * On simt, where a launch is over when it returns, the work itself. */
#ifndef SSMBENCH_GRAPH_CUH
#define SSMBENCH_GRAPH_CUH

#include "launch.cuh"

#ifdef __CUDACC__

/* Records what `enqueue(stream)` enqueues and starts it as one graph on `stream`. enqueue() must
 * neither wait nor allocate, and returns 0 or an error. */
template <typename Enqueue>
static inline int graph_run(cudaStream_t stream, const Enqueue &enqueue)
{
    cudaStream_t recorded = NULL;
    cudaGraph_t graph = NULL;
    cudaGraphExec_t instance = NULL;
    cudaError_t error = cudaStreamCreateWithFlags(&recorded, cudaStreamNonBlocking);
    if (error)
        return error;
    error = cudaStreamBeginCapture(recorded, cudaStreamCaptureModeThreadLocal);
    if (!error) {
        const int inner = enqueue(recorded);
        error = cudaStreamEndCapture(recorded, &graph);
        error = inner ? (cudaError_t)inner : error;
    }
    if (!error)
        error = cudaGraphInstantiate(&instance, graph, 0);
    if (!error)
        error = cudaGraphLaunch(instance, stream);
    if (instance)
        cudaGraphExecDestroy(instance); /* what was launched goes on to its end */
    if (graph)
        cudaGraphDestroy(graph);
    cudaStreamDestroy(recorded);
    return error;
}

#else

template <typename Enqueue>
static inline int graph_run(cudaStream_t stream, const Enqueue &enqueue)
{
    return enqueue(stream);
}

#endif

#endif
