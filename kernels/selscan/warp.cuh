/* Kogge-Stone over the pairs of a warp (pair.h), lane by lane; from the last lane to the first when
 * BACK. */
#ifndef SSMBENCH_SELSCAN_WARP_CUH
#define SSMBENCH_SELSCAN_WARP_CUH

#include "../device/launch.cuh"
#include "pair.h"

enum { WARP = 32 };

/* The pair of the lane that is `distance` earlier. */
template <bool BACK>
static inline __device__ struct pair warp_earlier(struct pair pair, int distance)
{
    struct pair earlier;
    earlier.a = BACK ? __shfl_down_sync(0xffffffffu, pair.a, distance)
                     : __shfl_up_sync(0xffffffffu, pair.a, distance);
    earlier.x = BACK ? __shfl_down_sync(0xffffffffu, pair.x, distance)
                     : __shfl_up_sync(0xffffffffu, pair.x, distance);
    return earlier;
}

/* The pairs of all lanes up to this one, joined. */
template <bool BACK>
static inline __device__ struct pair warp_scan(struct pair pair)
{
    const int lane = (int)threadIdx.x % WARP, rank = BACK ? WARP - 1 - lane : lane;
#pragma unroll
    for (int distance = 1; distance < WARP; distance *= 2) {
        const struct pair earlier = warp_earlier<BACK>(pair, distance);
        if (rank >= distance)
            pair = pair_join(earlier, pair);
    }
    return pair;
}

#endif
