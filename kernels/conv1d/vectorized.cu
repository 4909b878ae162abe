/* conv1d/vectorized: memory in words of 16 bytes, whatever rows they belong to.
 *
 * Computes   out and final of reference/conv1d.h, in fp32.
 * Accepts    width <= 4, channel_first; every option, any alignment and pad.
 * Layout     the rows of all channels, pads among them, are one array, cut where 16 bytes of memory
 *            begin. A warp owns WORDS*32 neighbouring words: lane i the words i, i + 32, ... Where
 *            x and out lie differently within 16 bytes, words are those of out, and x is loaded by
 *            elements, as it is for the array's ragged ends. Where all words are of one row each,
 *            which has neither initial, final nor seq_idx, a warp owns 64 words of a row, or 128 of
 *            16-bit elements.
 * Algorithm  loads run AHEAD words ahead. The width-1 samples before a word come from the lane
 *            before it by rotation of the warp: the last lane gives those of the 32 words before.
 *            With reverse, those behind a word from the lane behind it. A word that reaches into
 *            another row, or is at the beginning of its own, is computed for each of its rows with
 *            samples of that row alone. No shared memory, no barrier. Where words are of one row
 *            each, all loads of a thread come first, and the code is a tenth as long: a cold launch
 *            waits for its instructions, too.
 * Cost       bytes: conv1d's, and a sector more for each warp's first samples. Without silu about
 *            12 instructions an output. Reads seq_idx by elements, width-1 of them twice.
 *            Parallelism: batch*channels*length/(WORDS*VECTOR) threads, or ROW_WORDS for WORDS.
 * Error      f32 4e-7 at worst in cases/quick.ini and conv.ini; final is a copy of bits.
 * Source     written from the definition.
 */
#include "../device/divide.cuh"
#include "../device/vector.cuh"
#include "common.cuh"

enum { THREADS = 128, WARP = 32, WORDS = 4, AHEAD = 3, BLOCKS = 8 };

/* Words that a thread has of one row: short code has registers for more of 16-bit elements. */
template <enum dtype DTYPE>
constexpr int ROW_WORDS = VECTOR<DTYPE> == 8 ? 4 : 2;

struct grid {
    struct divisor pitch, channels; /* elements from row to row; rows of a sequence */
    struct divisor pieces;          /* of a row: what convolve_rows() gives a warp */
    int64_t rows, elements;
    int phase;     /* of the array within 16 bytes, in elements */
    bool together; /* x and out lie alike */
};

/* A word: its first element, its row, and the time in the row of its first element, which may be
 * before or behind the row's; the channel of the row and its filter. */
template <int WIDTH>
struct place {
    int64_t at, row;
    int first, d;
    float tap[WIDTH], bias; /* tap: in the order of memory */
};

/* The word of x that begins with element `at`: in whole, or what of it is in the array. */
template <enum dtype DTYPE>
static inline __device__ uint4 load(const void *x, const struct grid *g, int64_t at)
{
    uint4 word = make_uint4(0, 0, 0, 0);
    if (g->together && at >= 0 && at + VECTOR<DTYPE> <= g->elements) /* GPU only: may not be read */
        return vector_load<DTYPE>(x, at);
#pragma unroll
    for (int i = 0; i < VECTOR<DTYPE>; i++)
        if (at + i >= 0 && at + i < g->elements)
            vector_insert<DTYPE>(&word, i, vector_element<DTYPE>(x, at + i));
    return word;
}

/* The window of a word is its elements and, before them or with REVERSE behind them, HALO more,
 * as they lie in memory; the first belongs to time `time` of a row. What belongs to other rows is
 * replaced by what the definition has there: initial, or 0. */
template <enum dtype DTYPE, int HALO>
static inline __device__ void keep_row(const struct conv1d_call *call, int64_t row, int64_t d,
                                       int time, float x[])
{
    const struct conv1d *p = &call->p;
#pragma unroll
    for (int k = 0; k < VECTOR<DTYPE> + HALO; k++)
        if (time + k < 0 || time + k >= p->length)
            x[k] = p->initial ? conv1d_sample_or_zero(p, call->tensor, row / p->channels, d,
                                                      conv1d_time(p, time + k))
                              : 0.0f;
}

template <enum dtype DTYPE, int WIDTH, bool REVERSE>
static inline __device__ void take_filter(const struct conv1d_call *call, place<WIDTH> *to)
{
    float tap[WIDTH];
    conv1d_filter<DTYPE, WIDTH>(&call->p, call->tensor, to->d, tap, &to->bias);
#pragma unroll
    for (int w = 0; w < WIDTH; w++)
        to->tap[w] = tap[REVERSE ? WIDTH - 1 - w : w];
}

