/* Which problems selscan/scalar_mma, scalar_lookback and scalar_cluster take, and in which way. */
#ifndef SSMBENCH_SELSCAN_SCALAR_MMA_WAYS_CUH
#define SSMBENCH_SELSCAN_SCALAR_MMA_WAYS_CUH

#include "scalar_mma.cuh"

/* The way for a problem: the widest that its layout, sizes and addresses allow. */
static inline enum way way_of(const struct selscan_call *call)
{
    const struct selscan *p = &call->p;
    const int tensors[] = {SELSCAN_U, SELSCAN_DELTA, SELSCAN_Z, SELSCAN_OUT, SELSCAN_B, SELSCAN_C};
    uintptr_t bits = 0;
    for (int tensor : tensors)
        bits |= (uintptr_t)call->tensor[tensor]; /* GPU only: unaligned_test.c looks at it */
    if (bits % 16)
        return BY_ELEMENT;
    if (p->layout == CHANNEL_LAST)
        return p->channels / p->groups % QUAD || p->state % QUAD ? BY_ELEMENT : BY_WORD;
    return p->dtype == DTYPE_F32 && p->length % QUAD == 0 && !p->reverse ? BY_LINE : BY_ELEMENT;
}

template <enum dtype DTYPE, typename Run>
static inline int with_way(enum way way, Run run)
{
    if constexpr (DTYPE == DTYPE_F32)
        if (way == BY_LINE)
            return run((const struct blocks_shared<DTYPE, BY_LINE> *)NULL);
    return way == BY_WORD ? run((const struct blocks_shared<DTYPE, BY_WORD> *)NULL)
                          : run((const struct blocks_shared<DTYPE, BY_ELEMENT> *)NULL);
}

/* run(NULL of the blocks_shared * for the problem's elements and way). */
template <typename Run>
static inline int with_shared(const struct selscan_call &call, Run run)
{
    const enum way way = way_of(&call);
    return call.p.dtype == DTYPE_F32    ? with_way<DTYPE_F32>(way, run)
           : call.p.dtype == DTYPE_BF16 ? with_way<DTYPE_BF16>(way, run)
                                        : with_way<DTYPE_F16>(way, run);
}

/* What a problem has to be for any of this. */
static inline const char *scalar_mma_accepts(const struct selscan *p)
{
    return p->a != A_SCALAR    ? "a = scalar; nearest: a = scalar"
           : p->state > STATES ? "state <= 64; nearest: state = 64"
                               : NULL;
}

#endif
