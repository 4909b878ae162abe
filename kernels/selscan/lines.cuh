/* Lines of an array, copied to shared memory as the words of 16 bytes that they touch, so that all
 * rows are read alike, wherever they begin.
 *
 * Shapes     A line is `length` elements that are neighbours in memory, at most LENGTH of a shape;
 *            lines are `stride` elements apart. Line i begins in word i*PITCH, at its phase: the
 *            elements between the boundary of 16 bytes before it and its first.
 * Order      Copies are those of async.cuh. What of a word is not in the array is not read.
 */
#ifndef SSMBENCH_SELSCAN_LINES_CUH
#define SSMBENCH_SELSCAN_LINES_CUH

#include "../device/async.cuh"
#include "../device/vector.cuh"

struct lines {
    int64_t first, stride; /* the first element of line 0; from there to that of line 1 */
    int count, length;
};

/* Words of a line of LENGTH elements, but for one more that it may reach into. */
template <enum dtype DTYPE, int LENGTH>
static constexpr int LINE_WORDS = LENGTH > VECTOR<DTYPE> ? LENGTH / VECTOR<DTYPE> : 1;

/* Words from line to line. */
template <enum dtype DTYPE, int LENGTH>
static constexpr int LINE_PITCH = LINE_WORDS<DTYPE, LENGTH> + 1;

/* Words that hold ROWS lines of STEPS elements, and also STEPS lines of ROWS. */
template <enum dtype DTYPE, int ROWS, int STEPS>
static constexpr int LINES_WORDS = ROWS * LINE_PITCH<DTYPE, STEPS> > STEPS * LINE_PITCH<DTYPE, ROWS>
                                       ? ROWS * LINE_PITCH<DTYPE, STEPS>
                                       : STEPS * LINE_PITCH<DTYPE, ROWS>;

/* Where the elements of copied lines are: element k of line i is number
 * i*pitch + (phase + i*shift) % VECTOR + k. */
struct line_places {
    int phase, shift, pitch;
};

template <enum dtype DTYPE>
static inline __device__ struct line_places line_places_of(const struct lines *l, const void *array,
                                                           int pitch_words)
{
    struct line_places at;
    at.phase = vector_phase<DTYPE>(array, l->first);
    at.shift = (int)(l->stride & (VECTOR<DTYPE> - 1));
    at.pitch = pitch_words * VECTOR<DTYPE>;
    return at;
}

template <enum dtype DTYPE>
static inline __device__ int line_phase(const struct line_places *at, int line)
{
    return (at->phase + line * at->shift) & (VECTOR<DTYPE> - 1);
}

/* An element of copied lines, as a float. */
template <enum dtype DTYPE>
static inline __device__ float line_element(const uint4 *copied, const struct line_places *at,
                                            int line, int k)
{
    const int index = line * at->pitch + line_phase<DTYPE>(at, line) + k;
    const unsigned bits = vector_element<DTYPE>(copied, index);
    return DTYPE == DTYPE_F32 ? bits_float(bits) : vector_pair<DTYPE>(bits).x;
}

/* Copies the word that begins with element `at` of `total`. */
template <enum dtype DTYPE>
static inline __device__ void line_copy_word(uint4 *to, const void *array, int64_t total,
                                             int64_t at)
{
    if (at >= 0 && at + VECTOR<DTYPE> <= total) {
        copy_async<16>(to, (const char *)array + at * (16 / VECTOR<DTYPE>));
        return;
    }
#pragma unroll
    for (int i = 0; i < VECTOR<DTYPE>; i++)
        if (at + i >= 0 && at + i < total) {
            if constexpr (DTYPE == DTYPE_F32)
                ((uint32_t *)to)[i] = ((const uint32_t *)array)[at + i];
            else
                ((uint16_t *)to)[i] = ((const uint16_t *)array)[at + i];
        }
}

/* Starts to copy lines of an array of `total` elements; thread `thread` of THREADS does its share.
 */
template <enum dtype DTYPE, int LENGTH, int THREADS>
static inline __device__ void lines_copy(const struct lines *l, const void *array, int64_t total,
                                         int thread, uint4 *to)
{
    const int V = VECTOR<DTYPE>, WORDS = LINE_WORDS<DTYPE, LENGTH>;
    const int word = thread % WORDS;
    const struct line_places at = line_places_of<DTYPE>(l, array, LINE_PITCH<DTYPE, LENGTH>);
    for (int line = thread / WORDS; line < l->count; line += THREADS / WORDS) {
        const int phase = line_phase<DTYPE>(&at, line), reach = phase + l->length;
        const int64_t from = l->first + line * l->stride - phase + word * V;
        uint4 *const into = to + line * LINE_PITCH<DTYPE, LENGTH> + word;
        if (word * V < reach) /* cost only: nobody reads it */
            line_copy_word<DTYPE>(into, array, total, from);
        if (word == WORDS - 1 && WORDS * V < reach)
            line_copy_word<DTYPE>(into + 1, array, total, from + V);
    }
}

#endif
