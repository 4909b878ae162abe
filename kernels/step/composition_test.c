/* The chain of a step, of stubs that write down when they are called: every layer is there, each
 * path in both directions, and backward undoes forward's order. */
#include "beside.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

enum { LAYERS = 3, PAIRS = LAYERS * 2 * STEP_PATHS, CALLS = 4 * PAIRS + 1 };

static struct call {
    enum step_kernel kernel;
    int64_t batch, reverse;
    void *tensor[16];
    void *workspace;
} call[CALLS + 1];
static int calls, fail_at = -1;

static int keep(enum step_kernel kernel, int64_t batch, int64_t reverse, void *const tensor[],
                int tensors, void *workspace)
{
    struct call *const c = &call[calls < CALLS ? calls : CALLS];
    *c = (struct call){kernel, batch, reverse, {NULL}, workspace};
    memcpy(c->tensor, tensor, (size_t)(tensors < 16 ? tensors : 16) * sizeof *tensor);
    return calls++ == fail_at ? 7 : 0;
}

#define STUB(name, kernel, type, has_reverse, tensors)                                             \
    static int name(const void *problem, void *const tensor[], void *workspace, void *stream)      \
    {                                                                                              \
        const struct type *p = problem;                                                            \
        (void)stream;                                                                              \
        return keep(kernel, p->batch, has_reverse, tensor, tensors, workspace);                    \
    }
STUB(conv, STEP_CONV_FORWARD, conv1d, p->reverse, CONV1D_TENSORS)
STUB(scan, STEP_SCAN_FORWARD, selscan, p->reverse, SELSCAN_TENSORS)
STUB(scan_back, STEP_SCAN_BACKWARD, selscan, p->reverse, SELSCAN_BWD_TENSORS)
STUB(conv_back, STEP_CONV_BACKWARD, conv1d, p->reverse, CONV1D_BWD_TENSORS)
STUB(loss, STEP_STFT_LOSS, stft_loss, 0, STFT_LOSS_TENSORS)

static size_t thousand(const void *problem)
{
    (void)problem;
    return 1000;
}

static const char *large_bands(const void *problem)
{
    const struct selscan *p = problem;
    return p->batch == 2 * 5 && p->reverse ? "length <= 4" : NULL;
}

static const struct variant CONV = {.run = conv}, SCAN = {.run = scan, .accepts = large_bands},
                            SCAN_BACK = {.run = scan_back, .workspace = thousand},
                            CONV_BACK = {.run = conv_back}, LOSS = {.run = loss};
static const struct composition STUBS = {{&CONV, &SCAN, &SCAN_BACK, &CONV_BACK, &LOSS, NULL}};

static const struct step PROBLEM = {.batch = 2,
                                    .frames = 7,
                                    .bands = 3,
                                    .channels = 4,
                                    .state = 2,
                                    .width = 4,
                                    .layers = LAYERS,
                                    .samples = 100,
                                    .window = 64,
                                    .resolutions = 1};
static char place[STEP_PLACES][4], memory[16384];

static int run_chain(struct step_clock *clock)
{
    static void *tensor[STEP_TENSORS];
    for (int i = 0; i < STEP_TENSORS; i++)
        tensor[i] = place[i];
    const struct step_run run = {&PROBLEM, &STUBS, tensor, step_memory_of(&PROBLEM, &STUBS, memory),
                                 clock,    NULL};
    calls = 0;
    return step_chain(&run);
}

Test(step, calls_every_kernel_of_every_layer)
{
    cr_assert(eq(int, run_chain(NULL), 0));
    cr_assert(eq(int, calls, CALLS));
    for (int i = 0; i < PAIRS; i++) {
        const struct call *const forward = &call[2 * i];
        const struct call *const back = &call[CALLS - 2 - 2 * i];
        const int way = i % (2 * STEP_PATHS);
        cr_assert(eq(int, forward[0].kernel, STEP_CONV_FORWARD));
        cr_assert(eq(int, forward[1].kernel, STEP_SCAN_FORWARD));
        cr_assert(eq(int, back[0].kernel, STEP_SCAN_BACKWARD));
        cr_assert(eq(int, back[1].kernel, STEP_CONV_BACKWARD));
        for (int j = 0; j < 2; j++) {
            cr_assert(eq(i64, forward[j].batch, way < 2 ? 2 * 3 : 2 * 7));
            cr_assert(eq(i64, forward[j].reverse, way % 2));
            cr_assert(eq(i64, back[j].batch, way < 2 ? 2 * 3 : 2 * 7));
            cr_assert(eq(i64, back[j].reverse, way % 2));
        }
    }
    cr_assert(eq(int, call[2 * PAIRS].kernel, STEP_STFT_LOSS));
}

