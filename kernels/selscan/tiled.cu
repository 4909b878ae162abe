/* selscan/tiled: channels in tiles that share B and C, rows in words, decays by one instruction.
 *
 * Computes   out and final of reference/selscan.h, in fp32.
 * Accepts    state <= 64; every option.
 * Layout     block = 8 warps, 64 channels (state <= 16; else 16) of one batch and group, and one
 *            segment of time. Four warps walk, 16 of the channels (4) each: LANES = 4 (16) threads
 *            share two channels, each with four states of both (states.cuh). Beside each of them
 *            a warp feeds it: a thread has words of u, delta and z of the same channels, or single
 *            elements where words do not fit, and some of B and C (feeder.cuh). Workspace, where
 *            time is cut: for each segment but the last the states that it leaves behind from zero,
 *            and its sum of delta'.
 * Algorithm  while a span of SPAN steps is walked, delta' and delta'*u of the next one are made,
 *            the one after that is on its way from memory, and the outputs of the one before are
 *            finished: one barrier a span. So the walk, which the special function unit bounds,
 *            does not stop for what is around it. Time is cut where there are fewer than
 *            TILED_BLOCKS blocks: a pass before finds what each segment leaves behind, from its
 *            end backwards, and a block joins what those before its own have left, in their order.
 * Cost       bytes: B and C again for every further block of channels; where time is cut, u, delta
 *            and B twice. Instructions of the walk: 7.5 an update of a state, of which one is an
 *            exponential; of what feeds it 2.5 (words of f32, state <= 16). Where time is cut 4.6
 *            and an exponential more, but for what is forgotten.
 * Error      f32 1.3e-6 at worst on an H100, 7.7e-7 on simt, whose ex2 is exact; 4e-6 if each decay
 *            were off by 2 ulp to the same side.
 * Source     written from the definition.
 */
#include "tile.cuh" /* first: it has a variable of a name that cuda_fp16.h takes */

#include "../device/follow.cuh"
#include "decay.cuh"
#include "feeder.cuh"
#include "words.cuh"

#ifndef TILED_RESIDENT
#define TILED_RESIDENT 2 /* blocks of a multiprocessor */
#endif
#ifndef TILED_BLOCKS
#define TILED_BLOCKS 256 /* two for each multiprocessor of an H100 */
#endif

#ifndef TILED_JOINED
#define TILED_JOINED 4 /* segments whose states are loaded together */
#endif

enum { STATE_LIMIT = 64, JOINED = TILED_JOINED };

/* Segments of time, and what is known of all but the last. */
struct segments {
    float *state; /* (segments - 1, rows, pitch): left behind from zero */
    float *total; /* (segments - 1, rows): sum of delta' */
    int64_t rows, pitch, steps, count;
};

/* The row of a warp that a thread has as its k-th, and the first of its states. */
template <typename Shape>
static inline __device__ int held_row(int k)
{
    return lane_of_warp() / Shape::LANES + k * Shape::GROUPS;
}
template <typename Shape>
static inline __device__ int held_state(void)
{
    return lane_of_warp() % Shape::LANES * QUAD;
}

/* The states before a segment: those before all, through what the segments before it left. */
template <typename Shape>
static inline __device__ void join_segments(const struct selscan_call *call,
                                            const struct segments *g, const struct warp_rows *w,
                                            int64_t segment, struct states *s)
{
    const int n = held_state<Shape>();
    const int64_t row = w->b * call->p.channels + w->channel + held_row<Shape>(0);
#pragma unroll
    for (int k = 0; k < HELD; k++)
#pragma unroll
        for (int j = 0; j < QUAD; j++)
            if (!(s->absent >> (k * QUAD + j) & 1))
                s->h[k][j] = selscan_initial(call, row + k * Shape::GROUPS, n + j);
    for (int64_t begin = 0; begin < segment; begin += JOINED) {
        float4 left[JOINED][HELD];
        float total[JOINED][HELD];
#pragma unroll
        for (int i = 0; i < JOINED; i++)
#pragma unroll
            for (int k = 0; k < HELD; k++) {
                const int64_t at = (begin + i) * g->rows + row + k * Shape::GROUPS;
                const bool there = begin + i < segment && held_row<Shape>(k) < w->rows;
                left[i][k] =
                    there ? *(const float4 *)&g->state[at * g->pitch + n] : make_float4(0, 0, 0, 0);
                total[i][k] = there ? g->total[at] : 0.0f;
            }
#pragma unroll
        for (int i = 0; i < JOINED; i++)
#pragma unroll
            for (int k = 0; k < HELD; k++) {
                const float4 l = left[i][k];
                const float lefts[QUAD] = {l.x, l.y, l.z, l.w};
#pragma unroll
                for (int j = 0; j < QUAD; j++) {
                    const float v = s->A[k][j] * (total[i][k] * 0.69314718f);
                    s->h[k][j] = selscan_step(s->h[k][j], decay_ex2(v), 1, lefts[j]);
                }
            }
    }
}

