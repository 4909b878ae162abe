/* selscan_bwd/chunked: time in chunks; what each makes of nothing, carries both ways, then all.
 *
 * Computes   all of reference/selscan_bwd.h, in fp32.
 * Accepts    state <= 256; every option.
 * Layout     one chunk of 64 steps of a block of 32 channels per loop turn, turns spread over
 *            OpenMP threads; the states of one channel in a chunk on the stack. Workspace: for each
 *            chunk and row the states that it starts from, the gradients that reach its end, and
 *            the sum of delta'; dB and dC of each block.
 * Algorithm  three passes. Each chunk from zero states, and back from zero gradients, which needs
 *            no states; then carries, from the first chunk to the last and back, each through the
 *            decay of a whole chunk, exp(A * sum of delta'); then each chunk forward from the
 *            states that it really starts from, which are kept, and back. Parallel over time too.
 * Cost       bytes: B and C four times, their sums once for every channel, from a cache if it holds
 *            them. Exponentials four times. Workspace: 8 bytes for each element of B and 32
 *            channels, 12 for each state, row and chunk (8 where A is scalar), and up to 16 for
 *            each row and chunk.
 * Error      f32 2e-6; in dA 1e-7 of the sum of its terms' sizes. Sums over states in index order,
 *            those over channels, chunks and sequences as in sums.h: the same bits whatever the
 *            number of threads.
 * Source     the chunks of selscan/chunked, in both directions; written from the definition.
 */
#include "walk.h"

enum { STEPS = 64 };

/* (chunks, rows, state) and (chunks, rows). */
struct carries {
    float *h;     /* states after a chunk that starts from zero, then those that it starts from */
    float *dh;    /* a*dh of its first step if none reaches its end, then those that do */
    float *total; /* sum of delta' */
    int64_t chunks, rows;
};

static struct carries carries_carve(const struct selscan *p, float *memory)
{
    struct carries c;
    c.chunks = (p->length + STEPS - 1) / STEPS;
    c.rows = p->batch * p->channels;
    c.h = memory;
    c.dh = c.h + c.chunks * c.rows * p->state;
    c.total = c.dh + c.chunks * c.rows * p->state;
    return c;
}

/* Steps of chunk `chunk` of channel d. */
static struct stretch stretch_of(const struct selscan_bwd_call *call, const struct block *block,
                                 int64_t d, int64_t chunk)
{
    const int64_t end = (chunk + 1) * STEPS, length = call->in.p.length;
    return (struct stretch){call, block, d, chunk * STEPS, end < length ? end : length};
}

/* What passes out of the first step of a stretch if nothing passes into the last one; returns the
 * sum of delta'. */
static inline __attribute__((always_inline)) float reach_back(const struct stretch *s,
                                                              enum dtype dtype, float *dh)
{
    const struct selscan *p = &s->call->in.p;
    float total = 0;
    for (int64_t n = 0; n < p->state; n++)
        dh[n] = 0;
    for (int64_t step = s->end - 1; step >= s->first; step--) {
        const int64_t t = selscan_time(p, step), at = selscan_at(p, s->block->b, s->d, t);
        const float delta = selscan_delta(&s->call->in, dtype, s->d, at);
        const float dy = selscan_bwd_dy(s->call, dtype, at);
        const struct decay scalar = stretch_decay(s, 0, delta);
        total += delta;
        for (int64_t n = 0; n < p->state; n++) {
            const float C = dtype_load(s->call->tensor[SELSCAN_BWD_C], dtype,
                                       selscan_bc_at(p, s->block->b, s->block->g, n, t));
            const struct decay a = p->a == A_SCALAR ? scalar : stretch_decay(s, n, delta);
            dh[n] = selscan_step(fmaf(C, dy, dh[n]), a, 0.0f, 0.0f);
        }
    }
    return total;
}

/* The first pass of a chunk of a block's channels. */
static inline __attribute__((always_inline)) void from_zero(const struct selscan_bwd_call *call,
                                                            enum dtype dtype,
                                                            const struct carries *c,
                                                            const struct block *block,
                                                            int64_t chunk)
{
    const int64_t state = call->in.p.state;
    float h[(STEPS + 1) * STATE_MAX];
    for (int64_t d = block->d; d < block->d + block->channels; d++) {
        const struct stretch s = stretch_of(call, block, d, chunk);
        const int64_t at = chunk * c->rows + stretch_row(&s);
        const size_t size = (size_t)state * sizeof *h;
        memset(h, 0, size);
        walk(&s, dtype, h);
        memcpy(c->h + at * state, h + (s.end - s.first) * state, size);
        c->total[at] = reach_back(&s, dtype, c->dh + at * state);
    }
}

