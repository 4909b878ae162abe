/* `ssmbench run` on files of tensors: what it finds out, says and writes. Runs the binary that the
 * environment variable SSMBENCH names. */
#include "binary_fixture.h"
#include "cases.h"
#include "errors.h"
#include "folder_fixture.h"
#include "registry.h"
#include "safetensors.h"

#include <math.h>
#include <unistd.h>

enum { CHANNELS = 3, LENGTH = 40, STATE = 2, INPUTS = 5 };

static char in[FOLDER_PATH], out[FOLDER_PATH];

static void make_folder(void)
{
    folder_make();
    folder_path(in, "in.safetensors");
    folder_path(out, "out.safetensors");
}

TestSuite(run, .init = make_folder, .fini = folder_remove, .timeout = 60);

static struct stored_tensor stored[INPUTS];
static float value[INPUTS][CHANNELS * LENGTH];
static double wide[INPUTS][CHANNELS * LENGTH];

/* A scan's inputs, in floats or in doubles that no float holds. */
static void write_inputs(int count, bool doubles)
{
    static const struct {
        const char *name;
        int rank;
        int64_t dim[4];
    } shapes[INPUTS] = {{"u", 3, {1, CHANNELS, LENGTH}},
                        {"delta", 3, {1, CHANNELS, LENGTH}},
                        {"A", 2, {CHANNELS, STATE}},
                        {"B", 4, {1, 1, STATE, LENGTH}},
                        {"C", 4, {1, 1, STATE, LENGTH}}};
    const void *data[INPUTS];
    struct message message;
    for (int i = 0; i < INPUTS; i++) {
        stored[i] = (struct stored_tensor){.name = (char *)(uintptr_t)shapes[i].name,
                                           .dtype = doubles ? "F64" : "F32",
                                           .rank = shapes[i].rank};
        memcpy(stored[i].dim, shapes[i].dim, sizeof shapes[i].dim);
        for (int j = 0; j < CHANNELS * LENGTH; j++) {
            wide[i][j] = i == 2 ? -0.1 * (j + 1) : i == 1 ? 0.01 * (j % 7 + 1) : sin(j + i);
            value[i][j] = (float)wide[i][j];
        }
        data[i] = doubles ? (void *)wide[i] : value[i];
    }
    cr_assert(safetensors_write(in, stored, data, count, NULL, &message), "%s", message.text);
}

/* Tensor `name` of the file of outputs; the caller frees it. */
static void *read_output(const char *name, const char *dtype)
{
    struct safetensors file;
    struct message message;
    cr_assert(safetensors_open(&file, out, &message), "%s", message.text);
    const struct stored_tensor *tensor = safetensors_find(&file, name);
    cr_assert(ne(ptr, (void *)(uintptr_t)tensor, NULL), "%s", name);
    cr_assert(eq(str, (char *)(uintptr_t)tensor->dtype, (char *)(uintptr_t)dtype));
    void *memory = must_allocate(tensor->bytes, 1);
    cr_assert(safetensors_read(&file, tensor, memory, &message), "%s", message.text);
    safetensors_close(&file);
    return memory;
}

/* The definition, for these inputs. */
static void expected(double y[CHANNELS][LENGTH])
{
    for (int d = 0; d < CHANNELS; d++) {
        double h[STATE] = {0};
        for (int t = 0; t < LENGTH; t++) {
            const double delta = value[1][d * LENGTH + t], u = value[0][d * LENGTH + t];
            y[d][t] = 0;
            for (int n = 0; n < STATE; n++) {
                h[n] = exp(delta * value[2][d * STATE + n]) * h[n] +
                       delta * value[3][n * LENGTH + t] * u;
                y[d][t] += value[4][n * LENGTH + t] * h[n];
            }
        }
    }
}

