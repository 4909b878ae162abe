/* selscan/scalar_lanes: one decay a channel: few rows, all of time by one block, in one launch.
 *
 * Computes   out and final of reference/selscan.h, in fp32.
 * Accepts    a = scalar, state <= 64, dtype = f32; every other option.
 * Layout     block = 8 channels (state <= 32) or 4 of one batch and group, from the first step to
 *            the last. Two of its warps walk: a lane has two states of one of four channels
 *            (state <= 16), or four. Four feed them: two make decay and delta'*u of the next SPAN
 *            steps, two write the outputs of the last ones, and all of them copy ahead.
 * Algorithm  the recurrence, with decays of steps by one instruction; states are put right each
 *            EXACT steps by the decay of all of them, in two parts. Time is not cut, so each
 *            update is done once and no block waits for another. B, C, u, delta and z come by
 *            asynchronous copies, DEPTH spans ahead; one barrier a span.
 * Cost       bytes: B and C again for every further block of channels, which is what many rows pay
 *            for. Instructions of a walking warp: 21 a step of four channels with 64 states, where
 *            one warp has an issue slot every second cycle.
 * Error      f32 1.8e-6 at worst in quick, edge and full on an H200, where states grow; 9.5e-7 on
 *            simt, whose ex2 is exact.
 * Source     written from the definition.
 */
#include "scalar_lanes.cuh" /* first, as tile.cuh has to be */

#include "decay.cuh"
#include "words.cuh"

/* The elements of a span that a thread prepares: a warp has steps of a row. */
static inline __device__ int prepared_row(int i)
{
    return (place_in_team() + i * TEAM) / SPAN;
}
static inline __device__ int prepared_step(int i)
{
    return (place_in_team() + i * TEAM) % SPAN;
}

/* Those that it finishes: along what is contiguous in memory. */
template <typename Shape>
static inline __device__ int finished_row(int i)
{
    const int e = place_in_team() + i * TEAM;
    return Shape::LAST ? e % Shape::ROWS : e / SPAN;
}
template <typename Shape>
static inline __device__ int finished_step(int i)
{
    const int e = place_in_team() + i * TEAM;
    return Shape::LAST ? e / Shape::ROWS : e % SPAN;
}

/* What a thread that feeds knows of the channels of its elements: of those that it prepares, or of
 * those that it finishes. */
template <typename Shape>
struct channels {
    float A[Shape::TURNS], bias[Shape::TURNS], D[Shape::TURNS];
    int64_t out_at[Shape::TURNS]; /* of the first span */

    __device__ void begin(const struct selscan_call *call, const struct strides *s,
                          const struct tile_rows *r)
    {
        const int64_t at = selscan_at(&call->p, r->b, r->channel, selscan_time(&call->p, 0));
#pragma unroll
        for (int i = 0; i < Shape::TURNS; i++) {
            const int row = finished_row<Shape>(i);
            out_at[i] = at + row * s->channel + finished_step<Shape>(i) * s->step;
            A[i] = of_channel(call, r, SELSCAN_A, prepared_row(i));
            bias[i] = call->p.bias ? of_channel(call, r, SELSCAN_DELTA_BIAS, prepared_row(i)) : 0;
            D[i] = call->p.skip ? of_channel(call, r, SELSCAN_D, row) : 0;
        }
    }

  private:
    /* Its element of A, D or the bias; the block's first, if there is no such row. */
    static __device__ float of_channel(const struct selscan_call *call, const struct tile_rows *r,
                                       int tensor, int row)
    {
        return ((const float *)call->tensor[tensor])[r->channel + (row < r->rows ? row : 0)];
    }
};

