#include "track.cuh"

/* How forth() goes: past steps, to know the states behind them; keeping a*h' of each, and where
 * decays are not cheap their rest; or so that the rests are those that were left in passing. */
enum forth { PASS, KEEP, KEEP_AGAIN };

/* Takes the thread's states h through the STRIDE steps from `first` on. */
template <enum forth HOW, typename Window>
static inline __device__ void forth(Window *w, int thread, int first, const float A[], float h[],
                                    float (*ah)[Window::CELLS], float (*rest)[Window::CELLS])
{
#pragma unroll
    for (int i = 0; i < Window::STRIDE; i++) {
        float4 step[Window::HELD], left = {0, 0, 0, 0};
        float passed[Window::CELLS];
        if (HOW == KEEP_AGAIN)
            left = w->rest[i][thread];
        const float again[4] = {left.x, left.y, left.z, left.w};
#pragma unroll
        for (int r = 0; r < Window::HELD; r++)
            step[r] = w->step[first + i][window_row<Window>(thread, r)];
#pragma unroll
        for (int j = 0; j < Window::PAIRS; j++) {
            const float2 pair = w->B[first + i][window_pair<Window>(thread, j)];
            const float B[2] = {pair.x, pair.y};
#pragma unroll
            for (int k = 0; k < 2 * Window::HELD; k++) {
                const int c = k / 2 * Window::STATES + j * 2 + k % 2;
                struct decay a;
                if (HOW == KEEP_AGAIN) {
                    a.whole = decay_whole(step[k / 2].z * A[c]);
                    a.rest = again[c % 4];
                } else {
                    a = window_decay<Window>(step[k / 2], A[c]);
                }
                const float kept =
                    Window::SCALAR ? (a.whole + a.rest) * h[c] : decay_apply(a, h[c]);
                h[c] = fmaf(step[k / 2].x, B[k % 2], kept);
                passed[c] = a.rest;
                if (HOW != PASS) {
                    ah[i][c] = kept;
                    rest[i][c] = a.rest;
                }
            }
        }
        if (HOW == PASS && Window::KEEPS)
            w->rest[i][thread] = make_float4(passed[0], passed[1], passed[2], passed[3]);
    }
}

/* Takes dh of the thread's states back through the STRIDE steps from `first` on: from a*dh of the
 * step behind to that of the first. Leaves dB and dC of the warp's rows in the window; adds to dA;
 * y, dx and da get the thread's part of the sums over states, [held][step], da without A if that is
 * SCALAR. */
template <typename Window>
static inline __device__ void back(Window *w, int thread, int first, const float A[],
                                   const float (*ah)[Window::CELLS],
                                   const float (*rest)[Window::CELLS], float dh[], float dA[],
                                   float y[], float dx[], float da[])
{
    struct decay behind[Window::CELLS];
#pragma unroll
    for (int i = Window::STRIDE - 1; i >= 0; i--) {
        float4 step[Window::HELD];
        float dBC[Window::STATES * 2]; /* [state][B, C] */
#pragma unroll
        for (int r = 0; r < Window::HELD; r++) {
            step[r] = w->step[first + i][window_row<Window>(thread, r)];
            y[r * Window::STRIDE + i] = dx[r * Window::STRIDE + i] = da[r * Window::STRIDE + i] = 0;
        }
#pragma unroll
        for (int s = 0; s < Window::STATES * 2; s++)
            dBC[s] = 0;
#pragma unroll
        for (int j = 0; j < Window::PAIRS; j++) {
            const float2 B2 = w->B[first + i][window_pair<Window>(thread, j)];
            const float2 C2 = w->C[first + i][window_pair<Window>(thread, j)];
            const float B[2] = {B2.x, B2.y}, C[2] = {C2.x, C2.y};
#pragma unroll
            for (int k = 0; k < 2 * Window::HELD; k++) {
                const int r = k / 2, s = j * 2 + k % 2, c = r * Window::STATES + s;
                const float x = step[r].x, dy = step[r].y, delta = step[r].z;
                dh[c] = i == Window::STRIDE - 1 ? fmaf(dy, C[k % 2], dh[c])
                                                : selscan_step(dh[c], behind[c], dy, C[k % 2]);
                const float h = fmaf(x, B[k % 2], ah[i][c]);
                dBC[s * 2] = fmaf(x, dh[c], dBC[s * 2]);
                dBC[s * 2 + 1] = fmaf(dy, h, dBC[s * 2 + 1]);
                y[r * Window::STRIDE + i] = fmaf(C[k % 2], h, y[r * Window::STRIDE + i]);
                dx[r * Window::STRIDE + i] = fmaf(B[k % 2], dh[c], dx[r * Window::STRIDE + i]);
                if (Window::SCALAR) {
                    da[r * Window::STRIDE + i] = fmaf(ah[i][c], dh[c], da[r * Window::STRIDE + i]);
                } else {
                    const float through = ah[i][c] * dh[c];
                    da[r * Window::STRIDE + i] = fmaf(A[c], through, da[r * Window::STRIDE + i]);
                    dA[c] = fmaf(delta, through, dA[c]);
                }
                if (Window::KEEPS) {
                    behind[c].whole = decay_whole(delta * A[c]);
                    behind[c].rest = rest[i][c];
                } else {
                    behind[c] = window_decay<Window>(step[r], A[c]);
                }
            }
        }
        window_keep(w, thread, i, dBC);
    }
#pragma unroll
    for (int c = 0; c < Window::CELLS; c++)
        dh[c] = decay_apply(behind[c], dh[c]);
}