/* The word that begins with element `at`; that of an array's ragged end begins outside of it. */
template <enum dtype DTYPE, int WIDTH, bool REVERSE>
static inline __device__ place<WIDTH> place_of(const struct conv1d_call *call, const struct grid *g,
                                               int64_t at)
{
    place<WIDTH> to;
    to.at = at;
    to.row = divide(at < 0 ? 0 : at, &g->pitch, &to.first);
    to.first += at < 0 ? (int)at : 0;
    divide(to.row, &g->channels, &to.d);
    if (to.row < g->rows) /* GPU only: no load from beyond */
        take_filter<DTYPE, WIDTH, REVERSE>(call, &to);
    return to;
}

/* Goes `elements` on in memory and, while that is behind the row, to the next; to one at least if
 * `elements` is 0. */
template <enum dtype DTYPE, int WIDTH, bool REVERSE>
static inline __device__ void advance(const struct conv1d_call *call, const struct grid *g,
                                      int elements, place<WIDTH> *to)
{
    const int64_t row = to->row;
    to->at += elements;
    to->first += elements;
    while (to->first >= g->pitch.value || (elements == 0 && to->row == row)) {
        to->first -= g->pitch.value;
        to->row++;
        to->d = to->d + 1 < g->channels.value ? to->d + 1 : 0;
    }
    if (to->row != row && to->row < g->rows) /* GPU only: no load from beyond */
        take_filter<DTYPE, WIDTH, REVERSE>(call, to);
}

/* The outputs of a word from its window, whose first element belongs to time `time`. */
template <enum dtype DTYPE, int WIDTH, bool REVERSE, bool SEQUENCES>
static inline __device__ void sums(const struct conv1d_call *call, const place<WIDTH> *to, int time,
                                   const float x[], float out[])
{
    const int V = VECTOR<DTYPE>, HALO = WIDTH - 1;
    const struct conv1d *p = &call->p;
    int32_t index[V + HALO];
#pragma unroll
    for (int k = 0; k < V + HALO; k++)
        index[k] =
            SEQUENCES && time + k >= 0 && time + k < p->length
                ? conv1d_sequence(p, call->tensor, to->row / p->channels, conv1d_time(p, time + k))
                : 0;
#pragma unroll
    for (int i = 0; i < V; i++) {
        const int own = REVERSE ? i : i + HALO;
        out[i] = to->bias;
#pragma unroll
        for (int w = 0; w < WIDTH; w++)
            if (index[i + w] == index[own])
                out[i] = fmaf(to->tap[w], x[i + w], out[i]);
    }
    if (p->act == ACT_SILU)
#pragma unroll
        for (int i = 0; i < V; i++)
            out[i] *= sigmoid_ex2(out[i]);
#pragma unroll
    for (int i = 0; i < V; i++)
        if (index[REVERSE ? i : i + HALO] == -1)
            out[i] = 0;
}

/* A word, once for each of its rows; leaves the last of them. */
template <enum dtype DTYPE, int WIDTH, bool REVERSE, bool SEQUENCES>
static inline __device__ void convolve_word(const struct conv1d_call *call, const struct grid *g,
                                            const float window[], place<WIDTH> *to)
{
    const int V = VECTOR<DTYPE>, HALO = WIDTH - 1, BEFORE = REVERSE ? 0 : HALO;
    const int length = (int)call->p.length;
    for (;;) {
        const int time = to->first - BEFORE;
        float x[V + HALO], out[V];
#pragma unroll
        for (int k = 0; k < V + HALO; k++)
            x[k] = window[k];
        if (time < 0 || time + V + HALO > length) /* cost only: else nothing to replace */
            keep_row<DTYPE, HALO>(call, to->row, to->d, time, x);
        sums<DTYPE, WIDTH, REVERSE, SEQUENCES>(call, to, time, x, out);
        if (to->first >= 0 && to->first + V <= length)
            vector_store<DTYPE>(call->tensor[CONV1D_OUT], to->at, vector_pack<DTYPE>(out));
        else
#pragma unroll
            for (int i = 0; i < V; i++)
                if (to->first + i >= 0 && to->first + i < length)
                    dtype_store(call->tensor[CONV1D_OUT], DTYPE, to->at + i, out[i]);
        if (to->first + V <= g->pitch.value || to->row + 1 >= g->rows)
            return;
        advance<DTYPE, WIDTH, REVERSE>(call, g, 0, to);
    }
}

