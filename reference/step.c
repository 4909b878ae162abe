#include "step.h"
#include "operation.h"

#include <stdlib.h>

extern const struct operation conv1d_operation, selscan_operation, selscan_bwd_operation,
    conv1d_bwd_operation, stft_loss_operation, audio_operation;

#define SIZE(field, least, most, first, text)                                                      \
    {                                                                                              \
        .name = #field, .kind = KEY_WHOLE, .offset = offsetof(struct step, field),                 \
        .minimum = (least), .maximum = (most), .initial = (first), .meaning = (text)               \
    }

static const struct key KEYS[] = {
    SIZE(batch, 1, 4096, 1, "pieces of music"),
    SIZE(frames, 1, 1048576, 801, "frames of a spectrum"),
    SIZE(bands, 1, 1048576, 62, "bands of a spectrum"),
    SIZE(channels, 1, 1048576, 512, "channels of a path"),
    SIZE(state, 1, 1048576, 64, "states of a channel"),
    SIZE(width, 1, CONV1D_WIDTH_MAX, 4, "taps of a convolution"),
    SIZE(layers, 1, 1024, 6, "layers of two paths in both directions"),
    SIZE(samples, 1, 2147483648.0, 352800, "audio samples of each of two channels"),
    SIZE(window, STFT_LOSS_WINDOW_MIN, STFT_LOSS_WINDOW_MAX, 4096, "longest window of the loss"),
    SIZE(resolutions, 1, STFT_LOSS_RESOLUTIONS_MAX, 5, "windows of the loss"),
    SIZE(threads, 1, AUDIO_THREADS_MAX, 8, "decoding threads"),
    SIZE(seed, 0, 4294967295.0, 1, "of the inputs"),
    {"folder", KEY_TEXT, offsetof(struct step, folder), 0, 0, 0, NULL,
     "of the tracks, in the layout of MUSDB18-HQ; a small set is made where there is none"},
    {0},
};

#define PATH_INPUTS(path)                                                                          \
    path ".x", path ".weight", path ".bias", path ".delta", path ".A", path ".B", path ".C",       \
        path ".dy"
#define PATH_OUTPUTS(path)                                                                         \
    path ".y", path ".dx", path ".dweight", path ".dbias", path ".ddelta", path ".dA", path ".dB", \
        path ".dC"
static const char *const NAMES[STEP_TENSORS] = {
    PATH_INPUTS("time"),
    PATH_INPUTS("bands"),
    "estimate",
    "wanted",
    PATH_OUTPUTS("time"),
    PATH_OUTPUTS("time.reverse"),
    PATH_OUTPUTS("bands"),
    PATH_OUTPUTS("bands.reverse"),
    "loss",
    "gradient",
    "mixture",
    "target",
};

/* Inputs of a path as they are, its outputs from FIRST_OUTPUT on, other places from OTHER on. */
enum { FIRST_OUTPUT = 32, OTHER = 64, ABSENT = -1 };
#define OUTPUT(name) (FIRST_OUTPUT + (name))
#define PLACE(name)  (OTHER + (name))

