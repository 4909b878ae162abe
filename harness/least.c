#include "least.h"
#include "message.h"

#include <math.h>

/* What no run exceeds, given the data sheet's peak, or what was measured where there is none. */
static double limit(double peak, double measured)
{
    return peak > 0 ? peak : LEAST_MARGIN * measured;
}

static const char *origin(double peak)
{
    return peak > 0 ? "the data sheet's peak" : "four times what was measured";
}

/* Bytes that a cold run has to move before it ends. The tensors of an operation made of several
 * are fewer than what its parts read, and an output may have gaps: the smaller count stands. */
static double bytes_of(const struct test_case *item, double cache_bytes)
{
    struct tensor tensor[MAX_TENSORS];
    double inputs = 0, outputs = 0;
    item->op->tensors(item->problem, tensor);
    for (int i = 0; i < item->op->tensor_count; i++)
        *(tensor[i].output ? &outputs : &inputs) += tensor_bytes_real(&tensor[i]);
    inputs = fmin(inputs, item->op->cost(item->problem).bytes - outputs);
    return fmax(inputs, 0) + fmax(outputs - cache_bytes, 0);
}

struct least least_of(const struct test_case *item, const struct roofs *roofs, double cache_bytes)
{
    const double bytes = bytes_of(item, cache_bytes);
    const double flops = item->op->cost(item->problem).flops;
    const double gbs = limit(roofs->dram_peak_gbs, fmax(roofs->copy_gbs, roofs->cache_gbs));
    const double gflops = limit(roofs->fma_peak_gflops, roofs->fma_gflops);
    const double memory_ms = gbs > 0 ? bytes / gbs * 1e-6 : 0;
    const double fma_ms = gflops > 0 ? flops / gflops * 1e-6 : 0;
    struct least least = {fmax(memory_ms, fma_ms), ""};
    if (memory_ms > fma_ms)
        append(least.why, sizeof least.why, "%.4g bytes of memory at %.4g GB/s, %s", bytes, gbs,
               origin(roofs->dram_peak_gbs));
    else if (fma_ms > 0)
        append(least.why, sizeof least.why, "%.4g flops at %.4g Gflop/s, %s", flops, gflops,
               origin(roofs->fma_peak_gflops));
    return least;
}

void least_judge(const struct least *least, struct outcome *outcome)
{
    const double shortest = outcome->timing.summary.min;
    if (outcome->status != STATUS_PASS || !outcome->timed || shortest >= least->time_ms)
        return;
    outcome->status = STATUS_IMPOSSIBLE;
    outcome->timed = false;
    append(outcome->detail, sizeof outcome->detail,
           "a sample of %.4g ms, expected no less than %.4g ms: %s", shortest, least->time_ms,
           least->why);
}
