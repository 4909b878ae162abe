/* The input generator: Philox against its published vectors, values against their distributions,
 * and pinned checksums, so that a machine or compiler that draws other bits is noticed. */
#include "../reference/selscan.h"
#include "backend.h"
#include "cases.h"
#include "fill.h"
#include "registry.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <omp.h>
#include <stdlib.h>

enum { COUNT = 1 << 18 };

/* Philox4x32-10 as Salmon et al. define it (Parallel random numbers: as easy as 1, 2, 3, SC 2011).
 */
static void philox(const uint32_t counter[4], const uint32_t key[2], uint32_t word[4])
{
    uint32_t k0 = key[0], k1 = key[1];
    memcpy(word, counter, 4 * sizeof *word);
    for (int round = 0; round < 10; round++) {
        const uint64_t even = UINT64_C(0xD2511F53) * word[0], odd = UINT64_C(0xCD9E8D57) * word[2];
        word[0] = (uint32_t)(odd >> 32) ^ word[1] ^ k0;
        word[1] = (uint32_t)odd;
        word[2] = (uint32_t)(even >> 32) ^ word[3] ^ k1;
        word[3] = (uint32_t)even;
        k0 += 0x9E3779B9;
        k1 += 0xBB67AE85;
    }
}

/* Lines of kat_vectors in the Random123 distribution. */
Test(inputs, philox_known_answers)
{
    static const struct {
        uint32_t counter[4], key[2], word[4];
    } known[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (int i = 0; i < 3; i++) {
        uint32_t word[4];
        philox(known[i].counter, known[i].key, word);
        cr_assert(zero(int, memcmp(word, known[i].word, sizeof word)), "vector %d", i);
    }
    uint32_t word[4];
    inputs_block(0, 0, word);
    cr_assert(zero(int, memcmp(word, known[0].word, sizeof word)));
}

Test(inputs, block_is_philox_of_index_and_key)
{
    for (int64_t i = 0; i < 10000; i++) {
        const int64_t index = i * INT64_C(922337203685477);
        const uint64_t key = (uint64_t)i * UINT64_C(0x9E3779B97F4A7C15);
        const uint32_t counter[] = {(uint32_t)index, (uint32_t)(index >> 32), 0, 0};
        const uint32_t half[] = {(uint32_t)key, (uint32_t)(key >> 32)};
        uint32_t word[4], wanted[4];
        inputs_block(index, key, word);
        philox(counter, half, wanted);
        if (memcmp(word, wanted, sizeof word))
            cr_fatal("index %lld, key %llx", (long long)index, (unsigned long long)key);
    }
}

Test(inputs, keys_of_all_tensors_and_seeds_differ)
{
    cr_assert(eq(u64, inputs_key(7, 3), UINT64_C(0x300000007)));
    cr_assert(eq(u64, inputs_key(INT64_C(4294967295), 15), UINT64_C(0xfffffffff)));
}

static float *generate(struct fill fill, uint64_t key)
{
    float *value = malloc(COUNT * sizeof *value);
    inputs_generate(value, &fill, DTYPE_F32, COUNT, key);
    return value;
}

Test(inputs, streams_have_nothing_in_common)
{
    const struct fill fill = {FILL_UNIFORM, 0, 1, 0};
    float *one = generate(fill, inputs_key(1, 0)), *seed = generate(fill, inputs_key(2, 0));
    float *tensor = generate(fill, inputs_key(1, 1)), *again = generate(fill, inputs_key(1, 0));
    int equal = 0;
    for (int i = 0; i < COUNT; i++)
        equal += (one[i] == seed[i]) + (one[i] == tensor[i]) + (seed[i] == tensor[i]);
    cr_assert(le(int, equal, 4), "%d equal values of 24 bits", equal);
    cr_assert(zero(int, memcmp(one, again, COUNT * sizeof *one)));
    free(one);
    free(seed);
    free(tensor);
    free(again);
}

Test(inputs, number_of_threads_does_not_matter)
{
    const struct fill fill = {FILL_BELL, 0, 1, 0};
    omp_set_num_threads(1);
    float *one = generate(fill, 5);
    for (int threads = 2; threads <= 7; threads += 5) {
        omp_set_num_threads(threads);
        float *many = generate(fill, 5);
        cr_assert(zero(int, memcmp(one, many, COUNT * sizeof *one)), "%d threads", threads);
        free(many);
    }
    free(one);
}

Test(inputs, only_the_elements_are_written)
{
    const struct fill fill = {FILL_CONSTANT, 1, 0, 0};
    float value[] = {7, 7, 7, 7, 7};
    inputs_generate(value + 1, &fill, DTYPE_F32, 3, 1);
    cr_assert(zero(int, memcmp(value, (float[]){7, 1, 1, 1, 7}, sizeof value)));
}

Test(inputs, sixteen_bits_are_the_rounded_f32_values)
{
    const struct fill fill = {FILL_BELL, 0, 3, 0};
    float *wide = generate(fill, 9);
    uint16_t *narrow = malloc(COUNT * sizeof *narrow);
    for (int dtype = DTYPE_BF16; dtype <= DTYPE_F16; dtype++) {
        inputs_generate(narrow, &fill, (enum dtype)dtype, COUNT, 9);
        for (int i = 0; i < COUNT; i++)
            if (narrow[i] != (dtype == DTYPE_BF16 ? float_bf16(wide[i]) : float_f16(wide[i])))
                cr_fatal("element %d of dtype %d", i, dtype);
    }
    free(narrow);
    free(wide);
}

/* The values of the lowest and the highest block. */
static void assert_ends(struct fill fill, double low, double high)
{
    const uint32_t zeros[4] = {0};
    const uint32_t ones[4] = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX};
    cr_assert(epsilon_eq(dbl, (double)fill_value(&fill, 0, zeros), low, 2e-6 * fabs(low)));
    cr_assert(epsilon_eq(dbl, (double)fill_value(&fill, 0, ones), high, 2e-6 * fabs(high)));
}

