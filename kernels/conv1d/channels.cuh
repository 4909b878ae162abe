/* How the channel_last variants of conv1d and conv1d_bwd share out work: a thread owns four
 * channels and walks a run of steps of them.
 *
 * Layout     The channels are neighbours where all arrays are aligned to 4 elements, else 4 of
 *            every 4*lanes. 4 to 32 neighbouring threads, `lanes`, cover neighbouring channels of
 *            the same run: a column. Runs are numbered through all sequences.
 * Order      What a thread loads goes to words of shared memory that only it uses: by cp.async, or
 *            element by element. copy_async_wait() before they are read, no barrier.
 */
#ifndef SSMBENCH_CONV1D_CHANNELS_CUH
#define SSMBENCH_CONV1D_CHANNELS_CUH

#include "../device/async.cuh"
#include "../device/divide.cuh"
#include "../device/vector.cuh"
#include "common.cuh"

enum { OWN = 4, LANES_MIN_LOG2 = 2, LANES_MAX_LOG2 = 5 };

struct runs {
    struct divisor count;   /* of a sequence */
    struct divisor columns; /* of all channels */
    int64_t steps;          /* of a run */
    int lanes, lanes_log2;
};

/* The channels of a thread: first, first + stride, ...; with NEIGHBOURS there are OWN or none. */
struct channels {
    int64_t first;
    int stride, count;
};

/* Their parameters. */
template <int WIDTH>
struct filter {
    float weight[WIDTH][OWN], bias[OWN];
};

/* A run of `steps` steps from step `start` on. */
struct stretch {
    int64_t b, start;
    int64_t origin, pitch; /* element of the first channel in x at `start`; from step to step */
    int steps;
};

/* Runs of at most `steps` steps, all of about the same length. */
static inline struct runs runs_of(const struct conv1d *p, int64_t steps)
{
    struct runs r;
    r.lanes_log2 = LANES_MIN_LOG2;
    while (r.lanes_log2 < LANES_MAX_LOG2 && (OWN << r.lanes_log2) < p->channels)
        r.lanes_log2++;
    r.lanes = 1 << r.lanes_log2;
    r.columns = divisor_of(blocks_for(p->channels, r.lanes * OWN));
    r.steps = blocks_for(p->length, blocks_for(p->length, steps));
    r.count = divisor_of(blocks_for(p->length, r.steps));
    return r;
}

/* Whether the four channels of a thread can be neighbours; null pointers are no arrays. */
static inline bool channels_fit(const struct conv1d *p, const void *a, const void *b, const void *c)
{
    const size_t bytes = OWN * dtype_size((enum dtype)p->dtype);
    return /* cost only: channels that are not neighbours do as well */
        ((uintptr_t)a | (uintptr_t)b | (uintptr_t)c) % bytes == 0 && p->channels % OWN == 0 &&
        p->pad % OWN == 0;
}

template <bool NEIGHBOURS>
static inline __device__ struct channels channels_of(const struct conv1d *p, const struct runs *r,
                                                     int64_t column, int lane)
{
    struct channels c;
    c.stride = NEIGHBOURS ? 1 : r->lanes;
    c.first = column * r->lanes * OWN + (NEIGHBOURS ? OWN * lane : lane);
    c.count = 0;
#pragma unroll
    for (int j = 0; j < OWN; j++)
        c.count += c.first + j * c.stride < p->channels;
    return c;
}

/* COUNT parameters of the type from element `first` on, in words where they begin at one. */
template <enum dtype DTYPE, int COUNT>
static inline __device__ void load_parameters(const void *array, int64_t first, float out[COUNT])
{
    if (vector_phase<DTYPE>(array, first) % OWN == 0) { /* cost only: the other does the same */
#pragma unroll
        for (int i = 0; i < COUNT; i += OWN)
            vector_floats<DTYPE, OWN>(vector_load<DTYPE, OWN>(array, first + i), out + i);
    } else {
#pragma unroll
        for (int i = 0; i < COUNT; i++)
            out[i] = dtype_load(array, DTYPE, first + i);
    }
}

