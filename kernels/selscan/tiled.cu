/* selscan/tiled: channels in tiles that share B and C, rows in words, decays by one instruction.
 *
 * Computes   out and final of reference/selscan.h, in fp32.
 * Accepts    state <= 64; every option.
 * Layout     block = 4 warps, 64 channels (state <= 16; else 16) of one batch and group, and one
 *            segment of time. A warp has 16 of them (4): LANES = 4 (16) threads share two channels,
 *            four states of each a thread (states.cuh). u, delta and z come in tiles of STEPS steps,
 *            as words of 16 bytes, one tile ahead (lines.cuh), B and C likewise for the whole block,
 *            which makes floats of them. Workspace, where time is cut: for each segment but the last
 *            the states that it leaves behind from zero, and its sum of delta'.
 * Algorithm  a warp makes delta' and delta'*u of SPAN steps, walks them, adds the sums over states
 *            that its threads have left in shared memory, and finishes the outputs. Only B and C
 *            need the block's barriers. Time is cut where there are fewer than BLOCKS_WANTED blocks:
 *            a pass before finds what each segment leaves behind, from its end backwards, and a
 *            block joins what those before its own left, in their order.
 * Cost       bytes: B and C again for every further block of channels; where time is cut, u, delta
 *            and B twice. Exponentials once, where time is cut twice.
 * Error      f32 TODO at worst.
 * Source     written from the definition; log1p by the series of artanh.
 */
#include "tile.cuh" /* first: it has a variable of a name that cuda_fp16.h takes */

#include "decay.cuh"
#include "lines.cuh"
#include "states.cuh"

#ifndef TILED_STEPS
#define TILED_STEPS 32 /* of a tile */
#endif
#ifndef TILED_SPAN
#define TILED_SPAN 16 /* steps that a warp prepares, walks and finishes at a time */
#endif
#ifndef TILED_WARPS
#define TILED_WARPS 4
#endif
#ifndef TILED_RESIDENT
#define TILED_RESIDENT 2 /* blocks of a multiprocessor */
#endif
#ifndef TILED_BLOCKS
#define TILED_BLOCKS 256 /* two for each multiprocessor of an H100 */
#endif

enum {
    WARP = 32,
    WARPS = TILED_WARPS,
    THREADS = WARPS * WARP,
    STEPS = TILED_STEPS,
    SPAN = TILED_SPAN,
    STAGES = 2,
    STATE_LIMIT = 64
};

static_assert(STEPS % SPAN == 0 && SPAN % EXACT == 0 && WARP % SPAN == 0, "spans cover tiles");

/* What a warp has of its rows. */
enum { U, DELTA, Z, ROW_TENSORS };

template <enum dtype DTYPE_, int LANES_, bool LAST_>
struct shape {
    static const enum dtype DTYPE = DTYPE_;
    static const bool LAST = LAST_; /* channel_last */
    static const int LANES = LANES_, CAPACITY = LANES * QUAD, GROUPS = WARP / LANES;
    static const int WARP_ROWS = GROUPS * HELD, ROWS = WARP_ROWS * WARPS;
    static const int ROW_LINE = LAST ? WARP_ROWS : STEPS, STATE_LINE = LAST ? CAPACITY : STEPS;

    struct rows {
        uint4 copied[STAGES][ROW_TENSORS][WARP_ROWS * STEPS / ROW_LINE * LINE_PITCH<DTYPE, ROW_LINE>];
        struct row_step step[WARP_ROWS][SPAN + 2];
        float y[WARP_ROWS][LANES][SPAN + 4];
        float bias[WARP_ROWS], D[WARP_ROWS];
    };
    uint4 copied[STAGES][2][CAPACITY * STEPS / STATE_LINE * LINE_PITCH<DTYPE, STATE_LINE>];
    float4 B[STEPS][LANES + 1], C[STEPS][LANES + 1];
    struct rows warp[WARPS];
};

/* Segments of time, and what is known of all but the last. */
struct segments {
    float *state; /* (segments - 1, rows, pitch): left behind from zero */
    float *total; /* (segments - 1, rows): sum of delta' */
    int64_t rows, pitch, steps, count;
};

/* The first step of a tile, the time of the one that lies first in memory, and how many there are.
 */
struct tile_steps {
    int64_t first, time;
    int count;
};

