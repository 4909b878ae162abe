/* selscan/auto: the variant that was fastest on an H200 for problems like this one.
 *
 * Computes   out and final of reference/selscan.h, in fp32.
 * Accepts    state <= 256; every option.
 * Layout     that of the variant chosen.
 * Algorithm  choices.inc says how slow each variant was on measured problems; of those that accept
 *            the problem the one with the least expected slow-down runs it (choose.h), chunked
 *            where the table has none. What counts is sizes, `a`, layout and type, no other option:
 *            the same problem has the same variant, and so the same bits, in every run.
 *            There is none on a CPU, where simd was fastest on every measured problem.
 * Cost       that of the variant; choosing takes some 2 microseconds of the host.
 * Error      that of the variant.
 * Source     results/h200, by `make choices`.
 */
#include "../../reference/selscan.h"
#include "../device/chosen.cuh"

#include "choices.inc"

DECLARE_VARIANT(selscan, chunked);

static const struct variant *chosen(const void *problem)
{
    const struct selscan *p = (const struct selscan *)problem;
    const struct choose_shape shape = {
        p->batch,
        p->channels,
        p->length,
        p->state,
        p->a == A_SCALAR,
        p->layout == CHANNEL_LAST,
        p->dtype != DTYPE_F32,
    };
    const struct variant *const variant = choose(&CHOICES, CANDIDATES, &shape, problem);
    return variant ? variant : &VARIANT_OF(selscan, chunked);
}

VARIANT(selscan_auto) = {
    .accepts = chosen_accepts<chosen>,
    .workspace = chosen_workspace<chosen>,
    .run = chosen_run<chosen>,
};
