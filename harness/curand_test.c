/* Agreement of the two libraries that draw inputs; a binary without CUDA holds only one. */
#include "backend.h"

#include <criterion/criterion.h>

Test(inputs, random123_and_curand_give_the_same_blocks)
{
#ifdef SSMBENCH_CUDA
    for (int64_t i = 0; i < 100000; i++) {
        const int64_t index = i * 987654321987;
        const uint64_t key = inputs_key(i % 17, (int)(i % 11)) ^ (uint64_t)i << 13;
        uint32_t random123[4], curand[4];
        inputs_block(index, key, random123);
        curand_block(index, key, curand);
        cr_assert_arr_eq(random123, curand, sizeof curand, "index %lld", (long long)index);
    }
#else
    cr_assert_not_null(backend_cuda.missing(), "a binary without CUDA has to say so");
#endif
}