Test(step, passes_u_and_du_from_kernel_to_kernel)
{
    run_chain(NULL);
    for (int i = 0; i < PAIRS; i++) {
        const struct call *const forward = &call[2 * i];
        const struct call *const back = &call[CALLS - 2 - 2 * i];
        void *const u = forward[0].tensor[CONV1D_OUT], *const du = back[0].tensor[SELSCAN_BWD_DU];
        cr_assert(eq(ptr, forward[1].tensor[SELSCAN_U], u));
        cr_assert(eq(ptr, back[0].tensor[SELSCAN_BWD_U], u), "backward has the u of its path");
        cr_assert(eq(ptr, back[1].tensor[CONV1D_BWD_DOUT], du));
        cr_assert(eq(ptr, back[1].tensor[CONV1D_BWD_X], forward[0].tensor[CONV1D_X]));
        cr_assert(ne(ptr, u, du));
        cr_assert(eq(ptr, forward[1].tensor[SELSCAN_D], NULL), "no tensor that is absent");
    }
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < i; j++)
            cr_assert(ne(ptr, call[2 * i].tensor[CONV1D_OUT], call[2 * j].tensor[CONV1D_OUT]));
}

/* A clock that writes down what it is told, and when. */
static enum step_part marked[4 * PAIRS + 1];
static int marks, calls_before[4 * PAIRS + 1];

static int note_mark(struct step_clock *clock, enum step_part part, void *stream)
{
    (void)clock, (void)stream;
    cr_assert(lt(int, marks, CALLS));
    marked[marks] = part;
    calls_before[marks++] = calls;
    return 0;
}

Test(step, marks_every_kernel_as_what_it_is)
{
    struct step_clock clock = {note_mark};
    marks = 0;
    cr_assert(eq(int, run_chain(&clock), 0));
    cr_assert(eq(int, marks, CALLS));
    for (int i = 0; i < CALLS; i++) {
        const enum step_kernel kernel = call[i].kernel;
        cr_assert(eq(int, calls_before[i], i), "a part is marked before its kernel");
        cr_assert(eq(int, marked[i],
                     kernel == STEP_STFT_LOSS                                      ? STEP_LOSS
                     : kernel == STEP_CONV_FORWARD || kernel == STEP_CONV_BACKWARD ? STEP_CONV
                                                                                   : STEP_SCAN));
    }
}

Test(step, stops_at_the_first_error)
{
    for (fail_at = 0; fail_at < CALLS; fail_at++) {
        cr_assert(eq(int, run_chain(NULL), 7));
        cr_assert(eq(int, calls, fail_at + 1));
    }
    fail_at = -1;
}

static int data_error;
static int make_data(const void *problem, void *const tensor[], void *workspace, void *stream)
{
    (void)problem;
    (void)tensor;
    (void)workspace;
    (void)stream;
    return data_error;
}

Test(step, tells_the_error_of_what_ran_beside)
{
    const struct variant audio = {.run = make_data};
    const struct composition c = {{&CONV, &SCAN, &SCAN_BACK, &CONV_BACK, &LOSS, &audio}};
    void *tensor[STEP_TENSORS] = {NULL};
    const struct step_run run = {&PROBLEM, &c,  tensor, step_memory_of(&PROBLEM, &c, memory),
                                 NULL,     NULL};
    struct beside beside;
    for (data_error = 9; data_error >= 0; data_error -= 9) {
        cr_assert(eq(int, beside_begin(&beside, &run, NULL), 0));
        cr_assert(eq(int, beside_end(&beside), data_error));
    }
}

Test(step, says_what_a_part_does_not_accept)
{
    struct step p = PROBLEM;
    cr_assert(eq(ptr, (void *)step_accepts(&p, &STUBS), NULL));
    p.frames = 5;
    cr_assert(eq(str, (char *)step_accepts(&p, &STUBS), "length <= 4"));
}

Test(step, has_room_for_all_that_is_kept)
{
    const struct step_memory m = step_memory_of(&PROBLEM, &STUBS, memory);
    const size_t path = sizeof(float) * 2 * 7 * 3 * 4, rounded = (path + 255) / 256 * 256;
    cr_assert(eq(sz, m.bytes, 5 * rounded + 1024));
    cr_assert(eq(ptr, m.scratch, m.du + rounded));
    cr_assert(eq(ptr, m.audio, m.scratch + 1024));
}

Test(step, the_walls_clock_gives_each_part_its_time)
{
    double part_ms[STEP_PARTS];
    struct wall_clock wall = wall_clock_new(part_ms);
    const struct timespec pause = {0, 20000000};
    wall_mark(&wall.clock, STEP_SCAN, NULL);
    nanosleep(&pause, NULL);
    wall_mark(&wall.clock, STEP_CONV, NULL);
    wall_mark(&wall.clock, STEP_SCAN, NULL);
    nanosleep(&pause, NULL);
    wall_mark(&wall.clock, STEP_PARTS, NULL);
    nanosleep(&pause, NULL);
    wall_mark(&wall.clock, STEP_LOSS, NULL);
    cr_assert(ge(dbl, part_ms[STEP_SCAN], 40));
    cr_assert(lt(dbl, part_ms[STEP_CONV], 20));
    cr_assert(eq(dbl, part_ms[STEP_LOSS] + part_ms[STEP_DATA] + part_ms[STEP_EXPOSED], 0));
}
