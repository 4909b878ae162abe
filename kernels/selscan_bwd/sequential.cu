/* selscan_bwd/sequential: one thread per channel walks the time axis, forwards and then back.
 *
 * Computes   all gradients of reference/selscan_bwd.h, in fp32, in the order they are written
 *            there; sums over channels in double.
 * Accepts    state <= 256; every option.
 * Layout     thread = one (batch, channel) row, block = 32 rows; dh[state] and dA[state] in
 *            registers up to 64 states, in local memory above. Workspace: the states after all
 *            steps, and the terms of dB, each (batch, length, state, channels), which a warp
 *            touches in 128 bytes; dA, dD and ddelta_bias of every 64 steps. Loads of u, delta,
 *            z and dout are strided by length across a warp when channel_first.
 * Algorithm  keep: the recurrence, which leaves its states. back: from the last step to the first,
 *            all gradients; terms of dC go where the state was that they came from. contract: a
 *            thread per element of B adds the terms of its channels in ascending order. Then
 *            partial.cuh.
 * Cost       bytes: selscan_bwd's, plus 28*batch*channels*length*state: states written and read
 *            twice, terms written and read. Workspace: 8*batch*channels*length*state.
 *            Parallelism: only batch*channels threads, but for contract.
 * Error      f32 2e-6; 5e-6 where a state grows for 16384 steps; in dA 5e-7 of the sum of its
 *            terms' sizes.
 * Source     written from the definition; decays in two parts: docs/numerics.md.
 */
#include "partial.cuh"

enum { ROWS = 32, STRETCH = 64, CONTRACT_THREADS = 128 };

struct memory {
    float *h;  /* (batch, length, state, channels): after each step; then terms of dC */
    float *dB; /* its terms */
    struct partial partial;
    int64_t stretches; /* of a row */
};

static struct memory carve(const struct selscan *p, void *workspace)
{
    const int64_t states = p->batch * p->length * p->state * p->channels;
    struct memory m;
    m.h = (float *)workspace;
    m.dB = m.h + states;
    m.stretches = blocks_for(p->length, STRETCH);
    m.partial = partial_carve(p, 0, p->batch * m.stretches, m.dB + states);
    return m;
}

/* Where h and dB have state n of channel d after step `step`. */
static inline HOST_DEVICE
int64_t state_at(const struct selscan *p, int64_t b, int64_t step, int64_t n, int64_t d)
{
    return ((b * p->length + step) * p->state + n) * p->channels + d;
}

template <enum dtype DTYPE, int CAPACITY>
static __global__ void keep(const struct selscan_call call, const struct memory m)
{
    const struct selscan *p = &call.p;
    const int64_t row = thread_index();
    if (row >= p->batch * p->channels)
        return;
    const int64_t b = row / p->channels, d = row % p->channels, g = selscan_group(p, d);
    const float *A = (const float *)call.tensor[SELSCAN_A];
    float h[CAPACITY];

#pragma unroll(CAPACITY <= 64 ? CAPACITY : 1)
    for (int n = 0; n < CAPACITY; n++)
        h[n] = n < p->state ? selscan_initial(&call, row, n) : 0.0f;
    for (int64_t step = 0; step < p->length; step++) {
        const int64_t t = selscan_time(p, step), at = selscan_at(p, b, d, t);
        const float delta = selscan_delta(&call, DTYPE, d, at);
        const float x = delta * dtype_load(call.tensor[SELSCAN_U], DTYPE, at);
        const struct decay scalar = decay_of(p->a == A_SCALAR ? delta * A[d] : 0.0f);
#pragma unroll(CAPACITY <= 64 ? CAPACITY : 1)
        for (int n = 0; n < CAPACITY; n++)
            if (n < p->state) {
                const struct decay a =
                    p->a == A_SCALAR ? scalar : decay_of(delta * A[d * p->state + n]);
                const int64_t bc = selscan_bc_at(p, b, g, n, t);
                h[n] = selscan_step(h[n], a, x, dtype_load(call.tensor[SELSCAN_B], DTYPE, bc));
                m.h[state_at(p, b, step, n, d)] = h[n];
            }
    }
}

/* Keeps dA of part `part`, and begins the next one. A scalar A gets the total over n, written last.
 */
