/* selscan/blelloch: a block scans the time of one channel by a tree in shared memory.
 *
 * Computes   out and final of reference/selscan.h, in fp32.
 * Accepts    state <= 256; every option.
 * Layout     block = one (batch, channel) row, 256 threads; a tile of 512 steps, two a thread. The
 *            trees of 4 states stand in shared memory side by side (trees.cuh).
 * Algorithm  for each tile and 4 states: an up-sweep joins pairs to the pair of the whole tile; a
 *            down-sweep hands each node the state that it starts from, beginning with the one that
 *            the tile before left: so only the increments move down. Steps beyond the length are
 *            pairs that change nothing, so any length will do. 18 barriers a tile and 4 states.
 * Cost       bytes: selscan's, plus B and C again for every further channel of a group. 2 joins a
 *            step, whatever the tile: work-efficient.
 *            Parallelism: batch*channels blocks.
 * Error      f32 1e-6 at worst.
 * Source     Blelloch, Prefix sums and their applications, CMU-CS-90-190, section 1.2; padding as
 * in Harris, Sengupta, Owens, GPU Gems 3, chapter 39.
 */
#include "trees.cuh"

enum { ITEMS = LEAVES / TREE_THREADS, TREES = 4 };

template <bool SCALAR>
static __global__ void scan(const struct selscan_call call)
{
    SHARED(struct tree, trees, [TREES]);
    SHARED(float, carry, [STATE_MAX]);
    const struct selscan *p = &call.p;
    const enum dtype dtype = (enum dtype)p->dtype;
    const int64_t row = blockIdx.x, b = row / p->channels, d = row % p->channels;
    const int64_t group = selscan_group(p, d);
    const float *A = (const float *)call.tensor[SELSCAN_A];

    /* A whole number of trees; those without a state stay zero. */
    for (int n = (int)threadIdx.x; n < STATE_MAX; n += TREE_THREADS)
        carry[n] = n < p->state ? selscan_initial(&call, row, n) : 0.0f;
    for (int64_t first = 0; first < p->length; first += LEAVES) {
        struct decay scalar[ITEMS];
        float delta[ITEMS], x[ITEMS], y[ITEMS];
        int64_t at[ITEMS], t[ITEMS];
        bool inside[ITEMS];
        for (int i = 0; i < ITEMS; i++) {
            const int64_t step = first + threadIdx.x + i * TREE_THREADS;
            inside[i] = step < p->length;
            t[i] = selscan_time(p, step);
            at[i] = selscan_at(p, b, d, t[i]);
            delta[i] = inside[i] ? selscan_delta(&call, dtype, d, at[i]) : 0.0f;
            x[i] = inside[i] ? delta[i] * dtype_load(call.tensor[SELSCAN_U], dtype, at[i]) : 0.0f;
            scalar[i] = decay_of(SCALAR ? delta[i] * A[d] : 0.0f);
            y[i] = 0;
        }
        for (int n = 0; n < p->state; n += TREES) {
            struct pair step[TREES][ITEMS];
            for (int k = 0; k < TREES; k++)
                for (int i = 0; i < ITEMS; i++) {
                    const bool real = inside[i] && n + k < p->state;
                    const int64_t bc = selscan_bc_at(p, b, group, n + k, t[i]);
                    const float a = real && !SCALAR ? A[d * p->state + n + k] : 0.0f;
                    const float B = real ? dtype_load(call.tensor[SELSCAN_B], dtype, bc) : 0.0f;
                    step[k][i] = pair_of(SCALAR ? scalar[i] : decay_of(delta[i] * a), x[i] * B);
                    put(&trees[k], (int)threadIdx.x + i * TREE_THREADS, step[k][i]);
                }
            sweep_up<TREES>(trees);
            sweep_down<TREES>(trees, carry + n);
            for (int k = 0; k < TREES; k++)
                for (int i = 0; i < ITEMS; i++) {
                    const bool real = inside[i] && n + k < p->state;
                    const int64_t bc = selscan_bc_at(p, b, group, n + k, t[i]);
                    const float C = real ? dtype_load(call.tensor[SELSCAN_C], dtype, bc) : 0.0f;
                    const float before = trees[k].x[word((int)threadIdx.x + i * TREE_THREADS)];
                    y[i] = fmaf(C, pair_apply(step[k][i], before), y[i]);
                }
        }
        for (int i = 0; i < ITEMS; i++)
            if (inside[i]) {
                const float u = p->skip ? dtype_load(call.tensor[SELSCAN_U], dtype, at[i]) : 0;
                selscan_finish(&call, dtype, d, at[i], u, y[i]);
            }
    }
    for (int n = (int)threadIdx.x; n < p->state; n += TREE_THREADS)
        selscan_final(&call, row, n, carry[n]);
}

static int run(const void *problem, void *const tensor[], void *, void *stream)
{
    const struct selscan_call call = selscan_pack(problem, tensor);
    const int64_t rows = call.p.batch * call.p.channels;
    return call.p.a == A_SCALAR ? launch(scan<true>, rows, TREE_THREADS, 0, stream, call)
                                : launch(scan<false>, rows, TREE_THREADS, 0, stream, call);
}

VARIANT(selscan_blelloch) = {.accepts = selscan_accepts, .run = run};
