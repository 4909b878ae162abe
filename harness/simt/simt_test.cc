/* The six mutants, each caught and named, and the emulation held against its definition. */
#include "../trial.h"
#include "mutants.cuh"

#include <criterion/criterion.h>

namespace
{

enum { BIG_SHARED = 60 * 1024 };

float input[MUTANT_THREADS], output[MUTANT_THREADS];

/* Runs one mutant by `schedule`; returns what launch() does. */
int run_mutant(const char *name, unsigned schedule)
{
    for (int t = 0; t < MUTANT_THREADS; t++)
        input[t] = (float)t;
    simt::set_schedule(schedule);
    for (const struct mutant &mutant : MUTANTS)
        if (!strcmp(mutant.name, name))
            return launch(mutant.kernel, 1, MUTANT_THREADS, 0, NULL, input, output);
    cr_assert_fail("no mutant %s", name);
    return 0;
}

/* True when every schedule gives x[t] + x[t+1]. */
bool right_in_all_schedules(const char *name)
{
    bool right = true;
    for (unsigned schedule = 0; schedule < 3; schedule++) {
        cr_assert_eq(run_mutant(name, schedule), 0);
        for (int t = 0; t < MUTANT_THREADS; t++)
            right &= output[t] == (float)(t + (t + 1) % MUTANT_THREADS);
    }
    return right;
}

/* The error of every schedule names all of the words. */
void expect_error(const char *name, const char *word, const char *other)
{
    for (unsigned schedule = 0; schedule < 3; schedule++) {
        cr_assert_eq(run_mutant(name, schedule), simt::ERROR, "%s passes", name);
        cr_assert_not_null(strstr(simt::error_text(), "mutants.cuh:"), "%s", simt::error_text());
        cr_assert_not_null(strstr(simt::error_text(), "block (0,0,0), thread ("));
        cr_assert_not_null(strstr(simt::error_text(), word), "%s", simt::error_text());
        cr_assert_not_null(strstr(simt::error_text(), other), "%s", simt::error_text());
    }
}

} // namespace

Test(simt, the_right_kernel_is_right_in_every_schedule)
{
    cr_assert(right_in_all_schedules("none"));
}

Test(simt, a_missing_barrier_changes_the_result)
{
    cr_assert_not(right_in_all_schedules("missing_barrier"));
    run_mutant("missing_barrier", 0);
    const float first = output[5];
    run_mutant("missing_barrier", 1);
    cr_assert(isnan(first) && output[5] == 11, "ascending reads what is not yet there");
}

Test(simt, a_racy_neighbour_read_changes_the_result)
{
    run_mutant("racy_neighbour", 0);
    const float first = output[0];
    run_mutant("racy_neighbour", 1);
    cr_assert_eq(first, 1);
    cr_assert_neq(output[0], first);
}

Test(simt, an_uninitialised_shared_read_gives_nan)
{
    cr_assert_eq(run_mutant("uninitialised_read", 0), 0);
    cr_assert(isnan(output[77]) && isnan(output[76]) && output[75] == 151);
}

Test(simt, an_out_of_bounds_shared_write_is_named)
{
    expect_error("out_of_bounds_write", "shared tile", "outside its bounds");
}

Test(simt, a_shuffle_under_divergence_is_named)
{
    expect_error("shuffle_under_divergence", "__shfl_sync", "__syncthreads");
}

Test(simt, a_barrier_in_a_branch_is_named)
{
    expect_error("barrier_in_branch", "__syncthreads", "left the kernel");
}

static __global__ void shuffles(int *out)
{
    const int lane = (int)threadIdx.x;
    int *mine = out + lane * 8;
    mine[0] = __shfl_up_sync(0xffffffffu, lane, 3);
    mine[1] = __shfl_down_sync(0xffffffffu, lane, 3, 8);
    mine[2] = __shfl_xor_sync(0xffffffffu, lane, 5);
    mine[3] = __shfl_sync(0xffffffffu, lane, 19, 16);
    mine[4] = (int)__ballot_sync(0xffffffffu, lane % 3 == 0);
    mine[5] = __any_sync(0xffffffffu, lane == 31) + 2 * __all_sync(0xffffffffu, lane < 31);
    mine[6] = __reduce_add_sync(0xffffffffu, lane);
    mine[7] = lane < 8 ? __reduce_max_sync(0xffu, lane) : 0;
}

Test(simt, warp_collectives_follow_their_definition)
{
    int out[32][8];
    unsigned ballot = 0;
    for (int lane = 0; lane < 32; lane += 3)
        ballot |= 1u << lane;
    for (unsigned schedule = 0; schedule < 4; schedule++) {
        simt::set_schedule(schedule);
        cr_assert_eq(launch(shuffles, 1, 32, 0, NULL, &out[0][0]), 0, "%s", simt::error_text());
        for (int lane = 0; lane < 32; lane++) {
            cr_assert_eq(out[lane][0], lane < 3 ? lane : lane - 3);
            cr_assert_eq(out[lane][1], lane % 8 + 3 > 7 ? lane : lane + 3);
            cr_assert_eq(out[lane][2], lane ^ 5);
            cr_assert_eq(out[lane][3], lane / 16 * 16 + 3);
            cr_assert_eq((unsigned)out[lane][4], ballot);
            cr_assert_eq(out[lane][5], 1);
            cr_assert_eq(out[lane][6], 31 * 32 / 2);
            cr_assert_eq(out[lane][7], lane < 8 ? 7 : 0);
        }
    }
}

