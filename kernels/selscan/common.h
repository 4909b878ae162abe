/* What every selective scan does around its recurrence, in fp32, for .c and .cu variants.
 *
 * `dtype` is always p->dtype, passed apart so that a caller that knows it at compile time gets
 * straight-line code.
 */
#ifndef SSMBENCH_SELSCAN_COMMON_H
#define SSMBENCH_SELSCAN_COMMON_H

#include "../../reference/selscan.h"
#include <math.h>

/* A problem and its tensors, in a form that can be passed to a kernel by value. */
struct selscan_call {
    struct selscan p;
    void *tensor[SELSCAN_TENSORS];
};

static inline struct selscan_call selscan_pack(const void *problem, void *const tensor[])
{
    struct selscan_call call;
    call.p = *(const struct selscan *)problem;
    for (int i = 0; i < SELSCAN_TENSORS; i++)
        call.tensor[i] = tensor[i];
    return call;
}

static inline HOST_DEVICE
float softplus(float x)
{
    return x <= SOFTPLUS_THRESHOLD ? log1pf(expf(x)) : x;
}

static inline HOST_DEVICE
float silu(float x)
{
    return x / (1.0f + expf(-x));
}

/* delta' of channel d at element `at`. */
static inline HOST_DEVICE
float selscan_delta(const struct selscan_call *call, enum dtype dtype, int64_t d, int64_t at)
{
    float delta = dtype_load(call->tensor[SELSCAN_DELTA], dtype, at);
    if (call->p.bias)
        delta += ((const float *)call->tensor[SELSCAN_DELTA_BIAS])[d];
    return call->p.softplus ? softplus(delta) : delta;
}

/* Writes out at element `at` from y, the sum over states: skip, gate, one rounding. */
static inline HOST_DEVICE
void selscan_finish(const struct selscan_call *call, enum dtype dtype, int64_t d, int64_t at,
                    float u, float y)
{
    if (call->p.skip)
        y = fmaf(((const float *)call->tensor[SELSCAN_D])[d], u, y);
    if (call->p.gate)
        y *= silu(dtype_load(call->tensor[SELSCAN_Z], dtype, at));
    dtype_store(call->tensor[SELSCAN_OUT], dtype, at, y);
}

/* State n of (batch, channel) row `row` before the first step. */
static inline HOST_DEVICE
float selscan_initial(const struct selscan_call *call, int64_t row, int64_t n)
{
    const float *initial = (const float *)call->tensor[SELSCAN_INITIAL];
    return initial ? initial[row * call->p.state + n] : 0.0f;
}

/* Keeps state n of row `row` after the last step, where the caller of the operation wants it. */
static inline HOST_DEVICE
void selscan_final(const struct selscan_call *call, int64_t row, int64_t n, float h)
{
    float *final_state = (float *)call->tensor[SELSCAN_FINAL];
    if (final_state)
        final_state[row * call->p.state + n] = h;
}

/* One step of a state: h*exp(delta*A) + x*B, with d = expm1(delta*A). Adding d*h to h keeps the
 * decay of a slow state exact, where a rounded exp(delta*A) would not (docs/numerics.md). */
static inline HOST_DEVICE
float selscan_step(float h, float d, float x, float B)
{
    return h + fmaf(d, h, x * B);
}

#endif