static inline __device__ struct tile_steps tile_steps_of(const struct selscan *p, int64_t first,
                                                         int64_t end)
{
    struct tile_steps t;
    t.first = first;
    t.count = end - first < STEPS ? (int)(end - first) : STEPS;
    t.time = p->reverse ? p->length - first - t.count : first;
    return t;
}

/* The lines of the steps of rows from channel `d` on. */
template <typename Shape>
static inline __device__ struct lines row_lines(const struct selscan *p, int64_t b, int64_t d,
                                                int rows, const struct tile_steps *t)
{
    struct lines l;
    l.first = selscan_at(p, b, d, t->time);
    l.stride = Shape::LAST ? p->channels : p->length;
    l.count = Shape::LAST ? t->count : rows;
    l.length = Shape::LAST ? rows : t->count;
    return l;
}

/* Those of B and C. */
template <typename Shape>
static inline __device__ struct lines state_lines(const struct selscan *p,
                                                  const struct tile_rows *r,
                                                  const struct tile_steps *t)
{
    struct lines l;
    l.first = selscan_bc_at(p, r->b, r->group, 0, t->time);
    l.stride = Shape::LAST ? p->groups * p->state : p->length;
    l.count = Shape::LAST ? t->count : (int)p->state;
    l.length = Shape::LAST ? (int)p->state : t->count;
    return l;
}

/* The time in a tile of its step i; some time of it if there is no such step. */
static inline __device__ int time_of(const struct selscan *p, const struct tile_steps *t, int i)
{
    return p->reverse ? (i < t->count ? t->count - 1 - i : 0) : i;
}

/* The elements of one time in copied lines of up to ROWS rows or states. ALIKE: their phases are
 * the same. */
template <typename Shape, int ROWS, bool ALIKE>
struct column {
    const uint4 *copied;
    int begin;
    struct line_phases phases;

    __device__ column(const uint4 *words, const struct lines *l, const void *array, int time)
        : copied(words), phases(line_phases_of<Shape::DTYPE>(l, array))
    {
        begin = Shape::LAST ? time * PITCH + line_phase<Shape::DTYPE>(phases, time)
                            : time + (ALIKE ? phases.phase : 0);
    }

    __device__ float operator[](int row) const
    {
        const int phase =
            Shape::LAST || ALIKE ? 0 : line_phase<Shape::DTYPE>(phases, row);
        return line_element<Shape::DTYPE>(copied,
                                          begin + row * (Shape::LAST ? 1 : PITCH) + phase);
    }

    static const int PITCH =
        LINE_PITCH<Shape::DTYPE, Shape::LAST ? ROWS : STEPS> * VECTOR<Shape::DTYPE>;
};

/* log(1 + exp(x)) to 4e-7 of it: max(x, 0) + log1p(e), and log1p(e) = 2*artanh(e/(2 + e)). */
static inline __device__ float softplus_ex2(float x)
{
    const float e = ex2(-LOG2_E * fabsf(x)), s = e * rcp(2.0f + e), z = s * s;
    const float series = fmaf(fmaf(fmaf(0.34203619f, z, 0.39593187f), z, 0.66675848f), z, 2.0f);
    return fmaf(s, series, fmaxf(x, 0.0f));
}

static inline __device__ int lane_of_warp(void)
{
    return (int)threadIdx.x % WARP;
}

/* The rows of a warp. */
struct warp_rows {
    int64_t b, channel;
    int rows;
};

/* Starts to copy a tile into a stage; B, and for OUT also C and z. */
template <bool OUT, typename Shape>
static inline __device__ void copy_tile(const struct selscan_call *call, const struct tile_rows *r,
                                        const struct warp_rows *w, const struct tile_steps *t,
                                        int stage, Shape *tile, typename Shape::rows *rows)
{
    const enum dtype DTYPE = Shape::DTYPE;
    const struct selscan *p = &call->p;
    const int64_t elements = p->batch * p->channels * p->length;
    const int64_t bc_elements = p->batch * p->groups * p->state * p->length;
    const struct lines own = row_lines<Shape>(p, w->b, w->channel, w->rows, t);
    const struct lines states = state_lines<Shape>(p, r, t);
    const int lane = lane_of_warp(), thread = (int)threadIdx.x;
    const auto copy = [&](enum selscan_tensor tensor, int to) {
        lines_copy<DTYPE, Shape::ROW_LINE, WARP>(&own, call->tensor[tensor], elements, lane,
                                                 rows->copied[stage][to]);
    };
    const auto copy_states = [&](enum selscan_tensor tensor, int to) {
        lines_copy<DTYPE, Shape::STATE_LINE, THREADS>(&states, call->tensor[tensor], bc_elements,
                                                      thread, tile->copied[stage][to]);
    };

    copy(SELSCAN_U, U);
    copy(SELSCAN_DELTA, DELTA);
    if (OUT && p->gate)
        copy(SELSCAN_Z, Z);
    copy_states(SELSCAN_B, 0);
    if (OUT) /* cost only: nobody else reads it */
        copy_states(SELSCAN_C, 1);
    copy_async_commit();
}

