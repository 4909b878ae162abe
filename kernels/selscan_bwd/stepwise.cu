/* selscan_bwd/stepwise: the derivative, pass by pass, of the loop over time of selscan/stepwise.
 *
 * Computes   all gradients of reference/selscan_bwd.h, in fp32; sums over channels, and over batch
 *            and length, of 64 terms each in fp32, then in double.
 * Accepts    every problem.
 * Layout     workspace: that of stepwise.h. 16 lanes share an element of y in the passes that touch
 *            all its states; 8 threads share a sum over batch and length, neighbours in a block.
 * Algorithm  passes over whole tensors, each a launch of its own: materialise a and x; for every
 *            step h = a*h + x, all of which are kept; y = <C, h>; dC; for every step from the last
 *            dh = C*dy + a*dh, and a*h'*dh in the place of a; dB; du, ddelta and dz; at last the
 *            gradients of parameters. Order of the sums: parts of 64 terms ascending; over time,
 *            every 8th part, then the 8 sums.
 * Cost       launches: 2*length + 7. bytes: some 50*batch*length*channels*state beyond
 *            selscan_bwd's. Workspace: 8*batch*length*channels*(state + 1.5).
 * Error      f32 2e-6; 5e-6 where a state grows for 16384 steps; in dA 5e-7 of the sum of its
 *            terms' sizes.
 * Source     the derivative of selscan/stepwise, as a framework's automatic differentiation takes
 *            it, which keeps all states.
 */
#include "../device/launch.cuh"
#include "stepwise.h"

enum { THREADS = 256, LANES = 16, SUMS = 32, SLICES = THREADS / SUMS };

static __global__ void materialise(const struct selscan_bwd_call call, const struct stepwise_bwd w)
{
    const int64_t i = thread_index() / LANES;
    const int lane = (int)(threadIdx.x % LANES);
    if (i >= w.f.outputs)
        return;
    stepwise_materialise(&call.in, &w.f, i, lane, LANES);
    if (lane == 0)
        stepwise_bwd_prepare(&call, &w, i);
}

static __global__ void update(const struct selscan_bwd_call call, const struct stepwise_bwd w,
                              int64_t step)
{
    const int64_t i = thread_index();
    if (i < w.f.rows * call.in.p.state)
        stepwise_bwd_update(&call, &w, i, step);
}

static __global__ void back(const struct selscan_bwd_call call, const struct stepwise_bwd w,
                            int64_t step)
{
    const int64_t i = thread_index();
    if (i < w.f.rows * call.in.p.state)
        stepwise_bwd_back(&call, &w, i, step);
}

static inline __device__ float sum_lanes(float value)
{
    for (int distance = LANES / 2; distance > 0; distance /= 2)
        value += __shfl_xor_sync(0xffffffffu, value, distance);
    return value;
}

static __global__ void contract(const struct selscan_bwd_call call, const struct stepwise_bwd w)
{
    const int64_t i = thread_index() / LANES;
    const int lane = (int)(threadIdx.x % LANES);
    const float y = sum_lanes(
        i < w.f.outputs ? stepwise_bwd_contract(&call, &w, SELSCAN_BWD_C, i, lane, LANES) : 0.0f);
    if (i < w.f.outputs && lane == 0)
        w.f.y[i] = y;
}

static __global__ void finish(const struct selscan_bwd_call call, const struct stepwise_bwd w)
{
    const int64_t i = thread_index() / LANES;
    const int lane = (int)(threadIdx.x % LANES);
    const bool inside = i < w.f.outputs;
    const float dx =
        sum_lanes(inside ? stepwise_bwd_contract(&call, &w, SELSCAN_BWD_B, i, lane, LANES) : 0.0f);
    const float da = sum_lanes(inside ? stepwise_bwd_contract_a(&call, &w, i, lane, LANES) : 0.0f);
    if (inside && lane == 0)
        stepwise_bwd_finish(&call, &w, i, dx, da);
}

static __global__ void reduce(const struct selscan_bwd_call call, const struct stepwise_bwd w,
                              enum selscan_bwd_tensor tensor)
{
    const struct selscan *p = &call.in.p;
    const int64_t i = thread_index();
    if (i < p->batch * p->length * p->groups * p->state)
        stepwise_bwd_reduce(&call, &w, tensor, i);
}

static __global__ void parameters(const struct selscan_bwd_call call, const struct stepwise_bwd w)
{
    SHARED(double, slices, [SLICES][SUMS]);
    const struct selscan *p = &call.in.p;
    const int column = (int)threadIdx.x % SUMS, slice = (int)threadIdx.x / SUMS;
    const int64_t sums = stepwise_bwd_sums(p), i = (int64_t)blockIdx.x * SUMS + column;
    const bool inside = i < p->channels * sums;
    double sum = 0;
    for (int64_t first = slice * STEPWISE_PART; inside && first < p->batch * p->length;
         first += SLICES * STEPWISE_PART)
        sum += (double)stepwise_bwd_sum(&call, &w, i / sums, i % sums, first);
    slices[slice][column] = sum;
    __syncthreads(); /* all slices are written */
    if (slice || !inside)
        return;
    for (int s = 1; s < SLICES; s++)
        sum += slices[s][column];
    stepwise_bwd_store_sum(&call, i / sums, i % sums, (float)sum);
}

/* Every step is a launch: it reads what the one before wrote. */
static int run(const void *problem, void *const tensor[], void *memory, void *stream)
{
    const struct selscan_bwd_call call = selscan_bwd_pack(problem, tensor);
    const struct selscan *p = &call.in.p;
    const struct stepwise_bwd w = stepwise_bwd_carve(p, memory);
    const int64_t states = blocks_for(w.f.rows * p->state, THREADS);
    const int64_t outputs = blocks_for(w.f.outputs * LANES, THREADS);
    const int64_t terms = blocks_for(p->batch * p->length * p->groups * p->state, THREADS);

    int error = launch(materialise, outputs, THREADS, 0, stream, call, w);
    for (int64_t step = 0; step < p->length && !error; step++)
        error = launch(update, states, THREADS, 0, stream, call, w, step);
    if (!error)
        error = launch(contract, outputs, THREADS, 0, stream, call, w);
    if (!error)
        error = launch(reduce, terms, THREADS, 0, stream, call, w, SELSCAN_BWD_DC);
    for (int64_t step = p->length - 1; step >= -1 && !error; step--)
        error = launch(back, states, THREADS, 0, stream, call, w, step);
    if (!error)
        error = launch(reduce, terms, THREADS, 0, stream, call, w, SELSCAN_BWD_DB);
    if (!error)
        error = launch(finish, outputs, THREADS, 0, stream, call, w);
    if (!error)
        error = launch(parameters, blocks_for(p->channels * stepwise_bwd_sums(p), SUMS), THREADS, 0,
                       stream, call, w);
    return error;
}

VARIANT(selscan_bwd_stepwise) = {.workspace = stepwise_bwd_workspace, .run = run};
