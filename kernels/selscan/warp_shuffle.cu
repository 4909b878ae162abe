/* selscan/warp_shuffle: a block scans the time of one channel, by shuffles within its warps.
 *
 * Computes   out and final of reference/selscan.h, in fp32.
 * Accepts    state <= 256; every option.
 * Layout     block = one (batch, channel) row, 32 to 256 threads by length; a thread owns 4
 *            neighbouring steps of a tile. Warp totals and carries in shared memory. Loads are
 *            strided by 4 elements across a warp, by channels too when channel_last.
 * Algorithm  for each tile and state: a thread joins its steps to one pair; Kogge-Stone over the 32
 *            pairs of a warp by __shfl_up_sync; each thread applies the totals of the warps before
 *            it, in order, to the carried state, then the pair of the lanes before it; then it
 *            walks its own steps. One barrier a state.
 * Cost       bytes: selscan's, plus B and C again for every further channel of a group. About 3
 *            times the multiply-adds of the recurrence, and 10 shuffles a pair.
 *            Parallelism: batch*channels*length/4 threads at most.
 * Error      f32 1e-6 at worst.
 * Source     Kogge and Stone, A parallel algorithm for the efficient solution of a general class of
 *            recurrence equations, IEEE Trans. Computers C-22 (1973).
 */
#include "warp.cuh"

enum { ITEMS = 4, THREADS_MAX = 256, WARPS_MAX = THREADS_MAX / WARP };

template <bool SCALAR>
static __global__ void scan(const struct selscan_call call)
{
    SHARED(struct pair, totals, [2][WARPS_MAX]);
    SHARED(float, carry, [2][STATE_MAX]);
    const struct selscan *p = &call.p;
    const enum dtype dtype = (enum dtype)p->dtype;
    const int64_t row = blockIdx.x, b = row / p->channels, d = row % p->channels;
    const int64_t group = selscan_group(p, d);
    const float *A = (const float *)call.tensor[SELSCAN_A];
    const int warp = (int)threadIdx.x / WARP, warps = (int)blockDim.x / WARP;
    const int lane = (int)threadIdx.x % WARP;
    int turn = 0; /* totals of neighbouring turns lie apart: one barrier a turn is enough */

    for (int n = (int)threadIdx.x; n < p->state; n += (int)blockDim.x)
        carry[0][n] = selscan_initial(&call, row, n);
    for (int64_t tile = 0; tile * blockDim.x * ITEMS < p->length; tile++) {
        const int64_t first = (tile * blockDim.x + threadIdx.x) * ITEMS;
        const int now = tile % 2;
        struct decay scalar[ITEMS];
        float delta[ITEMS], x[ITEMS], y[ITEMS];
#pragma unroll
        for (int i = 0; i < ITEMS; i++) {
            const int64_t at = selscan_at(p, b, d, selscan_time(p, first + i));
            const bool inside = first + i < p->length;
            delta[i] = inside ? selscan_delta(&call, dtype, d, at) : 0.0f;
            x[i] = inside ? delta[i] * dtype_load(call.tensor[SELSCAN_U], dtype, at) : 0.0f;
            scalar[i] = decay_of(SCALAR ? delta[i] * A[d] : 0.0f);
            y[i] = 0;
        }
        for (int n = 0; n < p->state; n++, turn ^= 1) {
            struct pair step[ITEMS], mine;
#pragma unroll
            for (int i = 0; i < ITEMS; i++) {
                const int64_t t = selscan_time(p, first + i);
                const bool inside = first + i < p->length;
                const struct decay a =
                    SCALAR ? scalar[i] : decay_of(delta[i] * A[d * p->state + n]);
                const float increment = inside ? x[i] * dtype_load(call.tensor[SELSCAN_B], dtype,
                                                                   selscan_bc_at(p, b, group, n, t))
                                               : 0.0f;
                step[i] = pair_of(a, increment);
                mine = i ? pair_join(mine, step[i]) : step[i];
            }
            const struct pair upto = warp_scan<false>(mine);
            const struct pair before = warp_earlier<false>(upto, 1);
            if (lane == WARP - 1)
                totals[turn][warp] = upto;
            __syncthreads(); /* all totals, and the carries of the tile before, are written */

            float h = carry[now][n];
            for (int w = 0; w < warp; w++)
                h = pair_apply(totals[turn][w], h);
            if (lane > 0)
                h = pair_apply(before, h);
#pragma unroll
            for (int i = 0; i < ITEMS; i++) {
                const int64_t bc = selscan_bc_at(p, b, group, n, selscan_time(p, first + i));
                const bool inside = first + i < p->length;
                h = pair_apply(step[i], h);
                y[i] = fmaf(inside ? dtype_load(call.tensor[SELSCAN_C], dtype, bc) : 0.0f, h, y[i]);
            }
            if (warp == warps - 1 && lane == WARP - 1)
                carry[1 - now][n] = h;
        }
#pragma unroll
        for (int i = 0; i < ITEMS; i++)
            if (first + i < p->length) {
                const int64_t at = selscan_at(p, b, d, selscan_time(p, first + i));
                const float u = p->skip ? dtype_load(call.tensor[SELSCAN_U], dtype, at) : 0;
                selscan_finish(&call, dtype, d, at, u, y[i]);
            }
    }
    __syncthreads(); /* the last carries are written */
    const int64_t tiles = (p->length + blockDim.x * ITEMS - 1) / (blockDim.x * ITEMS);
    for (int n = (int)threadIdx.x; n < p->state; n += (int)blockDim.x)
        selscan_final(&call, row, n, carry[tiles % 2][n]);
}

static int run(const void *problem, void *const tensor[], void *, void *stream)
{
    const struct selscan_call call = selscan_pack(problem, tensor);
    const int64_t rows = call.p.batch * call.p.channels;
    int threads = WARP;
    while (threads < THREADS_MAX && threads * ITEMS < call.p.length)
        threads *= 2;
    return call.p.a == A_SCALAR ? launch(scan<true>, rows, threads, 0, stream, call)
                                : launch(scan<false>, rows, threads, 0, stream, call);
}

VARIANT(selscan_warp_shuffle) = {.accepts = selscan_accepts, .run = run};
