/* selscan_bwd/chunked: states kept before each chunk of time; gradients from chunk to chunk, back.
 *
 * Computes   all gradients of reference/selscan_bwd.h, in fp32; sums over blocks of channels, over
 *            batch and over segments in double.
 * Accepts    state <= 256; every option.
 * Layout     block = 64, 32 or 8 channels (state <= 16, 64, 256) of one batch and group, and a
 *            share of time; window.cuh says which thread has what. Per chunk of 16 steps (8 with
 *            more than 64 states) in shared memory: the steps, B, C, dB and dC of each warp.
 *            Workspace: h before each chunk but the first, a*dh behind each segment (plan.cuh),
 *            dB and dC of each block of channels (partial.cuh).
 * Algorithm  walk (track.cuh): the recurrence, which leaves h before each chunk, and passes through
 *            a chunk at once when A is scalar; when rows alone do not fill a GPU, also a*dh back,
 *            which leaves it behind each segment. gradients, which starts meanwhile: chunks
 *            from the last to the first, in strides of 8 steps (4), from the last to the first; for
 *            each, h forwards from before the chunk, which leaves a*h' of the stride in registers,
 *            then dh back. Sums over states of a row and over rows of a warp by exchanges, dB and
 *            dC over warps through shared memory, in ascending order. Then partial.cuh. Longer
 *            than 2048 steps: spans of that many, walked at once from zero, joined, walked again.
 * Cost       bytes: selscan_bwd's, plus u and delta a second time (dout and z too, where time is
 *            cut), B and C again for every further block of channels, 12*state a chunk and row, and
 *            16 for each element of B and block of channels. Some 30 instructions a step and state,
 *            80 with a full A, whose exponentials come twice (4.5 times above 16 states, 3.5 above
 *            64). Workspace: with 16 or 64 states 3 to 5 % of the 12*batch*channels*length*state
 *            that keeping all steps takes, 13 % with 256.
 * Error      f32 3e-6 where states are forgotten, 2e-6 on slow decay; in dA 2e-7 of the sum of its
 *            terms' sizes. A scalar A is rounded to one decay for h within a chunk; h and dh go
 *            from chunk to chunk with decays in two parts.
 * Source     Chen, Xu, Zhang and Guestrin, Training deep nets with sublinear memory cost, arXiv
 *            1604.06174 (states kept, the rest worked out again). Segments and order are ours.
 */
#include "track.cuh"

/* How forth() goes: past steps, to know the states behind them; keeping a*h' of each, and the
 * decays' rest; or so that the rests are those that were left in passing. */
enum forth { PASS, KEEP, KEEP_AGAIN };

/* Takes the thread's states h through the STRIDE steps from `first` on. */
template <enum forth HOW, typename Window>
static inline __device__ void forth(Window *w, int thread, int first, const float A[], float h[],
                                    float (*ah)[Window::CELLS], float (*rest)[Window::CELLS])
{
#pragma unroll
    for (int i = 0; i < Window::STRIDE; i++) {
        float4 step[Window::HELD];
        float left[Window::CELLS];
        if (HOW == KEEP_AGAIN) /* cost only: else nobody reads them */
            memcpy(left, &w->rest[i][thread], sizeof left);
#pragma unroll
        for (int r = 0; r < Window::HELD; r++)
            step[r] = w->step[first + i][window_row<Window>(thread, r)];
#pragma unroll
        for (int k = 0; k < Window::CELLS; k++) { /* pairs first, then rows */
            const int s = k / (2 * Window::HELD) * 2 + k % 2, r = k / 2 % Window::HELD;
            const int c = r * Window::STATES + s;
            const float2 B = w->B[first + i][window_pair<Window>(thread, s / 2)];
            const struct decay a = HOW == KEEP_AGAIN ? decay_again(step[r].z * A[c], left[c])
                                                     : window_decay<Window>(step[r], A[c]);
            ah[i][c] = Window::SCALAR ? (a.whole + a.rest) * h[c] : decay_apply(a, h[c]);
            h[c] = fmaf(step[r].x, s % 2 ? B.y : B.x, ah[i][c]);
            rest[i][c] = left[c] = a.rest;
        }
        if (HOW == PASS && Window::KEEPS)
            memcpy(&w->rest[i][thread], left, sizeof left);
    }
}

