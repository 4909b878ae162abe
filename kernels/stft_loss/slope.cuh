/* What stft_loss/batched does with a bin: from numbers of two transforms to two bins of each
 * signal, to the slope, and to numbers of the transform back.
 */
#ifndef SSMBENCH_STFT_LOSS_SLOPE_CUH
#define SSMBENCH_STFT_LOSS_SLOPE_CUH

#include "fft.cuh"
#include "sums.cuh"

/* The slope of a bin of E, and its difference. */
struct slope {
    float2 e;
    float difference;
};

static inline __device__ struct slope slope_of(float2 e, float2 t, struct stft_doubt doubt,
                                               bool *doubtful)
{
    const float e_square = e.x * e.x + e.y * e.y, t_square = t.x * t.x + t.y * t.y;
    const float inverse = e_square > 0 ? rsqrtf(e_square) : 0.0f; /* cost only: as of size */
    const float size = e_square * inverse; /* cost only: at 0 every bin is computed again */
    const float difference = size - (t_square > 0 ? t_square * rsqrtf(t_square) : 0.0f);
    const float slope = stft_sign(difference) * inverse;
    *doubtful = stft_in_doubt(size, difference, doubt);
    return {make_float2(slope * e.x, slope * e.y), fabsf(difference)};
}

/* Computes bin k again for the lanes whose bin is in doubt. All lanes of the warp come. Where the
 * frames at e and t are the same, so are these sums, to the last bit. */
static inline __device__ void settle(const float *e, const float *t, int n, int k, bool doubtful,
                                     struct slope *slope)
{
    for (unsigned left = __ballot_sync(ALL_LANES, doubtful); left; left &= left - 1) {
        const int lane = __ffs((int)left) - 1;
        const float *const es = (const float *)__shfl_sync(ALL_LANES, (uint64_t)e, lane);
        const float *const ts = (const float *)__shfl_sync(ALL_LANES, (uint64_t)t, lane);
        const struct stft_bin bin = stft_warp_bin(es, ts, n, __shfl_sync(ALL_LANES, k, lane));
        const float factor = stft_slope(bin.size, bin.difference);
        if ((int)threadIdx.x % 32 == lane)
            *slope = {make_float2(factor * bin.e[0], factor * bin.e[1]), fabsf(bin.difference)};
    }
}

/* Bins k and M-k of a real signal's transform, from numbers k and M-k of its pairs' transform. */
static inline __device__ void split(float2 low, float2 high, float2 unit, float2 *k, float2 *rest)
{
    const float2 sum = make_float2(0.5f * (low.x + high.x), 0.5f * (low.y - high.y));
    const float2 less = make_float2(0.5f * (low.x - high.x), 0.5f * (low.y + high.y));
    const float2 turned = fft_turned(less * unit);
    *k = sum + turned;
    *rest = make_float2(sum.x - turned.x, turned.y - sum.y);
}

/* And back: numbers k and M-k, of which the transform back makes pairs of samples, for k = 0 twice
 * what it should be; real and imaginary parts are exchanged. */
static inline __device__ void join(float2 k, float2 rest, float2 unit, float2 *low, float2 *high)
{
    const float2 sum = make_float2(0.5f * (k.x + rest.x), 0.5f * (k.y - rest.y));
    const float2 less = make_float2(0.5f * (k.x - rest.x), 0.5f * (k.y + rest.y));
    const float2 turned = less * make_float2(unit.y, unit.x); /* i * conj(unit) * less */
    *low = make_float2(sum.y + turned.y, sum.x + turned.x);
    *high = make_float2(turned.y - sum.y, sum.x - turned.x);
}

#endif
