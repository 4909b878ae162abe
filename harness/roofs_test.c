/* Roofs: as fields of a row, which of them binds, and that those of this machine can be true. */
#include "results.h"
#include "roofs.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

Test(roofs, the_fields_of_a_machine)
{
    const struct roofs roofs = {1, 2, 3, 4, 5, 6, 0, 8, 9};
    json_t *machine = json_object();
    roofs_write(&roofs, machine);
    cr_assert(eq(dbl, results_number(machine, "copy_gbs"), 1));
    cr_assert(eq(dbl, results_number(machine, "ex2_gops"), 5));
    cr_assert(eq(dbl, results_number(machine, "fma_peak_gflops"), 8));
    cr_assert(eq(sz, json_object_size(machine), 8), "what is not known has no field");
    const struct roofs again = roofs_read(machine);
    cr_assert(zero(int, memcmp(&again, &roofs, sizeof roofs)));
    json_decref(machine);
}

static void assert_binds(const struct roofs *roofs, const struct cost *cost, const char *name,
                         double time_ms)
{
    const struct binding binding = roofs_bind(roofs, cost);
    cr_assert(eq(str, (char *)binding.name, (char *)name));
    cr_assert(ieee_ulp_eq(dbl, binding.time_ms, time_ms, 4));
}

Test(roofs, the_one_that_takes_longest_binds)
{
    const struct roofs roofs = {.copy_gbs = 2, .fma_gflops = 10, .ex2_gops = 0.5};
    assert_binds(&roofs, &(struct cost){4e6, 1e6, 0}, "copy", 2);
    assert_binds(&roofs, &(struct cost){4e6, 50e6, 1e6}, "fma", 5);
    assert_binds(&roofs, &(struct cost){4e6, 50e6, 3e6}, "ex2", 6);
    assert_binds(&(struct roofs){.copy_gbs = 2}, &(struct cost){4e6, 50e6, 3e6}, "copy", 2);
    const struct roofs none = {.shared_gbs = 1, .cache_gbs = 1, .fma_peak_gflops = 1};
    cr_assert(eq(ptr, (void *)roofs_bind(&none, &(struct cost){1, 1, 1}).name, NULL));
}

/* A row of 4e6 bytes and 50e6 flops that took 10 ms. */
static json_t *row(const char *machine)
{
    json_t *object = json_pack("{s:f, s:f, s:f, s:{s:f}}", "bytes", 4e6, "flops", 50e6, "exps", 0.0,
                               "time", "median_ms", 10.0);
    json_object_set_new(object, "machine", json_loads(machine, 0, NULL));
    return object;
}

static void assert_says(const char *machine, const char *expected)
{
    char text[64] = "";
    json_t *object = row(machine);
    roofs_set(object);
    roofs_append(object, text, sizeof text);
    cr_assert(eq(str, text, (char *)expected), "%s", machine);
    json_decref(object);
}

Test(roofs, a_row_says_which_and_how_much)
{
    assert_says("{\"copy_gbs\":2.0, \"fma_gflops\":10.0}", "50 % of fma");
    assert_says("{\"copy_gbs\":2.0}", "20 % of copy");
    assert_says("{\"name\":\"before there were roofs\"}", "");
}

Test(roofs, a_row_without_a_time_has_none)
{
    json_t *object = row("{\"copy_gbs\":2.0}");
    json_object_del(object, "time");
    roofs_set(object);
    cr_assert(eq(ptr, json_object_get(object, "roof"), NULL));
    json_decref(object);
}

/* More than any that is sold: cycles of 1e-9 s; two units of 16 lanes, a multiply-add each. */
enum { CPU_GHZ = 7, CPU_FLOPS = 64 };

static void assert_cpu(const struct roofs *roofs)
{
    struct machine m;
    backend_cpu.machine(&m);
    cr_assert(le(dbl, roofs->fma_gflops, (double)m.units * CPU_GHZ * CPU_FLOPS));
    cr_assert(lt(dbl, 4 * roofs->ex2_gops, roofs->fma_gflops), "an exponential is many of them");
    cr_assert(gt(dbl, 8 * roofs->cache_gbs, roofs->copy_gbs), "a cache is no slower than memory");
}

static void assert_under(double measured, double peak)
{
    cr_assert(gt(dbl, peak, 0));
    cr_assert(le(dbl, measured, 1.02 * peak));
    cr_assert(ge(dbl, measured, 0.5 * peak), "%g of %g: the probe is at fault, or the GPU is busy",
              measured, peak);
}

static void assert_cuda(const struct roofs *roofs)
{
    assert_under(roofs->copy_gbs, roofs->dram_peak_gbs);
    assert_under(roofs->shared_gbs, roofs->shared_peak_gbs);
    assert_under(roofs->fma_gflops, roofs->fma_peak_gflops);
    assert_under(roofs->ex2_gops, roofs->ex2_peak_gops);
    cr_assert(gt(dbl, roofs->cache_gbs, roofs->copy_gbs / 2));
    cr_assert(lt(dbl, roofs->cache_gbs, roofs->shared_gbs));
}

Test(roofs, those_of_this_machine_can_be_true, .timeout = 60)
{
    for (int i = 0; BACKENDS[i]; i++) {
        struct roofs roofs;
        if (!BACKENDS[i]->timed) {
            cr_assert(not(BACKENDS[i]->roofs != NULL), "%s", BACKENDS[i]->name);
            continue;
        }
        if (BACKENDS[i]->missing())
            continue;
        cr_assert(zero(int, BACKENDS[i]->roofs(&roofs)), "%s", BACKENDS[i]->name);
        cr_assert(gt(dbl, roofs.copy_gbs, 0));
        cr_assert(gt(dbl, roofs.cache_gbs, 0));
        cr_assert(gt(dbl, roofs.fma_gflops, 0));
        cr_assert(gt(dbl, roofs.ex2_gops, 0));
        if (BACKENDS[i] == &backend_cpu)
            assert_cpu(&roofs);
        else
            assert_cuda(&roofs);
    }
}
