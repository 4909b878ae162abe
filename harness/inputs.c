#include "backend.h"
#include "fill.h"

#include <Random123/philox.h>

uint64_t inputs_key(int64_t seed, int tensor)
{
    return (uint64_t)tensor << 32 | (uint32_t)seed;
}

void inputs_block(int64_t index, uint64_t key, uint32_t word[4])
{
    const philox4x32_key_t philox_key = {{(uint32_t)key, (uint32_t)(key >> 32)}};
    const philox4x32_ctr_t counter = {{(uint32_t)index, (uint32_t)((uint64_t)index >> 32), 0, 0}};
    const philox4x32_ctr_t block = philox4x32(counter, philox_key);
    memcpy(word, block.v, sizeof block.v);
}

void inputs_generate(void *memory, const struct fill *fill, enum dtype dtype, int64_t elements,
                     uint64_t key)
{
#pragma omp parallel for
    for (int64_t i = 0; i < elements; i++) {
        uint32_t word[4];
        inputs_block(i, key, word);
        fill_store(memory, fill, dtype, i, word);
    }
}