Test(run, writes_outputs_of_variants_and_reference)
{
    double y[CHANNELS][LENGTH];
    for (int doubles = 0; doubles < 2; doubles++) {
        write_inputs(INPUTS, doubles);
        ssmbench("run --op selscan --tensors %s --out %s --backend cpu", in, out);
        cr_assert(eq(int, status, 0), "%s", text);
        assert_says("channels = 3, length = 40, state = 2, groups = 1, a = full");
        expected(y);
        double *reference = read_output("reference/out", "F64");
        float *chunked = read_output("selscan/chunked@cpu/out", "F32");
        for (int i = 0; i < CHANNELS * LENGTH; i++) {
            cr_assert(lt(dbl, fabs(reference[i] - y[i / LENGTH][i % LENGTH]), 1e-13));
            cr_assert(lt(dbl, fabs(chunked[i] - reference[i]), 1e-5));
        }
        free(reference);
        free(chunked);
    }
}

/* The outputs of a run on exported inputs are those that the export has beside them. */
Test(run, takes_what_export_writes)
{
    ssmbench("export quick --op '^selscan_bwd$' --case '^one-option-gate$' --out %s", in);
    cr_assert(eq(int, status, 0), "%s", text);
    ssmbench("run --tensors %s --variant simd --out %s --backend cpu", in, out);
    cr_assert(eq(int, status, 0), "%s", text);
    struct safetensors from;
    struct message message;
    cr_assert(safetensors_open(&from, in, &message), "%s", message.text);
    const struct stored_tensor *du = safetensors_find(&from, "du");
    double *wanted = must_allocate(du->bytes, 1), *got = read_output("reference/du", "F64");
    cr_assert(safetensors_read(&from, du, wanted, &message), "%s", message.text);
    cr_assert(eq(int, memcmp(got, wanted, du->bytes), 0));
    safetensors_close(&from);
    free(wanted);
    free(got);
}

Test(run, takes_keys_that_shapes_do_not_tell)
{
    write_inputs(INPUTS, false);
    ssmbench("run --op selscan --tensors %s --out %s --backend cpu --set 'final = on, reverse=on'",
             in, out);
    cr_assert(eq(int, status, 0), "%s", text);
    assert_says("final = on, reverse = on");
    assert_says("error of final");
    free(read_output("selscan/simd@cpu/final", "F32"));
}

Test(run, says_what_is_not_right)
{
    write_inputs(INPUTS, false);
    ssmbench("run --op selscan");
    cr_assert(eq(int, status, 2));
    assert_says("expected --tensors FILE");
    ssmbench("run --tensors %s", in);
    cr_assert(eq(int, status, 2));
    assert_says("--op (none): expected one of");
    ssmbench("run --op conv1d --tensors %s", in);
    cr_assert(eq(int, status, 2));
    assert_says("is none of conv1d's: expected x, weight");
    ssmbench("run --op selscan --tensors %s --set length=41", in);
    cr_assert(eq(int, status, 2));
    assert_says("tensor u is F32 [1, 3, 40]: expected F32 [1, 3, 41]");
    ssmbench("run --op selscan --tensors %s --set lenght=41", in);
    cr_assert(eq(int, status, 2));
    assert_says("unknown key 'lenght': expected one of batch, channels");
    ssmbench("run --op selscan --tensors %s --set length", in);
    cr_assert(eq(int, status, 2));
    assert_says("'length': expected key = value");
    ssmbench("run --op selscan --tensors %s --variant nothing --backend cpu", in);
    cr_assert(eq(int, status, 3));
    assert_says("no variant of selscan matches");
    ssmbench("run --op selscan --tensors %s --backend cpu --variant simd --out %s/no/file", in,
             folder);
    cr_assert(eq(int, status, 2));
    assert_says("PASS");
    assert_says("expected a file that can be written");
    write_inputs(INPUTS - 1, false);
    ssmbench("run --op selscan --tensors %s", in);
    cr_assert(eq(int, status, 2));
    assert_says("tensor C is missing: expected F32 [1, 1, 2, 40]");
}
