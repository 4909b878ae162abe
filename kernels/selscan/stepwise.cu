/* selscan/stepwise: the loop over time as a framework without a scan kernel runs it.
 *
 * Computes   out and final of reference/selscan.h, in fp32.
 * Accepts    every problem.
 * Layout     workspace: a = exp(delta*A) and x = delta*B*u of all steps, each (batch, length,
 *            channels, state); y (batch, length, channels); the state (batch, channels, state).
 *            16 lanes share a row in the passes that touch all its states.
 * Algorithm  passes over whole tensors, each a launch of its own: materialise a and x; then for
 *            every step h = a*h + x, and y = <C, h>; at last skip and gate. The usual loop
 *            materialises a rounded exp(delta*A), which misses 1e-5 on slow decay; a packed decay
 *            (common.h) takes the same bytes and does not.
 * Cost       launches: 2*length + 4. bytes: 16*batch*length*channels*state beyond selscan's, and 3
 *            passes over the state a step. Half of the former is workspace.
 * Error      f32 1e-6 at worst.
 * Source     written from the definition.
 */
#include "../device/launch.cuh"
#include "stepwise.h"

enum { THREADS = 256, LANES = 16 };

static __global__ void begin(const struct selscan_call call, const struct stepwise w)
{
    const int64_t i = thread_index();
    if (i < w.rows * call.p.state)
        w.h[i] = selscan_initial(&call, i / call.p.state, i % call.p.state);
}

static __global__ void materialise(const struct selscan_call call, const struct stepwise w)
{
    const int64_t i = thread_index() / LANES;
    if (i < w.outputs)
        stepwise_materialise(&call, &w, i, (int)(threadIdx.x % LANES), LANES);
}

static __global__ void update(const struct selscan_call call, const struct stepwise w, int64_t t)
{
    const int64_t i = thread_index();
    if (i < w.rows * call.p.state)
        stepwise_update(&call.p, &w, i, t);
}

static __global__ void contract(const struct selscan_call call, const struct stepwise w, int64_t t)
{
    const int64_t row = thread_index() / LANES;
    const int lane = (int)(threadIdx.x % LANES);
    float y = row < w.rows ? stepwise_contract(&call, &w, row, t, lane, LANES) : 0.0f;
    for (int distance = LANES / 2; distance > 0; distance /= 2)
        y += __shfl_xor_sync(0xffffffffu, y, distance);
    if (row < w.rows && lane == 0)
        w.y[stepwise_at(&call.p, row, t)] = y;
}

static __global__ void finish(const struct selscan_call call, const struct stepwise w)
{
    const int64_t i = thread_index();
    if (i < w.outputs)
        stepwise_finish(&call, &w, i);
}

static __global__ void end(const struct selscan_call call, const struct stepwise w)
{
    const int64_t i = thread_index();
    if (i < w.rows * call.p.state)
        selscan_final(&call, i / call.p.state, i % call.p.state, w.h[i]);
}

static int run(const void *problem, void *const tensor[], void *memory, void *stream)
{
    const struct selscan_call call = selscan_pack(problem, tensor);
    const struct selscan *p = &call.p;
    const struct stepwise w = stepwise_carve(p, memory);
    const int64_t states = blocks_for(w.rows * p->state, THREADS);
    const int64_t rows = blocks_for(w.rows * LANES, THREADS);

    int error = launch(begin, states, THREADS, 0, stream, call, w);
    if (!error)
        error = launch(materialise, blocks_for(w.outputs * LANES, THREADS), THREADS, 0, stream,
                       call, w);
    for (int64_t step = 0; step < p->length && !error; step++) {
        const int64_t t = selscan_time(p, step);
        error = launch(update, states, THREADS, 0, stream, call, w, t);
        error = error ? error : launch(contract, rows, THREADS, 0, stream, call, w, t);
    }
    if (!error)
        error = launch(finish, blocks_for(w.outputs, THREADS), THREADS, 0, stream, call, w);
    if (!error)
        error = launch(end, states, THREADS, 0, stream, call, w);
    return error;
}

VARIANT(selscan_stepwise) = {.workspace = stepwise_workspace, .run = run};
