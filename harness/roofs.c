#include "roofs.h"
#include "message.h"
#include "results.h"

#include <math.h>

#define FIELD(name)                                                                                \
    {                                                                                              \
#name, offsetof(struct roofs, name)                                                        \
    }
static const struct {
    const char *name;
    size_t offset;
} FIELDS[] = {FIELD(copy_gbs),        FIELD(cache_gbs),       FIELD(shared_gbs),
              FIELD(fma_gflops),      FIELD(ex2_gops),        FIELD(dram_peak_gbs),
              FIELD(shared_peak_gbs), FIELD(fma_peak_gflops), FIELD(ex2_peak_gops)};
enum { FIELD_COUNT = sizeof FIELDS / sizeof *FIELDS };

void roofs_write(const struct roofs *roofs, json_t *machine)
{
    for (int i = 0; i < FIELD_COUNT; i++) {
        const double value = *(const double *)((const char *)roofs + FIELDS[i].offset);
        if (value > 0 && isfinite(value))
            json_object_set_new(machine, FIELDS[i].name, json_real(value));
    }
}

struct roofs roofs_read(const json_t *machine)
{
    struct roofs roofs = {0};
    for (int i = 0; i < FIELD_COUNT; i++)
        *(double *)((char *)&roofs + FIELDS[i].offset) =
            json_number_value(json_object_get(machine, FIELDS[i].name));
    return roofs;
}

struct binding roofs_bind(const struct roofs *roofs, const struct cost *cost)
{
    const struct {
        const char *name;
        double work, rate;
    } known[] = {{"copy", cost->bytes, roofs->copy_gbs},
                 {"fma", cost->flops, roofs->fma_gflops},
                 {"ex2", cost->exps, roofs->ex2_gops}};
    struct binding binding = {NULL, 0};
    for (int i = 0; i < 3; i++) {
        const double time_ms = known[i].work / known[i].rate * 1e-6;
        if (known[i].rate > 0 && time_ms > binding.time_ms)
            binding = (struct binding){known[i].name, time_ms};
    }
    return binding;
}

void roofs_set(json_t *row)
{
    const double median = results_number(row, "time.median_ms");
    const struct roofs roofs = roofs_read(json_object_get(row, "machine"));
    const struct cost cost = {results_number(row, "bytes"), results_number(row, "flops"),
                              results_number(row, "exps")};
    const struct binding binding = roofs_bind(&roofs, &cost);
    if (binding.name && median > 0)
        json_object_set_new(
            row, "roof",
            json_pack("{s:s, s:f}", "name", binding.name, "fraction", binding.time_ms / median));
}

void roofs_append(const json_t *row, char *text, size_t size)
{
    if (results_get(row, "roof"))
        append(text, size, "%.0f %% of %s", 100 * results_number(row, "roof.fraction"),
               results_text(row, "roof.name"));
}
