/* The states of a thread of selscan/tiled, HELD rows of four, and their ways through steps.
 *
 * Decays     exp(v) = ex2(v*log2(e)), in one instruction, to 2 ulp: below 1 that is up to 1.2e-7,
 *            too much where decays are slow and the errors of many steps add up. So each EXACT
 *            steps the state is put right. Beside h, the state g that those steps make of zero is
 *            kept, and with the sum S of their delta'
 *
 *                h after = h before + (expm1(A*S)*h before + g)      where |A*S| < 0.6
 *
 *            which forgets what the decays of single steps did to h. Elsewhere h is as it is: its
 *            error is at most EXACT errors of ex2, relative to 1 - exp(-0.6).
 * Back       What steps leave behind them from zero is the sum of exp(A*R)*x*B, with R the sum of
 *            delta' of later steps. It needs no decay to be exact: the errors do not add up.
 */
#ifndef SSMBENCH_SELSCAN_STATES_CUH
#define SSMBENCH_SELSCAN_STATES_CUH

#include "../device/math.cuh"
#include "common.h"

#ifndef TILED_HELD
#define TILED_HELD 2
#endif
#ifndef TILED_EXACT
#define TILED_EXACT 16 /* steps until states are put right: 8 or 16 */
#endif

enum { HELD = TILED_HELD, EXACT = TILED_EXACT, BACK = 8, QUAD = 4 };

static const float LOG2_E = 1.44269504f;

/* Where |A*S*log2(e)| is below this, states are put right: 0.3*log2(e) for each 8 steps. */
static const float EXPM1_REACH = 0.054101064f * EXACT;

/* 2^w - 1 for |w| < EXPM1_REACH, to 4e-7 of it: interpolated in Chebyshev's points. */
static inline __device__ float expm1_of_ex2(float w)
{
    if constexpr (EXACT == 8) {
        const float q =
            fmaf(fmaf(1.3369317e-3f, w, 9.6542546e-3f), w, 5.5503942e-2f); /* cost only: EXACT */
        return fmaf(fmaf(q, w, 0.24022481f), w, 0.69314718f) * w;          /* cost only: the same */
    }
    float q = fmaf(fmaf(1.5552735e-4f, w, 1.3505957e-3f), w, 9.6177093e-3f);
    q = fmaf(fmaf(q, w, 5.5499257e-2f), w, 0.24022652f);
    return fmaf(q, w, 0.69314738f) * w;
}

struct states {
    float A[HELD][QUAD]; /* times log2(e); 0 where there is no such state or row */
    float h[HELD][QUAD];
    unsigned absent; /* bit k*QUAD + j: there is no such state or row */
};

/* A step of a row: delta' and delta'*u, two to a word. */
struct row_step {
    float delta, x;
};

/* Takes h through EXACT steps: `step` and y point to the first, of held row 0; the next is `row`
 * and `y_row` further. B and C are those of the thread's states, `pitch` apart. Leaves the sums
 * of C*h over the thread's states in y. */
