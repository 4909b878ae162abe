/* The reference of stft_loss: against a transform and a gradient written as sums, differences of
 * the loss, closed forms, and what must be nothing. */
#include "fft.h"
#include "operation.h"
#include "stft_loss.h"

#include <complex.h>
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>

extern const struct operation stft_loss_operation;

struct fixture {
    struct stft_loss p;
    int64_t samples;
    float *e, *t;
    double loss, *gradient;
};

/* Multiples of 1/64 in [-1, 1). */
static void draw(float value[], int64_t count, uint32_t random)
{
    for (int64_t i = 0; i < count; i++) {
        random = random * 1664525u + 1013904223u;
        value[i] = (float)((int)(random >> 25) - 64) / 64;
    }
}

static struct fixture setup(const struct stft_loss *p)
{
    struct fixture f = {.p = *p, .samples = stft_loss_rows(p) * p->length};
    f.e = calloc((size_t)f.samples, sizeof *f.e);
    f.t = calloc((size_t)f.samples, sizeof *f.t);
    f.gradient = calloc((size_t)f.samples, sizeof *f.gradient);
    draw(f.e, f.samples, 1);
    draw(f.t, f.samples, 2);
    return f;
}

static double run(struct fixture *f)
{
    const void *const input[] = {f->e, f->t, NULL, NULL};
    double *const output[] = {NULL, NULL, &f->loss, f->gradient};
    double *const scale[STFT_LOSS_TENSORS] = {NULL};
    stft_loss_operation.reference(&f->p, input, output, scale);
    return f->loss;
}

static void release(struct fixture *f)
{
    free(f->e);
    free(f->t);
    free(f->gradient);
}

static const struct stft_loss SMALL = {.batch = 2,
                                       .channels = 2,
                                       .length = 203,
                                       .hop = 23,
                                       .window = 128,
                                       .resolutions = 3,
                                       .lambda = 10};

Test(stft_loss, transforms_are_sums)
{
    for (int n = 2; n <= 256; n *= 2) {
        struct fft *fft = fft_plan(n);
        double signal[256], spectrum[258], back[256];
        float value[256];
        draw(value, n, 3);
        for (int j = 0; j < n; j++)
            signal[j] = value[j];
        fft_real(fft, signal, spectrum);
        for (int k = 0; k <= n / 2; k++) {
            double complex sum = 0;
            for (int j = 0; j < n; j++)
                sum += signal[j] * cexp(-2 * M_PI * I * j * k / n);
            cr_assert(epsilon_eq(dbl, spectrum[2 * k], creal(sum), 1e-12));
            cr_assert(epsilon_eq(dbl, spectrum[2 * k + 1], cimag(sum), 1e-12));
        }
        fft_adjoint(fft, spectrum, back);
        for (int j = 0; j < n; j++) {
            double sum = 0;
            for (int k = 0; k <= n / 2; k++)
                sum += creal((spectrum[2 * k] + spectrum[2 * k + 1] * I) *
                             cexp(2 * M_PI * I * j * k / n));
            cr_assert(epsilon_eq(dbl, back[j], sum, 1e-11));
        }
        fft_free(fft);
    }
}

/* X(f,k) of a window of n samples. */
static double complex bin(const float x[], int64_t n, int64_t k)
{
    double complex sum = 0;
    for (int64_t j = 0; j < n; j++)
        sum += (0.5 - 0.5 * cos(2 * M_PI * (double)j / (double)n)) * x[j] *
               cexp(-2 * M_PI * I * (double)(j * k) / (double)n);
    return sum;
}

Test(stft_loss, loss_is_its_definition)
{
    struct fixture f = setup(&SMALL);
    const struct stft_loss *p = &f.p;
    double loss = 0, time = 0;
    for (int64_t i = 0; i < f.samples; i++)
        time += fabs((double)f.e[i] - f.t[i]);
    for (int64_t n = 128; n >= 32; n /= 2) {
        const int64_t frames = 1 + (p->length - n) / p->hop;
        double sum = 0;
        for (int64_t row = 0; row < 4; row++)
            for (int64_t frame = 0; frame < frames; frame++)
                for (int64_t k = 0; k <= n / 2; k++) {
                    const int64_t at = row * p->length + frame * p->hop;
                    sum += fabs(cabs(bin(f.e + at, n, k)) - cabs(bin(f.t + at, n, k)));
                }
        loss += sum / (double)(3 * 4 * frames * (n / 2 + 1));
    }
    run(&f);
    cr_assert(epsilon_eq(dbl, f.loss, loss + 10 * time / (double)f.samples, 1e-11));
    release(&f);
}

/* The loss is smooth but where a difference or a magnitude is 0, which no step comes near. */
Test(stft_loss, gradient_is_a_central_difference)
{
    const float step = 0x1p-16f;
    struct fixture f = setup(&SMALL), moved = setup(&SMALL);
    for (int64_t i = 0; i < f.samples; i++)
        f.t[i] = moved.t[i] += 0x1p-8f; /* so that no sample ties */
    run(&f);
    for (int64_t i = 0; i < f.samples; i += 3) {
        moved.e[i] = f.e[i] + step;
        const double above = run(&moved);
        moved.e[i] = f.e[i] - step;
        const double below = run(&moved);
        moved.e[i] = f.e[i];
        cr_assert(epsilon_eq(dbl, f.gradient[i], (above - below) / (2 * (double)step), 2e-7));
    }
    release(&f);
    release(&moved);
}

