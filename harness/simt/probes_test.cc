/* All probes on simt; the places of fragments; and the misuse of each wrapper, caught and named. */
#include "probes.cuh"

#include <criterion/criterion.h>
#include <vector>

namespace
{

enum { SCHEDULES = 4, ROUNDS = 2 };

/* True when all of the words are NaN patterns in every schedule. */
bool reads_nan(void (*kernel)(const uint32_t *, uint32_t *), int words)
{
    alignas(16) uint32_t in[COPY_THREADS * 4], out[COPY_THREADS * 4];
    bool nan = true;
    for (unsigned schedule = 0; schedule < SCHEDULES; schedule++) {
        memset(in, 0, sizeof in);
        memset(out, 0, sizeof out);
        simt::set_schedule(schedule);
        cr_assert_eq(launch(kernel, 1, COPY_THREADS, 0, NULL, in, out), 0, "%s",
                     simt::error_text());
        for (int i = 0; i < words; i++)
            nan &= is_nan(out[i]);
    }
    return nan;
}

/* The error of every schedule is at this line of this file, and has both words. */
void expect_error(void (*kernel)(const uint32_t *, uint32_t *), int line, const char *word,
                  const char *other)
{
    alignas(16) uint32_t in[COPY_THREADS * 4] = {}, out[COPY_THREADS * 4];
    char place[64];
    snprintf(place, sizeof place, "probes_test.cc:%d: ", line);
    for (unsigned schedule = 0; schedule < SCHEDULES; schedule++) {
        simt::set_schedule(schedule);
        cr_assert_eq(launch(kernel, 1, COPY_THREADS, 0, NULL, in, out), simt::ERROR);
        cr_assert_not_null(strstr(simt::error_text(), place), "%s", simt::error_text());
        cr_assert_not_null(strstr(simt::error_text(), word), "%s", simt::error_text());
        cr_assert_not_null(strstr(simt::error_text(), other), "%s", simt::error_text());
    }
}

/* Marks the line where a kernel goes wrong. */
int wrong_line;
#define WRONG_HERE (wrong_line = __LINE__)

} // namespace

Test(simt_probes, every_probe_passes_in_every_schedule, .timeout = 300)
{
    for (const struct probe &probe : PROBES) {
        std::vector<uint32_t> in((size_t)probe.inputs), want((size_t)probe.outputs);
        std::vector<double> allowed((size_t)probe.outputs);
        probe.fill(in.data());
        probe.expect(in.data(), want.data(), allowed.data());
        for (unsigned schedule = 0; schedule < SCHEDULES; schedule++) {
            std::vector<uint32_t> out((size_t)probe.outputs, 0xffffffffu);
            simt::set_schedule(schedule);
            cr_assert_eq(probe_launch(&probe, in.data(), out.data()), 0, "%s", simt::error_text());
            const struct verdict v = probe_judge(&probe, out.data(), want.data(), allowed.data());
            cr_assert(v.passed, "%s: output %d is %08x, not %08x: %g of what is allowed",
                      probe.name, v.worst, out[(size_t)v.worst], want[(size_t)v.worst], v.error);
        }
    }
}

/* A probe of a product would pass with places that are permuted alike on both sides. */
Test(simt_probes, fragments_lie_where_the_ptx_isa_says)
{
    const struct {
        struct place is;
        int row, column;
    } table[] = {
        {mma_d_place(0, 1), 0, 1},        {mma_d_place(5, 0), 1, 2},
        {mma_d_place(31, 2), 15, 6},      {mma_d_place(31, 3), 15, 7},
        {mma_a_tf32_place(6, 0), 1, 2},   {mma_a_tf32_place(6, 1), 9, 2},
        {mma_a_tf32_place(6, 2), 1, 6},   {mma_a_tf32_place(6, 3), 9, 6},
        {mma_b_tf32_place(6, 0), 2, 1},   {mma_b_tf32_place(6, 1), 6, 1},
        {mma_a_b16_place(6, 0), 1, 4},    {mma_a_b16_place(6, 1), 9, 4},
        {mma_a_b16_place(6, 2), 1, 12},   {mma_a_b16_place(6, 3), 9, 12},
        {mma_b_b16_place(6, 0), 4, 1},    {mma_b_b16_place(6, 1), 12, 1},
        {ldmatrix_place(6, false), 1, 4}, {ldmatrix_place(6, true), 4, 1},
    };
    for (const auto &entry : table) {
        cr_assert_eq(entry.is.row, entry.row, "entry %td", &entry - table);
        cr_assert_eq(entry.is.column, entry.column, "entry %td", &entry - table);
    }
}

