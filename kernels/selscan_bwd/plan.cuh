/* How selscan_bwd/chunked cuts time, and what it keeps in the workspace.
 *
 * Chunks     of Window::STEPS steps, what a block has in shared memory. The last ends with the
 *            sequence; the first may begin before it.
 * Segments   of whole chunks, what a block walks back through on its own: all of a row's when rows
 *            alone fill a GPU, else as many as do.
 * Spans      of whole segments, SPAN steps: what is walked from step to step to know h before each
 *            chunk, and a*dh behind each segment. Spans are joined by carries.
 * Bits       Only segments depend on the batch, and change no bits: they end where a*dh of the walk
 *            is that of the gradients.
 */
#ifndef SSMBENCH_SELSCAN_BWD_PLAN_CUH
#define SSMBENCH_SELSCAN_BWD_PLAN_CUH

#include "window.cuh"

/* When rows alone make less than half of BLOCKS blocks, segments are as short as makes no more; at
 * least SEGMENT_MIN chunks, or QUAD where they have to divide a span. */
enum { SPAN = 2048, BLOCKS = 264, SEGMENT_MIN = 3, QUAD = 4 };

struct plan {
    float *h;      /* (chunks - 1, rows, pitch): before each chunk but the first */
    float *passed; /* (segments - 1, rows, pitch): a*dh of the step behind each but the last */
    float *total;  /* (2, spans, rows): the sums of delta' of spans, for h and for dh */
    struct partial partial;
    int64_t rows, pitch; /* batch*channels; states, in whole quads */
    int64_t before;      /* steps of the first chunk that lie before the first step */
    int chunks, spans;   /* of a row */
    int segment, span;   /* chunks of one */
    int share, shares;   /* chunks of a row that a block walks back through; how many such */
};

/* The end, in chunks, of `count` of them from `begin` on. */
static inline __device__ int plan_end(const struct plan *plan, int begin, int count)
{
    return begin + count < plan->chunks ? begin + count : plan->chunks;
}

/* States of all rows, (rows, pitch); zeros where `array` is null. `quads` of them are there, and on
 * boundaries of 16 bytes. */
struct states {
    float *array;
    int64_t pitch;
    bool quads;
};

static inline __device__ float states_at(struct states s, int64_t row, int64_t n)
{
    return s.array ? s.array[row * s.pitch + n] : 0.0f;
}

/* Those before chunk `chunk`. */
static inline __device__ struct states plan_h(const struct selscan_bwd_call *call,
                                              const struct plan *plan, int chunk)
{
    if (chunk)
        return {plan->h + (chunk - 1) * plan->rows * plan->pitch, plan->pitch, true};
    return {(float *)call->tensor[SELSCAN_BWD_INITIAL], call->in.p.state, false};
}

/* a*dh of the first step of chunk `chunk`, which begins a segment but not the first, or of what
 * lies behind all chunks. */
static inline __device__ struct states plan_passed(const struct selscan_bwd_call *call,
                                                   const struct plan *plan, int chunk)
{
    if (chunk < plan->chunks)
        return {plan->passed + (chunk / plan->segment - 1) * plan->rows * plan->pitch, plan->pitch,
                true};
    return {(float *)call->tensor[SELSCAN_BWD_DFINAL], call->in.p.state, false};
}

static inline __device__ float *plan_total_at(const struct plan *plan, bool forward, int64_t span,
                                              int64_t row)
{
    return &plan->total[((forward ? 0 : plan->spans) + span) * plan->rows + row];
}

template <typename Window>
static struct plan plan_of(const struct selscan *p, void *memory)
{
    const int64_t row_blocks = tile_row_blocks(p, Window::ROWS);
    struct plan plan;
    plan.rows = p->batch * p->channels;
    plan.pitch = (p->state + QUAD - 1) / QUAD * QUAD;
    plan.chunks = (int)blocks_for(p->length, Window::STEPS);
    plan.before = plan.chunks * (int64_t)Window::STEPS - p->length;
    plan.span = plan.segment = SPAN / Window::STEPS;
    plan.spans = (int)blocks_for(plan.chunks, plan.span);
    plan.share = plan.chunks;
    if (row_blocks < BLOCKS / 2) {
        plan.segment = plan.spans > 1 ? QUAD : SEGMENT_MIN;
        while (plan.segment < plan.span &&
               row_blocks * blocks_for(plan.chunks, plan.segment) > BLOCKS)
            plan.segment += plan.spans > 1 ? plan.segment : 1; /* cost only: fewer blocks */
        plan.share = plan.segment;
    }
    plan.shares = (int)blocks_for(plan.chunks, plan.share);
    plan.h = (float *)memory;
    plan.passed = plan.h + (plan.chunks - 1) * plan.rows * plan.pitch;
    plan.total = plan.passed + (blocks_for(plan.chunks, plan.segment) - 1) * plan.rows * plan.pitch;
    plan.partial =
        partial_carve(p, blocks_for(p->channels / p->groups, Window::ROWS), p->batch * plan.shares,
                      plan.total + (plan.spans > 1 ? 2 * plan.spans * plan.rows : 0));
    return plan;
}

template <typename Window>
static size_t plan_bytes(const struct selscan *p)
{
    const struct plan plan = plan_of<Window>(p, NULL);
    return (size_t)((char *)plan.partial.dB - (char *)NULL) +
           partial_bytes(p, plan.partial.blocks, plan.partial.parts);
}

#endif
