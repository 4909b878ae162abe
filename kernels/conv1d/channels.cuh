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
#include "../device/vector.cuh"
#include "common.cuh"

enum { OWN = 4, LANES_MAX = 32, LANES_MIN = 4 };

struct runs {
    int64_t count, steps; /* of a sequence; of a run */
    int64_t columns;
    int lanes;
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
    r.lanes = LANES_MIN;
    while (r.lanes < LANES_MAX && r.lanes * OWN < p->channels)
        r.lanes *= 2;
    r.columns = blocks_for(p->channels, r.lanes * OWN);
    r.steps = blocks_for(p->length, blocks_for(p->length, steps));
    r.count = blocks_for(p->length, r.steps);
    return r;
}

/* Whether the four channels of a thread can be neighbours; null pointers are no arrays. */
static inline bool channels_fit(const struct conv1d *p, const void *a, const void *b, const void *c)
{
    const size_t bytes = OWN * dtype_size((enum dtype)p->dtype);
    return ((uintptr_t)a | (uintptr_t)b | (uintptr_t)c) % bytes == 0 && p->channels % OWN == 0 &&
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

/* Of a channel that is not there, those of the last. */
template <enum dtype DTYPE, int WIDTH>
static inline __device__ filter<WIDTH> filter_of(const struct conv1d *p, void *const tensor[],
                                                 const struct channels *c)
{
    filter<WIDTH> f;
#pragma unroll
    for (int j = 0; j < OWN; j++) {
        float tap[WIDTH];
        conv1d_filter<DTYPE, WIDTH>(p, tensor, min(c->first + j * c->stride, p->channels - 1), tap,
                                    &f.bias[j]);
#pragma unroll
        for (int w = 0; w < WIDTH; w++)
            f.weight[w][j] = tap[w];
    }
    return f;
}

/* Run number `number` of all, for channels from `first` on. */
static inline __device__ struct stretch stretch_of(const struct conv1d *p, const struct runs *r,
                                                   int64_t number, int64_t first)
{
    struct stretch s;
    s.b = number / r->count;
    s.start = number % r->count * r->steps;
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

/* The samples of the thread's channels at `step`, before the sequence or in it; those of the last
 * channel where there is none. */
template <enum dtype DTYPE>
static inline __device__ void channels_sample(const struct conv1d *p, void *const tensor[],
                                              const struct channels *c, int64_t b, int64_t step,
                                              float x[OWN])
{
    const bool within = step >= 0;
    const void *const from = tensor[within ? CONV1D_X : CONV1D_INITIAL];
#pragma unroll
    for (int j = 0; j < OWN; j++) {
        const int64_t d = min(c->first + j * c->stride, p->channels - 1);
        const int64_t at = within ? conv1d_at(p, b, d, conv1d_time(p, step))
                                  : conv1d_state_at(p, b, d, step + p->width - 1);
        x[j] = within || p->initial ? dtype_load(from, DTYPE, at) : 0.0f;
    }
}

#endif