/* What a thread adds up over the states that it has, [held][step], STRIDE steps a row: C*h, B*dh,
 * and A*a*h'*dh, without A if that is SCALAR. */
template <typename Window>
struct row_sums {
    static const int COUNT = Window::HELD * Window::STRIDE;
    float y[COUNT], dx[COUNT], da[COUNT];
};

/* Takes dh of the thread's states back through the STRIDE steps from `first` on: from a*dh of the
 * step behind to that of the first. Leaves dB and dC of the warp's rows in the window, and adds to
 * dA. */
template <typename Window>
static inline __device__ void back(Window *w, int thread, int first, const float A[],
                                   const float (*ah)[Window::CELLS],
                                   const float (*rest)[Window::CELLS], float dh[], float dA[],
                                   struct row_sums<Window> *sums)
{
    const int STATES = Window::STATES, STRIDE = Window::STRIDE;
    struct decay behind[Window::CELLS];
#pragma unroll
    for (int i = STRIDE - 1; i >= 0; i--) {
        float4 step[Window::HELD];
        float dBC[STATES * 2]; /* [state][B, C] */
#pragma unroll
        for (int r = 0; r < Window::HELD; r++) {
            const int at = r * STRIDE + i;
            step[r] = w->step[first + i][window_row<Window>(thread, r)];
            sums->y[at] = sums->dx[at] = sums->da[at] = 0;
        }
#pragma unroll
        for (int s = 0; s < STATES * 2; s++)
            dBC[s] = 0;
#pragma unroll
        for (int k = 0; k < Window::CELLS; k++) { /* pairs first, then rows */
            const int s = k / (2 * Window::HELD) * 2 + k % 2, r = k / 2 % Window::HELD;
            const int c = r * STATES + s, at = r * STRIDE + i;
            const float2 B2 = w->B[first + i][window_pair<Window>(thread, s / 2)];
            const float2 C2 = w->C[first + i][window_pair<Window>(thread, s / 2)];
            const float B = s % 2 ? B2.y : B2.x, C = s % 2 ? C2.y : C2.x;
            const float x = step[r].x, dy = step[r].y, delta = step[r].z;
            dh[c] = i == STRIDE - 1 ? fmaf(dy, C, dh[c]) : selscan_step(dh[c], behind[c], dy, C);
            const float h = fmaf(x, B, ah[i][c]), through = ah[i][c] * dh[c];
            dBC[s * 2] = fmaf(x, dh[c], dBC[s * 2]);
            dBC[s * 2 + 1] = fmaf(dy, h, dBC[s * 2 + 1]);
            sums->y[at] = fmaf(C, h, sums->y[at]);
            sums->dx[at] = fmaf(B, dh[c], sums->dx[at]);
            sums->da[at] = Window::SCALAR ? fmaf(ah[i][c], dh[c], sums->da[at])
                                          : fmaf(A[c], through, sums->da[at]);
            dA[c] = fmaf(delta, through, dA[c]);
            behind[c] = Window::KEEPS ? decay_again(delta * A[c], rest[i][c])
                                      : window_decay<Window>(step[r], A[c]);
        }
        window_keep(w, thread, i, dBC);
    }
#pragma unroll
    for (int c = 0; c < Window::CELLS; c++)
        dh[c] = decay_apply(behind[c], dh[c]);
}

/* Adds up over the states, and leaves du, ddelta and dz of the STRIDE steps from `first` on in the
 * window. The sums of consecutive steps of a row are with consecutive lanes. */
