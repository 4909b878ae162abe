/* How conv1d_bwd/vectorized cuts rows along time into words of 16 bytes and shares them out to
 * warps.
 *
 * Words      A row is cut where 16 bytes of memory begin, wherever the row does: its first word
 *            begins `lead` steps before it, and the last may end behind it. They are numbered in
 *            the order of steps, and so are elements in registers; with REVERSE memory runs
 *            against it. A word that reaches into a neighbouring row is loaded in whole and stored
 *            by elements; where that would touch a pad, or lie outside the tensor, by elements.
 * Slices     What a warp takes at a time. Long rows: 32 neighbouring words of one row. Rows of at
 *            most 32 words: as many rows of neighbouring channels as fit, of one sequence, 4 to 32
 *            lanes each. A part is `each` slices one behind the other, in time or, for short rows,
 *            by batch.
 */
#ifndef SSMBENCH_CONV1D_BWD_WORDS_CUH
#define SSMBENCH_CONV1D_BWD_WORDS_CUH

#include "../conv1d/common.cuh"
#include "../device/async.cuh"
#include "../device/divide.cuh"
#include "../device/vector.cuh"

enum { WARP = 32, LANES_MIN = 4 };
static const unsigned ALL_LANES = 0xffffffffu;

struct words {
    struct divisor columns; /* warps side by side, for all channels */
    struct divisor parts;   /* of a row; 1 where rows are short */
    int slices;             /* of a row, or sequences */
    int64_t all_parts;      /* of a channel */
    int each;               /* slices of a part */
    int lanes;              /* of a row */
    int phase;              /* of the tensors within 16 bytes, in elements; negative: they differ */
    bool rows_short;
};

/* The part of a warp, and the channel of one of its lanes. */
struct share {
    int64_t part, b, d;           /* b: of the first slice */
    int64_t row;                  /* first element of a long row */
    int64_t at;                   /* element of the lane's word in its slice 0 */
    int first, end;               /* slices */
    int inside_first, inside_end; /* slices of a long row in which no word is special */
    int lead, lane, own;          /* own: among those of its row */
    bool inside;                  /* of the channels */
};

/* A word of a lane. */
struct word {
    int first;  /* step of its first element */
    int64_t at; /* of its elements in memory, in x */
    bool live;  /* some of its elements are in the row */
    bool full;  /* all are */
    bool whole; /* may be loaded in whole */
};

/* Where within 16 bytes all three tensors begin, in elements; negative where they differ. */
template <enum dtype DTYPE>
static inline int words_phase(const void *a, const void *b, const void *c)
{
    const int phase = vector_phase<DTYPE>(a, 0);
    return vector_phase<DTYPE>(b, 0) == phase && vector_phase<DTYPE>(c, 0) == phase ? phase : -1;
}

/* Parts are of `each_max` slices, or fewer, down to 4, as long as warps are not enough. */
template <enum dtype DTYPE>
static inline struct words words_of(const struct conv1d *p, int phase, int each_max,
                                    int64_t warps_enough)
{
    struct words w;
    const int V = VECTOR<DTYPE>;
    const int lead = (p->length + p->pad) % V == 0 && phase == 0 ? 0 : V - 1; /* at most */
    w.phase = phase; /* cost only: negative without it, which is right for all */
    const int64_t count = blocks_for(p->length + lead, V);
    w.rows_short = count <= WARP && !p->seq_idx;
    w.lanes = w.rows_short ? LANES_MIN : WARP;
    while (w.lanes < count && w.rows_short)
        w.lanes *= 2;
    w.slices = (int)(w.rows_short ? p->batch : blocks_for(count, WARP));
    const int64_t columns = blocks_for(p->channels, WARP / w.lanes);
    const int64_t groups = /* cost only: parts of any length do */
        columns * (w.rows_short ? 1 : p->batch);
    w.each = each_max;
    while (w.each > 4 && groups * blocks_for(w.slices, w.each) < warps_enough)
        w.each /= 2;
    const int64_t parts = blocks_for(w.slices, w.each);
    w.each = (int)blocks_for(w.slices, parts); /* cost only: parts of equal length */
    w.all_parts = parts * (w.rows_short ? 1 : p->batch);
    w.columns = divisor_of(columns);
    w.parts = divisor_of(w.rows_short ? 1 : parts);
    return w;
}

/* Steps from the first of the first word of a row, which begins with element `row`, to step 0. */
template <enum dtype DTYPE, bool REVERSE>
static inline __device__ int lead_of(const struct conv1d *p, const struct words *w, int64_t row)
{
    const int V = VECTOR<DTYPE>;
    const int edge = (int)(row + w->phase + (REVERSE ? p->length : 0)) & (V - 1);
    return w->phase < 0 ? 0 : REVERSE ? (V - edge) & (V - 1) : edge;
}

static inline __device__ int64_t row_of(const struct conv1d *p, int64_t b, int64_t d)
{
    return (b * p->channels + d) * (p->length + p->pad);
}

/* The share of a warp that takes part `number` of a column's channels. */
template <enum dtype DTYPE, bool LONG, bool REVERSE>
static inline __device__ void share_at(const struct conv1d *p, const struct words *w,
                                       int64_t number, int column, struct share *s)
{
    const int V = VECTOR<DTYPE>, lanes = LONG ? WARP : w->lanes;
    int part;
    s->lane = (int)(threadIdx.x % WARP);
    s->own = s->lane & (lanes - 1);
    s->part = number;
    s->d = (int64_t)column * (WARP / lanes) + s->lane / lanes;
    s->inside = s->d < p->channels;
    s->b = divide(s->part, &w->parts, &part);
    s->first = (LONG ? part : (int)s->part) * w->each;
    s->end = min(s->first + w->each, w->slices);
    s->row = row_of(p, s->b, s->d);
    s->lead = lead_of<DTYPE, REVERSE>(p, w, s->row);
    s->at = s->row + (REVERSE ? (int)p->length - V + s->lead - s->own * V : s->own * V - s->lead);
    s->inside_first = max(s->first, s->lead || p->initial ? 1 : 0);
    s->inside_end = /* cost only: any slice may be taken as special */
        w->phase < 0
            ? 0
            : min(s->end, ((int)p->length - (p->final ? TAPS_MAX - 1 : 0) + s->lead) / (WARP * V));
}