/* Keeps what a segment leaves behind, and its sums of delta'. */
template <typename Shape>
static inline __device__ void keep_left(const struct segments *g, const struct selscan *p,
                                        const struct warp_rows *w, int64_t segment,
                                        const struct states *s, const float total[])
{
#pragma unroll
    for (int k = 0; k < HELD; k++) {
        const int64_t at = segment * g->rows + w->b * p->channels + w->channel + held_row<Shape>(k);
        if (held_row<Shape>(k) >= w->rows)
            continue;
        *(float4 *)&g->state[at * g->pitch + held_state<Shape>()] =
            make_float4(s->h[k][0], s->h[k][1], s->h[k][2], s->h[k][3]);
        if (held_state<Shape>() == 0) /* cost only: they all have the same */
            g->total[at] = total[k];
    }
}

template <typename Shape>
static inline __device__ void keep_final(const struct selscan_call *call, const struct warp_rows *w,
                                         const struct states *s)
{
#pragma unroll
    for (int k = 0; k < HELD; k++)
#pragma unroll
        for (int j = 0; j < QUAD; j++)
            if (held_row<Shape>(k) < w->rows && held_state<Shape>() + j < call->p.state)
                selscan_final(call, w->b * call->p.channels + w->channel + held_row<Shape>(k),
                              held_state<Shape>() + j, s->h[k][j]);
}

/* The rows of a warp of a block; none behind the last if there are none. */
template <typename Shape>
static inline __device__ struct warp_rows warp_rows_of(const struct selscan *p, int64_t row_block,
                                                       int warp)
{
    const struct tile_rows r = tile_rows_of<Shape>(p, row_block);
    const int wanted = warp * Shape::WARP_ROWS, before = wanted < r.rows ? wanted : r.rows;
    const int left = r.rows - before;
    return {r.b, r.group, r.channel + before, left < Shape::WARP_ROWS ? left : Shape::WARP_ROWS};
}

/* A, and zeros. */
template <typename Shape>
static inline __device__ void begin_states(const struct selscan_call *call,
                                           const struct warp_rows *w, struct states *s)
{
    const float *const A = (const float *)call->tensor[SELSCAN_A];
    s->absent = 0;
#pragma unroll
    for (int k = 0; k < HELD; k++)
#pragma unroll
        for (int j = 0; j < QUAD; j++) {
            const int n = held_state<Shape>() + j;
            const int64_t at = selscan_a_at(&call->p, w->channel + held_row<Shape>(k), n);
            const bool there = held_row<Shape>(k) < w->rows && n < call->p.state;
            s->A[k][j] = there ? A[at] * LOG2_E : 0.0f;
            s->h[k][j] = 0;
            s->absent |= there ? 0 : 1u << (k * QUAD + j);
        }
}

/* Takes the states through a span. */
template <bool OUT, typename Shape>
static inline __device__ void walk_span(const struct selscan_call *call, Shape *tile,
                                        typename Shape::rows *rows, int stage, int count,
                                        struct states *s, float later[])
{
    const int row = held_row<Shape>(0), lane = lane_of_warp() % Shape::LANES;
    const int STEP = OUT ? EXACT : BACK;
#pragma unroll 1
    for (int done = 0; done < SPAN; done += STEP) {
        const int first = OUT ? done : SPAN - STEP - done;
        const struct row_step *const step = &rows->step[stage][row][first];
        const float4 *const B = &tile->states[stage][0][first][lane];
        const float4 *const C = &tile->states[stage][1][first][lane];
        if (first >= count) /* cost only: there are no steps */
            continue;       /* cost only: the same */
        if (OUT)
            states_walk(s, step, Shape::GROUPS * (SPAN + 2), B, C, Shape::LANES + 1,
                        &rows->y[stage][row][lane * Shape::Y_LANE + first],
                        Shape::GROUPS * Shape::Y_ROW);
        else if (call->p.softplus && states_forget(s, later)) /* cost only: the same bits */
            states_pass(s, step, Shape::GROUPS * (SPAN + 2), B, Shape::LANES + 1, later);
        else
            states_gather(s, step, Shape::GROUPS * (SPAN + 2), B, Shape::LANES + 1, later);
    }
}

/* What a thread does that feeds. */
template <bool OUT, typename Shape, typename Place>
static inline __device__ void feed(const struct selscan_call *call, const struct warp_rows *w,
                                   Shape *tile, typename Shape::rows *rows, int spans,
                                   Place place_at)
{
    struct feeder<OUT, Shape> f;
    f.begin(call, w, tile, rows);
    f.template load<0>(place_at(0));
#pragma unroll 1
    for (int i = 0; i < spans + 2; i += KEPT) {
        f.template turn_to<0>(i, spans, place_at);
        f.template turn_to<1>(i + 1, spans, place_at);
        f.template turn_to<2>(i + 2, spans, place_at);
    }
}

