/* `ssmbench check` judges outputs of others as it judges those of variants. Runs the binary that
 * the environment variable SSMBENCH names. */
#include "binary_fixture.h"
#include "folder_fixture.h"
#include "message.h"
#include "safetensors.h"

#include <math.h>
#include <stdint.h>
#include <unistd.h>

static char suite[FOLDER_PATH], exported[FOLDER_PATH], outputs[FOLDER_PATH];

static void make_folder(void)
{
    folder_make();
    folder_path(suite, "s.ini");
    folder_path(exported, "case.safetensors");
    folder_path(outputs, "out.safetensors");
    FILE *file = fopen(suite, "w");
    fputs("[a]\nop = selscan\nchannels = 3\nlength = 7\nstate = 2\nfinal = on\ninputs = test\n"
          "why = test\n",
          file);
    fclose(file);
    ssmbench("export %s --op selscan --case a --out %s", suite, exported);
    cr_assert(eq(int, status, 0), "%s", text);
}

TestSuite(check, .init = make_folder, .fini = folder_remove, .timeout = 60);

enum { OUT = 3 * 7, FINAL = 3 * 2 };

/* Writes the reference's outputs in f32, `out` with what is added to its first element and `final`
 * with that many times its row's scale, and checks them. */
static void check_with(double added_to_out, double added_to_final)
{
    static const char *const names[] = {"out", "final", "final.scale"};
    double reference[3][OUT];
    float out[OUT], final[FINAL];
    struct safetensors file;
    struct message message;
    cr_assert(safetensors_open(&file, exported, &message), "%s", message.text);
    for (int i = 0; i < 3; i++) {
        const struct stored_tensor *tensor = safetensors_find(&file, names[i]);
        cr_assert(ne(ptr, (void *)tensor, NULL), "%s", names[i]);
        cr_assert(le(u64, tensor->bytes, sizeof reference[i]));
        cr_assert(safetensors_read(&file, tensor, reference[i], &message), "%s", message.text);
    }
    safetensors_close(&file);
    double scale = 0;
    for (int i = 0; i < OUT; i++)
        out[i] = (float)reference[0][i];
    for (int i = 0; i < 7; i++)
        scale = fmax(scale, fabs(reference[0][i]));
    for (int i = 0; i < FINAL; i++)
        final[i] = (float)reference[1][i];
    out[0] = (float)(reference[0][0] + added_to_out * scale);
    final[5] = (float)(reference[1][5] + added_to_final * reference[2][5]);
    const struct stored_tensor stored[] = {
        {.name = "out", .dtype = "F32", .rank = 3, .dim = {1, 3, 7}},
        {.name = "final", .dtype = "F32", .rank = 3, .dim = {1, 3, 2}}};
    cr_assert(safetensors_write(outputs, stored, (const void *[]){out, final}, 2, NULL, &message),
              "%s", message.text);
    ssmbench("check %s %s", exported, outputs);
}

Test(check, accepts_what_is_within_the_rule)
{
    check_with(0, 0);
    cr_assert(eq(int, status, 0), "%s", text);
    assert_says("{\"status\":\"PASS\",\"error\":");
    check_with(9e-6, 9e-6);
    cr_assert(eq(int, status, 0), "%s", text);
}

Test(check, names_what_is_not)
{
    check_with(2e-5, 0);
    cr_assert(eq(int, status, 1), "%s", text);
    assert_says("{\"status\":\"WRONG\",\"detail\":\"out[0,0,0] = ");
    check_with(0, 2e-5);
    cr_assert(eq(int, status, 1), "%s", text);
    assert_says("\"detail\":\"final[0,2,1] = ");
    check_with(NAN, 0);
    cr_assert(eq(int, status, 1), "%s", text);
    assert_says("{\"status\":\"NONFINITE\",");
    assert_says("\"error\":null");
}

Test(check, says_what_it_expects)
{
    ssmbench("check %s", exported);
    cr_assert(eq(int, status, 2));
    assert_says("check: expected a file that `ssmbench export` wrote, and one with the outputs");
    ssmbench("check %s %s", exported, exported);
    cr_assert(eq(int, status, 2));
    assert_says("expected a tensor out of F32, shape (1,3,7)");
    check_with(0, 0);
    ssmbench("check %s %s", outputs, exported);
    cr_assert(eq(int, status, 2));
    assert_says("out.safetensors: expected a file that `ssmbench export` wrote");
    ssmbench("check %s /nowhere/x", exported);
    cr_assert(eq(int, status, 2));
}
