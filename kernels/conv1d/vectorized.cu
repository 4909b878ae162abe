/* conv1d/vectorized: 16-byte words along time, the samples between them by shuffles.
 *
 * Computes   out and final of reference/conv1d.h, in fp32.
 * Accepts    width <= 4, channel_first; every option, any alignment and pad.
 * Layout     a row is cut at multiples of 16 bytes, wherever it begins; the words of all rows are
 *            numbered one after another, and a warp owns WORDS*32 neighbouring ones, of one row
 *            or of many: lane i the words i, i + 32, ... A word that reaches beyond its row is
 *            loaded and stored by elements.
 * Algorithm  all WORDS loads of a thread are under way before the first is used. The width-1
 *            samples before a word come from the lane before it by rotation of the warp: the last
 *            lane gives those of the warp's previous 32 words, and of the samples before the warp
 *            at first. With reverse the same from the other side. No shared memory, no barrier.
 * Cost       bytes: conv1d's, and a sector more for each warp's first samples. Without silu about
 *            10 instructions an output. Reads seq_idx by elements, width-1 of them twice.
 *            Parallelism: batch*channels*length/(WORDS*VECTOR) threads.
 * Error      f32 4e-7 at worst in cases/quick.ini and conv.ini; final is a copy of bits.
 * Source     written from the definition.
 */
#include "../device/vector.cuh"
#include "common.cuh"

enum { THREADS = 128, WARP = 32, WORDS = 4 };

/* A word of a row: the `word`th, which begins `first` steps of time into the row. */
struct place {
    int64_t row, word, first;
    bool inside; /* of the problem */
};

/* How words are numbered. */
struct grid {
    int64_t rows, words; /* words: of a row, enough for the worst alignment there is */
    int64_t skip_rows;   /* 32 words on are this many rows on, */
    int64_t skip_words;  /* and so many words */
};

template <enum dtype DTYPE>
static inline __device__ struct place place_of(const struct conv1d_call *call, const struct grid *g,
                                               int64_t row, int64_t word)
{
    struct place at;
    at.row = row;
    at.word = word;
    at.inside = row < g->rows;
    at.first = word * VECTOR<DTYPE> -
               vector_phase<DTYPE>(call->tensor[CONV1D_X], row * (call->p.length + call->p.pad));
    return at;
}

/* The place 32 words on, or back. */
template <enum dtype DTYPE, bool BACK>
static inline __device__ struct place place_next(const struct conv1d_call *call,
                                                 const struct grid *g, const struct place *at)
{
    const int64_t word = BACK ? at->word - g->skip_words : at->word + g->skip_words;
    const int64_t row = BACK ? at->row - g->skip_rows : at->row + g->skip_rows;
    const int64_t carry = word < 0 ? -1 : word >= g->words;
    return place_of<DTYPE>(call, g, row + carry, word - carry * g->words);
}

/* The bits of the sample at `time`, of the row or of the state before its first step; zero where
 * there is none. */
template <enum dtype DTYPE>
static inline __device__ unsigned sample(const struct conv1d_call *call, int64_t row, int64_t time)
{
    const struct conv1d *p = &call->p;
    const int64_t j = conv1d_time(p, time) + p->width - 1; /* of the state */
    if (time >= 0 && time < p->length)
        return vector_element<DTYPE>(call->tensor[CONV1D_X], row * (p->length + p->pad) + time);
    return p->initial && j >= 0 && j < p->width - 1
               ? vector_element<DTYPE>(call->tensor[CONV1D_INITIAL], row * (p->width - 1) + j)
               : 0;
}

template <enum dtype DTYPE>
static inline __device__ float sample_float(const struct conv1d_call *call, int64_t row,
                                            int64_t time)
{
    const unsigned bits = sample<DTYPE>(call, row, time);
    return DTYPE == DTYPE_F32 ? bits_float(bits) : vector_pair<DTYPE>(bits).x;
}

