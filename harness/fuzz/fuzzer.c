/* What libFuzzer calls, for the target that the Makefile names with -DTARGET=safetensors. */
#include "fuzz.h"

#define JOIN_WORDS(a, b) a##b
#define JOIN(a, b)       JOIN_WORDS(a, b)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t size_max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    JOIN(TARGET, _fuzz)(data, size);
    return 0; /* the only value libFuzzer takes */
}

/* Three of four inputs are mended, so that they get past the first check. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed)
{
    const size_t changed = LLVMFuzzerMutate(data, size, size_max);
    if (seed % 4)
        JOIN(TARGET, _mend)(data, changed);
    return changed;
}
