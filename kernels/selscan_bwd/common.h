/* What every gradient of a selective scan does around its recurrence, in fp32, for .c and .cu
 * variants. Names are those of reference/selscan_bwd.h; `dtype` is always p->dtype. */
#ifndef SSMBENCH_SELSCAN_BWD_COMMON_H
#define SSMBENCH_SELSCAN_BWD_COMMON_H

#include "../../reference/selscan_bwd.h"
#include "../selscan/common.h"

/* A problem and its tensors, in a form that can be passed to a kernel by value. */
struct selscan_bwd_call {
    struct selscan_call in; /* the inputs of selscan; its outputs are null */
    void *tensor[SELSCAN_BWD_TENSORS];
};

static inline struct selscan_bwd_call selscan_bwd_pack(const void *problem, void *const tensor[])
{
    struct selscan_bwd_call call;
    call.in = selscan_pack(problem, tensor);
    call.in.tensor[SELSCAN_OUT] = call.in.tensor[SELSCAN_FINAL] = NULL;
    for (int i = 0; i < SELSCAN_BWD_TENSORS; i++)
        call.tensor[i] = tensor[i];
    return call;
}

/* 1 / (1 + exp(-x)) */
static inline HOST_DEVICE
float logistic(float x)
{
    return 1.0f / (1.0f + expf(-x));
}

/* The derivative of delta' by delta, at element `at` of channel d. */
static inline HOST_DEVICE
float selscan_bwd_slope(const struct selscan_call *call, enum dtype dtype, int64_t d, int64_t at)
{
    if (!call->p.softplus)
        return 1.0f;
    float x = dtype_load(call->tensor[SELSCAN_DELTA], dtype, at);
    if (call->p.bias)
        x += ((const float *)call->tensor[SELSCAN_DELTA_BIAS])[d];
    return x <= SOFTPLUS_THRESHOLD ? logistic(x) : 1.0f;
}

/* dy at element `at`. */
static inline HOST_DEVICE
float selscan_bwd_dy(const struct selscan_bwd_call *call, enum dtype dtype, int64_t at)
{
    const float dout = dtype_load(call->tensor[SELSCAN_BWD_DOUT], dtype, at);
    return call->in.p.gate ? dout * silu(dtype_load(call->tensor[SELSCAN_BWD_Z], dtype, at)) : dout;
}

/* What an element adds to dD and ddelta_bias of its channel. */
struct selscan_bwd_share {
    float dD, ddelta_bias;
};

/* Writes du, ddelta and dz of element `at` of channel d from sums over states: y of C*h, dx of
 * B*dh, da of A*a*h'*dh. */
static inline HOST_DEVICE
struct selscan_bwd_share selscan_bwd_finish(const struct selscan_bwd_call *call, enum dtype dtype,
                                            int64_t d, int64_t at, float y, float dx, float da)
{
    const struct selscan *p = &call->in.p;
    const float u = dtype_load(call->tensor[SELSCAN_BWD_U], dtype, at);
    const float delta = selscan_delta(&call->in, dtype, d, at);
    const float dy = selscan_bwd_dy(call, dtype, at);
    const float D = p->skip ? ((const float *)call->tensor[SELSCAN_BWD_D])[d] : 0.0f;
    struct selscan_bwd_share share;
    share.dD = dy * u;
    share.ddelta_bias = fmaf(u, dx, da) * selscan_bwd_slope(&call->in, dtype, d, at);
    dtype_store(call->tensor[SELSCAN_BWD_DU], dtype, at, fmaf(D, dy, delta * dx));
    dtype_store(call->tensor[SELSCAN_BWD_DDELTA], dtype, at, share.ddelta_bias);
    if (p->gate) {
        const float z = dtype_load(call->tensor[SELSCAN_BWD_Z], dtype, at), r = logistic(z);
        const float dout = dtype_load(call->tensor[SELSCAN_BWD_DOUT], dtype, at);
        dtype_store(call->tensor[SELSCAN_BWD_DZ], dtype, at,
                    dout * fmaf(D, u, y) * (r * fmaf(z, 1.0f - r, 1.0f)));
    }
    return share;
}

/* dfinal of state n of row `row`, or 0 without one. */
static inline HOST_DEVICE
float selscan_bwd_dfinal(const struct selscan_bwd_call *call, int64_t row, int64_t n)
{
    const float *dfinal = (const float *)call->tensor[SELSCAN_BWD_DFINAL];
    return dfinal ? dfinal[row * call->in.p.state + n] : 0.0f;
}

/* Keeps dinitial of state n of row `row`, where it is wanted. */
static inline HOST_DEVICE
void selscan_bwd_dinitial(const struct selscan_bwd_call *call, int64_t row, int64_t n, float dh)
{
    float *dinitial = (float *)call->tensor[SELSCAN_BWD_DINITIAL];
    if (dinitial)
        dinitial[row * call->in.p.state + n] = dh;
}

#endif
