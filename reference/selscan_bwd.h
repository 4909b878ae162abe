/* selscan_bwd: the gradients of selscan, from those of its outputs.
 *
 * With h, a = exp(delta'*A[d,n]), y and g as in selscan.h, h' the state before a step, dout and
 * dfinal the gradients of out and final, and steps taken from the last to the first:
 *
 *     dy          = dout * silu(z)                                  (dout without a gate)
 *     dh[n]       = C[n]*dy + a+[n]*dh+[n]       (a+, dh+: of the step behind; dfinal at the last)
 *     dC[b,g,n,t] = sum over the channels of g of dy*h[n]
 *     dB[b,g,n,t] = sum over the channels of g of delta'*u*dh[n]
 *     du          = D*dy + delta' * sum over n of B[n]*dh[n]
 *     ddelta'     = u * sum over n of B[n]*dh[n]  +  sum over n of A[n]*a[n]*h'[n]*dh[n]
 *     ddelta      = ddelta' * softplus'(delta + delta_bias)         (ddelta' without softplus)
 *     dz          = dout * (y + D*u) * silu'(z)
 *     dA[d,n]     = sum over b and t of delta'*a[n]*h'[n]*dh[n]     (scalar: over n too)
 *     dD          = sum over b and t of dy*u
 *     ddelta_bias = sum over b and t of ddelta
 *
 * dinitial is a*dh of the first step. softplus'(x) = 1 / (1 + exp(-x)), and 1 above 20; silu'(z) =
 * r*(1 + z*(1 - r)) with r = 1 / (1 + exp(-z)).
 *
 * Source: derived from selscan.h; the interface is that of selective_scan_fn's backward in
 * mamba-ssm, to which dfinal and dinitial are added.
 */
#ifndef SSMBENCH_SELSCAN_BWD_H
#define SSMBENCH_SELSCAN_BWD_H

#include "selscan.h"

/* The tensors of a struct selscan, in the order of the pointer array that run() gets: the inputs
 * of selscan first, in its order. Shapes as in selscan.h: dout du ddelta dz as u; dfinal, there
 * with `final`, and dinitial, there with `initial`, as those; each other gradient as what it is of.
 * dout du ddelta dB dC dz are of the case's dtype, all else is f32. */
enum selscan_bwd_tensor {
    SELSCAN_BWD_U,
    SELSCAN_BWD_DELTA,
    SELSCAN_BWD_A,
    SELSCAN_BWD_B,
    SELSCAN_BWD_C,
    SELSCAN_BWD_D,
    SELSCAN_BWD_Z,
    SELSCAN_BWD_DELTA_BIAS,
    SELSCAN_BWD_INITIAL,
    SELSCAN_BWD_DOUT,
    SELSCAN_BWD_DFINAL,
    SELSCAN_BWD_DU,
    SELSCAN_BWD_DDELTA,
    SELSCAN_BWD_DA,
    SELSCAN_BWD_DB,
    SELSCAN_BWD_DC,
    SELSCAN_BWD_DD,
    SELSCAN_BWD_DZ,
    SELSCAN_BWD_DDELTA_BIAS,
    SELSCAN_BWD_DINITIAL,
    SELSCAN_BWD_TENSORS
};

#endif