/* Makes floats of what a stage has of B or C: zeros for states and steps that are not there. */
template <typename Shape>
static inline __device__ void widen(const struct selscan *p, const void *array,
                                    const struct tile_rows *r, const struct tile_steps *t,
                                    const uint4 *copied, float4 (*to)[Shape::LANES + 1])
{
    const struct lines l = state_lines<Shape>(p, r, t);
#pragma unroll
    for (int i = (int)threadIdx.x; i < STEPS * Shape::LANES; i += THREADS) {
        const int step = i % STEPS, lane = i / STEPS;
        const column<Shape, Shape::CAPACITY, false> from(copied, &l, array, time_of(p, t, step));
        float value[QUAD];
#pragma unroll
        for (int j = 0; j < QUAD; j++) {
            const int n = lane * QUAD + j;
            value[j] = from[n];
            if (n >= p->state || step >= t->count)
                value[j] = 0;
        }
        to[step][lane] = make_float4(value[0], value[1], value[2], value[3]);
    }
}

/* What a warp does with the steps of a span that begins with step `begin` of the tile. Each thread
 * has one step, `step` of the tile, and every other row. */
template <typename Shape>
struct span {
    const struct selscan_call *call;
    const struct warp_rows *w;
    const struct tile_steps *t;
    typename Shape::rows *rows;
    int stage, begin;

    /* work(alike, option): both std::integral_constant. */
    template <typename Work>
    __device__ void alike(const struct lines *l, bool option, Work work) const
    {
        const bool same = Shape::LAST || l->stride % VECTOR<Shape::DTYPE> == 0;
        if (same && option)
            work(std::true_type(), std::true_type());
        else if (same) /* cost only: other rows are read as well */
            work(std::true_type(), std::false_type());
        else if (option)
            work(std::false_type(), std::true_type());
        else
            work(std::false_type(), std::false_type());
    }

    /* delta' and delta'*u; zeros, which change no state, where there is no row or step. */
    __device__ void prepare(void) const
    {
        const struct lines l = row_lines<Shape>(&call->p, w->b, w->channel, w->rows, t);
        const int i = lane_of_warp() % SPAN, first = lane_of_warp() / SPAN;
        const int time = time_of(&call->p, t, begin + i), count = begin + i < t->count ? w->rows : 0;
        alike(&l, call->p.softplus, [&](auto same, auto soft) {
            typedef column<Shape, Shape::WARP_ROWS, decltype(same)::value> Column;
            const Column u(rows->copied[stage][U], &l, call->tensor[SELSCAN_U], time);
            const Column delta(rows->copied[stage][DELTA], &l, call->tensor[SELSCAN_DELTA], time);
#pragma unroll
            for (int turn = 0; turn < Shape::WARP_ROWS; turn += WARP / SPAN) {
                const int row = turn + first;
                struct row_step step;
                step.delta = delta[row] + rows->bias[row];
                if constexpr (decltype(soft)::value)
                    step.delta = softplus_ex2(step.delta);
                step.x = step.delta * u[row];
                if (row >= count)
                    step.delta = step.x = 0;
                rows->step[row][i] = step;
            }
        });
    }