template <int CAPACITY>
static inline __device__ void keep_dA(const struct selscan *p, const struct partial *w,
                                      int64_t part, int64_t d, float dA[CAPACITY])
{
    double total = 0;
#pragma unroll(CAPACITY <= 64 ? CAPACITY : 1)
    for (int n = 0; n < CAPACITY; n++)
        if (n < p->state) {
            total += (double)dA[n];
            w->sums[partial_dA(p, part, d, n)] = p->a == A_SCALAR ? (float)total : dA[n];
            dA[n] = 0;
        }
}

/* C of state n at a step; 0 before the first. */
template <enum dtype DTYPE>
static inline __device__ float load_C(const struct selscan_bwd_call *call, int64_t b, int64_t g,
                                      int64_t n, int64_t step)
{
    const struct selscan *p = &call->in.p;
    return step < 0 ? 0.0f
                    : dtype_load(call->tensor[SELSCAN_BWD_C], DTYPE,
                                 selscan_bc_at(p, b, g, n, selscan_time(p, step)));
}

/* dy of channel d at a step; 0 before the first. */
template <enum dtype DTYPE>
static inline __device__ float load_dy(const struct selscan_bwd_call *call, int64_t b, int64_t d,
                                       int64_t step)
{
    const struct selscan *p = &call->in.p;
    return step < 0 ? 0.0f
                    : selscan_bwd_dy(call, DTYPE, selscan_at(p, b, d, selscan_time(p, step)));
}

/* dh[n] is C*dy + a*dh of the step behind, rounded once: it is made a step ahead. dA[n] and `sum`
 * are sums of a stretch. */
template <enum dtype DTYPE, int CAPACITY>
static __global__ void back(const struct selscan_bwd_call call, const struct memory m)
{
    const struct selscan *p = &call.in.p;
    const int64_t row = thread_index();
    if (row >= p->batch * p->channels)
        return;
    const int64_t b = row / p->channels, d = row % p->channels, g = selscan_group(p, d);
    const float *A = (const float *)call.tensor[SELSCAN_BWD_A];
    struct selscan_bwd_share sum = {0, 0};
    float dh[CAPACITY], dA[CAPACITY], dy = load_dy<DTYPE>(&call, b, d, p->length - 1);

#pragma unroll(CAPACITY <= 64 ? CAPACITY : 1)
    for (int n = 0; n < CAPACITY; n++) {
        dh[n] = n < p->state ? fmaf(load_C<DTYPE>(&call, b, g, n, p->length - 1), dy,
                                    selscan_bwd_dfinal(&call, row, n))
                             : 0.0f;
        dA[n] = 0;
    }
    for (int64_t step = p->length - 1; step >= 0; step--) {
        const int64_t t = selscan_time(p, step), at = selscan_at(p, b, d, t);
        const float delta = selscan_delta(&call.in, DTYPE, d, at);
        const float x = delta * dtype_load(call.tensor[SELSCAN_BWD_U], DTYPE, at);
        const float dy_before = load_dy<DTYPE>(&call, b, d, step - 1);
        const struct decay scalar = decay_of(p->a == A_SCALAR ? delta * A[d] : 0.0f);
        float y = 0, dx = 0, da = 0;
#pragma unroll(CAPACITY <= 64 ? CAPACITY : 1)
        for (int n = 0; n < CAPACITY; n++)
            if (n < p->state) {
                const float A_n = A[selscan_a_at(p, d, n)];
                const struct decay a = p->a == A_SCALAR ? scalar : decay_of(delta * A_n);
                const int64_t bc = selscan_bc_at(p, b, g, n, t);
                const float B = dtype_load(call.tensor[SELSCAN_BWD_B], DTYPE, bc);
                const float C = load_C<DTYPE>(&call, b, g, n, step);
                const float before =
                    step ? m.h[state_at(p, b, step - 1, n, d)] : selscan_initial(&call.in, row, n);
                float *const h = &m.h[state_at(p, b, step, n, d)];
                const float through = selscan_step(before, a, 0, 0) * dh[n];

                y = fmaf(C, *h, y);
                dx = fmaf(B, dh[n], dx);
                da = fmaf(A_n, through, da);
                dA[n] = fmaf(delta, through, dA[n]);
                *h *= dy;
                m.dB[state_at(p, b, step, n, d)] = x * dh[n];
                dh[n] = selscan_step(dh[n], a, load_C<DTYPE>(&call, b, g, n, step - 1), dy_before);
            }
        const struct selscan_bwd_share share = selscan_bwd_finish(&call, DTYPE, d, at, y, dx, da);
        dy = dy_before;
        sum.dD += share.dD;
        sum.ddelta_bias += share.ddelta_bias;
        if (step % STRETCH == 0) {
            const int64_t part = b * m.stretches + step / STRETCH;
            keep_dA<CAPACITY>(p, &m.partial, part, d, dA);
            partial_share(p, &m.partial, part, d, sum);
            sum.dD = sum.ddelta_bias = 0;
        }
    }
#pragma unroll(CAPACITY <= 64 ? CAPACITY : 1)
    for (int n = 0; n < CAPACITY; n++)
        if (n < p->state)
            selscan_bwd_dinitial(&call, row, n, dh[n]);
}