/* The second pass of state element i of all rows: both carries, through all chunks. */
static void carry_over(const struct selscan_bwd_call *call, const struct carries *c, int64_t i)
{
    const struct selscan *p = &call->in.p;
    const int64_t row = i / p->state, n = i % p->state;
    const float A =
        ((const float *)call->tensor[SELSCAN_BWD_A])[selscan_a_at(p, row % p->channels, n)];
    float h = selscan_initial(&call->in, row, n), dh = selscan_bwd_dfinal(call, row, n);
    for (int64_t chunk = 0; chunk < c->chunks; chunk++) {
        float *const at = c->h + chunk * c->rows * p->state + i, reached = *at;
        *at = h;
        h = selscan_step(h, decay_of(A * c->total[chunk * c->rows + row]), 1.0f, reached);
    }
    for (int64_t chunk = c->chunks - 1; chunk >= 0; chunk--) {
        float *const at = c->dh + chunk * c->rows * p->state + i, reached = *at;
        *at = dh;
        dh = selscan_step(dh, decay_of(A * c->total[chunk * c->rows + row]), 1.0f, reached);
    }
    selscan_bwd_dinitial(call, row, n, dh);
}

/* The third pass of a chunk of a block's channels. */
static inline __attribute__((always_inline)) void gradients(
    const struct selscan_bwd_call *call, enum dtype dtype, const struct carries *c,
    const struct sums *sums, const struct block *block, int64_t chunk)
{
    const struct selscan *p = &call->in.p;
    const size_t size = (size_t)p->state * sizeof(float);
    float h[(STEPS + 1) * STATE_MAX];
    clear_sums(p, block, chunk * STEPS, stretch_of(call, block, 0, chunk).end);
    for (int64_t d = block->d; d < block->d + block->channels; d++) {
        const struct stretch s = stretch_of(call, block, d, chunk);
        const int64_t row = stretch_row(&s), at = (chunk * c->rows + row) * p->state;
        struct carry carry;
        memcpy(h, c->h + at, size);
        memcpy(carry.dh, c->dh + at, size);
        walk(&s, dtype, h);
        walk_back(&s, dtype, h, &carry, sums_share(p, sums, chunk, row));
    }
}

static int64_t sums_floats(const struct selscan *p)
{
    return sums_size(p, carries_carve(p, NULL).chunks);
}

static size_t workspace(const void *problem)
{
    const struct selscan *p = problem;
    const struct carries c = carries_carve(p, NULL);
    return (size_t)(sums_floats(p) + c.chunks * c.rows * (2 * p->state + 1)) * sizeof(float);
}

static inline __attribute__((always_inline)) void passes(const struct selscan_bwd_call *call,
                                                         enum dtype dtype, const struct carries *c,
                                                         const struct sums *s)
{
    const struct selscan *p = &call->in.p;
    const int64_t blocks = sums_blocks(p, s), turns = c->chunks * blocks;
#pragma omp parallel for
    for (int64_t i = 0; i < turns; i++) {
        const struct block block = sums_block(p, s, i % blocks);
        from_zero(call, dtype, c, &block, i / blocks);
    }
#pragma omp parallel for
    for (int64_t i = 0; i < c->rows * p->state; i++)
        carry_over(call, c, i);
#pragma omp parallel for
    for (int64_t i = 0; i < turns; i++) {
        const struct block block = sums_block(p, s, i % blocks);
        gradients(call, dtype, c, s, &block, i / blocks);
    }
}

static int run(const void *problem, void *const tensor[], void *memory, void *stream)
{
    const struct selscan_bwd_call call = selscan_bwd_pack(problem, tensor);
    const struct selscan *p = &call.in.p;
    const struct carries c = carries_carve(p, (float *)memory + sums_floats(p));
    const struct sums s = sums_carve(p, c.chunks, memory);
    (void)stream;
    if (p->dtype == DTYPE_F32)
        passes(&call, DTYPE_F32, &c, &s);
    else if (p->dtype == DTYPE_BF16)
        passes(&call, DTYPE_BF16, &c, &s);
    else
        passes(&call, DTYPE_F16, &c, &s);
    sums_reduce(&call, &s);
    return 0;
}

VARIANT(selscan_bwd_chunked) = {.accepts = selscan_accepts, .workspace = workspace, .run = run};
