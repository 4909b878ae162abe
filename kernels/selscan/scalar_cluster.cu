/* selscan/scalar_cluster: one decay a channel: products of matrices, and time is cut among blocks
 * that reach each other's memory.
 *
 * Computes   out and final of reference/selscan.h, in fp32, with tensor cores.
 * Accepts    a = scalar, state <= 64; every other option.
 * Layout     block = 64 steps of 32 channels of one batch and group; each of its eight warps has 16
 *            steps of 16 channels, as they lie in scalar_mma.cuh. cluster = up to 16 blocks, one
 *            behind another in time, which walk together where the sequence is longer.
 * Algorithm  as selscan/scalar_mma within 16 steps, all of them at once, from states of zero. Each
 *            block of a cluster is the owner of a share of the states: it gets what every block
 *            reaches of them, goes through these in the order of time, h = decay of the block * h +
 *            what it reaches from zero, and gives every block what it begins with. Each adds
 *            (decays up to t)*<C[t], h of the warp> to each y[t]. The order is fixed: the same
 *            bits every run. A GPU without clusters has clusters of one.
 * Cost       bytes: B and C again for every further 32 channels; no state goes to global memory.
 *            Instructions: those of scalar_mma, and G for every 32 channels. A cluster waits for
 *            itself three times each 64 steps of its blocks; one launch.
 * Error      as selscan/scalar_mma.
 * Source     Dao and Gu, Transformers are SSMs, arXiv 2405.21060, section 6; the owners are ours.
 */
#include "scalar_chunk.cuh"

#include "../device/cluster.cuh"

enum {
    SHARES = 2 * FOURS - 2, /* fours that a block gets: of n blocks n*ceil(FOURS/n) */
    ALIKE = EIGHTS / EACH   /* warps that join states of the same channels */
};
static_assert((int)CLUSTER_MAX <= (int)SHARES, "one share of each block");

template <typename Shared>
struct cluster_shared {
    float4 begins[FOURS][32]; /* what the block begins with; once that is used, of the fours that it
                               * owns what the next turn begins with */
    struct decay decay[CLUSTER_MAX][BLOCK_WIDTH]; /* of each block's steps */
    struct chunk_shared<Shared> chunk;
};

/* What all blocks reach of the fours that this one owns, where B was: the one from block `rank` of
 * the warp's `turn`-th. */
template <typename Shared>
static inline __device__ float4 *share_at(struct cluster_shared<Shared> *shared, int turn,
                                          unsigned rank)
{
    static_assert(sizeof(Shared::B) >= SHARES * 32 * sizeof(float4), "the shares fit");
    const unsigned share = (unsigned)turn * cluster_size() + rank;
    return (float4 *)shared->chunk.blocks.B + share * 32 + lane_of();
}

/* Tells the owners what the block's steps reach, and all blocks their decays. */
template <typename Shared>
static inline __device__ void tell(struct cluster_shared<Shared> *shared)
{
    const int first = warp_of() * EACH, channel = lane_channel(first / EIGHTS);
    const unsigned blocks = cluster_size(), rank = cluster_rank();
    float reached[EACH][4] = {};
    struct decay decay[2];
    cluster_arrive(); /* all warps of the block are done with B */
    fold(&shared->chunk, first, reached, decay);
    cluster_wait(); /* those of all blocks */
#pragma unroll
    for (int i = 0; i < EACH; i++) {
        const unsigned turn = (unsigned)(first + i) / blocks;
        *cluster_at(share_at(shared, (int)turn, rank), (unsigned)(first + i) - turn * blocks) =
            pack(reached[i]);
    }
    if (lane_quad() == 0) /* cost only: all four have the same */
        for (unsigned to = (unsigned)warp_of() % ALIKE; to < blocks; to += ALIKE)
            *cluster_at((float4 *)&shared->decay[rank][channel], to) =
                make_float4(decay[0].whole, decay[0].rest, decay[1].whole, decay[1].rest);
    cluster_arrive();
    cluster_wait(); /* all shares and decays are there */
}

/* Calls run(i, four) for each four of states that the warp has of those that the block owns. */
template <typename Run>
static inline __device__ void each_owned(Run run)
{
#pragma unroll
    for (int i = 0; i < EACH; i++) {
        const int four = (int)(cluster_rank() + cluster_size() * (unsigned)(warp_of() + i * WARPS));
        if (four < FOURS)
            run(i, four);
    }
}

/* Takes the states that the block owns through all blocks' steps, and tells each what it begins
 * with. */
