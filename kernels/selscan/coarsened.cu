/* selscan/coarsened: each lane of a warp has a run of steps, whose decays stay in its registers.
 *
 * Computes   out and final of reference/selscan.h, in fp32.
 * Accepts    state <= 16; every other option.
 * Layout     block = 4 channels of one batch and group, one a warp, from the first step to the
 *            last in spans of 128. Of a span a lane has 16 steps in a row, of 4 of the 16 states;
 *            4 lanes share a run, and each of them makes delta' and out of four of its steps.
 * Algorithm  a lane goes through its steps from zero, and keeps decays and x*B. One lane a state
 *            goes through the runs, from what was before the span, and another one from zero: with
 *            that and the decay of the span, in two parts, the state is put right behind it. Then
 *            each lane goes through its steps again from what they begin with, without a further
 *            exponential, and adds up C*h. B and C are shared by the block; the next span is on
 *            its way from memory meanwhile; one barrier a span.
 * Cost       bytes: B and C again for every further 4 channels. Instructions: 13 an update of a
 *            state, of which one is an exponential, all independent but for runs of four sums.
 *            Time is not cut: fewer channels than 8 a multiprocessor leave some of a GPU empty.
 * Error      decays of steps and runs by ex2, to 2 ulp: 3e-6 within a span if all were off to the
 *            same side; on simt, whose ex2 is exact, 6.2e-7 in quick.
 * Source     written from the definition; thread coarsening: Merrill and Grimshaw, Parallel scan
 *            for stream architectures, University of Virginia CS2009-14.
 */
#include "coarsened.cuh"

#include "decay.cuh"
#include "softplus.cuh"
#include "words.cuh"

/* The states of a warp's row: A of those that the lane goes through steps with, times log2(e); of
 * the one that it goes through runs with, A and the state before the span. */
struct walker {
    float A[HELD], A_own, h;
};

/* The state that a lane goes through the runs with: from before the span, the upper half from zero.
 */
static inline __device__ int own_state(void)
{
    return lane_of() % STATES;
}

static inline __device__ void begin_walk(const struct selscan_call *call,
                                         const struct block_rows *r, struct walker *w)
{
    const struct selscan *p = &call->p;
    const float *const A = (const float *)call->tensor[SELSCAN_A];
    const int64_t d = r->channel + row_of();
    const bool there = row_of() < r->rows, own = there && own_state() < p->state;
#pragma unroll
    for (int k = 0; k < HELD; k++)
        w->A[k] = there && state_of(k) < p->state ? A[selscan_a_at(p, d, state_of(k))] * 1.44269504f
                                                  : 0.0f;
    w->A_own = own ? A[selscan_a_at(p, d, own_state())] : 0.0f;
    w->h = own ? selscan_initial(call, r->b * p->channels + d, own_state()) : 0.0f;
}

/* delta' of the lane's own steps, of which `left` are there, and delta'*u, for its warp. */
template <typename Shape>
static inline __device__ void prepare(const struct selscan *p, float bias, int left,
                                      const float u[QUAD], float delta[QUAD], Shape *shared)
{
    float x[QUAD];
#pragma unroll
    for (int i = 0; i < QUAD; i++)
        delta[i] += bias;
    if (p->softplus)
#pragma unroll
        for (int i = 0; i < QUAD; i++)
            delta[i] = softplus_ex2(delta[i]);
#pragma unroll
    for (int i = 0; i < QUAD; i++) {
        delta[i] = lane_of() * QUAD + i < left ? delta[i] : 0.0f;
        x[i] = delta[i] * u[i];
    }
    write_four(&shared->delta[row_of()][lane_of() * QUAD], delta);
    write_four(&shared->x[row_of()][lane_of() * QUAD], x);
    __syncwarp(); /* the steps of all runs are there */
}

/* Takes the row's states through the runs of a span, whose sum of delta' is `total`, and leaves
 * what each run begins with in the place of what it made of zero. */