int step_place(enum step_kernel kernel, enum step_path path, int reverse, int tensor)
{
    static const int PLACES[STEP_KERNELS][MAX_TENSORS] = {
        [STEP_CONV_FORWARD] = {[CONV1D_X] = STEP_X,
                               [CONV1D_WEIGHT] = STEP_WEIGHT,
                               [CONV1D_BIAS] = STEP_BIAS,
                               [CONV1D_INITIAL] = ABSENT,
                               [CONV1D_SEQ_IDX] = ABSENT,
                               [CONV1D_OUT] = PLACE(STEP_U),
                               [CONV1D_FINAL] = ABSENT},
        [STEP_SCAN_FORWARD] = {[SELSCAN_U] = PLACE(STEP_U),
                               [SELSCAN_DELTA] = STEP_DELTA,
                               [SELSCAN_A] = STEP_A,
                               [SELSCAN_B] = STEP_B,
                               [SELSCAN_C] = STEP_C,
                               [SELSCAN_D] = ABSENT,
                               [SELSCAN_Z] = ABSENT,
                               [SELSCAN_DELTA_BIAS] = ABSENT,
                               [SELSCAN_INITIAL] = ABSENT,
                               [SELSCAN_OUT] = OUTPUT(STEP_Y),
                               [SELSCAN_FINAL] = ABSENT},
        [STEP_SCAN_BACKWARD] = {[SELSCAN_BWD_U] = PLACE(STEP_U),
                                [SELSCAN_BWD_DELTA] = STEP_DELTA,
                                [SELSCAN_BWD_A] = STEP_A,
                                [SELSCAN_BWD_B] = STEP_B,
                                [SELSCAN_BWD_C] = STEP_C,
                                [SELSCAN_BWD_D] = ABSENT,
                                [SELSCAN_BWD_Z] = ABSENT,
                                [SELSCAN_BWD_DELTA_BIAS] = ABSENT,
                                [SELSCAN_BWD_INITIAL] = ABSENT,
                                [SELSCAN_BWD_DOUT] = STEP_DY,
                                [SELSCAN_BWD_DFINAL] = ABSENT,
                                [SELSCAN_BWD_DU] = PLACE(STEP_DU),
                                [SELSCAN_BWD_DDELTA] = OUTPUT(STEP_DDELTA),
                                [SELSCAN_BWD_DA] = OUTPUT(STEP_DA),
                                [SELSCAN_BWD_DB] = OUTPUT(STEP_DB),
                                [SELSCAN_BWD_DC] = OUTPUT(STEP_DC),
                                [SELSCAN_BWD_DD] = ABSENT,
                                [SELSCAN_BWD_DZ] = ABSENT,
                                [SELSCAN_BWD_DDELTA_BIAS] = ABSENT,
                                [SELSCAN_BWD_DINITIAL] = ABSENT},
        [STEP_CONV_BACKWARD] = {[CONV1D_BWD_X] = STEP_X,
                                [CONV1D_BWD_WEIGHT] = STEP_WEIGHT,
                                [CONV1D_BWD_BIAS] = STEP_BIAS,
                                [CONV1D_BWD_INITIAL] = ABSENT,
                                [CONV1D_BWD_SEQ_IDX] = ABSENT,
                                [CONV1D_BWD_DOUT] = PLACE(STEP_DU),
                                [CONV1D_BWD_DFINAL] = ABSENT,
                                [CONV1D_BWD_DX] = OUTPUT(STEP_DX),
                                [CONV1D_BWD_DWEIGHT] = OUTPUT(STEP_DWEIGHT),
                                [CONV1D_BWD_DBIAS] = OUTPUT(STEP_DBIAS),
                                [CONV1D_BWD_DINITIAL] = ABSENT},
        [STEP_STFT_LOSS] = {[STFT_LOSS_ESTIMATE] = PLACE(STEP_ESTIMATE),
                            [STFT_LOSS_TARGET] = PLACE(STEP_WANTED),
                            [STFT_LOSS_LOSS] = PLACE(STEP_LOSS_VALUE),
                            [STFT_LOSS_GRADIENT] = PLACE(STEP_GRADIENT)},
        [STEP_AUDIO] = {[AUDIO_MIXTURE] = PLACE(STEP_MIXTURE), [AUDIO_TARGET] = PLACE(STEP_TARGET)},
    };
    const int place = PLACES[kernel][tensor];
    if (place >= OTHER || place == ABSENT)
        return place == ABSENT ? ABSENT : place - OTHER;
    return place >= FIRST_OUTPUT
               ? step_output(path, reverse, (enum step_output)(place - FIRST_OUTPUT))
               : step_input(path, (enum step_input)place);
}

/* A kernel of the step as a problem of its operation. */
struct piece {
    const struct operation *op;
    enum step_kernel kernel;
    enum step_path path;
    int reverse;
    union {
        struct conv1d conv;
        struct selscan scan;
        struct stft_loss loss;
        struct audio audio;
    } problem;
};

