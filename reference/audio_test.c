/* The training batch of a separation model: its draws, its transforms, and that threads change
 * nothing. */
#include "audio_fixture.h"
#include "operation.h"

#include <criterion/redirect.h>
#include <math.h>
#include <string.h>

extern const struct operation audio_operation;
extern const struct variant audio_single_thread_cpu, audio_pipelined_cpu;

TestSuite(audio, .init = make_music, .fini = remove_music, .timeout = 60);

/* The outputs of the reference: (2, batch, 2, length). */
static double *reference_of(const struct audio *p)
{
    const int64_t samples = p->batch * AUDIO_CHANNELS * p->length;
    double *const out = calloc((size_t)(2 * samples), sizeof *out);
    double *const output[] = {out, out + samples};
    audio_operation.reference(p, NULL, output, NULL);
    return out;
}

/* The same of a variant, in float. Null when it fails. */
static float *variant_of(const struct variant *variant, const struct audio *p)
{
    const int64_t samples = p->batch * AUDIO_CHANNELS * p->length;
    float *const out = calloc((size_t)(2 * samples), sizeof *out);
    void *const tensor[] = {out, out + samples};
    void *const workspace = malloc(variant->workspace(p));
    const int error = variant->run(p, tensor, workspace, NULL);
    free(workspace);
    if (!error)
        return out;
    free(out);
    return NULL;
}

static void assert_like_the_reference(const struct variant *variant, const struct audio *p)
{
    const int64_t samples = 2 * p->batch * AUDIO_CHANNELS * p->length;
    double *const wanted = reference_of(p);
    float *const got = variant_of(variant, p);
    cr_assert(ne(ptr, got, NULL));
    for (int64_t i = 0; i < samples; i++)
        cr_assert(le(dbl, fabs(got[i] - wanted[i]), 1e-6), "element %lld", (long long)i);
    free(wanted);
    free(got);
}

Test(audio, draws_stay_in_their_ranges_and_reach_their_ends)
{
    const struct audio p = {.batch = 1, .length = 1, .seed = 1, .folder = music};
    int swaps = 0, least = 0, most = 0;
    double quietest = 10, loudest = 0;
    for (int i = 0; i < 20000; i++) {
        struct audio_draw draw;
        audio_draw_item(&p, i, &draw);
        swaps += draw.swap;
        least = draw.shift < least ? draw.shift : least;
        most = draw.shift > most ? draw.shift : most;
        for (int s = 0; s < AUDIO_STEMS; s++) {
            quietest = fmin(quietest, draw.gain[s]);
            loudest = fmax(loudest, draw.gain[s]);
            cr_assert(lt(dbl, draw.gain[s] / draw.gain[0], 1.3 / 0.7));
        }
    }
    cr_assert(lt(int, abs(swaps - 10000), 400));
    cr_assert(eq(int, least, -AUDIO_SHIFT_MAX));
    cr_assert(eq(int, most, AUDIO_SHIFT_MAX));
    cr_assert(lt(dbl, fabs(quietest / (0.7 * pow(10, -0.25)) - 1), 0.01));
    cr_assert(lt(dbl, fabs(loudest / (1.3 * pow(10, 0.25)) - 1), 0.01));
}

Test(audio, draws_differ_with_item_step_and_seed_alone)
{
    struct audio p = {.batch = 1, .length = 1, .seed = 1, .folder = music}, other[3];
    struct audio_draw first, again, moved;
    audio_draw_item(&p, 3, &first);
    for (int i = 0; i < 3; i++)
        other[i] = p;
    other[0].step = INT64_C(1) << 32, other[1].seed = 2, other[2].step = 1;
    for (int i = 0; i < 3; i++) {
        audio_draw_item(&other[i], 3, &moved);
        cr_assert(ne(u32, moved.track, first.track));
        cr_assert(ne(dbl, moved.gain[1], first.gain[1]));
    }
    audio_draw_item(&p, 4, &moved);
    cr_assert(ne(u32, moved.start, first.start));
    p.batch = 9, p.threads = 8, p.length = 77;
    audio_draw_item(&p, 3, &again);
    cr_assert(zero(int, memcmp(&first.gain, &again.gain, sizeof first.gain)));
    cr_assert(eq(u32, again.start, first.start));
}