    /* out from the sums that the threads of a row have left. */
    __device__ void finish(void) const
    {
        const struct lines l = row_lines<Shape>(&call->p, w->b, w->channel, w->rows, t);
        const int i = lane_of_warp() % SPAN, first = lane_of_warp() / SPAN;
        const int time = time_of(&call->p, t, begin + i), count = begin + i < t->count ? w->rows : 0;
        const int64_t out_stride = Shape::LAST ? 1 : l.stride;
        const int64_t out = l.first + (Shape::LAST ? time * l.stride : time) + first * out_stride;
        alike(&l, call->p.gate, [&](auto same, auto gate) {
            typedef column<Shape, Shape::WARP_ROWS, decltype(same)::value> Column;
            const Column u(rows->copied[stage][U], &l, call->tensor[SELSCAN_U], time);
            const Column z(rows->copied[stage][Z], &l, call->tensor[SELSCAN_Z], time);
#pragma unroll
            for (int turn = 0; turn < Shape::WARP_ROWS; turn += WARP / SPAN) {
                const int row = turn + first;
                float y = rows->y[row][0][i];
#pragma unroll
                for (int lane = 1; lane < Shape::LANES; lane++)
                    y += rows->y[row][lane][i];
                y = fmaf(rows->D[row], u[row], y);
                if constexpr (decltype(gate)::value) {
                    const float v = z[row];
                    y *= v * sigmoid_ex2(v);
                }
                if (row < count)
                    store_out(out + turn * out_stride, y);
            }
        });
    }