/* Threads run along groups, states, steps and batch, slowest last: as the terms lie. */
static __global__ void __launch_bounds__(CONTRACT_THREADS)
    contract(const struct selscan_bwd_call call, const struct memory m)
{
    const struct selscan *p = &call.in.p;
    const enum dtype dtype = (enum dtype)p->dtype;
    const int64_t i = thread_index();
    if (i >= p->batch * p->length * p->state * p->groups)
        return;
    const int64_t count = p->channels / p->groups, g = i % p->groups, n = i / p->groups % p->state;
    const int64_t step = i / p->groups / p->state % p->length;
    const int64_t b = i / p->groups / p->state / p->length;
    const int64_t bc = selscan_bc_at(p, b, g, n, selscan_time(p, step));
    double dB = 0, dC = 0;
    for (int64_t k = i * count; k < (i + 1) * count; k++) {
        dB += (double)m.dB[k];
        dC += (double)m.h[k];
    }
    dtype_store(call.tensor[SELSCAN_BWD_DB], dtype, bc, (float)dB);
    dtype_store(call.tensor[SELSCAN_BWD_DC], dtype, bc, (float)dC);
}

template <enum dtype DTYPE, int CAPACITY>
static int walk(const struct selscan_bwd_call &call, const struct memory &m, void *stream)
{
    const int64_t blocks = blocks_for(call.in.p.batch * call.in.p.channels, ROWS);
    const int error = launch((keep<DTYPE, CAPACITY>), blocks, ROWS, 0, stream, call.in, m);
    return error ? error : launch((back<DTYPE, CAPACITY>), blocks, ROWS, 0, stream, call, m);
}

template <enum dtype DTYPE>
static int walk_dtype(const struct selscan_bwd_call &call, const struct memory &m, void *stream)
{
    if (call.in.p.state <= 16)
        return walk<DTYPE, 16>(call, m, stream);
    if (call.in.p.state <= 64)
        return walk<DTYPE, 64>(call, m, stream);
    return walk<DTYPE, STATE_MAX>(call, m, stream);
}

static size_t workspace(const void *problem)
{
    const struct selscan *p = (const struct selscan *)problem;
    return (size_t)(2 * p->batch * p->length * p->state * p->channels) * sizeof(float) +
           partial_bytes(p, 0, p->batch * blocks_for(p->length, STRETCH));
}

static int run(const void *problem, void *const tensor[], void *workspace, void *stream)
{
    const struct selscan_bwd_call call = selscan_bwd_pack(problem, tensor);
    const struct selscan *p = &call.in.p;
    const struct memory m = carve(p, workspace);
    int error = cudaErrorInvalidValue;
    switch ((enum dtype)p->dtype) {
    case DTYPE_F32:
        error = walk_dtype<DTYPE_F32>(call, m, stream);
        break;
    case DTYPE_BF16:
        error = walk_dtype<DTYPE_BF16>(call, m, stream);
        break;
    case DTYPE_F16:
        error = walk_dtype<DTYPE_F16>(call, m, stream);
        break;
    }
    if (!error)
        error = launch(contract, blocks_for(m.partial.elements, CONTRACT_THREADS), CONTRACT_THREADS,
                       0, stream, call, m);
    return error ? error : reduce_parameters(call, m.partial, stream);
}

VARIANT(selscan_bwd_sequential) = {.accepts = selscan_accepts, .workspace = workspace, .run = run};
