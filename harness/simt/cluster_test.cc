/* Clusters on simt: blocks that run at once, and what of their use is wrong. */
#include "../../kernels/device/cluster.cuh"

#include <criterion/criterion.h>
#include <string.h>

namespace
{

enum { CLUSTER = 4, THREADS = 64, WORDS = CLUSTER * THREADS, SCHEDULES = 5 };

/* The error of every schedule has both words. */
void expect_error(void (*kernel)(int *), const char *word, const char *other)
{
    int out[WORDS];
    for (unsigned schedule = 0; schedule < SCHEDULES; schedule++) {
        simt::set_schedule(schedule);
        cr_assert_eq(launch_cluster(kernel, CLUSTER, CLUSTER, THREADS, 0, NULL, out), simt::ERROR,
                     "schedule %u passes", schedule);
        cr_assert_not_null(strstr(simt::error_text(), word), "%s", simt::error_text());
        cr_assert_not_null(strstr(simt::error_text(), other), "%s", simt::error_text());
    }
}

/* Each thread adds up its neighbours' in the other blocks. Without a barrier before it reads, or
 * before it writes again, that is another sum. */
template <bool BEFORE, bool AFTER>
__global__ void sums(int *out)
{
    SHARED(int, mine, [THREADS]);
    int sum = 0;
    for (int round = 0; round < 2; round++) {
        mine[threadIdx.x] = (int)(blockIdx.x + threadIdx.x) + 1000 * round;
        if (BEFORE || round == 0) {
            cluster_arrive();
            cluster_wait();
        }
        for (unsigned rank = 0; rank < cluster_size(); rank++)
            sum += *cluster_at(&mine[threadIdx.x], rank);
        if (AFTER || round == 1) {
            cluster_arrive();
            cluster_wait();
        }
    }
    out[blockIdx.x * THREADS + threadIdx.x] = sum;
}

bool right_in_all_schedules(void (*kernel)(int *))
{
    bool right = true;
    for (unsigned schedule = 0; schedule < SCHEDULES; schedule++) {
        int out[WORDS] = {};
        simt::set_schedule(schedule);
        cr_assert_eq(launch_cluster(kernel, CLUSTER, CLUSTER, THREADS, 0, NULL, out), 0, "%s",
                     simt::error_text());
        for (int i = 0; i < WORDS; i++)
            right &= out[i] == 2 * (6 + CLUSTER * (i % THREADS)) + 1000 * CLUSTER;
    }
    return right;
}

__global__ void reads_a_block_that_has_ended(int *out)
{
    SHARED(int, mine, [THREADS]);
    mine[threadIdx.x] = 1;
    cluster_arrive();
    cluster_wait();
    if (cluster_rank() != 1)
        return;
    for (int turn = 0; turn < 1000; turn++)
        __nanosleep(20);
    out[threadIdx.x] = *cluster_at(&mine[threadIdx.x], 2);
}

__global__ void names_a_block_too_many(int *)
{
    SHARED(int, mine, [THREADS]);
    cluster_at(&mine[0], CLUSTER);
}

__global__ void names_what_is_not_shared(int *out)
{
    cluster_at(out, 0);
}

__global__ void waits_without_arriving(int *)
{
    cluster_wait();
}

__global__ void arrives_twice(int *)
{
    cluster_arrive();
    cluster_arrive();
}

/* One of the blocks never comes. */
__global__ void waits_for_one_that_left(int *)
{
    if (cluster_rank() == 2)
        return;
    cluster_arrive();
    cluster_wait();
}

__global__ void says_where_it_is(int *out)
{
    if (threadIdx.x == 0)
        out[blockIdx.x] = (int)(100 * cluster_size() + cluster_rank());
}

} // namespace

Test(simt_cluster, blocks_reach_each_others_memory)
{
    cr_assert(right_in_all_schedules(sums<true, true>));
}

Test(simt_cluster, a_missing_barrier_changes_the_result)
{
    cr_assert_not(right_in_all_schedules(sums<false, true>));
    cr_assert_not(right_in_all_schedules(sums<true, false>));
}

Test(simt_cluster, misuse_is_named, .timeout = 60)
{
    expect_error(reads_a_block_that_has_ended, "cluster_at", "block 2 of the cluster");
    expect_error(names_a_block_too_many, "cluster_at", "block 4 of a cluster of 4");
    expect_error(names_what_is_not_shared, "cluster_at", "not in a shared array");
    expect_error(waits_without_arriving, "cluster_wait", "without a cluster_arrive()");
    expect_error(arrives_twice, "cluster_arrive", "a second time");
    expect_error(waits_for_one_that_left, "cluster_wait", "waits for ever");
}

Test(simt_cluster, blocks_know_their_place)
{
    for (unsigned schedule = 0; schedule < SCHEDULES; schedule++)
        for (int size = 1; size <= 3; size++) {
            int out[6] = {};
            simt::set_schedule(schedule);
            cr_assert_eq(launch_cluster(says_where_it_is, size, 6, THREADS, 0, NULL, out), 0, "%s",
                         simt::error_text());
            for (int block = 0; block < 6; block++)
                cr_assert_eq(out[block], 100 * size + block % size);
        }
}

Test(simt_cluster, a_launch_that_hardware_refuses_is_refused)
{
    int out[64] = {};
    cr_assert_eq(launch_cluster(says_where_it_is, 4, 6, 32, 0, NULL, out), simt::ERROR);
    cr_assert_eq(launch_cluster(says_where_it_is, 17, 34, 32, 0, NULL, out), simt::ERROR);
}
