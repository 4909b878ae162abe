/* What every gradient of a selective scan does around its recurrence, in fp32, for .c and .cu
 * variants. Names are those of reference/selscan_bwd.h; `dtype` is always p->dtype. */
#ifndef SSMBENCH_SELSCAN_BWD_COMMON_H
#define SSMBENCH_SELSCAN_BWD_COMMON_H

#include "../../reference/selscan_bwd.h"
#include "../selscan/common.h"
#ifdef __CUDACC__
#include "../device/math.cuh"
#endif

/* A problem and its tensors, in a form that can be passed to a kernel by value. */
struct selscan_bwd_call {
    struct selscan_call in; /* of selscan only the inputs */
    void *tensor[SELSCAN_BWD_TENSORS];
};

static inline struct selscan_bwd_call selscan_bwd_pack(const void *problem, void *const tensor[])
{
    struct selscan_bwd_call call;
    call.in = selscan_pack(problem, tensor);
    for (int i = 0; i < SELSCAN_BWD_TENSORS; i++)
        call.tensor[i] = tensor[i];
    return call;
}

/* 1 / (1 + exp(-x)) */
static inline HOST_DEVICE
float logistic(float x)
{
#ifdef __CUDA_ARCH__
    return sigmoid_ex2(x); /* GPU only: in few instructions */
#else
    return 1.0f / (1.0f + expf(-x));
#endif
}

/* softplus(x), and its derivative by x. */
struct softened {
    float value, slope;
};

/* Both from w = exp(-|x|): max(x, 0) + log1p(w), and 1 or w over 1 + w. log1p(w) - w is w^2 times a
 * polynomial, to 4e-8 of log1p(w). The value is within 2 ulp, small ones too. */
static inline HOST_DEVICE
struct softened soften(float x)
{
    const float w = expf(-fabsf(x));
#ifdef __CUDA_ARCH__
    const float r = rcp(1.0f + w); /* GPU only: in few instructions */
#else
    const float r = 1.0f / (1.0f + w);
#endif
    float q = fmaf(fmaf(5.3648264e-3f, w, -3.0065801e-2f), w, 7.920455e-2f);
    q = fmaf(fmaf(fmaf(q, w, -0.13753803f), w, 0.19153656f), w, -0.24857163f);
    q = fmaf(fmaf(q, w, 0.33321324f), w, -0.49999648f);
    struct softened soft;
    soft.value = fmaxf(x, 0.0f) + fmaf(w * w, q, w);
    soft.slope = x < 0 ? w * r : r;
    return soft;
}

/* dy from dout and z, which is not read without a gate. */
static inline HOST_DEVICE
float selscan_bwd_gated(const struct selscan *p, float dout, float z)
{
    return p->gate ? dout * (z * logistic(z)) : dout;
}

/* An element of u, delta, dout and z, 0 without a gate. */
struct selscan_bwd_raw {
    float u, delta, dout, z;
};

static inline HOST_DEVICE
struct selscan_bwd_raw selscan_bwd_raw_at(const struct selscan_bwd_call *call, enum dtype dtype,
                                          int64_t at)
{
    struct selscan_bwd_raw raw;
    raw.u = dtype_load(call->tensor[SELSCAN_BWD_U], dtype, at);
    raw.delta = dtype_load(call->tensor[SELSCAN_BWD_DELTA], dtype, at);
    raw.dout = dtype_load(call->tensor[SELSCAN_BWD_DOUT], dtype, at);
    raw.z = call->in.p.gate ? dtype_load(call->tensor[SELSCAN_BWD_Z], dtype, at) : 0.0f;
    return raw;
}

/* dy at element `at`. */
static inline HOST_DEVICE
float selscan_bwd_dy(const struct selscan_bwd_call *call, enum dtype dtype, int64_t at)
{
    const struct selscan_bwd_raw raw = selscan_bwd_raw_at(call, dtype, at);
    return selscan_bwd_gated(&call->in.p, raw.dout, raw.z);
}

/* What an element brings to its step: u, delta' and its derivative by delta, dy, and what y + D*u
 * is multiplied by for dz. */
struct selscan_bwd_element {
    float u, delta, slope, dy, gate;
};

/* That of channel d. */
static inline HOST_DEVICE
struct selscan_bwd_element selscan_bwd_element_of(const struct selscan_bwd_call *call, int64_t d,
                                                  struct selscan_bwd_raw raw)
{
    const struct selscan *p = &call->in.p;
    const float x =
        p->bias ? raw.delta + ((const float *)call->tensor[SELSCAN_BWD_DELTA_BIAS])[d] : raw.delta;
    const struct softened soft = p->softplus ? soften(x) : (struct softened){x, 1};
    const float r = logistic(raw.z);
    struct selscan_bwd_element e;
    e.u = raw.u;
    e.delta = soft.value;
    e.slope = soft.slope;
    e.dy = selscan_bwd_gated(p, raw.dout, raw.z);
    e.gate = raw.dout * (r * fmaf(raw.z, 1.0f - r, 1.0f));
    return e;
}

/* The gradients of an element. */
struct selscan_bwd_gradients {
    float du, ddelta, dz;
};

/* D is 0 without skip; y, dx and da are sums over states, of C*h, B*dh and A*a*h'*dh. */
static inline HOST_DEVICE
struct selscan_bwd_gradients selscan_bwd_combine(struct selscan_bwd_element e, float D, float y,
                                                 float dx, float da)
{
    struct selscan_bwd_gradients g;
    g.du = fmaf(D, e.dy, e.delta * dx);
    g.ddelta = fmaf(e.u, dx, da) * e.slope;
    g.dz = e.gate * fmaf(D, e.u, y);
    return g;
}

static inline HOST_DEVICE
void selscan_bwd_store(const struct selscan_bwd_call *call, enum dtype dtype, int64_t at,
                       struct selscan_bwd_gradients g)
{
    dtype_store(call->tensor[SELSCAN_BWD_DU], dtype, at, g.du);
    dtype_store(call->tensor[SELSCAN_BWD_DDELTA], dtype, at, g.ddelta);
    if (call->in.p.gate)
        dtype_store(call->tensor[SELSCAN_BWD_DZ], dtype, at, g.dz);
}

/* D of channel d, or 0 without skip. */
static inline HOST_DEVICE
float selscan_bwd_D(const struct selscan_bwd_call *call, int64_t d)
{
    return call->in.p.skip ? ((const float *)call->tensor[SELSCAN_BWD_D])[d] : 0.0f;
}

/* What an element adds to dD and ddelta_bias of its channel. */
struct selscan_bwd_share {
    float dD, ddelta_bias;
};

/* Writes du, ddelta and dz of element `at` of channel d from its sums over states. */
static inline HOST_DEVICE
struct selscan_bwd_share selscan_bwd_finish(const struct selscan_bwd_call *call, enum dtype dtype,
                                            int64_t d, int64_t at, float y, float dx, float da)
{
    const struct selscan_bwd_element e =
        selscan_bwd_element_of(call, d, selscan_bwd_raw_at(call, dtype, at));
    const struct selscan_bwd_gradients g =
        selscan_bwd_combine(e, selscan_bwd_D(call, d), y, dx, da);
    struct selscan_bwd_share share;
    selscan_bwd_store(call, dtype, at, g);
    share.dD = e.dy * e.u;
    share.ddelta_bias = g.ddelta;
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
