/* kernels/dtype.h against the compiler's own _Float16, and against patterns worked out by hand. */
#include "../kernels/dtype.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdbool.h>

__extension__ typedef _Float16 float16;

static uint16_t f16_bits(float16 value)
{
    uint16_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float16 bits_f16(uint16_t bits)
{
    float16 value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static bool is_nan_f16(uint16_t bits)
{
    return (bits & 0x7fff) > 0x7c00;
}

/* Fails unless float_f16() rounds this float as the compiler does; a NaN has to stay a NaN of its
 * sign. */
static void assert_rounds(uint32_t bits)
{
    const float value = bits_float(bits);
    const uint16_t got = float_f16(value), wanted = f16_bits((float16)value);
    const bool same = isnan(value) ? is_nan_f16(got) && got >> 15 == bits >> 31 : got == wanted;
    if (!same)
        cr_fatal("float 0x%08x (%a) became f16 0x%04x, expected 0x%04x", bits, (double)value, got,
                 wanted);
}

Test(dtype, every_f16_to_float)
{
    for (uint32_t i = 0; i < 65536; i++) {
        const float got = f16_float((uint16_t)i), wanted = (float)bits_f16((uint16_t)i);
        const bool same = is_nan_f16((uint16_t)i) ? isnan(got) && float_bits(got) >> 31 == i >> 15
                                                  : float_bits(got) == float_bits(wanted);
        if (!same)
            cr_fatal("f16 0x%04x became %a, expected %a", i, (double)got, (double)wanted);
    }
}

/* An odd stride through all 2^32 patterns: every exponent, both signs, all kinds of tails. */
Test(dtype, float_to_f16_on_strided_patterns)
{
    for (uint32_t i = 0; i < 1u << 22; i++)
        assert_rounds(i * 1021u);
}

/* Between any two neighbouring f16 numbers: the tie, and one float to either side of it. */
Test(dtype, float_to_f16_on_every_tie)
{
    for (uint16_t i = 0; i < 0x7bff; i++) {
        const float low = (float)bits_f16(i), high = (float)bits_f16((uint16_t)(i + 1));
        const uint32_t tie = float_bits(0.5f * (low + high));
        for (uint32_t bits = tie - 1; bits <= tie + 1; bits++) {
            assert_rounds(bits);
            assert_rounds(bits | 0x80000000u);
        }
    }
}

Test(dtype, float_to_f16_at_the_edges)
{
    static const struct {
        float value;
        uint16_t f16;
    } edges[] = {
        {0.0f, 0x0000},         {-0.0f, 0x8000},           {1.0f, 0x3c00},
        {-2.0f, 0xc000},        {65504.0f, 0x7bff},        {65519.99f, 0x7bff},
        {65520.0f, 0x7c00},     {-65520.0f, 0xfc00},       {3e38f, 0x7c00},
        {INFINITY, 0x7c00},     {-INFINITY, 0xfc00},       {0x1p-14f, 0x0400},
        {0x1.ff8p-15f, 0x03ff}, {0x1.ffcp-15f, 0x0400},    {0x1p-24f, 0x0001},
        {0x1p-25f, 0x0000},     {-0x1p-25f, 0x8000},       {0x1.000002p-25f, 0x0001},
        {0x1.8p-24f, 0x0002},   {0x1.7ffffep-24f, 0x0001}, {0x1p-149f, 0x0000},
        {0x1.002p0f, 0x3c00},   {0x1.006p0f, 0x3c02},      {0x1.002002p0f, 0x3c01},
    };
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++)
        cr_assert(eq(u16, float_f16(edges[i].value), edges[i].f16), "%a", (double)edges[i].value);
}

Test(dtype, every_f16_survives_a_round_trip)
{
    for (uint32_t i = 0; i < 65536; i++)
        if (!is_nan_f16((uint16_t)i) && float_f16(f16_float((uint16_t)i)) != i)
            cr_fatal("f16 0x%04x came back as 0x%04x", i, float_f16(f16_float((uint16_t)i)));
}

Test(dtype, every_bf16_survives_a_round_trip)
{
    for (uint32_t i = 0; i < 65536; i++) {
        const float value = bf16_float((uint16_t)i);
        if (float_bits(value) != i << 16)
            cr_fatal("bf16 0x%04x became float 0x%08x", i, float_bits(value));
        if (!isnan(value) && float_bf16(value) != i)
            cr_fatal("bf16 0x%04x came back as 0x%04x", i, float_bf16(value));
    }
}

Test(dtype, float_to_bf16_is_to_nearest_ties_to_even)
{
    static const uint32_t patterns[][2] = {
        {0x3f800000, 0x3f80}, /* 1 */
        {0x3f807fff, 0x3f80}, /* below the tie */
        {0x3f808000, 0x3f80}, /* tie, 0x3f80 is even */
        {0x3f808001, 0x3f81}, /* above the tie */
        {0x3f818000, 0x3f82}, /* tie, 0x3f81 is odd */
        {0xbf818000, 0xbf82}, /* the same, negative */
        {0x3fff8000, 0x4000}, /* tie that carries into the exponent */
        {0x7f7f7fff, 0x7f7f}, /* the largest float that stays finite */
        {0x7f7f8000, 0x7f80}, /* and the next one, which does not */
        {0xff7fffff, 0xff80}, /* -FLT_MAX */
        {0x7f800000, 0x7f80}, /* infinity */
        {0x00008000, 0x0000}, /* subnormal tie */
        {0x00018000, 0x0002}, /* subnormal tie, odd */
        {0x007fffff, 0x0080}, /* largest subnormal, to the smallest normal */
        {0x80000001, 0x8000}, /* to -0 */
    };
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        cr_assert(eq(u16, float_bf16(bits_float(patterns[i][0])), (uint16_t)patterns[i][1]),
                  "float 0x%08x", patterns[i][0]);
}

Test(dtype, nan_stays_nan)
{
    static const uint32_t nans[] = {0x7fc00000, 0xffc00000, 0x7f800001, 0xff800001,
                                    0x7fffffff, 0xffffffff, 0x7f808000};
    for (size_t i = 0; i < sizeof nans / sizeof *nans; i++) {
        const uint16_t bf16 = float_bf16(bits_float(nans[i]));
        cr_assert(gt(int, bf16 & 0x7fff, 0x7f80), "0x%08x became bf16 0x%04x", nans[i], bf16);
        cr_assert(eq(u32, bf16 >> 15, nans[i] >> 31), "0x%08x lost its sign", nans[i]);
        assert_rounds(nans[i]);
    }
}

Test(dtype, load_and_store_reach_the_right_element)
{
    static const struct {
        enum dtype dtype;
        size_t size;
        double wanted; /* of 1 + 2^-8 + 2^-12 */
    } types[] = {{DTYPE_F32, 4, 1 + 0x1p-8 + 0x1p-12},
                 {DTYPE_BF16, 2, 1 + 0x1p-7},
                 {DTYPE_F16, 2, 1 + 0x1p-8}};
    for (int i = 0; i < 3; i++) {
        unsigned char array[16] = {0}, zeros[16] = {0};
        const size_t size = types[i].size;
        cr_assert(eq(sz, dtype_size(types[i].dtype), size));
        dtype_store(array, types[i].dtype, 2, 1 + 0x1p-8f + 0x1p-12f);
        cr_assert(eq(dbl, (double)dtype_load(array, types[i].dtype, 2), types[i].wanted));
        cr_assert(zero(int, memcmp(array, zeros, 2 * size)));
        cr_assert(zero(int, memcmp(array + 3 * size, zeros, 16 - 3 * size)));
    }
}