Test(inputs, ends_of_the_ranges)
{
    assert_ends((struct fill){FILL_CONSTANT, -2.5, 9, 9}, -2.5, -2.5);
    assert_ends((struct fill){FILL_UNIFORM, -3, 5, 0}, -3, 5 - 8 * 0x1p-24);
    assert_ends((struct fill){FILL_BELL, 0, 1, 0}, -4.898897, 4.898897); /* sqrt(24) */
    assert_ends((struct fill){FILL_LOG_UNIFORM, -10, 3, 0}, 0x1p-10, 8);
    assert_ends((struct fill){FILL_NEGATIVE_LOG, -4, 4, 0}, -0x1p-4, -16);
    assert_ends((struct fill){FILL_INVERSE_SOFTPLUS, -10, -1, 0}, -6.930983, -0.432753);
}

/* Mean, deviation and skewness of a fill, from COUNT values: standard errors of 0.002, 0.0014 and
 * 0.005 deviations. */
static void assert_moments(struct fill fill, double mean, double deviation)
{
    float *value = generate(fill, 77);
    double sum = 0, squares = 0, cubes = 0;
    for (int i = 0; i < COUNT; i++)
        sum += (double)value[i];
    for (int i = 0; i < COUNT; i++) {
        const double z = ((double)value[i] - mean) / deviation;
        squares += z * z / COUNT;
        cubes += z * z * z / COUNT;
    }
    cr_assert(epsilon_eq(dbl, sum / COUNT, mean, 0.008 * deviation));
    cr_assert(epsilon_eq(dbl, sqrt(squares), 1, 0.006));
    cr_assert(epsilon_eq(dbl, cubes, 0, 0.025));
    free(value);
}

Test(inputs, moments)
{
    assert_moments((struct fill){FILL_BELL, 0, 1, 0}, 0, 1);
    assert_moments((struct fill){FILL_BELL, 5, 0.25, 0}, 5, 0.25);
    assert_moments((struct fill){FILL_UNIFORM, -1, 3, 0}, 1, 4 / sqrt(12));
}

/* The share of values within one and two deviations: 67.6 % and 95.6 % of eight uniforms' sum. */
Test(inputs, bell_is_bell_shaped)
{
    float *value = generate((struct fill){FILL_BELL, 0, 1, 0}, 3);
    int one = 0, two = 0;
    for (int i = 0; i < COUNT; i++) {
        one += fabsf(value[i]) < 1;
        two += fabsf(value[i]) < 2;
    }
    cr_assert(epsilon_eq(dbl, (double)one / COUNT, 0.6764, 0.005));
    cr_assert(epsilon_eq(dbl, (double)two / COUNT, 0.9560, 0.003));
    free(value);
}