/* What `lane` gives of its word: the HALO elements at its end, or with REVERSE at its beginning. */
template <enum dtype DTYPE, int HALO, bool REVERSE>
static inline __device__ uint4 shuffle_halo(uint4 word, int lane)
{
    const int each = VECTOR<DTYPE> / 4, words = (HALO + each - 1) / each; /* of 4 bytes */
    unsigned part[4];
    memcpy(part, &word, sizeof part);
#pragma unroll
    for (int i = 0; i < words; i++) {
        const int from = REVERSE ? i : 3 - i;
        part[from] = __shfl_sync(0xffffffffu, part[from], lane);
    }
    memcpy(&word, part, sizeof part);
    return word;
}

/* The window of the lane's word `now`. `before` and `behind` are its words of the 32 before and
 * behind these, of which one lane's matter. */
template <enum dtype DTYPE, int WIDTH, bool REVERSE>
static inline __device__ void window_of(uint4 now, uint4 before, uint4 behind, int lane,
                                        float window[])
{
    const int V = VECTOR<DTYPE>, HALO = WIDTH - 1, giver = REVERSE ? 0 : WARP - 1;
    const uint4 give = lane != giver ? now : REVERSE ? behind : before;
    float own[V], halo[V];
    vector_floats<DTYPE>(now, own);
    vector_floats<DTYPE>(
        shuffle_halo<DTYPE, HALO, REVERSE>(give, (lane + (REVERSE ? 1 : WARP - 1)) % WARP), halo);
#pragma unroll
    for (int i = 0; i < V; i++)
        window[REVERSE ? i : i + HALO] = own[i];
#pragma unroll
    for (int i = 0; i < HALO; i++)
        window[REVERSE ? V + i : i] = halo[REVERSE ? i : V - HALO + i];
}

template <enum dtype DTYPE, int WIDTH, bool REVERSE, bool SEQUENCES>
static __global__ void __launch_bounds__(THREADS, BLOCKS)
    convolve(const struct conv1d_call call, const struct grid g)
{
    const int V = VECTOR<DTYPE>, HALO = WIDTH - 1;
    const void *const x = call.tensor[CONV1D_X];
    const int lane = (int)threadIdx.x % WARP, giver = REVERSE ? 0 : WARP - 1;
    const int64_t at = ((thread_index() - lane) * WORDS + lane) * V - g.phase;
    const int words = WORDS + (REVERSE && lane == giver ? 1 : 0); /* that the lane needs */
    uint4 ahead[AHEAD], now, before = make_uint4(0, 0, 0, 0);

    if (call.p.final) /* cost only: nothing to do without */
        conv1d_keep_share(&call);
    now = load<DTYPE>(x, &g, at);
#pragma unroll
    for (int k = 0; k < AHEAD; k++)
        ahead[k] = load<DTYPE>(x, &g, at + (k + 1) * (WARP * V));
    static_assert(AHEAD < WORDS, "the first loads are of the warp's words");
    if (!REVERSE && lane == giver) /* cost only: nobody else reads it */
        before = load<DTYPE>(x, &g, at - WARP * V);
    place<WIDTH> to = place_of<DTYPE, WIDTH, REVERSE>(&call, &g, at);
#pragma unroll 1
    for (int k = 0; k < WORDS; k++) {
        float window[V + HALO];
        window_of<DTYPE, WIDTH, REVERSE>(now, before, ahead[0], lane, window);
        before = now;
        now = ahead[0];
#pragma unroll
        for (int i = 0; i + 1 < AHEAD; i++)
            ahead[i] = ahead[i + 1];
        if (k + AHEAD + 1 < words) /* cost only: nobody reads it */
            ahead[AHEAD - 1] = load<DTYPE>(x, &g, at + (k + AHEAD + 1) * (WARP * V));
        if (to.row < g.rows) {
            convolve_word<DTYPE, WIDTH, REVERSE, SEQUENCES>(&call, &g, window, &to);
            advance<DTYPE, WIDTH, REVERSE>(&call, &g, WARP * V, &to);
        }
    }
}

/* The same where all words are of one row each, which has neither initial, final nor seq_idx: a
 * warp takes ROW_WORDS*32 words of a row. Its code is short, which a cold multiprocessor fetches
 * sooner, and loads of x wait for nothing but one division. */