/* Makes the steps of a span of `count`; those behind it leave states as they are. */
template <typename Shape>
static inline __device__ void prepare(const struct selscan *p, const struct channels<Shape> *c,
                                      const typename Shape::streams *from, int64_t count,
                                      typename Shape::steps *steps)
{
#pragma unroll
    for (int i = 0; i < Shape::TURNS; i++) {
        const int row = prepared_row(i), t = prepared_step(i);
        const float raw = from->delta[Shape::row_place(row, t)] + c->bias[i];
        const float delta = t >= count ? 0 : p->softplus ? softplus(raw) : raw;
        float total = delta;
#pragma unroll
        for (int apart = 1; apart < EXACT; apart *= 2)
            total += __shfl_xor_sync(0xffffffffu, total, apart);
        steps[row].decay[t] = ex2(delta * (c->A[i] * 1.44269504f));
        steps[row].x[t] = delta * from->u[Shape::row_place(row, t)];
        if (t % EXACT == 0) /* cost only: they all have the same */
            steps[row].whole[t / EXACT] = decay_ex2(total * c->A[i]);
    }
}

/* Writes out of a span that begins with step `first`. */
template <typename Shape>
static inline __device__ void finish(const struct selscan_call *call, const struct strides *s,
                                     const struct tile_rows *r, const struct channels<Shape> *c,
                                     const typename Shape::streams *from,
                                     const float y[][Shape::Y_ROW], int64_t first)
{
    const struct selscan *p = &call->p;
    float *const to = (float *)call->tensor[SELSCAN_OUT] + first * s->step;
#pragma unroll
    for (int i = 0; i < Shape::TURNS; i++) {
        const int row = finished_row<Shape>(i), t = finished_step<Shape>(i);
        float sum[QUAD] = {0};
#pragma unroll
        for (int lane = 0; lane < Shape::SUMS; lane++)
            sum[lane % QUAD] += y[row][lane * Shape::Y_LANE + t];
        float out = (sum[0] + sum[1]) + (sum[2] + sum[3]);
        out = fmaf(c->D[i], from->u[Shape::row_place(row, t)], out);
        if (p->gate)
            out *= silu(from->z[Shape::row_place(row, t)]);
        if (row < r->rows && first + t < p->length)
            to[c->out_at[i]] = out;
    }
}

/* The channel of the block that a thread walks, and its place among the lanes that do. Neighbours
 * have the same states and every other pair the same channel: shared memory gives a word that
 * neighbours or every other pair share in half the time. */
template <typename Shape>
static inline __device__ int walked_row(void)
{
    const int lane = (int)threadIdx.x % WARP;
    return warp_of() * Shape::WARP_STATES / Shape::CAPACITY * WARP_ROWS + lane % 2 + lane / 16 * 2;
}
template <typename Shape>
static inline __device__ int walked_sum(void)
{
    return (warp_of() * ROW_LANES + (int)threadIdx.x / 2 % ROW_LANES) % Shape::SUMS;
}
template <typename Shape>
static inline __device__ int walked_state(int k)
{
    const int share = walked_sum<Shape>() / ROW_LANES, lane = walked_sum<Shape>() % ROW_LANES;
    return share * Shape::WARP_STATES +
           (Shape::LAST ? lane * Shape::HELD + k : lane + k * ROW_LANES);
}

/* Four steps of the thread's states of B or C, as [k][step]; `from` is the place of its first. */
template <typename Shape>
static inline __device__ void read_states(const float *from, float to[Shape::HELD][QUAD])
{
    if constexpr (!Shape::LAST) {
#pragma unroll
        for (int k = 0; k < Shape::HELD; k++) {
            const float4 four = *(const float4 *)&from[k * ROW_LANES * SPAN];
            to[k][0] = four.x, to[k][1] = four.y, to[k][2] = four.z, to[k][3] = four.w;
        }
    } else {
#pragma unroll
        for (int i = 0; i < QUAD; i++)
            if constexpr (Shape::HELD == 2) {
                const float2 two = *(const float2 *)&from[i * Shape::CAPACITY];
                to[0][i] = two.x, to[1][i] = two.y;
            } else {
                const float4 four = *(const float4 *)&from[i * Shape::CAPACITY];
                to[0][i] = four.x, to[1][i] = four.y, to[2][i] = four.z, to[3][i] = four.w;
            }
    }
}

/* What the thread reads of four steps. */
template <typename Shape>
struct quad {
    float4 decay, x;
    float B[Shape::HELD][QUAD], C[Shape::HELD][QUAD];