Test(inputs, integers_are_equally_likely)
{
    int count[7] = {0};
    float *value = generate((struct fill){FILL_INTEGERS, -3, 3, 0}, 4);
    for (int i = 0; i < COUNT; i++) {
        cr_assert(value[i] >= -3 && value[i] <= 3 && value[i] == floorf(value[i]));
        count[(int)value[i] + 3]++;
    }
    for (int i = 0; i < 7; i++) /* five standard deviations */
        cr_assert(epsilon_eq(dbl, count[i], COUNT / 7.0, 5 * sqrt(COUNT * 6 / 49.0)));
    free(value);
}

Test(inputs, impulses_are_one_in_64)
{
    int up = 0, down = 0;
    float *value = generate((struct fill){FILL_IMPULSES, 2, 0, 0}, 5);
    for (int i = 0; i < COUNT; i++) {
        cr_assert(value[i] == 0 || value[i] == 2 || value[i] == -2);
        up += value[i] > 0;
        down += value[i] < 0;
    }
    cr_assert(epsilon_eq(dbl, up, COUNT / 128.0, 5 * sqrt(COUNT / 128.0)));
    cr_assert(epsilon_eq(dbl, down, COUNT / 128.0, 5 * sqrt(COUNT / 128.0)));
    free(value);
}

Test(inputs, ramp_repeats)
{
    float *value = generate((struct fill){FILL_RAMP, -1, 0, 16}, 6);
    for (int i = 0; i < COUNT; i++)
        if (value[i] != (float)-(1 + i % 16))
            cr_fatal("element %d is %g", i, (double)value[i]);
    free(value);
}

Test(inputs, exp2_is_within_1e_15)
{
    double worst = 0;
    for (int i = 0; i <= 1000000; i++) {
        const double x = -64 + 128e-6 * i, wanted = exp2(x);
        worst = fmax(worst, fabs(fill_exp2(x) - wanted) / wanted);
    }
    cr_assert(le(dbl, worst, 1e-15));
    for (int i = -64; i <= 64; i++)
        cr_assert(eq(dbl, fill_exp2(i), ldexp(1, i)));
}

Test(inputs, inverse_softplus_inverts_softplus)
{
    for (int i = 0; i <= 10000; i++) {
        const double x = -1e-3 * i, dt = exp2(x), back = log1p(exp(fill_inverse_softplus(x)));
        const double limit = dt > 0.1 ? 1e-5 : 1e-11; /* the series ends at dt^4 */
        if (!(fabs(back - dt) <= limit * dt))
            cr_fatal("softplus gives %.17g back for %.17g", back, dt);
    }
}

Test(inputs, signed_log_has_both_signs_and_all_scales)
{
    float *value = generate((struct fill){FILL_SIGNED_LOG, -8, 8, 0}, 7);
    int count[2][16] = {{0}};
    for (int i = 0; i < COUNT; i++) {
        const int scale = (int)floor(log2(fabs((double)value[i]))) + 8;
        cr_assert(scale >= 0 && scale < 16, "%g", (double)value[i]);
        count[value[i] < 0][scale]++;
    }
    for (int i = 0; i < 32; i++)
        cr_assert(count[i / 16][i % 16] > COUNT / 64, "scale %d", i % 16 - 8);
    free(value);
}

Test(inputs, spoiled_is_the_bell_but_for_one_of_256)
{
    float *value = generate((struct fill){FILL_SPOILED, 0, 1, 0}, 8);
    float *bell = generate((struct fill){FILL_BELL, 0, 1, 0}, 8);
    int nan = 0, infinite[2] = {0};
    for (int i = 0; i < COUNT; i++) {
        nan += isnan(value[i]);
        if (isinf(value[i]))
            infinite[value[i] < 0]++;
        cr_assert(isfinite(value[i]) ? value[i] == bell[i] : true, "element %d", i);
    }
    const int spoiled = nan + infinite[0] + infinite[1];
    cr_assert(abs(spoiled - COUNT / 256) < COUNT / 1024, "%d of %d", spoiled, COUNT);
    cr_assert(nan > spoiled / 4 && infinite[0] > spoiled / 8 && infinite[1] > spoiled / 8);
    free(value);
    free(bell);
}