/* Elements from a slice of a long row to the next. */
template <enum dtype DTYPE, bool REVERSE>
static constexpr int SLICE_STRIDE = (REVERSE ? -WARP : WARP) * VECTOR<DTYPE>;

/* Whether no word of the slice is special. */
static inline __device__ bool share_inside(const struct share *s, int slice)
{
    return /* cost only: any may be */ slice >= s->inside_first && slice < s->inside_end;
}

/* The lane's word of a slice; one before the first or behind the last is not live. */
template <enum dtype DTYPE, bool LONG, bool REVERSE>
static inline __device__ struct word word_of(const struct conv1d *p, const struct words *w,
                                             const struct share *s, int slice)
{
    const int V = VECTOR<DTYPE>, length = (int)p->length;
    const int64_t row = LONG ? s->row : row_of(p, slice, s->d);
    const int lead = LONG ? s->lead : lead_of<DTYPE, REVERSE>(p, w, row);
    struct word word;
    word.first = (LONG ? slice * (WARP * V) : 0) + s->own * V - lead;
    word.at = row + (REVERSE ? length - V - word.first : word.first);
    word.live = s->inside && word.first + V > 0 && word.first < length;
    word.full = word.live && w->phase >= 0 && word.first >= 0 && word.first + V <= length;
    word.whole = /* cost only: by elements it comes to the same */
        word.full || (word.live && w->phase >= 0 && p->pad == 0 && word.at >= 0 &&
                      word.at + V <= p->batch * p->channels * (p->length + p->pad));
    return word;
}

/* Fetches an array's steps that are in the row; other elements are 0, or those of a neighbour. By
 * copy_async(), to be waited for, where the word may be loaded in whole. */
template <enum dtype DTYPE, bool REVERSE>
static inline __device__ void word_fetch(const struct conv1d *p, const void *array,
                                         const struct word *word, uint4 *to)
{
    const int V = VECTOR<DTYPE>;
    if (word->whole) {
        copy_async<16>(to, (const char *)array + word->at * (16 / V));
        return; /* cost only: by elements it comes to the same */
    }
    uint4 raw = make_uint4(0, 0, 0, 0);
    if (word->live) /* GPU only: no load from beyond */
#pragma unroll
        for (int i = 0; i < V; i++) {
            const int step = /* GPU only: no load from beyond */
                word->first + (REVERSE ? V - 1 - i : i);
            if (step >= 0 && step < p->length) /* GPU only: no load from beyond */
                vector_insert<DTYPE>(&raw, i, vector_element<DTYPE>(array, word->at + i));
        }
    *to = raw;
}

/* To and from the order of steps. */
template <enum dtype DTYPE, bool REVERSE>
static inline __device__ void word_floats(uint4 raw, float value[])
{
    const int V = VECTOR<DTYPE>;
    float memory[V];
    vector_floats<DTYPE>(raw, memory);
#pragma unroll
    for (int i = 0; i < V; i++)
        value[i] = memory[REVERSE ? V - 1 - i : i];
}

template <enum dtype DTYPE, bool REVERSE, bool INSIDE>
static inline __device__ void word_store(const struct conv1d *p, void *array,
                                         const struct word *word, const float value[])
{
    const int V = VECTOR<DTYPE>;
    float memory[V];
#pragma unroll
    for (int i = 0; i < V; i++)
        memory[i] = value[REVERSE ? V - 1 - i : i];
    if (INSIDE || word->full) {
        vector_store<DTYPE>(array, word->at, vector_pack<DTYPE>(memory));
    } else if (word->live) {
#pragma unroll
        for (int i = 0; i < V; i++) {
            const int step = word->first + (REVERSE ? V - 1 - i : i);
            if (step >= 0 && step < p->length)
                dtype_store(array, DTYPE, word->at + i, memory[i]);
        }
    }
}

/* Puts what is before step 0 in place: of the word's own samples x[HALO ...], and of the HALO
 * before them, which its neighbour sends where it has one. */
template <enum dtype DTYPE, int HALO>
static inline __device__ void word_begin(const struct conv1d *p, void *const tensor[],
                                         const struct share *s, int64_t b, const struct word *word,
                                         float x[])
{
    if (word->first >= HALO || !word->live) /* cost only: nothing is before step 0 */
        return;                             /* cost only: the same */
#pragma unroll
    for (int i = 0; i < HALO + VECTOR<DTYPE>; i++)
        if (word->first - HALO + i < 0) /* cost only: others are in place */
            x[i] = conv1d_sample_or_zero(p, tensor, b, s->d, word->first - HALO + i);
}

/* Indices of sequences of COUNT steps from `first` on; -1 outside of the row. */
template <int COUNT>
static inline __device__ void word_sequences(const struct conv1d *p, void *const tensor[],
                                             int64_t b, int64_t first, int32_t sequence[])
{
#pragma unroll
    for (int i = 0; i < COUNT; i++)
        sequence[i] =
            first + i >= 0 && first + i < p->length ? conv1d_sequence(p, tensor, b, first + i) : -1;
}

#endif