template <typename Window>
static inline __device__ void finish(Window *w, int thread, int first,
                                     struct row_sums<Window> *sums)
{
    const int COUNT = row_sums<Window>::COUNT, LANES = Window::LANES;
    const bool swapped = Window::HELD > 1;
    const int lane = window_lane<Window>(thread), row = window_row<Window>(thread, 0);
    float dA = 0, dD = 0, ddelta_bias = 0;
    if (Window::GATE) /* cost only: else nobody reads them */
        window_sum<COUNT, LANES / 2, 1, swapped>(thread, sums->y);
    window_sum<COUNT, LANES / 2, 1, swapped>(thread, sums->dx);
    window_sum<COUNT, LANES / 2, 1, swapped>(thread, sums->da);
    if (LANES > COUNT && lane % (LANES / COUNT)) /* others have the same */
        return;
#pragma unroll
    for (int i = 0; i < (COUNT > LANES ? COUNT / LANES : 1); i++) {
        const int t = first + (lane * COUNT / LANES + i) % Window::STRIDE;
        const float4 edge = w->edge[t][row];
        const struct selscan_bwd_element e = {edge.x, edge.y, edge.z, w->step[t][row].y, edge.w};
        const struct selscan_bwd_gradients g =
            selscan_bwd_combine(e, w->own[row].y, Window::GATE ? sums->y[i] : 0.0f, sums->dx[i],
                                Window::SCALAR ? w->own[row].x * sums->da[i] : sums->da[i]);
        dA = fmaf(e.delta, sums->da[i], dA);
        dD = fmaf(e.dy, e.u, dD);
        ddelta_bias += g.ddelta;
        w->edge[t][row] = make_float4(g.du, g.ddelta, g.dz, 0);
    }
    if (Window::SCALAR)
        w->dA[0][thread] += dA;
    w->dD[thread] += dD;
    w->ddelta_bias[thread] += ddelta_bias;
}

/* The gradients of the STRIDE steps from `first` on, of a chunk that h is the state before. dh as
 * in back(). */
template <typename Window>
static inline __device__ void stride(Window *w, int thread, int first, const float A[], float h[],
                                     float dh[])
{
    float ah[Window::STRIDE][Window::CELLS], rest[Window::STRIDE][Window::CELLS];
    float dA[Window::CELLS];
    struct row_sums<Window> sums;
#pragma unroll
    for (int c = 0; c < Window::CELLS; c++)
        dA[c] = 0;
#pragma unroll 1
    for (int t = 0; t < first; t += Window::STRIDE)
        forth<PASS>(w, thread, t, A, h, ah, rest);
    if (first || !Window::KEEPS) /* cost only: the rests are worked out again */
        forth<KEEP>(w, thread, first, A, h, ah, rest);
    else
        forth<KEEP_AGAIN>(w, thread, first, A, h, ah, rest);
    back(w, thread, first, A, ah, rest, dh, dA, &sums);
    finish(w, thread_of_block(), first, &sums);
#pragma unroll
    for (int c = 0; c < Window::CELLS && !Window::SCALAR; c++)
        w->dA[c][threadIdx.x] += dA[c];
}

/* Leaves what the block has added up over time for part `part`. */
template <typename Window>
static inline __device__ void keep_sums(const struct selscan *p, const struct partial *partial,
                                        int64_t part, const Window *w)
{
    const struct tile_rows *const r = &w->rows;
    const int thread = thread_of_block();
    const int LANES = Window::LANES / Window::HELD; /* that have the sums of one row */
    const int64_t d = r->channel + window_row<Window>(thread, 0);
    float dA = w->dA[0][thread], dD = w->dD[thread], ddelta_bias = w->ddelta_bias[thread];
    window_sum<1, LANES / 2, 1, false>(thread, &dA);
    window_sum<1, LANES / 2, 1, false>(thread, &dD);
    window_sum<1, LANES / 2, 1, false>(thread, &ddelta_bias);
    if (!Window::SCALAR)
        window_cells<Window>(thread, p, r, [&](int c, int row, int n) {
            partial->sums[partial_dA(p, part, r->channel + row, n)] = w->dA[c][thread];
        });
    if (window_row<Window>(thread, 0) >= r->rows || window_lane<Window>(thread) % LANES)
        return;
    if (Window::SCALAR)
        partial->sums[partial_dA(p, part, d, 0)] = dA;
    partial_share(p, partial, part, d, {dD, ddelta_bias});
}

/* The states of the thread's cells. */
template <typename Window>
static inline __device__ void states_load(int thread, const struct selscan *p,
                                          const struct tile_rows *r, struct states from, float h[])
{
    const int64_t first = r->b * p->channels + r->channel;
    if (!from.quads) { /* cost only: pairs in one load */
        window_fill<Window>(thread, p, r, h,
                            [&](int row, int n) { return states_at(from, first + row, n); });
        return;
    }
#pragma unroll
    for (int c = 0; c < Window::CELLS; c += 2) {
        const int row = window_row<Window>(thread, c / Window::STATES);
        const int n = window_pair<Window>(thread, c % Window::STATES / 2) * 2;
        const bool inside = row < r->rows && n < (int)p->state;
        const float *const at = &from.array[(first + row) * from.pitch + n];
        const float2 pair = inside ? *(const float2 *)at : make_float2(0, 0);
        h[c] = pair.x;
        h[c + 1] = pair.y;
    }
}

