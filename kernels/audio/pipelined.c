/* audio/pipelined: threads decode, then all processors transform.
 *
 * Computes   mixture and target of reference/audio.h, in fp32; the rms in double. The same bits for
 *            any number of threads.
 * Accepts    any batch of a folder in which a track can be used.
 * Layout     `threads` threads of loader.h read stems into the workspace, channels side by side;
 *            then OpenMP's threads share the parts of all items, PART samples of both channels.
 * Algorithm  a part: gains, sum, swap, shift and sum of squares in one pass; then a part: add up
 *            the sums of its item in their order, normalise. Not an item while others are decoded:
 *            OpenMP's threads, looking for work between two items, are in the way of those that
 *            decode (the guide's batch, 8 threads, 16 processors: 44 ms on average, 6 ms this way).
 * Cost       bytes: 16 a sample for stems decoded to fp32, stored and loaded once; outputs stored,
 *            loaded and stored.
 * Error      f32 2e-7 at worst in cases/quick.ini and audio.ini.
 * Source     written from the definition.
 */
#include "common.h"
#include "loader.h"
#include <errno.h>

enum { PART = 4096 };

/* What the parts of a batch share. */
struct call {
    const struct audio *p;
    int64_t parts; /* of an item */
    float *stems;  /* the workspace: stems of all items, sums of all parts */
    double *sums;
    float *mixture, *target;
};

static int64_t parts(const struct audio *p)
{
    return (p->length + PART - 1) / PART;
}

static size_t workspace_bytes(const void *problem)
{
    const struct audio *const p = problem;
    const size_t floats = (size_t)(p->batch * audio_item_floats(p));
    return floats * sizeof(float) + (size_t)(p->batch * parts(p)) * sizeof(double);
}

/* The samples of part `part` of an item are first ... last-1. */
static int64_t first_of(int64_t part)
{
    return part * PART;
}

static int64_t last_of(const struct call *call, int64_t part)
{
    const int64_t last = first_of(part + 1);
    return last < call->p->length ? last : call->p->length;
}

/* Element (item, channel c, sample t) of an output. */
static int64_t at(const struct call *call, int64_t item, int64_t c, int64_t t)
{
    return (item * AUDIO_CHANNELS + c) * call->p->length + t;
}

/* Writes a part before it is normalised, and the sum of its squares. */
static void mix(const struct call *call, int64_t item, int64_t part)
{
    const struct audio_move move = audio_move_of(call->p, item);
    const float *const stems = call->stems + item * audio_item_floats(call->p);
    double squares = 0;
    for (int64_t t = first_of(part); t < last_of(call, part); t++) {
        const struct audio_sample sample = audio_sample_at(&move, stems, call->p->length, t);
        squares += audio_square(&sample);
        for (int c = 0; c < AUDIO_CHANNELS; c++) {
            call->mixture[at(call, item, c, t)] = sample.mix[c];
            call->target[at(call, item, c, t)] = sample.voice[c];
        }
    }
    call->sums[item * call->parts + part] = squares;
}

static void normalise(const struct call *call, int64_t item, int64_t part)
{
    double squares = 0;
    for (int64_t i = 0; i < call->parts; i++)
        squares += call->sums[item * call->parts + i];
    const float scale = audio_scale(squares, call->p->length);
    for (int c = 0; c < AUDIO_CHANNELS; c++)
        for (int64_t t = first_of(part); t < last_of(call, part); t++) {
            call->mixture[at(call, item, c, t)] *= scale;
            call->target[at(call, item, c, t)] *= scale;
        }
}

static int run(const void *problem, void *const tensor[], void *workspace, void *stream)
{
    const struct audio *const p = problem;
    const struct call call = {.p = p,
                              .parts = parts(p),
                              .stems = workspace,
                              .sums =
                                  (double *)((float *)workspace + p->batch * audio_item_floats(p)),
                              .mixture = tensor[AUDIO_MIXTURE],
                              .target = tensor[AUDIO_TARGET]};
    struct loader loader;
    int64_t read = 0;
    (void)stream;
    if (!loader_begin(&loader, p, workspace))
        return EAGAIN;
    while (read < p->batch && loader_item(&loader, read))
        read++;
    loader_finish(&loader);
#pragma omp parallel for
    for (int64_t i = 0; i < p->batch * call.parts; i++)
        mix(&call, i / call.parts, i % call.parts);
#pragma omp parallel for
    for (int64_t i = 0; i < p->batch * call.parts; i++)
        normalise(&call, i / call.parts, i % call.parts);
    return read == p->batch ? 0 : EIO;
}

VARIANT(audio_pipelined) = {.accepts = audio_accepts, .workspace = workspace_bytes, .run = run};