template <typename Shape>
static inline __device__ void walk_runs(struct walker *w, float total, Shape *shared)
{
    float *const lefts = shared->left[row_of()][own_state()];
    const float *const decays = shared->decay[row_of()][own_state()];
    float left[RUNS], decay[RUNS], begins[RUNS], h = lane_of() < STATES ? w->h : 0.0f;
#pragma unroll
    for (int run = 0; run < RUNS; run += QUAD) {
        read_four(&lefts[run], &left[run]);
        read_four(&decays[run], &decay[run]);
    }
#pragma unroll
    for (int run = 0; run < RUNS; run++) {
        begins[run] = h;
        h = fmaf(decay[run], h, left[run]);
    }
    const float from_zero = __shfl_sync(0xffffffffu, h, own_state() + STATES);
    w->h = selscan_step(w->h, decay_ex2(total * w->A_own), 1.0f, from_zero);
    __syncwarp(); /* GPU only: what runs made of zero is read; a shuffle orders no memory */
    if (lane_of() < STATES)
#pragma unroll
        for (int run = 0; run < RUNS; run += QUAD)
            write_four(&lefts[run], &begins[run]);
    __syncwarp(); /* what runs begin with is there */
}

/* Adds up y over the lanes that share a run, each of which gets those of its own steps. */
static inline __device__ void add_lanes(const float y[RUN], float own[QUAD])
{
    const bool upper = lane_of() & 2, odd = lane_of() & 1;
    float halves[2 * QUAD];
#pragma unroll
    for (int i = 0; i < 2 * QUAD; i++) {
        const float mine = upper ? y[i + 2 * QUAD] : y[i], other = upper ? y[i] : y[i + 2 * QUAD];
        halves[i] = mine + __shfl_xor_sync(0xffffffffu, other, 2);
    }
#pragma unroll
    for (int i = 0; i < QUAD; i++) {
        const float mine = odd ? halves[i + QUAD] : halves[i],
                    other = odd ? halves[i] : halves[i + QUAD];
        own[i] = mine + __shfl_xor_sync(0xffffffffu, other, 1);
    }
}

/* Takes the row's states through a span; C*h of the lane's own steps. */
template <typename Shape>
static inline __device__ void walk(struct walker *w, Shape *shared, int stage, float y_own[QUAD])
{
    const int first = run_of() * RUN;
    float a[HELD][RUN], x[HELD][RUN], h[HELD] = {}, y[RUN] = {}, total = 0;
#pragma unroll
    for (int t = 0; t < RUN; t += QUAD) {
        float delta[QUAD], in[QUAD];
        read_four(&shared->delta[row_of()][first + t], delta);
        read_four(&shared->x[row_of()][first + t], in);
        total += (delta[0] + delta[1]) + (delta[2] + delta[3]);
#pragma unroll
        for (int k = 0; k < HELD; k++) {
            float B[QUAD];
            read_four(&shared->states[stage][0][state_of(k)][first + t], B);
#pragma unroll
            for (int i = 0; i < QUAD; i++) {
                a[k][t + i] = ex2(delta[i] * w->A[k]);
                x[k][t + i] = in[i] * B[i];
                h[k] = fmaf(a[k][t + i], h[k], x[k][t + i]);
            }
        }
    }
#pragma unroll
    for (int k = 0; k < HELD; k++) {
        shared->left[row_of()][state_of(k)][run_of()] = h[k];
        shared->decay[row_of()][state_of(k)][run_of()] = ex2(total * w->A[k]);
    }
#pragma unroll
    for (int apart = LANES; apart < WARP; apart *= 2)
        total += __shfl_xor_sync(0xffffffffu, total, apart);
    __syncwarp(); /* GPU only: what all runs make of zero is there; a shuffle orders no memory */
    walk_runs(w, total, shared);
#pragma unroll
    for (int k = 0; k < HELD; k++)
        h[k] = shared->left[row_of()][state_of(k)][run_of()];
#pragma unroll
    for (int t = 0; t < RUN; t += QUAD)
#pragma unroll
        for (int k = 0; k < HELD; k++) {
            float C[QUAD];
            read_four(&shared->states[stage][1][state_of(k)][first + t], C);
#pragma unroll
            for (int i = 0; i < QUAD; i++) {
                h[k] = fmaf(a[k][t + i], h[k], x[k][t + i]);
                y[t + i] = fmaf(C[i], h[k], y[t + i]);
            }
        }
    add_lanes(y, y_own);
}

/* Steps of the next span, of `left`. */
static inline __device__ int span_of(int64_t left)
{
    return left < SPAN ? (int)left : (int)SPAN;
}