static inline __device__ void states_walk(struct states *s, const struct row_step *step, int row,
                                          const float4 *B, const float4 *C, int pitch, float *y,
                                          int y_row)
{
    float before[HELD][QUAD] = {{0}}, g[HELD][QUAD] = {{0}}, sum[HELD] = {0};
#pragma unroll
    for (int t = 0; t < EXACT; t += QUAD) {
        float part[HELD][QUAD];
        float4 pair[HELD][QUAD / 2];
#pragma unroll
        for (int k = 0; k < HELD; k++)
#pragma unroll
            for (int i = 0; i < QUAD / 2; i++)
                pair[k][i] = *(const float4 *)&step[k * row + t + 2 * i];
#pragma unroll
        for (int i = 0; i < QUAD; i++) {
            const float4 b = B[(t + i) * pitch], c = C[(t + i) * pitch];
            const float Bs[QUAD] = {b.x, b.y, b.z, b.w}, Cs[QUAD] = {c.x, c.y, c.z, c.w};
#pragma unroll
            for (int k = 0; k < HELD; k++) {
                const float4 two = pair[k][i / 2];
                const float delta = i % 2 ? two.z : two.x, x = i % 2 ? two.w : two.y;
                sum[k] = t + i ? sum[k] + delta : delta;
#pragma unroll
                for (int j = 0; j < QUAD; j++) {
                    const float e = ex2(delta * s->A[k][j]), in = x * Bs[j];
                    if (t + i == 0)
                        before[k][j] = s->h[k][j];
                    g[k][j] = t + i ? fmaf(e, g[k][j], in) : in;
                    s->h[k][j] = fmaf(e, s->h[k][j], in);
                    if (t + i == EXACT - 1) { /* cost only: each step could */
                        const float w = sum[k] * s->A[k][j];
                        const float moved = fmaf(expm1_of_ex2(w), before[k][j], g[k][j]);
                        if (fabsf(w) < EXPM1_REACH)
                            s->h[k][j] = before[k][j] + moved; /* GPU only: ex2 errs to a side */
                    }
                    part[k][i] = j ? fmaf(Cs[j], s->h[k][j], part[k][i]) : Cs[j] * s->h[k][j];
                }
            }
        }
#pragma unroll
        for (int k = 0; k < HELD; k++)
            *(float4 *)&y[k * y_row + t] =
                make_float4(part[k][0], part[k][1], part[k][2], part[k][3]);
    }
}

/* Adds what BACK steps leave behind the last that has been taken, from the latest of them to the
 * first; later[] is the sum of delta' of those behind. */
static inline __device__ void states_gather(struct states *s, const struct row_step *step, int row,
                                            const float4 *B, int pitch, float later[])
{
#pragma unroll
    for (int t = BACK - 1; t >= 0; t--) {
        const float4 b = B[t * pitch];
        const float Bs[QUAD] = {b.x, b.y, b.z, b.w};
#pragma unroll
        for (int k = 0; k < HELD; k++) {
            const struct row_step now = step[k * row + t];
#pragma unroll
            for (int j = 0; j < QUAD; j++)
                s->h[k][j] = fmaf(ex2(later[k] * s->A[k][j]), now.x * Bs[j], s->h[k][j]);
            later[k] += now.delta;
        }
    }
}

/* Whether nothing is left of what steps before those of `later` bring, in any lane of the warp:
 * ex2() would be 0. delta' must not be negative. */
static inline __device__ bool states_forget(const struct states *s, const float later[])
{
    bool all = true;
#pragma unroll
    for (int k = 0; k < HELD; k++)
#pragma unroll
        for (int j = 0; j < QUAD; j++)
            all = all && (s->A[k][j] * later[k] < -127.0f || (s->absent >> (k * QUAD + j) & 1));
    return __all_sync(0xffffffffu, all);
}

/* states_gather() of what is forgotten: 0*x*B, which is NaN where x or B is not finite. */
static inline __device__ void states_pass(struct states *s, const struct row_step *step, int row,
                                          const float4 *B, int pitch, float later[])
{
    float spoiled[QUAD] = {0};
#pragma unroll
    for (int t = BACK - 1; t >= 0; t--) {
        const float4 b = B[t * pitch];
        spoiled[0] = fmaf(0, b.x, spoiled[0]);
        spoiled[1] = fmaf(0, b.y, spoiled[1]);
        spoiled[2] = fmaf(0, b.z, spoiled[2]);
        spoiled[3] = fmaf(0, b.w, spoiled[3]);
    }
#pragma unroll
    for (int k = 0; k < HELD; k++) {
        float x = 0;
#pragma unroll
        for (int t = BACK - 1; t >= 0; t--) {
            x = fmaf(0, step[k * row + t].x, x);
            later[k] += step[k * row + t].delta;
        }
#pragma unroll
        for (int j = 0; j < QUAD; j++)
            s->h[k][j] += x + spoiled[j];
    }
}

#endif