/* Adds y, dx and da up over the states, and leaves du, ddelta and dz of the STRIDE steps from
 * `first` on in the window. The sums of consecutive steps of a row are with consecutive lanes. */
template <typename Window>
static inline __device__ void finish(Window *w, int thread, int first, float y[], float dx[],
                                     float da[])
{
    const int COUNT = Window::HELD * Window::STRIDE, LANES = Window::LANES;
    const int lane = window_lane<Window>(thread), row = window_row<Window>(thread, 0);
    if (Window::GATE)
        window_sum<COUNT, LANES / 2, 1, (Window::HELD > 1)>(thread, y);
    window_sum<COUNT, LANES / 2, 1, (Window::HELD > 1)>(thread, dx);
    window_sum<COUNT, LANES / 2, 1, (Window::HELD > 1)>(thread, da);
    if (LANES > COUNT && lane % (LANES / COUNT))
        return;
    const float2 own = w->own[row];
    float dA = 0, dD = 0, ddelta_bias = 0;
#pragma unroll
    for (int i = 0; i < (COUNT > LANES ? COUNT / LANES : 1); i++) {
        const int t = first + (lane * COUNT / LANES + i) % Window::STRIDE;
        const float4 edge = w->edge[t][row];
        const struct selscan_bwd_element e = {edge.x, edge.y, edge.z, w->step[t][row].y, edge.w};
        const struct selscan_bwd_gradients g = selscan_bwd_combine(
            e, own.y, Window::GATE ? y[i] : 0.0f, dx[i], Window::SCALAR ? own.x * da[i] : da[i]);
        dA = fmaf(e.delta, da[i], dA);
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
    float y[Window::HELD * Window::STRIDE], dx[Window::HELD * Window::STRIDE];
    float da[Window::HELD * Window::STRIDE], dA[Window::CELLS];
#pragma unroll
    for (int c = 0; c < Window::CELLS; c++)
        dA[c] = 0;
#pragma unroll 1
    for (int t = 0; t < first; t += Window::STRIDE)
        forth<PASS>(w, thread, t, A, h, ah, rest);
    if (first || !Window::KEEPS)
        forth<KEEP>(w, thread, first, A, h, ah, rest);
    else
        forth<KEEP_AGAIN>(w, thread, first, A, h, ah, rest);
    back(w, thread, first, A, ah, rest, dh, dA, y, dx, da);
    finish(w, thread, first, y, dx, da);
#pragma unroll
    for (int c = 0; c < Window::CELLS && !Window::SCALAR; c++)
        w->dA[c][thread] += dA[c];
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
#pragma unroll
    for (int c = 0; c < Window::CELLS; c++)
        h[c] = 0;
    if (from.quads) {
        const float *const array = from.array + first * from.pitch;
#pragma unroll
        for (int c = 0; c < Window::CELLS; c += 2) {
            const int row = window_row<Window>(thread, c / Window::STATES);
            const int n = window_pair<Window>(thread, c % Window::STATES / 2) * 2;
            if (row < r->rows && n < (int)p->state) {
                const float2 pair = *(const float2 *)&array[row * from.pitch + n];
                h[c] = pair.x;
                h[c + 1] = pair.y;
            }
        }
    } else {
        window_cells<Window>(
            thread, p, r, [&](int c, int row, int n) { h[c] = states_at(from, first + row, n); });
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

    window_begin(&call, &plan.partial, blockIdx.x % row_blocks, blockIdx.x / row_blocks, w);
    __syncthreads(); /* rows and share are known */
    int chunk = plan_end(&plan, w->share * plan.share, plan.share);
#pragma unroll
    for (int c = 0; c < Window::CELLS; c++) {
        A[c] = dh[c] = 0;
        w->dA[Window::SCALAR ? 0 : c][threadIdx.x] = 0;
    }
    w->dD[threadIdx.x] = w->ddelta_bias[threadIdx.x] = 0;
    if (!Window::SCALAR)
        window_cells<Window>(thread_of_block(), p, r, [&](int c, int row, int n) {
            A[c] =
                ((const float *)call.tensor[SELSCAN_BWD_A])[selscan_a_at(p, r->channel + row, n)];
        });
    while (chunk > w->share * plan.share) {
        if (chunk == plan.chunks || (chunk & (plan.segment - 1)) == 0)
            states_load<Window>(thread_of_block(), p, r, plan_passed(&call, &plan, chunk), dh);
        chunk--;
        window_typed(p, [&](auto dtype) {
            window_load<decltype(dtype)::value>(&call, chunk * (int64_t)Window::STEPS - plan.before,
                                                w);
        });
        __syncthreads(); /* the window is whole */
#pragma unroll 1
        for (int t = Window::STEPS - Window::STRIDE; t >= 0; t -= Window::STRIDE) {
            const int thread = thread_of_block();
            float h[Window::CELLS];
            states_load<Window>(thread, p, r, plan_h(&call, &plan, chunk), h);
            stride(w, thread, t, A, h, dh);
            __syncthreads(); /* the warps' sums are whole */
            window_reduce(p, &plan.partial, t, w);
            __syncthreads(); /* they are read; du, ddelta and dz are whole */
        }
        window_typed(p, [&](auto dtype) { window_store<decltype(dtype)::value>(&call, w); });
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
        error = launch(gradients<Window>, row_blocks * plan.shares, TILE_THREADS, sizeof(Window),
                       stream, call, plan, row_blocks);
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