template <typename Shape>
static __global__ void __launch_bounds__(THREADS, RESIDENT)
    scan(const struct selscan_call call, const struct strides s, int64_t tiles)
{
    DYNAMIC_SHARED(Shape, shared);
    const struct selscan *p = &call.p;
    const unsigned tile = blockIdx.x, pair = tile / (unsigned)tiles;
    const int64_t channels = p->channels / p->groups, begin = (tile - pair * tiles) * ROWS;
    struct block_rows r;
    r.b = pair / (unsigned)p->groups;
    r.group = pair - r.b * p->groups;
    r.channel = r.group * channels + begin;
    r.rows = (int)min(channels - begin, (int64_t)ROWS);
    const int64_t d = r.channel + min(row_of(), r.rows - 1);
    const float bias = p->bias ? ((const float *)call.tensor[SELSCAN_DELTA_BIAS])[d] : 0.0f;
    const float D = p->skip ? ((const float *)call.tensor[SELSCAN_D])[d] : 0.0f;
    struct walker w;
    struct loader<Shape> ahead = {
    };
    ahead.begin(p, &s, &r);
    ahead.load(&call, &s, &r, span_of(p->length));
    begin_walk(&call, &r, &w);

    int stage = 0;
#pragma unroll 1
    for (int64_t left = p->length; left > 0; left -= SPAN, stage ^= 1) {
        float u[QUAD], delta[QUAD], z[QUAD], y[QUAD];
        ahead.put(shared, stage);
        __syncthreads(); /* the span is there; the one before is done with */
        ahead.own(shared, stage, STREAM_U, u);
        ahead.own(shared, stage, STREAM_DELTA, delta);
        ahead.own(shared, stage, STREAM_Z, z);
        if constexpr (Shape::LAST)
            if (left < p->length)
                ahead.write_turned(&call, &s, &r, SPAN, shared, stage ^ 1);
        if (left > SPAN) /* GPU only: there is no such span */
            ahead.load(&call, &s, &r, span_of(left - SPAN));
        prepare(p, bias, span_of(left), u, delta, shared);
        walk(&w, shared, stage, y);
#pragma unroll
        for (int i = 0; i < QUAD; i++) {
            y[i] = fmaf(D, u[i], y[i]);
            if (p->gate)
                y[i] *= z[i] * sigmoid_ex2(z[i]);
        }
        if constexpr (Shape::LAST)
            write_four(&shared->turned.y[stage][row_of()][lane_of() * QUAD], y);
        else
            ahead.write(&call, &s, &r, span_of(left), y);
    }
    if constexpr (Shape::LAST) {
        __syncthreads(); /* the last span is done with */
        ahead.write_turned(&call, &s, &r, (int)((p->length - 1) % SPAN) + 1, shared, stage ^ 1);
    }
    if (row_of() < r.rows && lane_of() < p->state)
        selscan_final(&call, r.b * p->channels + r.channel + row_of(), lane_of(), w.h);
}

template <typename Shape>
static int run_shape(const struct selscan_call &call, void *stream)
{
    const struct selscan *p = &call.p;
    const int64_t tiles = blocks_for(p->channels / p->groups, ROWS);
    return launch(scan<Shape>, p->batch * p->groups * tiles, THREADS, sizeof(Shape), stream, call,
                  strides_of(p), tiles);
}

template <enum dtype DTYPE, bool LAST>
static int run_words(const struct selscan_call &call, void *stream)
{
    return words_fit<DTYPE>(&call) ? run_shape<shape<DTYPE, LAST, true>>(call, stream)
                                   : run_shape<shape<DTYPE, LAST, false>>(call, stream);
}

template <enum dtype DTYPE>
static int run_layout(const struct selscan_call &call, void *stream)
{
    return call.p.layout == CHANNEL_LAST ? run_words<DTYPE, true>(call, stream)
                                         : run_words<DTYPE, false>(call, stream);
}

static int run(const void *problem, void *const tensor[], void *, void *stream)
{
    const struct selscan_call call = selscan_pack(problem, tensor);
    return call.p.dtype == DTYPE_F32    ? run_layout<DTYPE_F32>(call, stream)
           : call.p.dtype == DTYPE_BF16 ? run_layout<DTYPE_BF16>(call, stream)
                                        : run_layout<DTYPE_F16>(call, stream);
}

static const char *accepts(const void *problem)
{
    return ((const struct selscan *)problem)->state <= STATES ? NULL
                                                              : "state <= 16; nearest: state = 16";
}

VARIANT(selscan_coarsened) = {.accepts = accepts, .run = run};