/* Segments and blocks of rows share the grid's one dimension. The first half of a block walks. */
template <bool OUT, typename Shape>
static __global__ void __launch_bounds__(THREADS, TILED_RESIDENT)
    walk(const struct selscan_call call, const struct segments g, int64_t row_blocks)
{
    DYNAMIC_SHARED(Shape, tile);
    const struct selscan *p = &call.p;
    const int warp = (int)threadIdx.x / WARP % WARPS;
    const int64_t segment = blockIdx.x / row_blocks, start = segment * g.steps;
    const int64_t end = start + g.steps < p->length ? start + g.steps : p->length;
    const int steps = (int)(end - start), spans = (steps + SPAN - 1) / SPAN;
    const struct warp_rows w = warp_rows_of<Shape>(p, blockIdx.x % row_blocks, warp);
    typename Shape::rows *const rows = &tile->warp[warp];
    const auto place_at = [=](int i) -> struct place {
        const int first = (OUT ? i : spans - 1 - i) * SPAN;
        return {start + first, steps - first < SPAN ? steps - first : SPAN};
    };

    if (!OUT)
        let_next_start(); /* cost only: or it starts later */
    if (threadIdx.x >= FEEDERS) {
        feed<OUT>(&call, &w, tile, rows, spans, place_at);
        return;
    }
    struct states s;
    float later[HELD] = {0};
    begin_states<Shape>(&call, &w, &s);
    if (OUT) {
        wait_for_previous(); /* GPU only: for what segments left */
        join_segments<Shape>(&call, &g, &w, segment, &s);
    }
    meet();
#pragma unroll 1
    for (int m = 0; m < spans; m++) {
        if (w.rows > 0) /* cost only: nobody reads it */
            walk_span<OUT>(&call, tile, rows, m % STAGES, place_at(m).count, &s, later);
        meet();
    }
    if (!OUT)
        keep_left<Shape>(&g, p, &w, segment, &s, later);
    else if (end == p->length)
        keep_final<Shape>(&call, &w, &s);
}

static int lanes_of(const struct selscan *p)
{
    return p->state <= 16 ? 4 : 16;
}

static struct segments carve(const struct selscan *p, void *memory)
{
    const int64_t row_blocks = tile_row_blocks(p, WARP / lanes_of(p) * HELD * WARPS);
    const int64_t wanted = row_blocks < TILED_BLOCKS ? TILED_BLOCKS / row_blocks : 1;
    struct segments g = {};
    g.rows = p->batch * p->channels;
    g.pitch = lanes_of(p) * QUAD;
    g.steps = blocks_for(blocks_for(p->length, wanted), SPAN) * SPAN;
    g.count = blocks_for(p->length, g.steps);
    g.state = (float *)memory;
    g.total = g.state + (g.count - 1) * g.rows * g.pitch;
    return g;
}

static size_t workspace(const void *problem)
{
    const struct segments g = carve((const struct selscan *)problem, NULL);
    return (size_t)((g.count - 1) * g.rows * (g.pitch + 1)) * sizeof(float);
}

template <typename Shape>
static int run_shape(const struct selscan_call &call, void *memory, void *stream)
{
    const struct segments g = carve(&call.p, memory);
    const int64_t row_blocks = tile_row_blocks(&call.p, Shape::ROWS);
    int error = 0;
    if (g.count > 1)
        error = launch((walk<false, Shape>), row_blocks * (g.count - 1), THREADS, sizeof(Shape),
                       stream, call, g, row_blocks);
    if (error || g.count == 1)
        return error ? error
                     : launch((walk<true, Shape>), row_blocks, THREADS, sizeof(Shape), stream, call,
                              g, row_blocks);
    return launch_follow((walk<true, Shape>), row_blocks * g.count, THREADS, sizeof(Shape), stream,
                         call, g, row_blocks);
}

template <enum dtype DTYPE, int LANES, bool LAST>
static int run_words(const struct selscan_call &call, void *memory, void *stream)
{
    return words_fit<DTYPE>(&call)
               ? run_shape<shape<DTYPE, LANES, LAST, true>>(call, memory, stream)
               : run_shape<shape<DTYPE, LANES, LAST, false>>(call, memory, stream);
}

template <enum dtype DTYPE, int LANES>
static int run_layout(const struct selscan_call &call, void *memory, void *stream)
{
    return call.p.layout == CHANNEL_LAST ? run_words<DTYPE, LANES, true>(call, memory, stream)
                                         : run_words<DTYPE, LANES, false>(call, memory, stream);
}

template <enum dtype DTYPE>
static int run_dtype(const struct selscan_call &call, void *memory, void *stream)
{
    return lanes_of(&call.p) == 4 ? run_layout<DTYPE, 4>(call, memory, stream)
                                  : run_layout<DTYPE, 16>(call, memory, stream);
}

static int run(const void *problem, void *const tensor[], void *memory, void *stream)
{
    const struct selscan_call call = selscan_pack(problem, tensor);
    return call.p.dtype == DTYPE_F32    ? run_dtype<DTYPE_F32>(call, memory, stream)
           : call.p.dtype == DTYPE_BF16 ? run_dtype<DTYPE_BF16>(call, memory, stream)
                                        : run_dtype<DTYPE_F16>(call, memory, stream);
}

static const char *accepts(const void *problem)
{
    return ((const struct selscan *)problem)->state <= STATE_LIMIT
               ? NULL
               : "state <= 64; nearest: state = 64";
}

VARIANT(selscan_tiled) = {.accepts = accepts, .workspace = workspace, .run = run};