/* FNV-1a, 64 bits, of the little-endian bytes of 4096 values under key 0x300000001. The pinned ones
 * were computed apart from this code, with rational arithmetic rounded where an operation is. */
static uint64_t checksum(struct fill fill, enum dtype dtype)
{
    unsigned char bytes[4 * 4096];
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    inputs_generate(bytes, &fill, dtype, 4096, UINT64_C(0x300000001));
    for (size_t i = 0; i < 4096 * dtype_size(dtype); i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

Test(inputs, pinned_checksums)
{
    static const struct {
        struct fill fill;
        enum dtype dtype;
        uint64_t hash;
    } pinned[] = {
        {{FILL_CONSTANT, 1.5, 0, 0}, DTYPE_F32, UINT64_C(0xb7276ad4c474a325)},
        {{FILL_UNIFORM, -0.3, 0.7, 0}, DTYPE_F32, UINT64_C(0x651b72da63416775)},
        {{FILL_BELL, 0.1, 1.3, 0}, DTYPE_F32, UINT64_C(0xbdfdc5ebe83e1153)},
        {{FILL_BELL, 0.1, 1.3, 0}, DTYPE_BF16, UINT64_C(0x0e6e39bf19d9153d)},
        {{FILL_BELL, 0.1, 1.3, 0}, DTYPE_F16, UINT64_C(0x42c319e0234224d4)},
        {{FILL_LOG_UNIFORM, -9.965784, -3.321928, 0}, DTYPE_F32, UINT64_C(0xd6163a1118bb3a80)},
        {{FILL_NEGATIVE_LOG, -4, 4, 0}, DTYPE_F32, UINT64_C(0x8108014f655edd1f)},
        {{FILL_INVERSE_SOFTPLUS, -9.965784, -3.321928, 0}, DTYPE_F32, UINT64_C(0xccd4c498bb866792)},
        {{FILL_INTEGERS, -3, 3, 0}, DTYPE_F32, UINT64_C(0xf9b82b0a5de27595)},
        {{FILL_IMPULSES, 1, 0, 0}, DTYPE_F32, UINT64_C(0x6b1f907663841125)},
        {{FILL_RAMP, -1, 0, 24}, DTYPE_F32, UINT64_C(0xf30a362b26219b8b)},
    };
    for (size_t i = 0; i < sizeof pinned / sizeof *pinned; i++)
        cr_expect(eq(u64, checksum(pinned[i].fill, pinned[i].dtype), pinned[i].hash), "row %zu", i);
}

/* delta'[i] * A[i] of a problem whose u, delta and A have as many elements, without bias. */
static void assert_decay_within(struct selscan p, double low, double high)
{
    struct fill fill[SELSCAN_TENSORS];
    operation_find("selscan")->inputs(&p, fill);
    float *delta = generate(fill[SELSCAN_DELTA], inputs_key(1, SELSCAN_DELTA));
    float *A = generate(fill[SELSCAN_A], inputs_key(1, SELSCAN_A));
    for (int i = 0; i < COUNT; i++) {
        const double d = (double)delta[i], dt = p.softplus && d <= 20 ? log1p(exp(d)) : d;
        const double product = dt * (double)A[i];
        if (!(product >= low * (1 + 1e-5) && product <= high * (1 - 1e-5)))
            cr_fatal("delta*A = %g, expected %g ... %g", product, low, high);
    }
    free(delta);
    free(A);
}

Test(inputs, named_distributions_keep_their_word)
{
    struct selscan p = {.batch = 1, .channels = 64, .length = 64, .state = 16, .groups = 1};
    for (p.softplus = 0; p.softplus < 2; p.softplus++) {
        p.inputs = INPUTS_INIT;
        assert_decay_within(p, -1.6, -1e-3);
        p.inputs = INPUTS_SLOW, p.decay = 1e-5;
        assert_decay_within(p, -1e-5, -0.98e-5);
        p.inputs = INPUTS_STRONG, p.decay = 50;
        assert_decay_within(p, -50, 0);
        p.inputs = INPUTS_IMPULSES;
        assert_decay_within(p, -1.6, -1e-3 / 16);
    }
    p.softplus = 0, p.inputs = INPUTS_TEST;
    assert_decay_within(p, -0.25, 0);
    p.inputs = INPUTS_INTEGERS;
    assert_decay_within(p, 0, 0);
}