static struct piece piece_of(const struct step *p, enum step_kernel kernel, enum step_path path,
                             int reverse)
{
    static const struct operation *const OPERATION[STEP_KERNELS] = {
        [STEP_CONV_FORWARD] = &conv1d_operation,       [STEP_SCAN_FORWARD] = &selscan_operation,
        [STEP_SCAN_BACKWARD] = &selscan_bwd_operation, [STEP_CONV_BACKWARD] = &conv1d_bwd_operation,
        [STEP_STFT_LOSS] = &stft_loss_operation,       [STEP_AUDIO] = &audio_operation,
    };
    struct piece piece = {OPERATION[kernel], kernel, path, reverse, {{0}}};
    if (kernel == STEP_CONV_FORWARD || kernel == STEP_CONV_BACKWARD)
        piece.problem.conv = step_conv(p, path, reverse);
    else if (kernel == STEP_SCAN_FORWARD || kernel == STEP_SCAN_BACKWARD)
        piece.problem.scan = step_scan(p, path, reverse);
    else if (kernel == STEP_STFT_LOSS)
        piece.problem.loss = step_loss(p);
    else
        piece.problem.audio = step_audio(p);
    return piece;
}

/* Calls `visit` for each kernel of the step, once for each path and direction it is taken in. */
static void each_piece(const struct step *p, void (*visit)(const struct piece *, void *), void *to)
{
    for (int kernel = 0; kernel < STEP_KERNELS; kernel++) {
        const int ways = kernel < STEP_STFT_LOSS ? 2 * STEP_PATHS : 1;
        for (int way = 0; way < ways; way++) {
            const struct piece piece = piece_of(p, (enum step_kernel)kernel, way / 2, way % 2);
            visit(&piece, to);
        }
    }
}

/* The first complaint of an operation. */
struct complaint {
    const char *sentence, *key;
};

static void check_piece(const struct piece *piece, void *to)
{
    struct complaint *complaint = to;
    if (!complaint->sentence)
        complaint->sentence = piece->op->check(&piece->problem, &complaint->key);
}

static const char *check(const void *problem, const char **key)
{
    struct complaint complaint = {NULL, NULL};
    each_piece(problem, check_piece, &complaint);
    *key = complaint.key && !strcmp(complaint.key, "length") ? "samples" : complaint.key;
    return complaint.sentence;
}

static void describe_piece(const struct piece *piece, void *to)
{
    struct tensor *all = to, mine[MAX_TENSORS];
    piece->op->tensors(&piece->problem, mine);
    for (int i = 0; i < piece->op->tensor_count; i++) {
        const int place = step_place(piece->kernel, piece->path, piece->reverse, i);
        if (place < 0 || place >= STEP_TENSORS)
            continue;
        all[place] = mine[i];
        all[place].name = NAMES[place];
    }
}

static void tensors(const void *problem, struct tensor tensor[])
{
    each_piece(problem, describe_piece, tensor);
}

static void draw_piece(const struct piece *piece, void *to)
{
    struct fill *all = to, mine[MAX_TENSORS];
    struct tensor tensor[MAX_TENSORS];
    piece->op->tensors(&piece->problem, tensor);
    piece->op->inputs(&piece->problem, mine);
    for (int i = 0; i < piece->op->tensor_count; i++) {
        const int place = step_place(piece->kernel, piece->path, piece->reverse, i);
        if (place >= 0 && place < STEP_TENSORS && !tensor[i].output)
            all[place] = mine[i];
    }
}

static void inputs(const void *problem, struct fill fill[])
{
    each_piece(problem, draw_piece, fill);
}

struct sum {
    struct cost cost;
    double layers;
};

static void count_piece(const struct piece *piece, void *to)
{
    struct sum *sum = to;
    const struct cost mine = piece->op->cost(&piece->problem);
    const double times = piece->kernel < STEP_STFT_LOSS ? sum->layers : 1;
    sum->cost.bytes += times * mine.bytes;
    sum->cost.flops += times * mine.flops;
    sum->cost.exps += times * mine.exps;
}

static struct cost cost(const void *problem)
{
    struct sum sum = {{0, 0, 0}, (double)((const struct step *)problem)->layers};
    each_piece(problem, count_piece, &sum);
    return sum.cost;
}