template <enum dtype DTYPE>
static inline __device__ uint4 load(const struct conv1d_call *call, const struct place *at)
{
    const struct conv1d *p = &call->p;
    uint4 word = make_uint4(0, 0, 0, 0);
    if (!at->inside)
        return word;
    if (at->first >= 0 && at->first + VECTOR<DTYPE> <= p->length)
        return vector_load<DTYPE>(call->tensor[CONV1D_X],
                                  at->row * (p->length + p->pad) + at->first);
#pragma unroll
    for (int i = 0; i < VECTOR<DTYPE>; i++)
        vector_insert<DTYPE>(&word, i, sample<DTYPE>(call, at->row, at->first + i));
    return word;
}

template <enum dtype DTYPE>
static inline __device__ void store(const struct conv1d_call *call, const struct place *at,
                                    const float out[])
{
    const struct conv1d *p = &call->p;
    const int64_t element = at->row * (p->length + p->pad) + at->first;
    if (at->first >= 0 && at->first + VECTOR<DTYPE> <= p->length)
        vector_store<DTYPE>(call->tensor[CONV1D_OUT], element, vector_pack<DTYPE>(out));
    else
#pragma unroll
        for (int i = 0; i < VECTOR<DTYPE>; i++)
            if (at->first + i >= 0 && at->first + i < p->length)
                dtype_store(call->tensor[CONV1D_OUT], DTYPE, element + i, out[i]);
}

/* Outputs of a word from x[0 ... VECTOR+WIDTH-2], the samples in the order of time, of which the
 * first belongs to `time`, by tap[0 ... WIDTH-1] in the same order. */
template <enum dtype DTYPE, int WIDTH, bool REVERSE, bool SEQUENCES>
static inline __device__ void sums(const struct conv1d_call *call, const struct place *at,
                                   int64_t time, const float tap[], float bias, const float x[],
                                   float out[])
{
    const int64_t length = call->p.length, b = SEQUENCES ? at->row / call->p.channels : 0;
    const int32_t *row = (const int32_t *)call->tensor[CONV1D_SEQ_IDX] + b * length;
    int32_t index[VECTOR<DTYPE> + WIDTH - 1];
#pragma unroll
    for (int i = 0; i < VECTOR<DTYPE> + WIDTH - 1; i++)
        index[i] = SEQUENCES && time + i >= 0 && time + i < length ? row[time + i] : 0;
#pragma unroll
    for (int i = 0; i < VECTOR<DTYPE>; i++) {
        const int32_t own = index[REVERSE ? i : i + WIDTH - 1];
        float pre = bias;
#pragma unroll
        for (int j = 0; j < WIDTH; j++)
            pre = index[i + j] == own ? fmaf(tap[j], x[i + j], pre) : pre;
        out[i] = conv1d_finish_ex2(&call->p, pre, own);
    }
}