    __device__ void read(const typename Shape::states *from, const typename Shape::steps *steps,
                         int t)
    {
        const int place = Shape::state_place(walked_state<Shape>(0), t);
        decay = *(const float4 *)&steps->decay[t];
        x = *(const float4 *)&steps->x[t];
        read_states<Shape>(&from->B[place], B);
        read_states<Shape>(&from->C[place], C);
    }
};

/* The thread's states, and what the steps since they were last put right make of zero. Decays of
 * single steps are off by 2 ulp, and what they did to h is forgotten after EXACT steps. */
template <typename Shape>
struct states {
    float h[Shape::HELD], before[Shape::HELD], g[Shape::HELD];

    __device__ void begin(void)
    {
#pragma unroll
        for (int k = 0; k < Shape::HELD; k++) {
            before[k] = h[k];
            g[k] = 0;
        }
    }

    /* Takes them through four steps; the sums of C*h. END: puts them right after the last one. */
    template <bool END>
    __device__ float4 walk(const struct quad<Shape> *q, struct decay whole)
    {
        const float decays[QUAD] = {q->decay.x, q->decay.y, q->decay.z, q->decay.w};
        const float xs[QUAD] = {q->x.x, q->x.y, q->x.z, q->x.w};
        float sum[QUAD];
#pragma unroll
        for (int i = 0; i < QUAD; i++)
#pragma unroll
            for (int k = 0; k < Shape::HELD; k++) {
                const float in = xs[i] * q->B[k][i];
                g[k] = fmaf(decays[i], g[k], in);
                h[k] = END && i == QUAD - 1 ? selscan_step(before[k], whole, 1, g[k])
                                            : fmaf(decays[i], h[k], in);
                sum[i] = k ? fmaf(q->C[k][i], h[k], sum[i]) : q->C[k][i] * h[k];
            }
        return make_float4(sum[0], sum[1], sum[2], sum[3]);
    }
};

/* Takes the thread's states through a span. Four steps are read while those before are walked, and
 * no sums are written before what is read next, which would wait for them. */
template <typename Shape>
static inline __device__ void walk(const typename Shape::states *from,
                                   const typename Shape::steps *steps, float *y,
                                   struct states<Shape> *s)
{
    quad<Shape> even, odd;
    even.read(from, steps, 0);
#pragma unroll 1
    for (int t = 0; t < SPAN; t += EXACT) {
        const struct decay whole = steps->whole[t / EXACT];
        float4 sum[EXACT / QUAD];
        s->begin();
        odd.read(from, steps, t + QUAD);
        sum[0] = s->template walk<false>(&even, whole);
        even.read(from, steps, t + 2 * QUAD);
        sum[1] = s->template walk<false>(&odd, whole);
        odd.read(from, steps, t + 3 * QUAD);
        *(float4 *)&y[t] = sum[0];
        sum[2] = s->template walk<false>(&even, whole);
        even.read(from, steps, (t + EXACT) % SPAN);
        *(float4 *)&y[t + QUAD] = sum[1];
        sum[3] = s->template walk<true>(&odd, whole);
        *(float4 *)&y[t + 2 * QUAD] = sum[2];
        *(float4 *)&y[t + 3 * QUAD] = sum[3];
    }
}

/* The places in a ring before and after one. */
static inline __device__ int before(int place, int ring)
{
    return place ? place - 1 : ring - 1;
}
static inline __device__ int after(int place, int ring)
{
    return place + 1 < ring ? place + 1 : 0;
}