template <typename Shared>
static inline __device__ void pass_on(struct cluster_shared<Shared> *shared, float owns[EACH][4])
{
    each_owned([&](int i, int four) {
        const int channel = lane_channel(four / EIGHTS);
        unpack(owns[i], shared->begins[four][lane_of()]);
#pragma unroll 4
        for (unsigned block = 0; block < cluster_size(); block++) {
            *cluster_at(&shared->begins[four][lane_of()], block) = pack(owns[i]);
            go_on(owns[i], &shared->decay[block][channel],
                  *share_at(shared, warp_of() + i * WARPS, block));
        }
    });
    cluster_arrive();
    cluster_wait(); /* what each block begins with is there */
}

template <typename Shared>
static __global__ void __launch_bounds__(THREADS, RESIDENT)
    scan(const struct selscan_call call, const struct strides s, const struct tiling tiling)
{
    DYNAMIC_SHARED(struct cluster_shared<Shared>, shared);
    const struct selscan *p = &call.p;
    const struct chunk_place place = place_of(p, &tiling, blockIdx.x / cluster_size());
    const struct warp_rows *const r = &place.r;
    const int64_t begin = selscan_at(p, r->b, r->channel, selscan_time(p, 0));
    each_owned([&](int, int four) {
        float h[4] = {};
        if (call.tensor[SELSCAN_INITIAL])
            each_state(p, &place.all, four / EIGHTS, four % EIGHTS, h,
                       (float *)call.tensor[SELSCAN_INITIAL],
                       [](float *state, const float *from) { *state = *from; });
        shared->begins[four][lane_of()] = pack(h);
    });
    for (unsigned chunk = cluster_rank();; chunk += cluster_size()) {
        const int64_t first = (int64_t)chunk * SPAN, own = first + turn_of() * STEPS;
        const int64_t at = begin + own * s.step;
        const int left = left_at(p, own);
        float y[TILES][2][4] = {}, reach[TILES][2][4], h[EACH][4], owns[EACH][4];
        walk_chunk(&call, &s, &place, first, at, left, &shared->chunk, y, reach);
        tell(shared);
        pass_on(shared, owns);
#pragma unroll
        for (int i = 0; i < EACH; i++)
            unpack(h[i], shared->begins[warp_of() * EACH + i][lane_of()]);
        spread(&shared->chunk, warp_of() * EACH, h);
        __syncthreads(); /* what all warps begin with is there */
        each_owned([&](int i, int four) { shared->begins[four][lane_of()] = pack(owns[i]); });
        give_all(&call, &s, r, at, left, &shared->chunk, y, reach);
        if (first + (int64_t)(cluster_size() - cluster_rank()) * SPAN >= p->length)
            break;
        __syncthreads(); /* all that was read is done with */
    }
    if (call.tensor[SELSCAN_FINAL])
        each_owned([&](int, int four) {
            float h[4];
            unpack(h, shared->begins[four][lane_of()]);
            each_state(p, &place.all, four / EIGHTS, four % EIGHTS, h,
                       (float *)call.tensor[SELSCAN_FINAL],
                       [](const float *state, float *to) { *to = *state; });
        });
}

/* Blocks of a cluster, for so many chunks: no more than there are, and as few as are needed for the
 * least number of turns. */
static inline int cluster_for(int64_t chunks, int most)
{
    return (int)blocks_for(chunks, blocks_for(chunks, most));
}

template <typename Shared>
static int run_scan(const Shared *, const struct selscan_call &call, void *stream)
{
    const struct selscan *p = &call.p;
    const struct tiling tiling = tiling_of(p);
    const size_t bytes = shared_bytes<struct cluster_shared<Shared>, Shared>(p);
    const int64_t chunks = blocks_for(p->length, SPAN);
    const int most = chunks < CLUSTER_MAX ? (int)chunks : (int)CLUSTER_MAX;
    const int cluster = cluster_for(chunks, cluster_fits(scan<Shared>, most, THREADS, bytes));
    return launch_cluster((scan<Shared>), cluster, p->batch * p->groups * tiling.tiles * cluster,
                          THREADS, bytes, stream, call, strides_of(p), tiling);
}

static const char *accepts(const void *problem)
{
    return scalar_mma_accepts((const struct selscan *)problem);
}

static int run(const void *problem, void *const tensor[], void *, void *stream)
{
    const struct selscan_call call = selscan_pack(problem, tensor);
    return with_shared(call, [&](auto *of) { return run_scan(of, call, stream); });
}

VARIANT(selscan_scalar_cluster) = {.accepts = accepts, .run = run};