Test(simt_probes, products_are_truncated)
{
    cr_assert_eq(simt_truncated(1 + 0x1.8p-23), 1 + 0x1p-23f);
    cr_assert_eq(simt_truncated(-1 - 0x1.8p-23), -1 - 0x1p-23f);
    cr_assert_eq(simt_truncated(0.75), 0.75f);
    cr_assert(isnan(simt_truncated(NAN)));
}

/* What a copy is about to write is NaN until it is waited for, also where something stood. */
static __global__ void reads_async_copy_too_early(const uint32_t *in, uint32_t *out)
{
    SHARED(uint32_t, tile, [COPY_THREADS * 4]);
    const int t = (int)threadIdx.x;
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < 4; i++)
            tile[4 * t + i] = 0;
        copy_async<16>(tile + 4 * t, in + 4 * t, 4 * (t % 5));
        copy_async_commit();
        for (int i = 0; i < 4; i++)
            out[4 * t + i] = tile[4 * t + i];
        copy_async_wait<0>();
    }
}

/* The latest group is still under way. */
static __global__ void waits_for_too_few_groups(const uint32_t *in, uint32_t *out)
{
    SHARED(uint32_t, tile, [COPY_THREADS]);
    const int t = (int)threadIdx.x;
    copy_async<4>(tile + t, in + t);
    copy_async_commit();
    copy_async_wait<1>();
    out[t] = tile[t];
}

static __global__ void reads_uncommitted_copy(const uint32_t *in, uint32_t *out)
{
    SHARED(uint32_t, tile, [COPY_THREADS]);
    const int t = (int)threadIdx.x;
    copy_async_commit();
    copy_async<4>(tile + t, in + t);
    copy_async_wait<0>();
    out[t] = tile[t];
}

static __global__ void reads_bulk_copy_too_early(const uint32_t *in, uint32_t *out)
{
    SHARED(uint32_t, tile, [COPY_THREADS]);
    SHARED(mbarrier, full, [1]);
    const int t = (int)threadIdx.x;
    tile[t] = 0;
    if (t == 0) {
        mbarrier_init(full, 1);
        mbarrier_init_fence();
    }
    __syncthreads();
    if (t == 0) {
        mbarrier_arrive_expect(full, sizeof tile);
        copy_bulk(tile, in, sizeof tile, full);
    }
    __syncthreads();
    out[t] = tile[t];
    __syncthreads();
    mbarrier_wait(full, 0);
}

static __global__ void does_not_wait_for_bulk_stores(const uint32_t *in, uint32_t *out)
{
    SHARED(uint32_t, tile, [COPY_THREADS]);
    tile[threadIdx.x] = in[threadIdx.x];
    copy_bulk_fence();
    __syncthreads();
    if (threadIdx.x == 0) {
        copy_bulk_out(out, tile, sizeof tile);
        copy_bulk_commit();
    }
}

Test(simt_probes, a_copy_read_before_it_is_waited_for_is_nan)
{
    cr_assert(reads_nan(reads_async_copy_too_early, COPY_THREADS * 4));
    cr_assert(reads_nan(waits_for_too_few_groups, COPY_THREADS));
    cr_assert(reads_nan(reads_uncommitted_copy, COPY_THREADS));
    cr_assert(reads_nan(reads_bulk_copy_too_early, COPY_THREADS));
    cr_assert(reads_nan(does_not_wait_for_bulk_stores, COPY_THREADS));
}

/* Starts one bulk copy with these offsets in words, and size in bytes. */
template <int TO, int FROM, int BYTES>
static __global__ void copies_in_bulk(const uint32_t *in, uint32_t *)
{
    SHARED(uint32_t, tile, [COPY_THREADS]);
    SHARED(mbarrier, full, [1]);
    if (threadIdx.x)
        return;
    mbarrier_init(full, 1);
    WRONG_HERE, copy_bulk(tile + TO, in + FROM, BYTES, full);
}

template <int TO, int FROM, int BYTES>
static __global__ void stores_in_bulk(const uint32_t *, uint32_t *out)
{
    SHARED(uint32_t, tile, [COPY_THREADS]);
    if (threadIdx.x == 0)
        WRONG_HERE, copy_bulk_out(out + TO, tile + FROM, BYTES);
}

