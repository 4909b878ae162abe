/* A training step composed of other operations' variants, for .c and .cu. */
#ifndef SSMBENCH_STEP_COMPOSITION_H
#define SSMBENCH_STEP_COMPOSITION_H

#include "../../reference/step.h"

struct composition {
    const struct variant *kernel[STEP_KERNELS]; /* NULL: the composition does that by itself */
};

/* A kernel of the step as its variant gets it. */
struct step_piece {
    const struct variant *variant;
    const void *problem;
    void *tensor[64];
    union {
        struct conv1d conv;
        struct selscan scan;
        struct stft_loss loss;
        struct audio audio;
    } of;
};

/* The tensors of each kernel, by enum step_kernel. */
static const int STEP_TENSOR_COUNT[STEP_KERNELS] = {CONV1D_TENSORS,      SELSCAN_TENSORS,
                                                    SELSCAN_BWD_TENSORS, CONV1D_BWD_TENSORS,
                                                    STFT_LOSS_TENSORS,   AUDIO_TENSORS};

/* Workspace: u of each path and direction, du, scratch of all kernels but audio, that of audio. */
struct step_memory {
    char *u[2 * STEP_PATHS], *du, *scratch, *audio;
    size_t bytes;
};

static inline void step_piece_of(const struct step *p, const struct composition *c,
                                 enum step_kernel kernel, enum step_path path, int reverse,
                                 struct step_piece *piece)
{
    memset(piece, 0, sizeof *piece); /* cost only: all that is read is set, here and later */
    piece->variant = c->kernel[kernel];
    piece->problem = &piece->of;
    if (kernel == STEP_CONV_FORWARD || kernel == STEP_CONV_BACKWARD)
        piece->of.conv = step_conv(p, path, reverse);
    else if (kernel == STEP_SCAN_FORWARD || kernel == STEP_SCAN_BACKWARD)
        piece->of.scan = step_scan(p, path, reverse);
    else if (kernel == STEP_STFT_LOSS)
        piece->of.loss = step_loss(p);
    else
        piece->of.audio = step_audio(p);
}

/* The first complaint of any of the composition's variants about its part of the step. */
static inline const char *step_accepts(const struct step *p, const struct composition *c)
{
    for (int i = 0; i < STEP_KERNELS * 2 * STEP_PATHS; i++) {
        struct step_piece piece;
        step_piece_of(p, c, (enum step_kernel)(i / (2 * STEP_PATHS)),
                      (enum step_path)(i / 2 % STEP_PATHS), i % 2, &piece);
        if (piece.variant && piece.variant->accepts && piece.variant->accepts(piece.problem))
            return piece.variant->accepts(
                piece.problem); /* cost only: composition_test.c looks at it */
    }
    return NULL;
}

/* The next `bytes` of the workspace, to a boundary of 256. */
static inline char *step_carve(struct step_memory *m, char *base, size_t bytes)
{
    char *const at = base + m->bytes;
    m->bytes += (bytes + 255) / 256 * 256;
    return at;
}

static inline struct step_memory step_memory_of(const struct step *p, const struct composition *c,
                                                void *base)
{
    struct step_memory m = {{0}, 0, 0, 0, 0};
    size_t largest = 0, scratch = 0, audio = 0;
    for (int way = 0; way < 2 * STEP_PATHS; way++) {
        const struct conv1d conv = step_conv(p, (enum step_path)(way / 2), way % 2);
        const size_t bytes = (size_t)(conv.batch * conv.length * conv.channels) * sizeof(float);
        largest = bytes > largest ? bytes : largest;
        m.u[way] = step_carve(&m, (char *)base, bytes);
    }
    for (int i = 0; i < STEP_KERNELS * 2 * STEP_PATHS; i++) {
        struct step_piece piece;
        const enum step_kernel kernel = (enum step_kernel)(i / (2 * STEP_PATHS));
        step_piece_of(p, c, kernel, (enum step_path)(i / 2 % STEP_PATHS), i % 2, &piece);
        const bool has = piece.variant && piece.variant->workspace;
        const size_t bytes = has ? piece.variant->workspace(piece.problem) : 0;
        size_t *const most = kernel == STEP_AUDIO ? &audio : &scratch;
        *most = bytes > *most ? bytes : *most;
    }
    m.du = step_carve(&m, (char *)base, largest);
    m.scratch = step_carve(&m, (char *)base, scratch);
    m.audio = step_carve(&m, (char *)base, audio);
    return m;
}

/* Told that from here on time belongs to `part`. Returns 0 or an error. */
struct step_clock {
    int (*mark)(struct step_clock *clock, enum step_part part, void *stream);
};

struct step_run {
    const struct step *p;
    const struct composition *c;
    void *const *tensor;
    struct step_memory memory;
    struct step_clock *clock; /* NULL: nobody asks */
    void *stream;
};

static inline int step_mark(const struct step_run *run, enum step_part part)
{
    return run->clock ? run->clock->mark(run->clock, part, run->stream) /* cost only: times */
                      : 0;
}

/* Enqueues one kernel of the step on `stream`. */
static inline int step_enqueue(const struct step_run *run, enum step_kernel kernel,
                               enum step_path path, int reverse, void *stream)
{
    struct step_piece piece;
    step_piece_of(run->p, run->c, kernel, path, reverse, &piece);
    for (int i = 0; i < STEP_TENSOR_COUNT[kernel]; i++) {
        const int place = step_place(kernel, path, reverse, i);
        piece.tensor[i] = place < 0          ? NULL
                          : place == STEP_U  ? run->memory.u[(int)path * 2 + reverse]
                          : place == STEP_DU ? run->memory.du
                                             : run->tensor[place];
    }
    return piece.variant->run(piece.problem, piece.tensor,
                              kernel == STEP_AUDIO ? run->memory.audio : run->memory.scratch,
                              stream);
}

/* Two kernels of a path in a direction, marked as what they are. */
static inline int step_pair(const struct step_run *run, enum step_kernel first,
                            enum step_kernel second, int way)
{
    const enum step_path path = (enum step_path)(way / 2);
    const int scan_first = first == STEP_SCAN_BACKWARD; /* cost only: composition_test.c again */
    int error = step_mark(run, scan_first ? STEP_SCAN : STEP_CONV); /* cost only: tested likewise */
    if (!error) /* cost only: composition_test.c looks at it */
        error = step_enqueue(run, first, path, way % 2, run->stream);
    if (!error) /* cost only: nothing counts after an error; composition_test.c looks at it */
        error = step_mark(run, scan_first ? STEP_CONV : STEP_SCAN); /* cost only: tested likewise */
    return error ? error : step_enqueue(run, second, path, way % 2, run->stream);
}

/* Enqueues all of the step but the data: forward, loss, backward. */
static inline int step_chain(const struct step_run *run)
{
    const int ways = 2 * STEP_PATHS, pairs = (int)run->p->layers * ways;
    int error = 0;
    for (int i = 0; i < pairs && !error; i++)
        error = step_pair(run, STEP_CONV_FORWARD, STEP_SCAN_FORWARD, i % ways);
    if (!error)                            /* cost only: composition_test.c looks at it */
        error = step_mark(run, STEP_LOSS); /* cost only: composition_test.c looks at it */
    if (!error)                            /* cost only: composition_test.c looks at it */
        error = step_enqueue(run, STEP_STFT_LOSS, STEP_TIME, 0, run->stream);
    for (int i = pairs - 1; i >= 0 && !error; i--)
        error = step_pair(run, STEP_SCAN_BACKWARD, STEP_CONV_BACKWARD, i % ways);
    return error; /* cost only: composition_test.c looks at it */
}

#endif