    __device__ void store_out(int64_t at, float y) const
    {
        void *const out = call->tensor[SELSCAN_OUT];
        if constexpr (Shape::DTYPE == DTYPE_F32)
            ((float *)out)[at] = y;
        else
            ((uint16_t *)out)[at] = (uint16_t)vector_pack_pair<Shape::DTYPE>(y, 0);
    }
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
    const struct selscan *p = &call->p;
#pragma unroll
    for (int k = 0; k < HELD; k++) {
        const int64_t row = w->b * p->channels + w->channel + held_row<Shape>(k);
        const int n = held_state<Shape>();
        const bool there = held_row<Shape>(k) < w->rows;
#pragma unroll
        for (int j = 0; j < QUAD; j++)
            s->h[k][j] = there && n + j < p->state ? selscan_initial(call, row, n + j) : 0.0f;
        for (int64_t before = 0; there && before < segment; before++) {
            const float4 left = *(const float4 *)&g->state[(before * g->rows + row) * g->pitch + n];
            const float lefts[QUAD] = {left.x, left.y, left.z, left.w};
            const float total = g->total[before * g->rows + row] * 0.69314718f;
#pragma unroll
            for (int j = 0; j < QUAD; j++)
                s->h[k][j] = selscan_step(s->h[k][j], decay_ex2(s->A[k][j] * total), 1, lefts[j]);
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

/* Segments and blocks of rows share the grid's one dimension. */
template <bool OUT, typename Shape>
static __global__ void __launch_bounds__(THREADS, TILED_RESIDENT)
    walk(const struct selscan_call call, const struct segments g, int64_t row_blocks)
{
    DYNAMIC_SHARED(Shape, tile);
    const struct selscan *p = &call.p;
    const int warp = (int)threadIdx.x / WARP, lane = lane_of_warp() % Shape::LANES;
    const int64_t segment = blockIdx.x / row_blocks;
    const struct tile_rows r = tile_rows_of<Shape>(p, blockIdx.x % row_blocks);
    const int64_t start = segment * g.steps;
    const int64_t end = start + g.steps < p->length ? start + g.steps : p->length;
    const int tiles = (int)((end - start + STEPS - 1) / STEPS);
    typename Shape::rows *const rows = &tile->warp[warp];
    struct warp_rows w = {r.b, r.channel + warp * Shape::WARP_ROWS, r.rows - warp * Shape::WARP_ROWS};
    struct states s;
    float later[HELD] = {0};

    w.rows = w.rows < 0 ? 0 : w.rows < Shape::WARP_ROWS ? w.rows : Shape::WARP_ROWS;
    const auto steps_of = [&](int i) {
        return tile_steps_of(p, start + (OUT ? i : tiles - 1 - i) * (int64_t)STEPS, end);
    };
    struct tile_steps t = steps_of(0);
    copy_tile<OUT>(&call, &r, &w, &t, 0, tile, rows);
    if (lane_of_warp() < Shape::WARP_ROWS) {
        const int64_t d = w.channel + lane_of_warp();
        const bool there = lane_of_warp() < w.rows;
        const float *const bias = (const float *)call.tensor[SELSCAN_DELTA_BIAS];
        const float *const D = (const float *)call.tensor[SELSCAN_D];
        rows->bias[lane_of_warp()] = there && p->bias ? bias[d] : 0.0f;
        rows->D[lane_of_warp()] = there && p->skip ? D[d] : 0.0f;
    }
#pragma unroll
    for (int k = 0; k < HELD; k++)
#pragma unroll
        for (int j = 0; j < QUAD; j++) {
            const int64_t d = w.channel + held_row<Shape>(k);
            const int n = held_state<Shape>() + j;
            const bool there = held_row<Shape>(k) < w.rows && n < p->state;
            s.A[k][j] = there ? ((const float *)call.tensor[SELSCAN_A])[selscan_a_at(p, d, n)] * LOG2_E : 0;
            s.h[k][j] = 0;
        }
    if (OUT)
        join_segments<Shape>(&call, &g, &w, segment, &s);

    for (int i = 0; i < tiles; i++) {
        const int stage = i % STAGES;
        copy_async_wait<0>();
        __syncthreads(); /* the copies are there; all threads are done with the tile before */
        t = steps_of(i);
        if (i + 1 < tiles) {
            const struct tile_steps next = steps_of(i + 1);
            copy_tile<OUT>(&call, &r, &w, &next, (i + 1) % STAGES, tile, rows);
        }
        widen<Shape>(p, call.tensor[SELSCAN_B], &r, &t, tile->copied[stage][0], tile->B);
        if (OUT)
            widen<Shape>(p, call.tensor[SELSCAN_C], &r, &t, tile->copied[stage][1], tile->C);
        __syncthreads(); /* B and C are whole */
        const int spans = (t.count + SPAN - 1) / SPAN;
        for (int m = 0; m < spans; m++) {
            const struct span<Shape> span = {&call, &w, &t, rows, stage,
                                             (OUT ? m : spans - 1 - m) * SPAN};
            span.prepare();
            __syncwarp(); /* the steps are prepared; the sums of those before are read */
#pragma unroll 1
            for (int done = 0; done < SPAN; done += EXACT) {
                const int first = OUT ? done : SPAN - EXACT - done, in = span.begin + first;
                const struct row_step *const step = &rows->step[held_row<Shape>(0)][first];
                const int row = Shape::GROUPS * (SPAN + 2);
                if (in >= t.count) /* cost only: there are no steps */
                    continue;
                if (OUT)
                    states_walk(&s, step, row, &tile->B[in][lane], &tile->C[in][lane],
                                Shape::LANES + 1, &rows->y[held_row<Shape>(0)][lane][first],
                                Shape::GROUPS * Shape::LANES * (SPAN + 4));
                else
                    states_gather(&s, step, row, &tile->B[in][lane], Shape::LANES + 1, later);
            }
            __syncwarp(); /* the steps are walked, their sums there */
            if (OUT)
                span.finish();
        }
    }
    if (!OUT) {
        keep_left<Shape>(&g, p, &w, segment, &s, later);
        return;
    }
    if (end == p->length)
#pragma unroll
        for (int k = 0; k < HELD; k++)
#pragma unroll
            for (int j = 0; j < QUAD; j++)
                if (held_row<Shape>(k) < w.rows && held_state<Shape>() + j < p->state)
                    selscan_final(&call, w.b * p->channels + w.channel + held_row<Shape>(k),
                                  held_state<Shape>() + j, s.h[k][j]);
}

static int lanes_of(const struct selscan *p)
{
    return p->state <= 16 ? 4 : 16;
}

static struct segments carve(const struct selscan *p, void *memory)
{
    const int64_t row_blocks = tile_row_blocks(p, WARP / lanes_of(p) * HELD * WARPS);
    const int64_t wanted = row_blocks < TILED_BLOCKS ? TILED_BLOCKS / row_blocks : 1;
    struct segments g;
    g.rows = p->batch * p->channels;
    g.pitch = lanes_of(p) * QUAD;
    g.steps = blocks_for(blocks_for(p->length, wanted), EXACT) * EXACT;
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
    if (!error)
        error = launch((walk<true, Shape>), row_blocks * g.count, THREADS, sizeof(Shape), stream,
                       call, g, row_blocks);
    return error;
}

template <enum dtype DTYPE, int LANES>
static int run_layout(const struct selscan_call &call, void *memory, void *stream)
{
    return call.p.layout == CHANNEL_LAST
               ? run_shape<shape<DTYPE, LANES, true>>(call, memory, stream)
               : run_shape<shape<DTYPE, LANES, false>>(call, memory, stream);
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