static void expect_wrong(void (*kernel)(const uint32_t *, uint32_t *), const char *word,
                         const char *other)
{
    alignas(16) uint32_t in[COPY_THREADS * 4] = {}, out[COPY_THREADS * 4];
    launch(kernel, 1, COPY_THREADS, 0, NULL, in, out); /* sets wrong_line */
    expect_error(kernel, wrong_line, word, other);
}

Test(simt_probes, a_bulk_copy_that_hardware_refuses_is_named)
{
    expect_wrong(copies_in_bulk<1, 0, 16>, "copy_bulk", "not a multiple of 16 bytes");
    expect_wrong(copies_in_bulk<0, 1, 16>, "copy_bulk", "not a multiple of 16 bytes");
    expect_wrong(copies_in_bulk<0, 0, 20>, "copy_bulk", "20 bytes: not a multiple");
    expect_wrong(copies_in_bulk<COPY_THREADS - 4, 0, 32>, "copy_bulk", "not in a shared array");
    expect_wrong(stores_in_bulk<1, 0, 16>, "copy_bulk_out", "not a multiple of 16 bytes");
    expect_wrong(stores_in_bulk<0, 1, 16>, "copy_bulk_out", "not a multiple of 16 bytes");
    expect_wrong(stores_in_bulk<0, 0, 24>, "copy_bulk_out", "24 bytes: not a multiple");
}

template <int TO, int FROM, int VALID>
static __global__ void copies_asynchronously(const uint32_t *in, uint32_t *)
{
    SHARED(uint32_t, tile, [COPY_THREADS]);
    if (threadIdx.x == 0)
        WRONG_HERE, copy_async<8>(tile + TO, in + FROM, VALID);
}

static __global__ void loads_misaligned_rows(const uint32_t *, uint32_t *out)
{
    SHARED(uint32_t, tile, [COPY_THREADS * 4]);
    WRONG_HERE, ldmatrix_x4(out, tile + threadIdx.x);
}

static __global__ void multiplies_in_half_a_warp(const uint32_t *in, uint32_t *)
{
    float d[4] = {};
    if (threadIdx.x % 32 < 16)
        return;
    WRONG_HERE, mma_bf16_16x8x16(d, in, in);
}

Test(simt_probes, misaligned_or_partial_use_is_named)
{
    expect_wrong(copies_asynchronously<1, 0, 8>, "copy_async", "not a multiple of 8 bytes");
    expect_wrong(copies_asynchronously<0, 1, 8>, "copy_async", "not a multiple of 8 bytes");
    expect_wrong(copies_asynchronously<0, 0, 9>, "copy_async", "9 valid bytes of 8");
    expect_wrong(copies_asynchronously<COPY_THREADS, 0, 8>, "copy_async", "not in a shared array");
    expect_wrong(loads_misaligned_rows, "ldmatrix_x4", "not a multiple of 16 bytes");
    expect_wrong(multiplies_in_half_a_warp, "mma", "needs all lanes");
}

/* All threads but one arrive; or bytes are expected that nobody copies. */
template <bool BYTES_MISSING>
static __global__ void waits_for_a_phase_that_never_ends(const uint32_t *, uint32_t *)
{
    SHARED(mbarrier, gate, [1]);
    if (threadIdx.x == 0)
        mbarrier_init(gate, COPY_THREADS);
    __syncthreads();
    if (threadIdx.x == 77 && BYTES_MISSING)
        mbarrier_arrive_expect(gate, 16);
    else if (threadIdx.x != 77)
        mbarrier_arrive(gate);
    WRONG_HERE, mbarrier_wait(gate, 0);
}

static __global__ void waits_at_no_barrier(const uint32_t *, uint32_t *)
{
    SHARED(mbarrier, gate, [1]);
    WRONG_HERE, mbarrier_wait(gate, 0);
}

static __global__ void arrives_too_often(const uint32_t *, uint32_t *)
{
    SHARED(mbarrier, gate, [1]);
    if (threadIdx.x)
        return;
    mbarrier_init(gate, 1);
    mbarrier_arrive_expect(gate, 16);
    WRONG_HERE, mbarrier_arrive(gate);
}

Test(simt_probes, misuse_of_an_mbarrier_is_named, .timeout = 60)
{
    expect_wrong(waits_for_a_phase_that_never_ends<false>, "mbarrier_wait", "waits for ever");
    expect_wrong(waits_for_a_phase_that_never_ends<true>, "mbarrier_wait", "waits for ever");
    expect_wrong(waits_at_no_barrier, "mbarrier_wait", "not initialised");
    expect_wrong(arrives_too_often, "mbarrier_arrive", "one arrival more");
}