/* The parameters of a thread's channels; of a channel that is not there, those of the last. */
template <enum dtype DTYPE, bool NEIGHBOURS, int WIDTH>
static inline __device__ filter<WIDTH> filter_in(const struct conv1d *p, void *const tensor[],
                                                 const struct channels *c)
{
    const void *const weight = tensor[CONV1D_WEIGHT], *const bias = tensor[CONV1D_BIAS];
    float tap[OWN * WIDTH];
    filter<WIDTH> f;
    if (NEIGHBOURS) {
        const int64_t d = min(c->first, p->channels - OWN);
        load_parameters<DTYPE, OWN * WIDTH>(weight, d * WIDTH, tap);
        if (p->bias)
            load_parameters<DTYPE, OWN>(bias, d, f.bias);
    } else {
#pragma unroll
        for (int j = 0; j < OWN; j++) {
            const int64_t d = min(c->first + j * c->stride, p->channels - 1);
#pragma unroll
            for (int w = 0; w < WIDTH; w++)
                tap[j * WIDTH + w] = dtype_load(weight, DTYPE, d * WIDTH + w);
            if (p->bias)
                f.bias[j] = dtype_load(bias, DTYPE, d);
        }
    }
#pragma unroll
    for (int j = 0; j < OWN; j++) {
        f.bias[j] = p->bias ? f.bias[j] : 0.0f;
#pragma unroll
        for (int w = 0; w < WIDTH; w++)
            f.weight[w][j] = tap[j * WIDTH + w];
    }
    return f;
}
template <enum dtype DTYPE, bool NEIGHBOURS, int WIDTH>
static inline __device__ filter<WIDTH> filter_of(const struct conv1d *p, void *const tensor[],
                                                 const struct channels *c)
{
    return DTYPE == DTYPE_F32 || p->weights == WEIGHTS_F32
               ? filter_in<DTYPE_F32, NEIGHBOURS, WIDTH>(p, tensor, c)
               : filter_in<DTYPE, NEIGHBOURS, WIDTH>(p, tensor, c);
}

/* Run number `number` of all, for channels from `first` on. */
static inline __device__ struct stretch stretch_of(const struct conv1d *p, const struct runs *r,
                                                   int64_t number, int64_t first)
{
    struct stretch s;
    int run;
    s.b = divide(number, &r->count, &run);
    s.start = run * r->steps;
    s.origin = conv1d_at(p, s.b, first, conv1d_time(p, s.start));
    s.pitch = (p->channels + p->pad) * (p->reverse ? -1 : 1);
    s.steps = (int)min(r->steps, p->length - s.start);
    return s;
}

/* Starts to fetch the thread's elements of an array, from element `at` on, into its word. */
template <enum dtype DTYPE, bool NEIGHBOURS>
static inline __device__ void channels_fetch(vector<DTYPE, OWN> *word, const void *array,
                                             const struct channels *c, int64_t at)
{
    if (NEIGHBOURS) {
        copy_async<sizeof *word>(word, (const char *)array + at * (16 / VECTOR<DTYPE>));
    } else {
        float value[OWN];
#pragma unroll
        for (int i = 0; i < OWN; i++)
            value[i] = i < c->count ? dtype_load(array, DTYPE, at + i * c->stride) : 0.0f;
        *word = vector_pack<DTYPE, OWN>(value);
    }
}

template <enum dtype DTYPE, bool NEIGHBOURS>
static inline __device__ void channels_store(void *array, const struct channels *c, int64_t at,
                                             const float value[OWN])
{
    if (NEIGHBOURS) {
        vector_store<DTYPE, OWN>(array, at, vector_pack<DTYPE, OWN>(value));
    } else {
#pragma unroll
        for (int i = 0; i < OWN; i++)
            if (i < c->count)
                dtype_store(array, DTYPE, at + i * c->stride, value[i]);
    }
}

/* The WIDTH-1 samples before a run, of a thread's channels that are neighbours; zeros before the
 * first step. */
template <enum dtype DTYPE, int WIDTH>
static inline __device__ void channels_before_in_x(void *const tensor[], const struct channels *c,
                                                   const struct stretch *s, float x[][OWN])
{
    const int HALO = WIDTH - 1;
#pragma unroll
    for (int k = 0; k < HALO; k++) {
        vector<DTYPE, OWN> word = {};
        if (s->start >= HALO - k && c->count) /* GPU only: no load from before */
            word = vector_load<DTYPE, OWN>(tensor[CONV1D_X], s->origin - (HALO - k) * s->pitch);
        vector_floats<DTYPE, OWN>(word, x[k]);
    }
}

/* The WIDTH-1 samples before a run, of the thread's channels; of a channel that is not there, those
 * of the last. */
template <enum dtype DTYPE, bool NEIGHBOURS, int WIDTH>
static inline __device__ void channels_before(const struct conv1d *p, void *const tensor[],
                                              const struct channels *c, const struct stretch *s,
                                              float x[][OWN])
{
    const int HALO = WIDTH - 1;
    if (NEIGHBOURS && s->start >= HALO && c->count) { /* cost only: the other does the same */
        channels_before_in_x<DTYPE, WIDTH>(tensor, c, s, x);
        return; /* cost only: what is below gives the same */
    }
#pragma unroll
    for (int k = 0; k < HALO; k++)
#pragma unroll
        for (int j = 0; j < OWN; j++)
            x[k][j] = conv1d_sample(p, tensor, s->b, min(c->first + j * c->stride, p->channels - 1),
                                    s->start - HALO + k);
}

#endif
