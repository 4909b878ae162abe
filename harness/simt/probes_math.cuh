/* Probes of functions of one thread: approximate functions, and conversions. Every sign and
 * exponent is met, and every pattern of 16 bits. */
#ifndef SSMBENCH_PROBES_MATH_CUH
#define SSMBENCH_PROBES_MATH_CUH

#include "../../kernels/device/math.cuh"
#include "../../kernels/device/mma.cuh"
#include "probe.cuh"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

enum {
    PATTERNS = 65536,
    PATTERN_THREADS = 256,
    PATTERN_BLOCKS = PATTERNS / PATTERN_THREADS,
    NEAR = 5 /* floats around each pattern of 16 bits */
};

/* Random low halves; one in four such that rounding to tf32 meets a tie, or just none. */
static inline void fill_floats(uint32_t *in)
{
    for (uint32_t i = 0; i < PATTERNS; i++)
        in[i] = i << 16 | (scrambled(i) & 0xffff);
    for (uint32_t i = 0; i < PATTERNS; i += 4)
        in[i] = (in[i] & ~0x1fffu) + 0xfffu + scrambled(i) % 3;
}

static __global__ void probe_ex2(const uint32_t *in, uint32_t *out)
{
    out[thread_index()] = float_bits(ex2(bits_float(in[thread_index()])));
}
static __global__ void probe_rcp(const uint32_t *in, uint32_t *out)
{
    out[thread_index()] = float_bits(rcp(bits_float(in[thread_index()])));
}
static __global__ void probe_lg2(const uint32_t *in, uint32_t *out)
{
    out[thread_index()] = float_bits(lg2(bits_float(in[thread_index()])));
}
static __global__ void probe_float_tf32(const uint32_t *in, uint32_t *out)
{
    out[thread_index()] = float_tf32(bits_float(in[thread_index()]));
}

/* Zero of the same sign instead of a number below 2^-126. */
static inline double normal(double value)
{
    return fabs(value) < 0x1p-126 ? copysign(0, value) : value;
}

static inline double ulp(float value)
{
    return isfinite(value) && value != 0 ? ldexp(1, ilogb(value) - 23) : 0;
}

static inline void expect_ex2(const uint32_t *in, uint32_t *want, double *allowed)
{
    for (int i = 0; i < PATTERNS; i++) {
        const float y = (float)normal(exp2(normal(bits_float(in[i]))));
        want[i] = float_bits(y);
        allowed[i] = 2 * ulp(y);
    }
}

static inline void expect_rcp(const uint32_t *in, uint32_t *want, double *allowed)
{
    for (int i = 0; i < PATTERNS; i++) {
        const float y = (float)normal(1 / normal(bits_float(in[i])));
        want[i] = float_bits(y);
        allowed[i] = ulp(y);
    }
}

/* The error of `want` itself, half an ulp, comes on top of what the instruction has. */
static inline void expect_lg2(const uint32_t *in, uint32_t *want, double *allowed)
{
    for (int i = 0; i < PATTERNS; i++) {
        const double x = normal(bits_float(in[i])), y = log2(x);
        want[i] = float_bits((float)y);
        allowed[i] = isfinite(y) ? 0x1p-22 * (x > 0.5 && x < 2 ? 1 : fabs(y)) + ulp((float)y) : 0;
    }
}

/* Of the two neighbours with 10 bits of mantissa the nearer, or the one further from zero. */
static inline void expect_float_tf32(const uint32_t *in, uint32_t *want, double *)
{
    for (int i = 0; i < PATTERNS; i++) {
        const uint32_t lower = in[i] & ~0x1fffu, upper = lower + 0x2000u;
        const double x = bits_float(in[i]), low = bits_float(lower);
        const double high =
            is_nan(upper) || isinf(bits_float(upper)) ? copysign(0x1p128, x) : bits_float(upper);
        want[i] = is_nan(in[i]) || isinf(x)        ? in[i]
                  : fabs(x - low) < fabs(high - x) ? lower
                                                   : upper;
    }
}

/* Patterns of 16 bits as words in which there is but one NaN: CUDA's has other bits. */
static inline HOST_DEVICE
uint32_t with_one_nan(uint16_t bits, uint16_t infinity)
{
    return (bits & 0x7fff) > infinity ? 0x7fffu : bits;
}

static inline void fill_nothing(uint32_t *)
{
}

static __global__ void probe_half_float(const uint32_t *, uint32_t *out)
{
    const unsigned short bits = (unsigned short)thread_index();
    out[bits] = float_bits(__half2float(__ushort_as_half(bits)));
}
static __global__ void probe_bfloat16_float(const uint32_t *, uint32_t *out)
{
    const unsigned short bits = (unsigned short)thread_index();
    out[bits] = float_bits(__bfloat162float(__ushort_as_bfloat16(bits)));
}
static inline void expect_half_float(const uint32_t *, uint32_t *want, double *)
{
    for (int i = 0; i < PATTERNS; i++)
        want[i] = float_bits(f16_float((uint16_t)i));
}
static inline void expect_bfloat16_float(const uint32_t *, uint32_t *want, double *)
{
    for (int i = 0; i < PATTERNS; i++)
        want[i] = float_bits(bf16_float((uint16_t)i));
}

/* Each number of 16 bits, the middle between it and the next, what is just below and above that,
 * and some float. */
