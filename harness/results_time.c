/* What a row says of its time. */
#include "results.h"

static json_t *numbers(const double value[], int count)
{
    json_t *array = json_array();
    for (int i = 0; i < count; i++)
        json_array_append_new(array, json_real(value[i]));
    return array;
}

json_t *results_time(const struct timing *timing)
{
    const struct summary *s = &timing->summary;
    const struct aside *aside = &timing->aside;
    json_t *time = json_pack("{s:i, s:s, s:s, s:s}", "count", s->count, "cache", "cold", "warmup",
                             timing->warmup, "stop", timing->stop);
    json_object_set_new(time, "min_ms", results_json(s->min));
    json_object_set_new(time, "q1_ms", results_json(s->q1));
    json_object_set_new(time, "median_ms", results_json(s->median));
    json_object_set_new(time, "q3_ms", results_json(s->q3));
    json_object_set_new(time, "max_ms", results_json(s->max));
    json_object_set_new(time, "low_ms", results_json(s->low));
    json_object_set_new(time, "high_ms", results_json(s->high));
    results_set_known(time, "tick_ms", timing->tick_ms);
    results_set_known(time, "clock_mhz", timing->median_mhz);
    if (timing->median_mhz > 0) {
        json_object_set_new(time, "slow", json_integer(timing->slow));
        json_object_set_new(time, "fed", json_integer(timing->fed));
    }
    json_object_set_new(time, "looked_at", json_integer(timing->looked_at));
    json_object_set_new(time, "spent_s", results_json(timing->spent_s));
    results_set_known(time, "warm_ms", aside->warm_ms);
    results_set_known(time, "batch_ms", aside->batch_ms);
    results_set_known(time, "graph_ms", aside->graph_ms);
    if (aside->runs)
        json_object_set_new(time, "batch", json_integer(aside->runs));
    results_set_known(time, "floor_ms", aside->floors.pair_ms);
    results_set_known(time, "floor_kernel_ms", aside->floors.kernel_ms);
    if (s->count <= 60)
        json_object_set_new(time, "samples_ms", numbers(timing->sample_ms, s->count));
    return time;
}

void results_samples(json_t *line, const struct timing *timing)
{
    json_object_set_new(line, "ms", numbers(timing->sample_ms, timing->summary.count));
    if (timing->median_mhz > 0)
        json_object_set_new(line, "clock_mhz", numbers(timing->clock_mhz, timing->summary.count));
}
