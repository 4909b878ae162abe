/* Fourier transforms of M = 16 ... 2048 complex fp32 numbers by M/16 threads, forward, in natural
 * order, for stft_loss/batched.
 *
 * Shapes     A thread holds 16 numbers; stages of radix 16 and a last one of radix 2, 4, 8 or 16;
 *            numbers change threads through shared memory between them.
 * Order      Stockham: butterfly j of a stage takes numbers j + r*M/R, r = 0 ... R-1, and leaves
 *            them at (j/S)*S*R + j%S + r*S, where S is the product of the radices before.
 * Error      some 1e-7 of the norm; factors are correct to the last bit, or products of such.
 * Source     Govindaraju et al., High Performance Discrete Fourier Transforms on Graphics
 *            Processors, SC 2008, for the order; the butterflies are written from the definition.
 */
#ifndef SSMBENCH_STFT_LOSS_FFT_CUH
#define SSMBENCH_STFT_LOSS_FFT_CUH

#include "../device/launch.cuh"

/* Numbers a thread holds. */
enum { FFT_HELD = 16 };

static inline __device__ float2 operator+(float2 a, float2 b)
{
    return make_float2(a.x + b.x, a.y + b.y);
}
static inline __device__ float2 operator-(float2 a, float2 b)
{
    return make_float2(a.x - b.x, a.y - b.y);
}
static inline __device__ float2 operator*(float2 a, float2 b)
{
    return make_float2(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x);
}

/* -i*a */
static inline __device__ float2 fft_turned(float2 a)
{
    return make_float2(a.y, -a.x);
}

/* The transform of a, b, c, d in their place. */
static inline __device__ void fft_4(float2 *a, float2 *b, float2 *c, float2 *d)
{
    const float2 ac = *a + *c, bd = *b + *d, less = *a - *c, turned = fft_turned(*b - *d);
    *a = ac + bd;
    *b = less + turned;
    *c = ac - bd;
    *d = less - turned;
}

/* exp(-2 pi i m / 16) * a, m = 0 ... 9, known when compiled. */
static inline __device__ float2 fft_turned_by(float2 a, int m)
{
    const float part[5] = {1, 0.923879532511286756f, 0.707106781186547524f, 0.382683432365089772f,
                           0};
    const int far = m > 4 ? 8 - m : m; /* as far from the axis, beyond it or not */
    if (m == 0)
        return a;
    if (m == 4)
        return fft_turned(a);
    if (m == 9)
        return make_float2(-part[1] * a.x - part[3] * a.y, part[3] * a.x - part[1] * a.y);
    const float real = m > 4 ? -part[far] : part[far], imag = part[4 - far];
    return make_float2(real * a.x + imag * a.y, real * a.y - imag * a.x);
}

/* The transform of R numbers, v[0] ... v[R-1]. */
template <int R>
static inline __device__ void fft_butterfly(float2 v[R])
{
    if constexpr (R == 2) {
        const float2 sum = v[0] + v[1];
        v[1] = v[0] - v[1];
        v[0] = sum;
    } else if constexpr (R == 4) {
        fft_4(&v[0], &v[1], &v[2], &v[3]);
    } else if constexpr (R == 8) {
        float2 out[8];
        fft_4(&v[0], &v[2], &v[4], &v[6]);
        fft_4(&v[1], &v[3], &v[5], &v[7]);
#pragma unroll
        for (int k = 0; k < 4; k++) {
            const float2 odd = fft_turned_by(v[2 * k + 1], 2 * k);
            out[k] = v[2 * k] + odd;
            out[k + 4] = v[2 * k] - odd;
        }
#pragma unroll
        for (int k = 0; k < 8; k++)
            v[k] = out[k];
    } else {
        float2 out[16];
#pragma unroll
        for (int i = 0; i < 4; i++)
            fft_4(&v[i], &v[i + 4], &v[i + 8], &v[i + 12]);
#pragma unroll
        for (int k = 0; k < 4; k++) {
            float2 a = v[4 * k], b = fft_turned_by(v[4 * k + 1], k);
            float2 c = fft_turned_by(v[4 * k + 2], 2 * k), d = fft_turned_by(v[4 * k + 3], 3 * k);
            fft_4(&a, &b, &c, &d);
            out[k] = a;
            out[k + 4] = b;
            out[k + 8] = c;
            out[k + 12] = d;
        }
#pragma unroll
        for (int k = 0; k < 16; k++)
            v[k] = out[k];
    }
}

/* Where number i lies in shared memory: one is left free behind every 16. */
static inline __device__ int fft_place(int i)
{
    return i + i / 16;
}

/* Numbers of shared memory for M of them. */
template <int M>
static constexpr int FFT_SPACE = M + M / 16;

/* The radix of the last stage. */
template <int M>
static constexpr int FFT_LAST = M > 256  ? M / 256
                                : M > 16 ? M / 16
                                         : 16;

/* The place of number i + more, where `more` is known when compiled: mostly a multiple of 16. */
static inline __device__ int fft_place_behind(int i, int more)
{
    return more % 16 == 0 ? fft_place(i) + more + more / 16 : fft_place(i + more);
}

/* Number b*R + r of thread `thread` is number thread + fft_before() before a stage of radix R, and
 * fft_first() + fft_after() after it. */
template <int M, int R>
static inline __device__ int fft_before(int i)
{
    return i / R * (M / FFT_HELD) + i % R * (M / R);
}
template <int S, int R>
static inline __device__ int fft_first(int thread)
{
    return thread / S * S * R + thread % S;
}
template <int M, int S, int R>
static inline __device__ int fft_after(int i)
{
    return i / R * (M / FFT_HELD) + i % R * S; /* butterflies of one thread are in the same S */
}

template <int M, int R>
static inline __device__ void fft_load(const float2 *shared, int thread, float2 v[FFT_HELD])
{
#pragma unroll
    for (int i = 0; i < FFT_HELD; i++)
        v[i] = shared[fft_place_behind(thread, fft_before<M, R>(i))];
}

template <int M, int S, int R>
static inline __device__ void fft_store(float2 *shared, int thread, const float2 v[FFT_HELD])
{
    const int first = fft_first<S, R>(thread);
#pragma unroll
    for (int i = 0; i < FFT_HELD; i++)
        shared[S == 1 ? fft_place(first) + i : fft_place_behind(first, fft_after<M, S, R>(i))] =
            v[i];
}

/* The stage of radix R behind stages of product S > 1; units[m] = exp(-2 pi i m / (2M)), m < M. */
template <int M, int S, int R>
static inline __device__ void fft_stage(const float2 *units, int thread, float2 v[FFT_HELD])
{
#pragma unroll
    for (int b = 0; b < FFT_HELD / R; b++) {
        const int j = thread + b * (M / FFT_HELD), turn = j % S * (2 * M / (S * R));
        float2 unit[R];
#pragma unroll
        for (int r = 1; r < R; r++) {
            const int rest = r & (r - 1);
            if (rest == 0)
                unit[r] = units[turn * r];
            else
                unit[r] = unit[rest] * unit[r - rest];
            v[b * R + r] = v[b * R + r] * unit[r];
        }
        fft_butterfly<R>(&v[b * R]);
    }
}

#endif