/* Straight from the samples that were written, which is what the definition says. */
Test(audio, a_mixture_is_its_stems_with_gains_swap_and_shift)
{
    struct audio p = {.batch = 4, .length = FRAMES, .seed = 5, .folder = music};
    int swaps = 0;
    write_track("only", &USUAL);
    double *const out = reference_of(&p), *const target = out + p.batch * 2 * FRAMES;
    for (int64_t item = 0; item < p.batch; item++) {
        struct audio_draw draw;
        double squares = 0, mix[2][FRAMES] = {0}, voice[2][FRAMES] = {0};
        audio_draw_item(&p, item, &draw);
        swaps += draw.swap;
        for (int c = 0; c < 2; c++)
            for (int64_t t = 0; t < FRAMES; t++)
                for (int s = 0; s < AUDIO_STEMS; s++) {
                    const int64_t from = t - draw.shift;
                    const int x =
                        from < 0 || from >= FRAMES ? 0 : tone(s, draw.swap ? 1 - c : c, from);
                    mix[c][t] += draw.gain[s] * x / 32768;
                    if (s == STEM_VOCALS)
                        voice[c][t] = draw.gain[s] * x / 32768;
                }
        for (int c = 0; c < 2; c++)
            for (int64_t t = 0; t < FRAMES; t++)
                squares += mix[c][t] * mix[c][t];
        const double scale = 0.1 / sqrt(squares / (2 * FRAMES));
        for (int c = 0; c < 2; c++)
            for (int64_t t = 0; t < FRAMES; t++) {
                const int64_t at = (item * 2 + c) * FRAMES + t;
                cr_assert(lt(dbl, fabs(out[at] - scale * mix[c][t]), 1e-12));
                cr_assert(lt(dbl, fabs(target[at] - scale * voice[c][t]), 1e-12));
            }
    }
    cr_assert(gt(int, swaps, 0));
    cr_assert(lt(int, swaps, (int)p.batch));
    free(out);
}

Test(audio, the_rms_of_a_mixture_is_a_tenth)
{
    const struct audio p = {.batch = 8, .length = 2000, .seed = 1, .folder = music};
    write_track("a", &USUAL);
    double *const out = reference_of(&p);
    for (int64_t item = 0; item < p.batch; item++) {
        double squares = 0;
        for (int64_t i = 0; i < 2 * p.length; i++)
            squares += out[item * 2 * p.length + i] * out[item * 2 * p.length + i];
        cr_assert(lt(dbl, fabs(sqrt(squares / (double)(2 * p.length)) - 0.1), 1e-12));
    }
    free(out);
}

Test(audio, silence_stays_silence)
{
    const struct audio p = {.batch = 2, .length = 500, .threads = 2, .seed = 1, .folder = music};
    const struct sound silent = {USUAL.format, AUDIO_RATE, 2, FRAMES, true};
    write_track("a", &silent);
    double *const out = reference_of(&p);
    float *const got = variant_of(&audio_pipelined_cpu, &p);
    for (int64_t i = 0; i < 2 * p.batch * 2 * p.length; i++) {
        cr_assert(zero(dbl, out[i]));
        cr_assert(zero(flt, got[i]));
    }
    free(out);
    free(got);
}

/* The only stem that sounds is a ramp: each sample says where it was. */
Test(audio, a_crop_is_a_stretch_of_its_track)
{
    const struct audio p = {.batch = 20, .length = 1000, .seed = 2, .folder = music};
    const struct sound silent = {USUAL.format, AUDIO_RATE, 1, 30000, true};
    char path[PATH_SIZE];
    int64_t least = 30000, most = 0;
    write_track("a", &silent);
    stem_path("a", STEM_VOCALS, "wav", path);
    SF_INFO info = {.samplerate = AUDIO_RATE, .channels = 1, .format = USUAL.format};
    SNDFILE *const file = sf_open(path, SFM_WRITE, &info);
    for (short t = 1; t <= 30000; t++)
        sf_writef_short(file, &t, 1);
    sf_close(file);

    float *const stems = calloc((size_t)audio_item_floats(&p), sizeof *stems);
    for (int64_t item = 0; item < p.batch; item++) {
        cr_assert(audio_read_item(&p, item, stems));
        const int64_t start = lround(stems[0] * 32768) - 1;
        for (int64_t t = 0; t < 2 * p.length; t++)
            cr_assert(eq(flt, stems[t] * 32768, (float)(start + 1 + t / 2)));
        least = start < least ? start : least;
        most = start > most ? start : most;
    }
    cr_assert(lt(i64, least, 6000));
    cr_assert(gt(i64, most, 23000));
    cr_assert(le(i64, most, 29000));
    free(stems);
}

