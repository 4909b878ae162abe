/* kernels/simd.h against libm in double precision, and against dtype.h bit by bit. */
#include "../kernels/simd.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdbool.h>

/* An odd stride through all 2^32 patterns: every exponent, both signs, all kinds of tails. */
enum { STRIDE = 1021, PATTERNS = 1 << 22 };

static const float SPECIALS[] = {
    0.0f,      -0.0f,      0x1p-149f,   -0x1p-149f,   0x1p-126f, -0x1p-126f, 0x1.fffffep127f,
    INFINITY,  -INFINITY,  NAN,         -0x1p-25f,    0x1p-25f,  0.34657f,   -0.34657f,
    88.72283f, 88.722839f, -103.97207f, -103.972084f, -87.3366f, 1.0f,       -1.0f,
    20.0f,     20.000002f, -17.32868f,  16.635532f,   0.5f,      89.5f,      -150.0f,
};

/* |got - wanted| in ulps of the float nearest to `wanted`; overflow counts as 2^128. */
static double ulps(float got, double wanted)
{
    if (isnan(wanted))
        return isnan(got) ? 0 : INFINITY;
    const double limit = 0x1p128, value = isinf(got) ? copysign(limit, (double)got) : (double)got;
    const double aim = fmax(-limit, fmin(wanted, limit));
    const double ulp =
        fabs(aim) < 0x1p-126 ? 0x1p-149 : ldexp(1, ilogb(fmin(fabs(aim), 0x1p127)) - 23);
    return fabs(value - aim) / ulp;
}

/* Fails where a lane is further than `limit` ulps from wanted(its argument). */
static void check_function(floats (*function)(floats), double (*wanted)(double), float low,
                           float high, double limit)
{
    double worst = 0;
    float worst_at = 0;
    const uint32_t specials = sizeof SPECIALS / sizeof *SPECIALS;
    for (uint32_t i = 0; i < PATTERNS + 2 * specials * LANES; i += LANES) {
        floats x;
        for (uint32_t lane = 0; lane < LANES; lane++) /* every special in every lane */
            x[lane] = i < PATTERNS ? bits_float((i + lane) * STRIDE)
                                   : SPECIALS[((i - PATTERNS) / LANES + lane) % specials];
        const floats y = function(x);
        for (int lane = 0; lane < LANES; lane++) {
            if (x[lane] < low || x[lane] > high)
                continue;
            const double error = ulps(y[lane], wanted((double)x[lane]));
            if (!(error <= worst)) {
                worst = error;
                worst_at = x[lane];
            }
        }
    }
    if (!(worst <= limit))
        cr_fatal("%g ulps at %a, at most %g wanted", worst, (double)worst_at, limit);
}

static double softplus(double x)
{
    return x > 700 ? x : log1p(exp(x));
}

static double silu(double x)
{
    return x / (1 + exp(-x));
}

/* The rest of a decay is expm1 where x is small, exp elsewhere; what it is added to fits. */
static floats decay_rest(floats x)
{
    floats whole;
    const floats rest = simd_decay(x, &whole);
    for (int lane = 0; lane < LANES; lane++) {
        const bool near = fabsf(x[lane]) < 0.34657f;
        if (!isnan(x[lane]) && fabsf(fabsf(x[lane]) - 0.34657f) > 1e-5f && whole[lane] != near)
            cr_fatal("whole = %g at %a", (double)whole[lane], (double)x[lane]);
    }
    return rest;
}

static double decay_wanted(double x)
{
    return fabs(x) < 0.5 * 0.69314718055994531 ? expm1(x) : exp(x);
}

Test(simd, decay)
{
    check_function(decay_rest, decay_wanted, -87, -0.34658f, 1.6);
    check_function(decay_rest, decay_wanted, -0.34656f, 0.34656f, 1.6);
    check_function(decay_rest, decay_wanted, 0.34658f, 88, 1.6);
}

Test(simd, decay_of_nan_and_beyond_its_range)
{
    floats whole;
    const floats none = simd_decay(simd_all(-INFINITY), &whole);
    const floats much = simd_decay(simd_all(INFINITY), &whole);
    const floats nan = simd_decay(simd_all(NAN), &whole);
    for (int lane = 0; lane < LANES; lane++)
        cr_assert(none[lane] >= 0 && none[lane] < 1e-37f && much[lane] > 1e38f && isnan(nan[lane]));
}

Test(simd, exp)
{
    check_function(simd_exp, exp, -INFINITY, INFINITY, 1.1);
}

Test(simd, log1p)
{
    check_function(simd_log1p, log1p, 0, 1, 2.0);
}

Test(simd, softplus)
{
    check_function(simd_softplus, softplus, -INFINITY, INFINITY, 2.9);
}