/* Blocks of rows and shares of time share the grid's one dimension. */
template <typename Window>
static __global__ void __launch_bounds__(TILE_THREADS, 2)
    gradients(const struct selscan_bwd_call call, const struct plan plan, int64_t row_blocks)
{
    DYNAMIC_SHARED(Window, w);
    const struct selscan *p = &call.in.p;
    const struct tile_rows *const r = &w->rows;
    float A[Window::CELLS], dh[Window::CELLS];

    let_next_start(); /* cost only: or it starts later */
    window_begin(&call, &plan.partial, blockIdx.x % row_blocks, blockIdx.x / row_blocks, w);
    wait_for_previous(); /* GPU only: the walk's states are written */
    __syncthreads();     /* rows and share are known */
    int chunk = plan_end(&plan, w->share * plan.share, plan.share) - 1;
#pragma unroll
    for (int c = 0; c < (Window::SCALAR ? 1 : Window::CELLS); c++)
        w->dA[c][threadIdx.x] = 0;
    w->dD[threadIdx.x] = w->ddelta_bias[threadIdx.x] = 0;
    window_fill<Window>(thread_of_block(), p, r, A, [&](int row, int n) {
        return ((const float *)call.tensor[SELSCAN_BWD_A])[selscan_a_at(p, r->channel + row, n)];
    });
    while (chunk >= w->share * plan.share) {
        const int behind = chunk + 1;
        if (behind == plan.chunks || behind % plan.segment == 0)
            states_load<Window>(thread_of_block(), p, r, plan_passed(&call, &plan, behind), dh);
        typed(p, [&](auto dtype) {
            window_load<decltype(dtype)::value>(&call, chunk,
                                                chunk * (int64_t)Window::STEPS - plan.before, w);
        });
        __syncthreads(); /* the window is whole */
#pragma unroll 1
        for (int t = Window::STEPS - Window::STRIDE; t >= 0; t -= Window::STRIDE) {
            const int thread = thread_of_block();
            float h[Window::CELLS];
            states_load<Window>(thread, p, r, plan_h(&call, &plan, w->chunk), h);
            stride(w, thread, t, A, h, dh);
            __syncthreads(); /* GPU only, as simt's shuffles keep warps in step: the sums are whole
                              */
            window_reduce(p, &plan.partial, t, w);
            __syncthreads(); /* GPU only, likewise: they are read; du, ddelta and dz are whole */
        }
        typed(p, [&](auto dtype) { window_store<decltype(dtype)::value>(&call, w); });
        chunk = w->chunk - 1;
        __syncthreads(); /* the window is read */
    }
    keep_sums(p, &plan.partial, r->b * plan.shares + w->share, w);
    if (w->share == 0)
        window_cells<Window>(thread_of_block(), p, r, [&](int c, int row, int n) {
            selscan_bwd_dinitial(&call, r->b * p->channels + r->channel + row, n, dh[c]);
        });
}

template <typename Window>
static int run_windows(const struct selscan_bwd_call &call, void *memory, void *stream)
{
    const struct plan plan = plan_of<Window>(&call.in.p, memory);
    const int64_t row_blocks = tile_row_blocks(&call.in.p, Window::ROWS);
    int error = walk_all<Window>(call, plan, stream);
    if (!error)
        error = launch_after(gradients<Window>, row_blocks * plan.shares, TILE_THREADS,
                             sizeof(Window), stream, call, plan, row_blocks);
    if (!error)
        error = reduce_bc(call, plan.partial, stream);
    return error ? error : reduce_parameters(call, plan.partial, stream);
}

static size_t workspace(const void *problem)
{
    const struct selscan *p = (const struct selscan *)problem;
    return window_dispatch(
        p, [&](auto *shape) { return plan_bytes<std::remove_pointer_t<decltype(shape)>>(p); });
}

static int run(const void *problem, void *const tensor[], void *memory, void *stream)
{
    const struct selscan_bwd_call call = selscan_bwd_pack(problem, tensor);
    return window_dispatch(&call.in.p, [&](auto *shape) {
        return run_windows<std::remove_pointer_t<decltype(shape)>>(call, memory, stream);
    });
}

VARIANT(selscan_bwd_chunked) = {.accepts = selscan_accepts, .workspace = workspace, .run = run};
