/* step: the kernels of one training step of a model that separates music, in the order of a step.
 *
 * The model has `layers` layers of two paths, along time (batch*bands sequences of `frames` steps)
 * and along bands (batch*frames sequences of `bands` steps), each taken in both directions. A
 * path in a direction is a conv1d with silu, whose output is the u of a selscan with one A per
 * channel. One step is, with data for the next one made beside it,
 *
 *     forward:   for every layer, path and direction:  u = conv1d(x),  y = selscan(u)
 *     loss:      loss and its gradient of stft_loss(estimate, target)
 *     backward:  for every layer, path and direction, last to first:
 *                du, ... = selscan_bwd(u, dy),  dx, ... = conv1d_bwd(x, du)
 *     data:      mixture and target of audio's batch
 *
 * that is, 4*layers convolutions and scans forward and as many backward. What is between the
 * kernels (projections, norms, the masks) is no part of this, so a layer's inputs are drawn and not
 * the layer's before: all layers have the same, and leave the same outputs in the same place. u and
 * du are in memory only, rounded to f32 once as all outputs are.
 *
 * Source: the time and band paths are those of BS-RoFormer (Lu et al., arXiv 2309.02105) with
 * Mamba blocks (Gu and Dao, arXiv 2312.00752), sizes as in BSMamba2 (arXiv 2508.14556) with hidden
 * size 256.
 */
#ifndef SSMBENCH_STEP_H
#define SSMBENCH_STEP_H

#include "audio.h"
#include "conv1d.h"
#include "conv1d_bwd.h"
#include "selscan.h"
#include "selscan_bwd.h"
#include "stft_loss.h"

enum step_path { STEP_TIME, STEP_BANDS, STEP_PATHS };
enum step_part { STEP_SCAN, STEP_CONV, STEP_LOSS, STEP_DATA, STEP_EXPOSED, STEP_PARTS };

/* A problem; the fields but part_ms are case keys. */
struct step {
    int64_t batch;
    int64_t frames, bands;          /* of a spectrum: what the paths run along */
    int64_t channels, state, width; /* of a path */
    int64_t layers;
    int64_t samples;             /* of each of two audio channels */
    int64_t window, resolutions; /* of stft_loss */
    int64_t threads;             /* that decode, in a variant that has several */
    int64_t seed;
    const char *folder; /* of audio */

    /* Where run() leaves how long each enum step_part took, in ms; NULL unless asked for. A part is
     * what passes on the clock of the backend between its start and the next part's; data that is
     * made beside the rest takes its own time, of which the step waited STEP_EXPOSED. */
    double *part_ms;
};

/* The tensors: inputs of a path, outputs of a path in a direction, and those of loss and data.
 * Shapes as in conv1d.h, selscan.h, stft_loss.h and audio.h, all f32 and channel_last. */
enum step_input {
    STEP_X,
    STEP_WEIGHT,
    STEP_BIAS,
    STEP_DELTA,
    STEP_A,
    STEP_B,
    STEP_C,
    STEP_DY,
    STEP_PATH_INPUTS
};
enum step_output {
    STEP_Y,
    STEP_DX,
    STEP_DWEIGHT,
    STEP_DBIAS,
    STEP_DDELTA,
    STEP_DA,
    STEP_DB,
    STEP_DC,
    STEP_PATH_OUTPUTS
};
enum step_tensor {
    STEP_ESTIMATE = STEP_PATHS * STEP_PATH_INPUTS,
    STEP_WANTED,
    STEP_OUTPUTS,
    STEP_LOSS_VALUE = STEP_OUTPUTS + 2 * STEP_PATHS * STEP_PATH_OUTPUTS,
    STEP_GRADIENT,
    STEP_MIXTURE,
    STEP_TARGET,
    STEP_TENSORS
};

static inline int step_input(enum step_path path, enum step_input i)
{
    return (int)path * STEP_PATH_INPUTS + (int)i;
}

static inline int step_output(enum step_path path, int reverse, enum step_output i)
{
    return STEP_OUTPUTS + ((int)path * 2 + reverse) * STEP_PATH_OUTPUTS + (int)i;
}

/* The problems that a step is made of. */
static inline struct conv1d step_conv(const struct step *p, enum step_path path, int reverse)
{
    struct conv1d conv;
    memset(&conv, 0, sizeof conv);
    conv.batch = p->batch * (path == STEP_TIME ? p->bands : p->frames);
    conv.channels = p->channels;
    conv.length = path == STEP_TIME ? p->frames : p->bands;
    conv.width = p->width;
    conv.act = ACT_SILU;
    conv.layout = CONV1D_CHANNEL_LAST;
    conv.bias = 1;
    conv.reverse = reverse;
    conv.seed = p->seed;
    return conv;
}

static inline struct selscan step_scan(const struct step *p, enum step_path path, int reverse)
{
    struct selscan scan;
    memset(&scan, 0, sizeof scan);
    scan.batch = p->batch * (path == STEP_TIME ? p->bands : p->frames);
    scan.channels = p->channels;
    scan.length = path == STEP_TIME ? p->frames : p->bands;
    scan.state = p->state;
    scan.groups = 1;
    scan.a = A_SCALAR;
    scan.layout = CHANNEL_LAST;
    scan.reverse = reverse;
    scan.seed = p->seed;
    return scan;
}

static inline struct stft_loss step_loss(const struct step *p)
{
    struct stft_loss loss;
    memset(&loss, 0, sizeof loss);
    loss.batch = p->batch;
    loss.channels = AUDIO_CHANNELS;
    loss.length = p->samples;
    loss.hop = 147;
    loss.window = p->window;
    loss.resolutions = p->resolutions;
    loss.lambda = 10;
    loss.seed = p->seed;
    return loss;
}

static inline struct audio step_audio(const struct step *p)
{
    struct audio audio;
    memset(&audio, 0, sizeof audio);
    audio.batch = p->batch;
    audio.length = p->samples;
    audio.threads = p->threads;
    audio.seed = p->seed;
    audio.folder = p->folder;
    return audio;
}

/* The kernels of a step, and the places they read and write: the tensors of the step, and u and du
 * of the path and direction at hand. */
enum step_kernel {
    STEP_CONV_FORWARD,
    STEP_SCAN_FORWARD,
    STEP_SCAN_BACKWARD,
    STEP_CONV_BACKWARD,
    STEP_STFT_LOSS,
    STEP_AUDIO,
    STEP_KERNELS
};
enum step_place { STEP_U = STEP_TENSORS, STEP_DU, STEP_PLACES };

/* The place of tensor `tensor` of a kernel, or -1 for one that is absent. */
#ifdef __cplusplus
extern "C"
#endif
    int
    step_place(enum step_kernel kernel, enum step_path path, int reverse, int tensor);

#endif