template <enum dtype DTYPE, int WIDTH, bool REVERSE>
static __global__ void __launch_bounds__(THREADS, BLOCKS)
    convolve_rows(const struct conv1d_call call, const struct grid g)
{
    const int V = VECTOR<DTYPE>, HALO = WIDTH - 1;
    const void *const x = call.tensor[CONV1D_X];
    const int lane = (int)threadIdx.x % WARP, words = (int)call.p.length / V;
    const int64_t warp = thread_index() / WARP;
    int piece;
    place<WIDTH> to;
    uint4
        word[ROW_WORDS<DTYPE> + 2]; /* those of the warp from 1 on; before and behind, one lane's */
    to.row = divide(warp, &g.pieces, &piece);
    to.first = piece * (ROW_WORDS<DTYPE> * WARP) + lane;
    to.at = to.row * g.pitch.value + to.first * V;
    if (to.row >= g.rows)
        return; /* the whole warp */
#pragma unroll
    for (int k = 0; k < ROW_WORDS<DTYPE> + 2; k++) {
        const int at = to.first + (k - 1) * WARP;
        const bool read = /* cost only: nobody reads others */
            (k > 0 || (!REVERSE && lane == WARP - 1)) &&
            (k < ROW_WORDS<DTYPE> + 1 || (REVERSE && lane == 0));
        word[k] = make_uint4(0, 0, 0, 0);
        if (read && at >= 0 && at < words)
            word[k] = vector_load<DTYPE>(x, to.at + (k - 1) * (WARP * V));
    }
    divide(to.row, &g.channels, &to.d);
    take_filter<DTYPE, WIDTH, REVERSE>(&call, &to);
#pragma unroll
    for (int k = 0; k < ROW_WORDS<DTYPE>; k++) {
        float window[V + HALO], out[V];
        window_of<DTYPE, WIDTH, REVERSE>(word[k + 1], word[k], word[k + 2], lane, window);
        sums<DTYPE, WIDTH, REVERSE, false>(&call, &to, 0, window, out);
        if (to.first + k * WARP < words)
            vector_store<DTYPE>(call.tensor[CONV1D_OUT], to.at + k * (WARP * V),
                                vector_pack<DTYPE>(out));
    }
}

template <enum dtype DTYPE, int WIDTH, bool REVERSE>
static int run_shape(const struct conv1d_call &call, void *stream)
{
    const struct conv1d *p = &call.p;
    struct grid g;
    g.pitch = divisor_of(p->length + p->pad);
    g.channels = divisor_of(p->channels);
    g.rows = p->batch * p->channels;
    g.elements = g.rows * g.pitch.value;
    g.phase = vector_phase<DTYPE>(call.tensor[CONV1D_OUT], 0);
    g.together = vector_phase<DTYPE>(call.tensor[CONV1D_X], 0) == g.phase;
    const int64_t pieces = blocks_for(p->length, ROW_WORDS<DTYPE> * WARP * VECTOR<DTYPE>);
    g.pieces = divisor_of(pieces);
    const bool alike = /* cost only: the other does the same */
        g.together && g.phase == 0 && p->length % VECTOR<DTYPE> == 0 &&
        p->pad % VECTOR<DTYPE> == 0 && !p->initial && !p->final && !p->seq_idx;
    if (alike) /* cost only: the same */
        return launch(convolve_rows<DTYPE, WIDTH, REVERSE>,
                      blocks_for(g.rows * pieces, THREADS / WARP), THREADS, 0, stream, call, g);
    const int64_t words = blocks_for(g.elements + g.phase, VECTOR<DTYPE>);
    return launch(p->seq_idx ? convolve<DTYPE, WIDTH, REVERSE, true>
                             : convolve<DTYPE, WIDTH, REVERSE, false>,
                  blocks_for(words, WORDS * THREADS), THREADS, 0, stream, call, g);
}

static int run(const void *problem, void *const tensor[], void *, void *stream)
{
    const struct conv1d_call call = conv1d_pack(problem, tensor);
    return conv1d_for_dtype(call.p.dtype, [&](auto dtype) {
        return conv1d_for_width(call.p.width, [&](auto width) {
            const enum dtype DTYPE = decltype(dtype)::value;
            const int WIDTH = decltype(width)::value;
            return call.p.reverse ? run_shape<DTYPE, WIDTH, true>(call, stream)
                                  : run_shape<DTYPE, WIDTH, false>(call, stream);
        });
    });
}

static const char *accepts(const void *problem)
{
    return conv1d_accepts_few_taps(problem, CONV1D_CHANNEL_FIRST);
}

VARIANT(conv1d_vectorized) = {.accepts = accepts, .run = run};
