/* Blelloch's scan over the pairs of a block (pair.h): trees that stand in shared memory side by
 * side. Leaf i is word i + i/32, so that the powers of two by which the sweeps stride fall into
 * different banks. */
#ifndef SSMBENCH_SELSCAN_TREES_CUH
#define SSMBENCH_SELSCAN_TREES_CUH

#include "../device/launch.cuh"
#include "pair.h"

enum { TREE_THREADS = 256, LEAVES = 2 * TREE_THREADS, PADDED = LEAVES + LEAVES / 32 };

struct tree {
    float a[PADDED], x[PADDED];
};

static inline __device__ int word(int i)
{
    return i + i / 32;
}

static inline __device__ struct pair get(const struct tree *tree, int i)
{
    const struct pair pair = {tree->a[word(i)], tree->x[word(i)]};
    return pair;
}

static inline __device__ void put(struct tree *tree, int i, struct pair pair)
{
    tree->a[word(i)] = pair.a;
    tree->x[word(i)] = pair.x;
}

/* Joins the pairs of each tree upwards; the root, of all steps, ends at i = LEAVES - 1. */
template <int TREES>
static inline __device__ void sweep_up(struct tree *trees)
{
    for (int stride = 1; stride < LEAVES; stride *= 2) {
        const int right = ((int)threadIdx.x + 1) * stride * 2 - 1, left = right - stride;
        __syncthreads(); /* the level below is whole */
        if (right < LEAVES)
            for (int k = 0; k < TREES; k++)
                put(&trees[k], right, pair_join(get(&trees[k], left), get(&trees[k], right)));
    }
}

/* Replaces the root of tree k by the state `carry[k]` before the tile, then hands states down: to
 * the left half that of the node, to the right half what the left pair makes of it. */
template <int TREES>
static inline __device__ void sweep_down(struct tree *trees, float *carry)
{
    const int k = (int)threadIdx.x;
    __syncthreads(); /* the roots are whole */
    if (k < TREES) {
        const float before = carry[k];
        carry[k] = pair_apply(get(&trees[k], LEAVES - 1), before);
        trees[k].x[word(LEAVES - 1)] = before;
    }
    for (int stride = LEAVES / 2; stride > 0; stride /= 2) {
        const int right = ((int)threadIdx.x + 1) * stride * 2 - 1, left = right - stride;
        __syncthreads(); /* the level above is whole */
        if (right < LEAVES)
            for (int i = 0; i < TREES; i++) {
                const float h = trees[i].x[word(right)];
                trees[i].x[word(right)] = pair_apply(get(&trees[i], left), h);
                trees[i].x[word(left)] = h;
            }
    }
    __syncthreads(); /* the states before all steps are there */
}

#endif
