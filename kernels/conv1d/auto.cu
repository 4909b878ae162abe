/* conv1d/auto: the variant that was fastest on an H100 for problems like this one.
 *
 * Computes   out and final of reference/conv1d.h, in fp32.
 * Accepts    every problem.
 * Layout     that of the variant chosen.
 * Algorithm  choices.inc says how slow each variant was on measured problems; of those that accept
 *            the problem the one with the least expected slow-down runs it (choose.h), direct where
 *            the table has none. What counts is sizes, layout and type, no other option: the same
 *            problem has the same variant, and so the same bits, in every run.
 *            There is none on a CPU, for which no convolution was measured alone.
 * Cost       that of the variant; choosing takes some 2 microseconds of the host.
 * Error      that of the variant.
 * Source     results/h100, by `make choices`.
 */
#include "../../reference/conv1d.h"
#include "../device/chosen.cuh"

#include "choices.inc"

DECLARE_VARIANT(conv1d, direct);

static const struct variant *chosen(const void *problem)
{
    const struct conv1d *p = (const struct conv1d *)problem;
    const struct choose_shape shape = {
        p->batch,
        p->channels,
        p->length,
        p->width,
        0,
        p->layout == CONV1D_CHANNEL_LAST,
        p->dtype != DTYPE_F32,
    };
    const struct variant *const variant = choose(&CHOICES, CANDIDATES, &shape, problem);
    return variant ? variant : &VARIANT_OF(conv1d, direct);
}

VARIANT(conv1d_auto) = {
    .accepts = chosen_accepts<chosen>,
    .workspace = chosen_workspace<chosen>,
    .run = chosen_run<chosen>,
};