static __global__ void reads_a_lane_that_left(int *out)
{
    if (threadIdx.x == 7)
        return;
    out[threadIdx.x] = __shfl_sync(0xffffffffu, (int)threadIdx.x, 7);
}

static __global__ void sum_of_those_left(int *out)
{
    if (threadIdx.x >= 20)
        return;
    out[threadIdx.x] = __reduce_add_sync(0xffffffffu, 1);
}

Test(simt, lanes_that_left_do_not_hold_up_others_and_cannot_be_read)
{
    int out[32];
    for (unsigned schedule = 0; schedule < 3; schedule++) {
        simt::set_schedule(schedule);
        cr_assert_eq(launch(reads_a_lane_that_left, 1, 32, 0, NULL, out), simt::ERROR);
        cr_assert_not_null(strstr(simt::error_text(), "reads lane 7"), "%s", simt::error_text());
        cr_assert_eq(launch(sum_of_those_left, 1, 32, 0, NULL, out), 0, "%s", simt::error_text());
        cr_assert_eq(out[19], 20);
    }
}

static __global__ void count_blocks(int *counter, int *seen)
{
    DYNAMIC_SHARED(int, scratch);
    if (threadIdx.x == 0)
        scratch[BIG_SHARED / 4 - 1] = atomicAdd(counter, 1);
    __syncthreads();
    atomicAdd(&seen[blockIdx.x], scratch[BIG_SHARED / 4 - 1] >= 0);
}

Test(simt, every_thread_of_every_block_runs_once)
{
    for (unsigned schedule = 0; schedule < 5; schedule++) {
        int counter = 0, seen[97] = {};
        simt::set_schedule(schedule);
        cr_assert_eq(launch(count_blocks, 97, 65, BIG_SHARED, NULL, &counter, seen), 0, "%s",
                     simt::error_text());
        cr_assert_eq(counter, 97);
        for (int block = 0; block < 97; block++)
            cr_assert_eq(seen[block], 65);
    }
}

/* The first block waits for what the second one says, in the order of tickets. */
static __global__ void waits_for_the_next_block(int *ticket, int *flag)
{
    const int mine = atomicAdd(ticket, 1);
    if (mine == 1)
        atomicExch(flag, 1);
    __syncthreads();
    while (mine == 0 && !atomicAdd(flag, 0))
        __nanosleep(20);
}

Test(simt, blocks_run_at_once_by_shuffled_schedules)
{
    for (unsigned schedule = 2; schedule < 7; schedule++) {
        int ticket = 0, flag = 0;
        simt::set_schedule(schedule);
        cr_assert_eq(launch(waits_for_the_next_block, 3, 1, 0, NULL, &ticket, &flag), 0, "%s",
                     simt::error_text());
        cr_assert_eq(ticket, 3);
    }
}

static __global__ void waits_for_nobody(int *flag)
{
    volatile int *watched = flag;
    while (!*watched)
        __nanosleep(20);
}

Test(simt, polling_for_ever_is_found)
{
    int flag = 0;
    cr_assert_eq(launch(waits_for_nobody, 1, 1, 0, NULL, &flag), simt::ERROR);
    cr_assert_not_null(strstr(simt::error_text(), "waits for ever"), "%s", simt::error_text());
}

/* As a copy is over when it returns, what is waited for has happened. */
Test(simt, streams_events_and_pinned_memory)
{
    float *pinned = NULL, there[3] = {0, 0, 0};
    cudaStream_t stream = &pinned;
    cudaEvent_t event = &pinned;
    cr_assert_eq(cudaMallocHost(&pinned, sizeof there), cudaSuccess);
    cr_assert_eq(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
    cr_assert_eq(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), cudaSuccess);
    for (int i = 0; i < 3; i++)
        pinned[i] = (float)(i + 1);
    cr_assert_eq(cudaMemcpyAsync(there, pinned, sizeof there, cudaMemcpyHostToDevice, stream),
                 cudaSuccess);
    cr_assert_eq(cudaEventRecord(event, stream), cudaSuccess);
    cr_assert_eq(cudaStreamWaitEvent(stream, event, 0), cudaSuccess);
    cr_assert_eq(cudaEventSynchronize(event), cudaSuccess);
    pinned[1] = 9;
    cr_assert_eq(there[1], 2.0f);
    cr_assert_eq(there[2], 3.0f);
    cr_assert_eq(cudaEventDestroy(event), cudaSuccess);
    cr_assert_eq(cudaStreamDestroy(stream), cudaSuccess);
    cr_assert_eq(cudaFreeHost(pinned), cudaSuccess);
}

Test(simt, a_launch_that_hardware_refuses_is_refused)
{
    int flag = 1;
    cr_assert_eq(launch(waits_for_nobody, 1, 1025, 0, NULL, &flag), simt::ERROR);
    cr_assert_eq(launch(waits_for_nobody, 1, 32, 300 * 1024, NULL, &flag), simt::ERROR);
    cr_assert_neq(launch(waits_for_nobody, 0, 32, 0, NULL, &flag), 0);
}
