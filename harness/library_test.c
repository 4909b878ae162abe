/* libssmbench as a C program sees it: the header alone, the symbols, the sentences. What it
 * computes is tested by harness/peers/test_ssmbench.py. */
#include "../kernels/ssmbench.h"
#include "registry.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static char why[SSMBENCH_MESSAGE_SIZE];

static void assert_says(const char *sentence)
{
    cr_assert(ne(ptr, strstr(why, sentence), NULL), "expected '%s', got: %s", sentence, why);
}

Test(library, header_stands_alone_in_c_and_cxx)
{
    cr_assert(eq(int,
                 system("cc -std=c11 -Wall -Wextra -Werror -pedantic -fsyntax-only -x c "
                        "kernels/ssmbench.h"),
                 0));
    cr_assert(eq(int,
                 system("c++ -std=c++11 -Wall -Wextra -Werror -pedantic -fsyntax-only -x c++ "
                        "kernels/ssmbench.h"),
                 0));
}

/* The shared library beside the binary under test has the interface's names, with their version,
 * and no others. */
Test(library, exports_its_interface_alone)
{
    static const char *const names[] = {
        "ssmbench_abi",    "ssmbench_version",   "ssmbench_variant",
        "ssmbench_tensor", "ssmbench_accepts",   "ssmbench_problem_new",
        "ssmbench_run",    "ssmbench_workspace", "ssmbench_problem_free"};
    char path[4096];
    const char *binary = getenv("SSMBENCH");
    cr_assert(ne(ptr, (void *)(uintptr_t)binary, NULL));
    snprintf(path, sizeof path, "%.*s/libssmbench.so", (int)(strrchr(binary, '/') - binary),
             binary);
    void *const library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    cr_assert(ne(ptr, library, NULL), "%s", dlerror());
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cr_assert(ne(ptr, dlvsym(library, names[i], "SSMBENCH_1"), NULL), "%s", names[i]);
    cr_assert(eq(ptr, dlsym(library, "selscan_operation"), NULL));
    cr_assert(eq(ptr, dlsym(library, "operation_find"), NULL));
    cr_assert(eq(ptr, dlsym(library, "selscan_chunked_cpu"), NULL));
}

Test(library, names_every_variant)
{
    int count = 0;
    for (; ENTRIES[count].op; count++)
        cr_assert(eq(str, (char *)(uintptr_t)ssmbench_variant(count),
                     (char *)(uintptr_t)ENTRIES[count].full));
    cr_assert(gt(int, count, 0));
    cr_assert(eq(ptr, (void *)(uintptr_t)ssmbench_variant(count), NULL));
    cr_assert(eq(ptr, (void *)(uintptr_t)ssmbench_variant(count + 1000), NULL));
    cr_assert(eq(ptr, (void *)(uintptr_t)ssmbench_variant(-1), NULL));
}

Test(library, says_what_is_not_right)
{
    cr_assert(eq(ptr, ssmbench_problem_new(NULL, NULL, why, sizeof why), NULL));
    assert_says("operation (null): expected one of");
    cr_assert(eq(ptr, ssmbench_problem_new("selscan", "a", why, sizeof why), NULL));
    assert_says("'a': expected key = value");
    cr_assert(
        eq(ptr, ssmbench_problem_new("conv1d", "seq_idx = on, final = on", why, sizeof why), NULL));
    assert_says("seq_idx: sequences in a row have no state");
    memset(why, 'x', sizeof why);
    cr_assert(eq(ptr, ssmbench_problem_new("selscan", "a", why, 4), NULL));
    cr_assert(eq(int, memcmp(why, "'a'\0x", 5), 0), "a sentence is cut to the size told");
    cr_assert(eq(ptr, ssmbench_problem_new("selscan", "a", NULL, 0), NULL));
    ssmbench_problem_free(NULL);
}

Test(library, tells_what_a_variant_takes)
{
    struct ssmbench_tensor tensor;
    size_t bytes = 1;
    ssmbench_problem *problem = ssmbench_problem_new(
        "conv1d", "layout = channel_last, channels = 8, length = 5", why, sizeof why);
    cr_assert(ne(ptr, problem, NULL), "%s", why);
    cr_assert(
        eq(int, ssmbench_accepts(problem, "conv1d/direct@cpu", why, sizeof why), SSMBENCH_OK));
    cr_assert(eq(int, ssmbench_accepts(problem, "conv1d/vectorized@simt", why, sizeof why),
                 SSMBENCH_NOT_ACCEPTED));
    assert_says("conv1d/vectorized@simt accepts layout = channel_first");
    cr_assert(eq(int,
                 ssmbench_workspace(problem, "conv1d/vectorized@simt", &bytes, why, sizeof why),
                 SSMBENCH_NOT_ACCEPTED));
    cr_assert(eq(int, ssmbench_workspace(problem, "conv1d/direct@cpu", &bytes, why, sizeof why),
                 SSMBENCH_OK));
    cr_assert(eq(sz, bytes, 0));
    cr_assert(eq(int, ssmbench_tensor(problem, 0, &tensor), SSMBENCH_OK));
    cr_assert(eq(str, (char *)(uintptr_t)tensor.name, "x"));
    cr_assert(eq(i64, tensor.dim[1], 5));
    cr_assert(eq(i64, tensor.dim[3], 1));
    cr_assert(eq(i64, tensor.bytes, 8 * 5 * 4));
    cr_assert(eq(int, ssmbench_tensor(problem, -1, &tensor), SSMBENCH_BAD_INPUT));
    cr_assert(eq(int, ssmbench_tensor(problem, 1000, &tensor), SSMBENCH_BAD_INPUT));
    ssmbench_problem_free(problem);
}

Test(library, wants_the_pointers_of_the_problem_and_no_others)
{
    static float memory[64];
    void *pointer[8] = {memory, memory + 16, NULL, NULL, NULL, memory + 32, NULL, NULL};
    struct ssmbench_tensor tensor;
    ssmbench_problem *problem =
        ssmbench_problem_new("conv1d", "channels = 1, length = 8, width = 2", why, sizeof why);
    for (int i = 0; ssmbench_tensor(problem, i, &tensor) == SSMBENCH_OK; i++)
        cr_assert(eq(int, tensor.present, pointer[i] != NULL), "%s", tensor.name);
    memory[0] = memory[16] = memory[17] = 1;
    cr_assert(eq(int,
                 ssmbench_run(problem, "conv1d/direct@cpu", pointer, NULL, NULL, why, sizeof why),
                 SSMBENCH_OK),
              "%s", why);
    cr_assert(eq(flt, memory[32], 1));
    cr_assert(eq(flt, memory[33], 1));
    cr_assert(eq(flt, memory[34], 0));
    pointer[0] = (char *)memory + 1;
    cr_assert(eq(int,
                 ssmbench_run(problem, "conv1d/direct@cpu", pointer, NULL, NULL, why, sizeof why),
                 SSMBENCH_BAD_INPUT));
    assert_says("tensor x: expected a pointer aligned to 4 bytes");
    pointer[0] = NULL;
    cr_assert(eq(int,
                 ssmbench_run(problem, "conv1d/direct@cpu", pointer, NULL, NULL, why, sizeof why),
                 SSMBENCH_BAD_INPUT));
    assert_says("tensor x: expected a pointer");
    pointer[0] = pointer[2] = memory;
    cr_assert(eq(int,
                 ssmbench_run(problem, "conv1d/direct@cpu", pointer, NULL, NULL, why, sizeof why),
                 SSMBENCH_BAD_INPUT));
    assert_says("tensor bias: expected null, as the problem has none");
    ssmbench_problem_free(problem);
}
