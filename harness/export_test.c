/* What `ssmbench export` writes is what variants get and what the reference says. Runs the binary
 * that the environment variable SSMBENCH names. */
#include "binary_fixture.h"
#include "cases.h"
#include "folder_fixture.h"
#include "safetensors.h"
#include "trial.h"

#include <unistd.h>

static char suite[FOLDER_PATH], path[FOLDER_PATH];

static void make_folder(void)
{
    folder_make();
    folder_path(suite, "s.ini");
    folder_path(path, "x.safetensors");
    FILE *file = fopen(suite, "w");
    fputs("[a]\nop = selscan, selscan_bwd\nchannels = 3\nlength = 7\nstate = 2\nskip = on\n"
          "dtype = bf16\ninitial = on\nfinal = on\nwhy = test\n[b]\nop = conv1d\nchannels = "
          "2\nlength = 5\nseq_idx = on\n"
          "why = test\n",
          file);
    fclose(file);
}

TestSuite(export, .init = make_folder, .fini = folder_remove, .timeout = 60);

static void check_case(const struct test_case *item)
{
    struct prepared prepared;
    struct safetensors file;
    struct message message;
    int count = 0;
    ssmbench("export %s --op '^%s$' --case '^%s$' --out %s", suite, item->op->name, item->name,
             path);
    cr_assert(eq(int, status, 0), "%s", text);
    cr_assert(safetensors_open(&file, path, &message), "%s", message.text);
    prepare(item, &prepared);
    for (int i = 0; i < item->op->tensor_count; i++) {
        const struct tensor *tensor = &prepared.tensor[i];
        const struct stored_tensor *stored = safetensors_find(&file, tensor->name);
        cr_assert(eq(int, stored != NULL, tensor->present), "%s", tensor->name);
        if (!stored)
            continue;
        count++;
        const void *wanted = tensor->output ? (void *)prepared.reference[i] : prepared.input[i];
        char *got = must_allocate(stored->bytes, 1);
        cr_assert(safetensors_read(&file, stored, got, &message), "%s", message.text);
        cr_assert(eq(u64, stored->bytes,
                     (uint64_t)tensor_elements(tensor) *
                         (tensor->output ? sizeof(double) : tensor_element_size(tensor))));
        cr_assert(eq(int, memcmp(got, wanted, stored->bytes), 0), "%s", tensor->name);
        cr_assert(eq(int, stored->rank, tensor->rank));
        free(got);
        if (!prepared.scale[i])
            continue;
        char name[64];
        snprintf(name, sizeof name, "%s.scale", tensor->name);
        stored = safetensors_find(&file, name);
        cr_assert(ne(ptr, (void *)stored, NULL), "%s", name);
        count++;
        got = must_allocate(stored->bytes, 1);
        cr_assert(safetensors_read(&file, stored, got, &message), "%s", message.text);
        cr_assert(eq(int, memcmp(got, prepared.scale[i], stored->bytes), 0), "%s", name);
        free(got);
    }
    cr_assert(eq(int, file.count, count));
    safetensors_close(&file);
    prepared_free(&prepared);
}

Test(export, writes_inputs_and_the_references_outputs)
{
    struct case_list cases = {0};
    struct message message;
    cr_assert(cases_read(suite, &cases, &message), "%s", message.text);
    cr_assert(eq(int, cases.count, 3));
    for (int i = 0; i < cases.count; i++)
        check_case(&cases.item[i]);
    cases_free(&cases);
}

Test(export, says_what_it_expects)
{
    ssmbench("export %s --case a", suite);
    cr_assert(eq(int, status, 2));
    assert_says("export: expected --out FILE");
    ssmbench("export %s --out %s", suite, path);
    cr_assert(eq(int, status, 2));
    assert_says("export: 3 cases match, s/a of selscan and s/a of selscan_bwd");
    ssmbench("export %s --case nosuch --out %s", suite, path);
    cr_assert(eq(int, status, 3));
    ssmbench("export %s --case b --out /nowhere/x", suite);
    cr_assert(eq(int, status, 2));
    assert_says("/nowhere/x: No such file");
    cr_assert(eq(int, access(path, F_OK), -1), "nothing was written");
}