template <enum dtype DTYPE, int WIDTH, bool REVERSE, bool SEQUENCES>
static __global__ void __launch_bounds__(THREADS)
    convolve(const struct conv1d_call call, const struct grid g)
{
    const int V = VECTOR<DTYPE>, HALO = WIDTH - 1;
    const struct conv1d *p = &call.p;
    const enum dtype weights = conv1d_weight_dtype(p);
    const int lane = (int)threadIdx.x % WARP;
    const int giver = REVERSE ? 0 : WARP - 1; /* the lane whose words come before those of others */
    const int64_t start =
        (thread_index() - lane) * WORDS + lane + (REVERSE ? (WORDS - 1) * WARP : 0);
    const int64_t edge = REVERSE ? g.words - 1 : 0; /* the word before which a row begins */
    struct place at[WORDS];
    uint4 word[WORDS];
    float carry[WIDTH], tap[WIDTH], bias = 0;
    int64_t d = 0;

    at[0] = place_of<DTYPE>(&call, &g, start / g.words, start % g.words);
#pragma unroll
    for (int k = 0; k < WORDS; k++) {
        at[k] = k ? place_next<DTYPE, REVERSE>(&call, &g, &at[k - 1]) : at[0];
        word[k] = load<DTYPE>(&call, &at[k]);
    }

    /* What the giver knows: the samples before the warp's first word, later those of its own. */
    const int64_t row = __shfl_sync(0xffffffffu, at[0].row, WARP - 1 - giver);
    const int64_t first = __shfl_sync(0xffffffffu, at[0].first, WARP - 1 - giver);
#pragma unroll
    for (int j = 0; j < HALO; j++)
        carry[j] = lane == giver && row < g.rows
                       ? sample_float<DTYPE>(&call, row, REVERSE ? first + V + j : first - HALO + j)
                       : 0.0f;
#pragma unroll
    for (int k = 0; k < WORDS; k++) {
        float x[V + WIDTH], out[V]; /* HALO samples and the word, or the word and HALO samples */
        float *const own = REVERSE ? x : x + HALO, *const halo = REVERSE ? x + V : x;
        vector_floats<DTYPE>(word[k], own);
#pragma unroll
        for (int j = 0; j < HALO; j++) {
            const float mine = own[REVERSE ? j : V - HALO + j];
            halo[j] = __shfl_sync(0xffffffffu, lane == giver ? carry[j] : mine,
                                  (lane + (REVERSE ? 1 : WARP - 1)) % WARP);
            carry[j] = mine;
        }
        if (!at[k].inside)
            continue;
        /* A row's taps are loaded once. */
        d = k && at[k].row == at[k - 1].row ? d : at[k].row % p->channels;
        const int64_t time = at[k].first - (REVERSE ? 0 : HALO);
#pragma unroll
        for (int j = 0; j < HALO; j++)
            halo[j] = at[k].word == edge
                          ? sample_float<DTYPE>(&call, at[k].row, time + (REVERSE ? V : 0) + j)
                          : halo[j];
#pragma unroll
        for (int j = 0; j < WIDTH; j++)
            tap[j] = k && at[k].row == at[k - 1].row
                         ? tap[j]
                         : dtype_load(call.tensor[CONV1D_WEIGHT], weights,
                                      d * WIDTH + (REVERSE ? HALO - j : j));
        bias = p->bias && !(k && at[k].row == at[k - 1].row)
                   ? dtype_load(call.tensor[CONV1D_BIAS], weights, d)
                   : bias;
        sums<DTYPE, WIDTH, REVERSE, SEQUENCES>(&call, &at[k], time, tap, bias, x, out);
        store<DTYPE>(&call, &at[k], out);
    }
    conv1d_keep_share(&call);
}

template <enum dtype DTYPE, int WIDTH>
static int run_shape(const struct conv1d_call &call, void *stream)
{
    const struct conv1d *p = &call.p;
    const void *x = call.tensor[CONV1D_X];
    const int64_t pitch = p->length + p->pad;
    const bool aligned = pitch % VECTOR<DTYPE> == 0 && vector_phase<DTYPE>(x, 0) == 0;
    struct grid g;
    g.rows = p->batch * p->channels;
    g.words = blocks_for(p->length + (aligned ? 0 : VECTOR<DTYPE> - 1), VECTOR<DTYPE>);
    g.skip_rows = WARP / g.words;
    g.skip_words = WARP % g.words;
    const int64_t blocks = blocks_for(g.rows * g.words, THREADS * WORDS);
    const auto forward =
        p->seq_idx ? convolve<DTYPE, WIDTH, false, true> : convolve<DTYPE, WIDTH, false, false>;
    const auto backward =
        p->seq_idx ? convolve<DTYPE, WIDTH, true, true> : convolve<DTYPE, WIDTH, true, false>;
    return launch(p->reverse ? backward : forward, blocks, THREADS, 0, stream, call, g);
}

static int run(const void *problem, void *const tensor[], void *, void *stream)
{
    const struct conv1d_call call = conv1d_pack(problem, tensor);
    return conv1d_for_dtype(call.p.dtype, [&](auto dtype) {
        return conv1d_for_width(call.p.width, [&](auto width) {
            return run_shape<decltype(dtype)::value, decltype(width)::value>(call, stream);
        });
    });
}

static const char *accepts(const void *problem)
{
    return conv1d_accepts_few_taps(problem, CONV1D_CHANNEL_FIRST);
}

VARIANT(conv1d_vectorized) = {.accepts = accepts, .run = run};