Test(audio, a_short_track_is_silent_behind_its_end)
{
    const struct audio p = {.batch = 1, .length = 2 * FRAMES, .seed = 1, .folder = music};
    write_track("a", &USUAL);
    float *const stems = malloc((size_t)audio_item_floats(&p) * sizeof *stems);
    memset(stems, 0xff, (size_t)audio_item_floats(&p) * sizeof *stems);
    cr_assert(audio_read_item(&p, 0, stems));
    for (int64_t i = 0; i < audio_item_floats(&p); i++) {
        const int64_t t = i / 2 % p.length;
        cr_assert(eq(flt, stems[i] * 32768,
                     t < FRAMES ? (float)tone((int)(i / (2 * p.length)), (int)(i % 2), t) : 0.0f));
    }
    free(stems);
}

Test(audio, threads_change_nothing)
{
    struct audio p = {.batch = 6, .length = 5000, .threads = 1, .seed = 3, .folder = music};
    static const int64_t threads[] = {2, 7, 64, AUDIO_THREADS_MAX};
    write_track("a", &USUAL);
    write_track("b", &(const struct sound){USUAL.format, AUDIO_RATE, 1, 90000, false});
    float *const once = variant_of(&audio_pipelined_cpu, &p);
    for (int i = 0; i < 4; i++) {
        p.threads = threads[i];
        float *const again = variant_of(&audio_pipelined_cpu, &p);
        cr_assert(zero(int, memcmp(once, again, (size_t)(2 * p.batch * 2 * p.length) * 4)));
        free(again);
    }
    free(once);
    assert_like_the_reference(&audio_pipelined_cpu, &p);
    assert_like_the_reference(&audio_single_thread_cpu, &p);
}

/* After the scan. The other track takes its place, for the reference as for the variants. */
Test(audio, a_stem_that_vanishes_costs_its_track)
{
    const struct audio p = {.batch = 8, .length = 400, .threads = 3, .seed = 1, .folder = music};
    char path[PATH_SIZE];
    cr_redirect_stderr();
    write_track("a", &USUAL);
    write_track("b", &USUAL);
    cr_assert(eq(int, audio_folder(&p)->usable_count, 2));
    stem_path("a", STEM_OTHER, "wav", path);
    unlink(path);
    assert_like_the_reference(&audio_pipelined_cpu, &p);
    assert_like_the_reference(&audio_single_thread_cpu, &p);
    cr_assert(not(audio_folder(&p)->track[1].stem[STEM_OTHER].told));
    cr_assert(audio_folder(&p)->track[0].stem[STEM_OTHER].told);

    stem_path("b", STEM_BASS, "wav", path);
    unlink(path);
    cr_assert(eq(ptr, variant_of(&audio_pipelined_cpu, &p), NULL), "nothing is left to read");
    cr_assert(eq(ptr, variant_of(&audio_single_thread_cpu, &p), NULL), "nothing is left to read");
    double *const out = reference_of(&p);
    cr_assert(isnan(out[0]));
    free(out);
}

Test(audio, cost_and_tensors)
{
    const struct audio p = {.batch = 3, .length = 10, .folder = ""};
    struct tensor tensor[AUDIO_TENSORS];
    const struct cost cost = audio_operation.cost(&p);
    cr_assert(eq(dbl, cost.bytes, 3 * 2 * 10 * (4 * 2 + 2 * 4)));
    cr_assert(eq(dbl, cost.flops, 3 * 2 * 10 * 12));
    audio_operation.tensors(&p, tensor);
    for (int i = 0; i < AUDIO_TENSORS; i++) {
        cr_assert(tensor[i].output);
        cr_assert(eq(i64, tensor_elements(&tensor[i]), 60));
        cr_assert(eq(i64, tensor[i].dim[tensor[i].row_axis], 10));
    }
}