template <typename Shape>
static __global__ void __launch_bounds__(THREADS, Shape::RESIDENT)
    scan(const struct selscan_call call, const struct strides s)
{
    DYNAMIC_SHARED(Shape, shared);
    const struct selscan *p = &call.p;
    const struct tile_rows r = tile_rows_of<Shape>(p, blockIdx.x);
    const bool walks = warp_of() < WALKERS;
    const int64_t spans = (p->length + SPAN - 1) / SPAN;
    const int row = walked_row<Shape>();
    const int64_t d = r.b * p->channels + r.channel + row;
    channels<Shape> of_rows = {};
    copier<Shape> ahead = {};
    states<Shape> states = {};

    if (is_feeder()) {
        ahead.begin(p, &s, &r);
#pragma unroll 1
        for (int i = 0; i < DEPTH; i++)
            ahead.start(&call, &s, &r, (int64_t)i * SPAN, &shared->states[i], &shared->streams[i]);
        of_rows.begin(&call, &s, &r);
        copy_async_wait<DEPTH - 1>();
    } else if (walks) { /* cost only: else h is not read */
        for (int k = 0; k < Shape::HELD; k++)
            if (row < r.rows && walked_state<Shape>(k) < p->state)
                states.h[k] = selscan_initial(&call, d, walked_state<Shape>(k));
    }
    __syncthreads();                                               /* the first span is there */
    int last = STREAMS_RING - 2, now = STREAMS_RING - 1, next = 0; /* places of streams */
    int walked = STATES_RING - 1;                                  /* place of states */
#pragma unroll 1
    for (int64_t m = -1; m <= spans; m++) {
        const int stage = (int)(m & 1);
        if (walks) {
            if (m >= 0 && m < spans)
                walk<Shape>(&shared->states[walked], &shared->steps[stage][row],
                            &shared->y[stage][row][walked_sum<Shape>() * Shape::Y_LANE], &states);
        } else if (is_feeder()) {
            ahead.start(&call, &s, &r, (m + 1 + DEPTH) * SPAN,
                        &shared->states[before(walked, STATES_RING)],
                        &shared->streams[before(last, STREAMS_RING)]);
            if (team_of() == 0 && m + 1 < spans)
                prepare<Shape>(p, &of_rows, &shared->streams[next], p->length - (m + 1) * SPAN,
                               shared->steps[stage ^ 1]);
            else if (team_of() == 1 && m > 0)
                finish<Shape>(&call, &s, &r, &of_rows, &shared->streams[last], shared->y[stage ^ 1],
                              (m - 1) * SPAN);
            copy_async_wait<DEPTH - 1>();
        }
        __syncthreads(); /* a span is prepared, one is walked, one is finished, one is there */
        last = now;
        now = next;
        next = after(next, STREAMS_RING);
        walked = after(walked, STATES_RING);
    }
    if (walks) /* cost only: others have no row */
        for (int k = 0; k < Shape::HELD; k++)
            if (row < r.rows && walked_state<Shape>(k) < p->state)
                selscan_final(&call, d, walked_state<Shape>(k), states.h[k]);
}

template <int HELD, int SHARE, bool LAST, bool WORDS>
static int run_shape(const struct selscan_call &call, void *stream)
{
    typedef struct shape<HELD, SHARE, LAST, WORDS> Shape;
    return launch(scan<Shape>, tile_row_blocks(&call.p, Shape::ROWS), THREADS, sizeof(Shape),
                  stream, call, strides_of(&call.p));
}

template <int HELD, int SHARE>
static int run_share(const struct selscan_call &call, void *stream)
{
    const bool words = words_fit<DTYPE_F32>(&call);
    if (call.p.layout == CHANNEL_LAST)
        return words ? run_shape<HELD, SHARE, true, true>(call, stream)
                     : run_shape<HELD, SHARE, true, false>(call, stream);
    return words ? run_shape<HELD, SHARE, false, true>(call, stream)
                 : run_shape<HELD, SHARE, false, false>(call, stream);
}

static int run(const void *problem, void *const tensor[], void *, void *stream)
{
    const struct selscan_call call = selscan_pack(problem, tensor);
    return call.p.state <= 2 * ROW_LANES   ? run_share<2, 1>(call, stream)
           : call.p.state <= 4 * ROW_LANES ? run_share<4, 1>(call, stream)
                                           : run_share<4, 2>(call, stream);
}

static const char *accepts(const void *problem)
{
    const struct selscan *p = (const struct selscan *)problem;
    return p->a != A_SCALAR         ? "a = scalar; nearest: a = scalar"
           : p->state > STATE_LIMIT ? "state <= 64; nearest: state = 64"
           : p->dtype != DTYPE_F32  ? "dtype = f32; nearest: dtype = f32"
                                    : NULL;
}

VARIANT(selscan_scalar_lanes) = {.accepts = accepts, .run = run};
