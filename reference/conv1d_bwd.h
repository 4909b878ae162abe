/* conv1d_bwd: the gradients of conv1d, from those of its outputs.
 *
 * With pre(s) and x(s) as in conv1d.h, dout(s) and dfinal the gradients of out and final:
 *
 *     g(s)       = dout(s) * act'(pre(s)),   0 where seq_idx is -1
 *     dx(s)      = sum over w of weight[d,w] * g(s + (width-1) - w)  +  dfinal of x(s), if any
 *     dweight[w] = sum over b and s of g(s) * x(s - (width-1) + w)
 *     dbias      = sum over b and s of g(s)
 *
 * dinitial is dx of the steps -(width-1) ... -1. Steps outside 0 ... length-1 have no g; with
 * seq_idx only pairs of equal index count. silu'(v) = r*(1 + v*(1 - r)) with r = 1 / (1 + exp(-v)),
 * where v is computed again from x.
 *
 * Source: derived from conv1d.h; the interface is that of causal_conv1d_bwd in causal-conv1d
 * (Dao-AILab), which has dweight and dbias in f32 too before it casts them.
 */
#ifndef SSMBENCH_CONV1D_BWD_H
#define SSMBENCH_CONV1D_BWD_H

#include "conv1d.h"

/* The tensors of a struct conv1d, in the order of the pointer array that run() gets. Shapes as in
 * conv1d.h: dout dx as x; dfinal dinitial as final initial, there with `final` and `initial`;
 * dweight as weight, dbias as bias. dx dinitial have the type of x, dweight dbias are f32 always.
 */
enum conv1d_bwd_tensor {
    CONV1D_BWD_X,
    CONV1D_BWD_WEIGHT,
    CONV1D_BWD_BIAS,
    CONV1D_BWD_INITIAL,
    CONV1D_BWD_SEQ_IDX,
    CONV1D_BWD_DOUT,
    CONV1D_BWD_DFINAL,
    CONV1D_BWD_DX,
    CONV1D_BWD_DWEIGHT,
    CONV1D_BWD_DBIAS,
    CONV1D_BWD_DINITIAL,
    CONV1D_BWD_TENSORS
};

#endif
