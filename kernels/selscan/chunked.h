/* The chunks of selscan/chunked and their carries, for chunked.c and chunked.cu. */
#ifndef SSMBENCH_SELSCAN_CHUNKED_H
#define SSMBENCH_SELSCAN_CHUNKED_H

#include "common.h"

/* Chunks are whole tiles of CHUNK_TILE steps, and as short as WORK_ITEMS row blocks times chunks
 * allow: enough to fill the largest machines, few enough that the carries stay cheap. */
enum { CHUNK_TILE = 32, WORK_ITEMS = 1024 };

struct chunked {
    float *state;  /* (chunks - 1, rows, state): states after each chunk but the last */
    float *total;  /* (chunks - 1, rows): sum of delta' over it */
    int64_t rows;  /* batch*channels */
    int64_t steps; /* of a chunk; the last may have fewer */
    int64_t chunks;
};

/* `row_blocks` is how many independent blocks of rows the variant has. */
static inline struct chunked chunked_carve(const struct selscan *p, int64_t row_blocks,
                                           void *memory)
{
    const int64_t wanted = row_blocks < WORK_ITEMS ? WORK_ITEMS / row_blocks : 1;
    const int64_t steps = (p->length + wanted - 1) / wanted;
    struct chunked w;
    w.rows = p->batch * p->channels;
    w.steps = (steps + CHUNK_TILE - 1) / CHUNK_TILE * CHUNK_TILE;
    w.chunks = (p->length + w.steps - 1) / w.steps;
    w.state = (float *)memory;
    w.total = w.state + (w.chunks - 1) * w.rows * p->state;
    return w;
}

static inline size_t chunked_bytes(const struct selscan *p, int64_t row_blocks)
{
    const struct chunked w = chunked_carve(p, row_blocks, NULL);
    return (size_t)((w.chunks - 1) * w.rows * (p->state + 1)) * sizeof(float);
}

/* Where chunk `chunk` ends, in steps of the recurrence. */
static inline HOST_DEVICE
int64_t chunked_end(const struct selscan *p, const struct chunked *w, int64_t chunk)
{
    const int64_t end = (chunk + 1) * w->steps;
    return end < p->length ? end : p->length;
}

/* The state that chunk `chunk` starts from. */
static inline HOST_DEVICE
float chunked_start(const struct selscan_call *call, const struct chunked *w, int64_t chunk,
                    int64_t row, int64_t n)
{
    return chunk ? w->state[((chunk - 1) * w->rows + row) * call->p.state + n]
                 : selscan_initial(call, row, n);
}

/* Turns the states that the chunks of a row reach from zero into those that they really reach. */
static inline HOST_DEVICE
void chunked_carry(const struct selscan_call *call, const struct chunked *w, int64_t row, int64_t n)
{
    const struct selscan *p = &call->p;
    const float *A = (const float *)call->tensor[SELSCAN_A];
    const float a = A[selscan_a_at(p, row % p->channels, n)];
    float h = selscan_initial(call, row, n);
    for (int64_t chunk = 0; chunk < w->chunks - 1; chunk++) {
        float *reached = &w->state[(chunk * w->rows + row) * p->state + n];
        const float total = w->total[chunk * w->rows + row];
        h = selscan_step(h, decay_of(a * total), 1.0f, *reached);
        *reached = h;
    }
}

#endif
