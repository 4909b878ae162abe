/* selscan/blelloch: the time of a channel scanned by a tree, tile after tile.
 *
 * Computes   out and final of reference/selscan.h, in fp32.
 * Accepts    state <= 256; every option.
 * Layout     one (batch, channel) row per loop turn, rows spread over OpenMP threads; a tile of 64
 *            steps, step and state of a pair next to each other, on the stack.
 * Algorithm  as blelloch.cu: an up-sweep joins pairs, a down-sweep hands each node the state that
 *            it starts from. The sweeps run over all states of a node at once. A tree gains a CPU
 *            nothing: it is here to be compared with.
 * Cost       bytes: selscan's, plus B and C again for every further channel of a group; the tile
 *            goes through the cache 4 times. 2 joins a step; exponentials twice.
 * Error      f32 1e-6 at worst.
 * Source     Blelloch, Prefix sums and their applications, CMU-CS-90-190, section 1.2.
 */
#include "pair.h"

enum { TILE = 64 };

struct tree {
    struct pair node[TILE][STATE_MAX];
};

static void sweep_up(struct tree *tree, int64_t state)
{
    for (int stride = 1; stride < TILE; stride *= 2)
        for (int right = 2 * stride - 1; right < TILE; right += 2 * stride)
            for (int64_t n = 0; n < state; n++)
                tree->node[right][n] =
                    pair_join(tree->node[right - stride][n], tree->node[right][n]);
}

/* Replaces roots by the states `h` before the tile, which become those after it, and hands states
 * down: to the left half that of the node, to the right half what the left pair makes of it. */
static void sweep_down(struct tree *tree, int64_t state, float *h)
{
    for (int64_t n = 0; n < state; n++) {
        struct pair *const root = &tree->node[TILE - 1][n];
        const float before = h[n];
        h[n] = pair_apply(*root, before);
        root->x = before;
    }
    for (int stride = TILE / 2; stride > 0; stride /= 2)
        for (int right = 2 * stride - 1; right < TILE; right += 2 * stride)
            for (int64_t n = 0; n < state; n++) {
                struct pair *const left = &tree->node[right - stride][n];
                const float before = tree->node[right][n].x;
                tree->node[right][n].x = pair_apply(*left, before);
                left->x = before;
            }
}

/* The pair of state n of channel d at time t. */
static inline struct pair step(const struct selscan_call *call, int64_t b, int64_t d, int64_t n,
                               int64_t t, float delta, float u)
{
    const struct selscan *p = &call->p;
    const int64_t bc = selscan_bc_at(p, b, selscan_group(p, d), n, t);
    const float A = ((const float *)call->tensor[SELSCAN_A])[selscan_a_at(p, d, n)];
    const float B = dtype_load(call->tensor[SELSCAN_B], (enum dtype)p->dtype, bc);
    return pair_of(decay_of(delta * A), delta * u * B);
}

static void scan_row(const struct selscan_call *call, int64_t b, int64_t d)
{
    const struct selscan *p = &call->p;
    const enum dtype dtype = (enum dtype)p->dtype;
    const int64_t row = b * p->channels + d, g = selscan_group(p, d);
    float h[STATE_MAX];
    struct tree tree;

    for (int64_t n = 0; n < p->state; n++)
        h[n] = selscan_initial(call, row, n);
    for (int64_t first = 0; first < p->length; first += TILE) {
        const int64_t rest = p->length - first, steps = rest < TILE ? rest : TILE;
        float delta[TILE], u[TILE];
        for (int64_t i = 0; i < steps; i++) {
            const int64_t t = selscan_time(p, first + i), at = selscan_at(p, b, d, t);
            delta[i] = selscan_delta(call, dtype, d, at);
            u[i] = dtype_load(call->tensor[SELSCAN_U], dtype, at);
            for (int64_t n = 0; n < p->state; n++)
                tree.node[i][n] = step(call, b, d, n, t, delta[i], u[i]);
        }
        for (int64_t i = steps; i < TILE; i++) /* beyond the length: no change */
            for (int64_t n = 0; n < p->state; n++)
                tree.node[i][n] = pair_of(decay_of(0), 0);
        sweep_up(&tree, p->state);
        sweep_down(&tree, p->state, h);
        for (int64_t i = 0; i < steps; i++) {
            const int64_t t = selscan_time(p, first + i);
            float y = 0;
            for (int64_t n = 0; n < p->state; n++) {
                const struct pair pair = step(call, b, d, n, t, delta[i], u[i]);
                y = fmaf(dtype_load(call->tensor[SELSCAN_C], dtype, selscan_bc_at(p, b, g, n, t)),
                         pair_apply(pair, tree.node[i][n].x), y);
            }
            selscan_finish(call, dtype, d, selscan_at(p, b, d, t), u[i], y);
        }
    }
    for (int64_t n = 0; n < p->state; n++)
        selscan_final(call, row, n, h[n]);
}

static int run(const void *problem, void *const tensor[], void *workspace, void *stream)
{
    const struct selscan_call call = selscan_pack(problem, tensor);
    const int64_t rows = call.p.batch * call.p.channels;
    (void)workspace, (void)stream;
#pragma omp parallel for
    for (int64_t row = 0; row < rows; row++)
        scan_row(&call, row / call.p.channels, row % call.p.channels);
    return 0;
}

VARIANT(selscan_blelloch) = {.accepts = selscan_accepts, .run = run};