/* Below -88 the exponential overflows, as in the scalar code, where silu is almost subnormal. */
Test(simd, silu)
{
    check_function(simd_silu, silu, -88, INFINITY, 2.5);
}

Test(simd, fma_rounds_once)
{
    const floats a = simd_all(1 + 0x1p-23f), y = simd_fma(a, a, simd_all(-1 - 0x1p-22f));
    for (int lane = 0; lane < LANES; lane++)
        cr_assert(y[lane] == 0x1p-46f);
}

/* Memory of any element type. */
union elements {
    float f32[2 * LANES + 3];
    uint16_t half[4 * LANES + 6];
};

/* Loads and stores of 1 ... LANES elements at an odd place touch these alone. */
Test(simd, loads_and_stores_are_those_of_dtype)
{
    const uint32_t half_count = 4 * LANES + 6;
    for (int type = DTYPE_F32; type <= DTYPE_F16; type++)
        for (int count = 1; count <= LANES; count++)
            for (uint32_t i = 0; i < 1 << 16; i += (uint32_t)count) {
                union elements from, got, wanted;
                floats value;
                for (uint32_t j = 0; j < half_count; j++)
                    from.half[j] = (uint16_t)(i + j), got.half[j] = wanted.half[j] = 0x5a5a;
                const floats loaded = simd_load(&from, (enum dtype)type, 1, count);
                for (int lane = 0; lane < LANES; lane++) {
                    const float element = dtype_load(&from, (enum dtype)type, 1 + lane);
                    if (float_bits(loaded[lane]) != (lane < count ? float_bits(element) : 0))
                        cr_fatal("type %d, count %d, lane %d, load 0x%04x", type, count, lane, i);
                    value[lane] = bits_float((i * 65536u + (uint32_t)lane) * STRIDE);
                }
                for (int lane = 0; lane < count; lane++)
                    dtype_store(&wanted, (enum dtype)type, 1 + lane, value[lane]);
                simd_store(&got, (enum dtype)type, 1, count, value);
                if (memcmp(&got, &wanted, sizeof got))
                    cr_fatal("type %d, count %d, store %u", type, count, i);
            }
}

/* Rounding on dense patterns: the strided ones and both neighbours of every tie. */
Test(simd, rounding_is_that_of_dtype)
{
    for (uint32_t i = 0; i < PATTERNS; i += LANES)
        for (int type = DTYPE_BF16; type <= DTYPE_F16; type++)
            for (uint32_t tie = 0; tie < 4; tie++) {
                uint16_t got[LANES];
                floats value;
                for (uint32_t lane = 0; lane < LANES; lane++) {
                    const uint32_t bits = (i + lane) * STRIDE;
                    const uint32_t low = type == DTYPE_BF16 ? 0xffffu : 0x1fffu;
                    value[lane] = bits_float(tie ? (bits & ~low) + low / 2 + tie - 1 : bits);
                }
                simd_store(got, (enum dtype)type, 0, LANES, value);
                for (int lane = 0; lane < LANES; lane++) {
                    const uint16_t wanted =
                        type == DTYPE_BF16 ? float_bf16(value[lane]) : float_f16(value[lane]);
                    if (got[lane] != wanted)
                        cr_fatal("type %d: %a became 0x%04x, not 0x%04x", type, (double)value[lane],
                                 got[lane], wanted);
                }
            }
}

/* Both orientations of a tile, whole and ragged; what lies beside it stays. */
Test(simd, tiles)
{
    enum { ROWS = 2 * LANES, PITCH = ROWS + 3, SIZE = ROWS * PITCH };
    for (int transposed = 0; transposed < 2; transposed++)
        for (int lanes = 1; lanes <= LANES; lanes++)
            for (int rows = 1; rows <= ROWS; rows++) {
                float from[SIZE], to[SIZE];
                floats row[ROWS];
                for (int i = 0; i < SIZE; i++)
                    from[i] = (float)(i + 1), to[i] = 0;
                struct simd_tile tile = {from, DTYPE_F32, 2, 1, PITCH, lanes, rows};
                if (transposed) {
                    tile.lane_stride = PITCH;
                    tile.row_stride = 1;
                }
                simd_load_tile(&tile, row);
                tile.array = to;
                simd_store_tile(&tile, row);
                for (int r = 0; r < rows; r++)
                    for (int lane = 0; lane < LANES; lane++) {
                        const int64_t at = 2 + lane * tile.lane_stride + r * tile.row_stride;
                        cr_assert(row[r][lane] == (lane < lanes ? from[at] : 0));
                        if (lane < lanes) {
                            cr_assert(to[at] == from[at]);
                            to[at] = 0;
                        }
                    }
                for (int i = 0; i < SIZE; i++)
                    cr_assert(to[i] == 0);
            }
}
