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

/* The phase of line i is (phase + i*shift) % VECTOR, that of the lines of an array. */
struct line_phases {
    int phase, shift;
};

template <enum dtype DTYPE>
static inline __device__ struct line_phases line_phases_of(const struct lines *l, const void *array)
{
    return {vector_phase<DTYPE>(array, l->first), (int)(l->stride & (VECTOR<DTYPE> - 1))};
}

template <enum dtype DTYPE>
static inline __device__ int line_phase(struct line_phases at, int line)
{
    return (at.phase + line * at.shift) & (VECTOR<DTYPE> - 1);
}

/* Element `index` of copied words, as a float. */
template <enum dtype DTYPE>
static inline __device__ float line_element(const uint4 *copied, int index)
{
    const unsigned bits = vector_element<DTYPE>(copied, index);
    return DTYPE == DTYPE_F32 ? bits_float(bits) : vector_pair<DTYPE>(bits).x;
}

/* Copies what of the word that begins with element `at` is in an array of `total` elements. */
template <enum dtype DTYPE>
static inline __device__ void line_copy_part(uint4 *to, const void *array, int64_t total,
                                             int64_t at)
{
    if (at >= 0 && at + VECTOR<DTYPE> <= total) { /* GPU only: what is beyond may not be read */
        copy_async<16>(to, (const char *)array + at * (16 / VECTOR<DTYPE>));
        return; /* cost only: the same once more */
    }
#pragma unroll 1
    for (int i = 0; i < VECTOR<DTYPE>; i++)
        if (at + i >= 0 && at + i < total) { /* GPU only: what is beyond may not be read */
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
    const int V = VECTOR<DTYPE>, SIZE = 16 / V, PITCH = LINE_PITCH<DTYPE, LENGTH>;
    const int WORDS = LINE_WORDS<DTYPE, LENGTH>, ABREAST = THREADS / WORDS;
    const int word = thread % WORDS, first = thread / WORDS;
    const struct line_phases phases = line_phases_of<DTYPE>(l, array);
    const int64_t reach = l->first + (l->count - 1) * l->stride + WORDS * V;
    const bool alike = phases.shift == 0 && phases.phase == 0;

    if (l->first < phases.phase || reach + (alike ? 0 : V) > total) { /* cost only: works always */
        for (int i = thread; i < l->count * PITCH; i += THREADS) {
            const int line = i / PITCH, phase = line_phase<DTYPE>(phases, line);
            line_copy_part<DTYPE>(to + i, array, total,
                                  l->first + line * l->stride - phase + i % PITCH * V);
        }
        return;
    }
    const char *from = (const char *)array + (l->first + first * l->stride + word * V) * SIZE;
#pragma unroll 4
    for (int line = first; line < l->count; line += ABREAST) {
        copy_async<16>(to + line * PITCH + word, from - line_phase<DTYPE>(phases, line) * SIZE);
        from += ABREAST * l->stride * SIZE;
    }
    if (alike)
        return; /* GPU only: what is beyond may not be read */
    for (int line = thread; line < l->count; line += THREADS) {
        const int64_t last = l->first + line * l->stride + WORDS * V;
        copy_async<16>(to + line * PITCH + WORDS,
                       (const char *)array + (last - line_phase<DTYPE>(phases, line)) * SIZE);
    }
}

#endif
