/* Warp collectives over simt::collective(). Included by cuda_runtime.h. */

/* What a shuffle's lanes bring: the value, and the lane to read from. */
struct simt_shuffle {
    uint64_t value;
    int source; /* lane of the warp, or -1 for one's own */
};

static inline void simt_combine_shuffle(uint32_t mask, const void *const input[],
                                        void *const output[], const void *, simt::site where)
{
    for (int lane = 0; lane < simt::WARP; lane++) {
        if (!(mask >> lane & 1))
            continue;
        const int source = ((const simt_shuffle *)input[lane])->source;
        const int from = source < 0 ? lane : source;
        if (!(mask >> from & 1))
            simt::fail(where, "lane %d reads lane %d, which has left or is not in the mask", lane,
                       from);
        *(uint64_t *)output[lane] = ((const simt_shuffle *)input[from])->value;
    }
}

template <typename T>
static inline T simt_shuffle_value(simt::site where, unsigned mask, T value, int source)
{
    static_assert(sizeof(T) <= sizeof(uint64_t) && std::is_trivially_copyable<T>::value,
                  "shuffles move 1 to 8 bytes");
    simt_shuffle mine = {0, source};
    uint64_t result = 0;
    memcpy(&mine.value, &value, sizeof value);
    simt::collective(where, mask, &mine, &result, NULL, simt_combine_shuffle);
    memcpy(&value, &result, sizeof value);
    return value;
}

/* The first lane of the segment of `width` lanes that this lane is in. */
static inline int simt_segment(int width)
{
    return (int)simt::lane() / width * width;
}

template <typename T>
static inline T __shfl_sync(unsigned mask, T value, int source, int width = 32, SIMT_HERE)
{
    const int from = simt_segment(width) + (source & (width - 1));
    return simt_shuffle_value(SIMT_SITE("__shfl_sync"), mask, value, from);
}
template <typename T>
static inline T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, SIMT_HERE)
{
    const int from = (int)simt::lane() - (int)delta;
    return simt_shuffle_value(SIMT_SITE("__shfl_up_sync"), mask, value,
                              from < simt_segment(width) ? -1 : from);
}
template <typename T>
static inline T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, SIMT_HERE)
{
    const int from = (int)simt::lane() + (int)delta;
    return simt_shuffle_value(SIMT_SITE("__shfl_down_sync"), mask, value,
                              from >= simt_segment(width) + width ? -1 : from);
}
template <typename T>
static inline T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32, SIMT_HERE)
{
    const int from = (int)simt::lane() ^ lane_mask;
    return simt_shuffle_value(SIMT_SITE("__shfl_xor_sync"), mask, value,
                              from >= simt_segment(width) + width ? -1 : from);
}

static inline void simt_combine_ballot(uint32_t mask, const void *const input[],
                                       void *const output[], const void *, simt::site)
{
    uint32_t ballot = 0;
    for (int lane = 0; lane < simt::WARP; lane++)
        if (mask >> lane & 1)
            ballot |= (uint32_t)(*(const int *)input[lane] != 0) << lane;
    for (int lane = 0; lane < simt::WARP; lane++)
        if (mask >> lane & 1)
            *(uint32_t *)output[lane] = ballot;
}
static inline unsigned simt_ballot(simt::site where, unsigned mask, int predicate)
{
    uint32_t result = 0;
    simt::collective(where, mask, &predicate, &result, NULL, simt_combine_ballot);
    return result;
}
static inline unsigned __ballot_sync(unsigned mask, int predicate, SIMT_HERE)
{
    return simt_ballot(SIMT_SITE("__ballot_sync"), mask, predicate);
}
static inline int __any_sync(unsigned mask, int predicate, SIMT_HERE)
{
    return simt_ballot(SIMT_SITE("__any_sync"), mask, predicate) != 0;
}
static inline int __all_sync(unsigned mask, int predicate, SIMT_HERE)
{
    return simt_ballot(SIMT_SITE("__all_sync"), mask, predicate) == mask;
}
/* Lanes that have not left; simt has no other convergence than the masks. */
static inline unsigned __activemask(SIMT_HERE)
{
    simt::fail(SIMT_SITE("__activemask"), "is not emulated: name the lanes in a mask");
}

enum simt_reduction { SIMT_ADD, SIMT_MIN, SIMT_MAX, SIMT_AND, SIMT_OR, SIMT_XOR };

template <typename T>
static inline void simt_combine_reduce(uint32_t mask, const void *const input[],
                                       void *const output[], const void *common, simt::site)
{
    const simt_reduction how = *(const simt_reduction *)common;
    T result = 0;
    bool first = true;
    for (int lane = 0; lane < simt::WARP; lane++) {
        if (!(mask >> lane & 1))
            continue;
        const T value = *(const T *)input[lane];
        result = first             ? value
                 : how == SIMT_ADD ? (T)(result + value)
                 : how == SIMT_MIN ? std::min(result, value)
                 : how == SIMT_MAX ? std::max(result, value)
                 : how == SIMT_AND ? (T)(result & value)
                 : how == SIMT_OR  ? (T)(result | value)
                                   : (T)(result ^ value);
        first = false;
    }
    for (int lane = 0; lane < simt::WARP; lane++)
        if (mask >> lane & 1)
            *(T *)output[lane] = result;
}
#define SIMT_REDUCTION(name, how)                                                                  \
    template <typename T>                                                                          \
    static inline T name(unsigned mask, T value, SIMT_HERE)                                        \
    {                                                                                              \
        const simt_reduction reduction = how;                                                      \
        T result = 0;                                                                              \
        simt::collective(SIMT_SITE(#name), mask, &value, &result, &reduction,                      \
                         simt_combine_reduce<T>);                                                  \
        return result;                                                                             \
    }
SIMT_REDUCTION(__reduce_add_sync, SIMT_ADD)
SIMT_REDUCTION(__reduce_min_sync, SIMT_MIN)
SIMT_REDUCTION(__reduce_max_sync, SIMT_MAX)
SIMT_REDUCTION(__reduce_and_sync, SIMT_AND)
SIMT_REDUCTION(__reduce_or_sync, SIMT_OR)
SIMT_REDUCTION(__reduce_xor_sync, SIMT_XOR)
#undef SIMT_REDUCTION