static inline void fill_near(uint32_t *in, float (*widened)(uint16_t), uint16_t infinity, float end)
{
    for (int i = 0; i < PATTERNS; i++, in += NEAR) {
        const float value = widened((uint16_t)i);
        const bool last = (i & 0x7fff) == infinity - 1;
        const double next =
            last ? copysign((double)end, value) : (double)widened((uint16_t)(i + 1));
        const uint32_t middle = float_bits((float)((value + next) / 2));
        in[0] = float_bits(value);
        in[1] = middle;
        in[2] = middle - 1;
        in[3] = middle + 1;
        in[4] = scrambled((uint32_t)i);
    }
}
static inline void fill_near_half(uint32_t *in)
{
    fill_near(in, f16_float, 0x7c00, 0x1p16f);
}
static inline void fill_near_bfloat16(uint32_t *in)
{
    fill_near(in, bf16_float, 0x7f80, INFINITY);
    in[5 * 0x7f7f + 1] = 0x7f7f8000u; /* the middle to 2^128 */
    in[5 * 0x7f7f + 2] = 0x7f7f7fffu;
    in[5 * 0x7f7f + 3] = 0x7f7f8001u;
}

static __global__ void probe_float_half(const uint32_t *in, uint32_t *out)
{
    const int64_t i = thread_index();
    const unsigned short bits = __half_as_ushort(__float2half_rn(bits_float(in[i])));
    const unsigned short same = __half_as_ushort(__float2half(bits_float(in[i])));
    out[i] = bits == same ? with_one_nan(bits, 0x7c00) : 0xffffffffu;
}
static __global__ void probe_float_bfloat16(const uint32_t *in, uint32_t *out)
{
    const int64_t i = thread_index();
    const unsigned short bits = __bfloat16_as_ushort(__float2bfloat16_rn(bits_float(in[i])));
    const unsigned short same = __bfloat16_as_ushort(__float2bfloat16(bits_float(in[i])));
    out[i] = bits == same ? with_one_nan(bits, 0x7f80) : 0xffffffffu;
}
static inline void expect_float_half(const uint32_t *in, uint32_t *want, double *)
{
    for (int i = 0; i < PATTERNS * NEAR; i++)
        want[i] = with_one_nan(float_f16(bits_float(in[i])), 0x7c00);
}
static inline void expect_float_bfloat16(const uint32_t *in, uint32_t *want, double *)
{
    for (int i = 0; i < PATTERNS * NEAR; i++)
        want[i] = with_one_nan(float_bf16(bits_float(in[i])), 0x7f80);
}

/* The ways to make a pair and to take it apart: which element is first. */
enum { PAIR_THREADS = 32, PAIR_OUTPUTS = 9 };

static inline void fill_pairs(uint32_t *in)
{
    for (uint32_t i = 0; i < 2 * PAIR_THREADS; i++)
        in[i] = scrambled_float(i) & ~0xffffu; /* exact in both types */
}
static __global__ void probe_half_pairs(const uint32_t *in, uint32_t *out)
{
    const float x = bits_float(in[2 * threadIdx.x]), y = bits_float(in[2 * threadIdx.x + 1]);
    const float2 wide = __half22float2(__floats2half2_rn(x, y));
    const __half2 pair = __float22half2_rn(make_float2(x, y));
    const __half2 again = __halves2half2(__low2half(pair), __high2half(pair));
    const float result[PAIR_OUTPUTS] = {
        wide.x,
        wide.y,
        __low2float(again),
        __high2float(again),
        __half2float(pair.x),
        __half2float(pair.y),
        __low2float(__float2half2_rn(x)),
        __high2float(__float2half2_rn(x)),
        __high2float(__half2half2(__float2half_rn(y))),
    };
    for (int i = 0; i < PAIR_OUTPUTS; i++)
        out[PAIR_OUTPUTS * threadIdx.x + i] = float_bits(result[i]);
}
static __global__ void probe_bfloat16_pairs(const uint32_t *in, uint32_t *out)
{
    const float x = bits_float(in[2 * threadIdx.x]), y = bits_float(in[2 * threadIdx.x + 1]);
    const float2 wide = __bfloat1622float2(__floats2bfloat162_rn(x, y));
    const __nv_bfloat162 pair = __float22bfloat162_rn(make_float2(x, y));
    const __nv_bfloat162 again = __halves2bfloat162(__low2bfloat16(pair), __high2bfloat16(pair));
    const float result[PAIR_OUTPUTS] = {
        wide.x,
        wide.y,
        __low2float(again),
        __high2float(again),
        __bfloat162float(pair.x),
        __bfloat162float(pair.y),
        __low2float(__float2bfloat162_rn(x)),
        __high2float(__float2bfloat162_rn(x)),
        __high2float(__bfloat162bfloat162(__float2bfloat16_rn(y))),
    };
    for (int i = 0; i < PAIR_OUTPUTS; i++)
        out[PAIR_OUTPUTS * threadIdx.x + i] = float_bits(result[i]);
}
static inline void expect_pairs(const uint32_t *in, uint32_t *want, double *)
{
    static const int which[PAIR_OUTPUTS] = {0, 1, 0, 1, 0, 1, 0, 0, 1};
    for (int t = 0; t < PAIR_THREADS; t++)
        for (int i = 0; i < PAIR_OUTPUTS; i++)
            want[PAIR_OUTPUTS * t + i] = in[2 * t + which[i]];
}

#endif