/* Which of the parts an output is made by. */
static int part_of(int tensor)
{
    if (tensor >= STEP_MIXTURE)
        return STEP_DATA;
    if (tensor >= STEP_LOSS_VALUE)
        return STEP_LOSS;
    const int output = (tensor - STEP_OUTPUTS) % STEP_PATH_OUTPUTS;
    return output == STEP_DX || output == STEP_DWEIGHT || output == STEP_DBIAS ? STEP_CONV
                                                                               : STEP_SCAN;
}

/* All places: what is read, and doubles that are written. */
struct places {
    const void *read[STEP_PLACES];
    double *write[STEP_PLACES];
};

static void run_piece(const struct step *p, const struct places *places, enum step_kernel kernel,
                      enum step_path path, int reverse)
{
    const struct piece piece = piece_of(p, kernel, path, reverse);
    const void *input[MAX_TENSORS] = {NULL};
    double *output[MAX_TENSORS] = {NULL}, *scale[MAX_TENSORS] = {NULL};
    struct tensor tensor[MAX_TENSORS];
    piece.op->tensors(&piece.problem, tensor);
    for (int i = 0; i < piece.op->tensor_count; i++) {
        const int place = step_place(kernel, path, reverse, i);
        if (place >= 0 && tensor[i].output)
            output[i] = places->write[place];
        else if (place >= 0)
            input[i] = places->read[place];
    }
    piece.op->reference(&piece.problem, input, output, scale);
}

static void round_all(const double from[], int64_t elements, float to[])
{
#pragma omp parallel for
    for (int64_t i = 0; i < elements; i++)
        to[i] = (float)from[i];
}

static void *must_have(size_t bytes)
{
    void *memory = malloc(bytes);
    if (!memory)
        abort();
    return memory;
}

/* Both passes of a path in a direction. */
static void take_path(const struct step *p, struct places *places, enum step_path path, int reverse)
{
    const struct conv1d conv = step_conv(p, path, reverse);
    const int64_t elements = conv.batch * conv.length * conv.channels;
    double *exact_values = must_have((size_t)elements * sizeof *exact_values);
    float *u = must_have((size_t)elements * sizeof *u),
          *du = must_have((size_t)elements * sizeof *du);
    places->write[STEP_U] = places->write[STEP_DU] = exact_values;
    places->read[STEP_U] = u;
    places->read[STEP_DU] = du;
    run_piece(p, places, STEP_CONV_FORWARD, path, reverse);
    round_all(exact_values, elements, u);
    run_piece(p, places, STEP_SCAN_FORWARD, path, reverse);
    run_piece(p, places, STEP_SCAN_BACKWARD, path, reverse);
    round_all(exact_values, elements, du);
    run_piece(p, places, STEP_CONV_BACKWARD, path, reverse);
    free(exact_values);
    free(u);
    free(du);
}

static void reference(const void *problem, const void *const input[], double *const output[],
                      double *const scale[])
{
    struct places places = {{NULL}, {NULL}};
    (void)scale; /* no output ends rows */
    memcpy(places.read, input, STEP_TENSORS * sizeof *input);
    memcpy(places.write, output, STEP_TENSORS * sizeof *output);
    for (int way = 0; way < 2 * STEP_PATHS; way++)
        take_path(problem, &places, way / 2, way % 2);
    run_piece(problem, &places, STEP_STFT_LOSS, STEP_TIME, 0);
    run_piece(problem, &places, STEP_AUDIO, STEP_TIME, 0);
}

static const char *const PARTS[] = {"scan", "conv", "loss", "data", "exposed", NULL};

const struct operation step_operation = {
    .name = "step",
    .summary = "the kernels of a training step of a music separation model",
    .baseline = "before",
    .keys = KEYS,
    .problem_size = sizeof(struct step),
    .tensor_count = STEP_TENSORS,
    .check = check,
    .tensors = tensors,
    .inputs = inputs,
    .cost = cost,
    .reference = reference,
    .parts = PARTS,
    .part_ms = offsetof(struct step, part_ms),
    .part_of = part_of,
};