/* loss(s*e, s*t) = s*loss(e, t) with the same gradient, and <gradient, e> is what the loss gains as
 * e grows alone. */
Test(stft_loss, scales)
{
    struct fixture f = setup(&SMALL), scaled = setup(&SMALL);
    for (int64_t i = 0; i < f.samples; i++) {
        scaled.e[i] = f.e[i] * 4;
        scaled.t[i] = f.t[i] * 4;
    }
    run(&f);
    run(&scaled);
    cr_assert(epsilon_eq(dbl, scaled.loss, 4 * f.loss, 1e-12));
    for (int64_t i = 0; i < f.samples; i++)
        cr_assert(epsilon_eq(dbl, scaled.gradient[i], f.gradient[i], 1e-14));
    release(&f);
    release(&scaled);
}

/* With target 0 the loss is a norm of estimate, and <gradient, estimate> is that norm. */
Test(stft_loss, norm_is_its_own_slope)
{
    struct fixture f = setup(&SMALL);
    double product = 0;
    for (int64_t i = 0; i < f.samples; i++)
        f.t[i] = 0;
    run(&f);
    for (int64_t i = 0; i < f.samples; i++)
        product += f.gradient[i] * f.e[i];
    cr_assert(epsilon_eq(dbl, product, f.loss, 1e-12));
    cr_assert(gt(dbl, f.loss, 1.0), "the test says something");
    release(&f);
}

/* a*cos(2 pi j m / n), 1 < m < n/2-1, has the magnitudes a*n/4 in bin m and a*n/8 beside it. */
Test(stft_loss, one_sinusoid)
{
    const struct stft_loss p = {
        .batch = 1, .channels = 1, .length = 64, .hop = 1, .window = 64, .resolutions = 1};
    struct fixture f = setup(&p);
    double error = 0;
    for (int j = 0; j < 64; j++) {
        f.e[j] = (float)(0.5 * cos(2 * M_PI * j * 9 / 64));
        f.t[j] = 0;
        error += fabs(f.e[j] - 0.5 * cos(2 * M_PI * j * 9 / 64));
    }
    run(&f);
    cr_assert(epsilon_eq(dbl, f.loss, 0.5 * (16 + 8 + 8) / 33, error));
    release(&f);
}

Test(stft_loss, nothing_is_exactly_nothing)
{
    for (int zeros = 0; zeros < 2; zeros++) {
        struct fixture f = setup(&SMALL);
        for (int64_t i = 0; i < f.samples; i++)
            f.e[i] = f.t[i] = zeros ? 0 : f.t[i];
        run(&f);
        cr_assert(eq(dbl, f.loss, 0));
        for (int64_t i = 0; i < f.samples; i++)
            cr_assert(eq(dbl, f.gradient[i], 0));
        release(&f);
    }
}

/* A silent estimate has no direction, and one of the other sign the same magnitudes: what is left
 * is the gradient of the distance in time. */
Test(stft_loss, time_alone)
{
    for (int silent = 0; silent < 2; silent++) {
        struct fixture f = setup(&SMALL);
        for (int64_t i = 0; i < f.samples; i++)
            f.e[i] = silent ? 0 : -f.t[i];
        run(&f);
        for (int64_t i = 0; i < f.samples; i++) {
            const double sign = (f.t[i] < 0) - (f.t[i] > 0);
            cr_assert(epsilon_eq(dbl, f.gradient[i], sign * 10 / (double)f.samples, 1e-15));
        }
        release(&f);
    }
}

Test(stft_loss, check_blames_a_key)
{
    const char *key = "";
    struct stft_loss p = SMALL;
    cr_assert(zero(ptr, (void *)stft_loss_operation.check(&p, &key)));
    p.window = 96;
    cr_assert(not(zero(ptr, (void *)stft_loss_operation.check(&p, &key))));
    cr_assert(eq(str, (char *)key, "window"));
    p.window = 256;
    cr_assert(not(zero(ptr, (void *)stft_loss_operation.check(&p, &key))));
    cr_assert(eq(str, (char *)key, "window"));
    p.window = 64;
    cr_assert(not(zero(ptr, (void *)stft_loss_operation.check(&p, &key))));
    cr_assert(eq(str, (char *)key, "resolutions"));
}

/* Four signals of 203 samples; windows of 128 64 32 have 4 7 8 frames and 65 33 17 bins. */
Test(stft_loss, cost)
{
    const struct cost cost = stft_loss_operation.cost(&SMALL);
    cr_assert(eq(dbl, cost.bytes, 4 * (3 * 812 + 1)));
    cr_assert(eq(dbl, cost.flops,
                 3 * 812 + 4 * 4 * (7.5 * 128 * 7 + 4 * 128 + 14 * 65) +
                     4 * 7 * (7.5 * 64 * 6 + 4 * 64 + 14 * 33) +
                     4 * 8 * (7.5 * 32 * 5 + 4 * 32 + 14 * 17)));
    cr_assert(eq(dbl, cost.exps, 0));
}
