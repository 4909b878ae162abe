#include "guarded.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <string.h>

enum { BYTES = 100, OFFSET = 6 };

static struct guarded memory;

static void make(void)
{
    memory = (struct guarded){.offset = OFFSET, .bytes = BYTES};
    cr_assert(zero(int, guarded_allocate(&backend_cpu, &memory)));
    cr_assert(ne(ptr, memory.base, NULL));
    memset(memory.data, 0, BYTES);
}

static void release(void)
{
    backend_cpu.release(memory.base);
}

TestSuite(guarded, .init = make, .fini = release);

static const char *broken(void)
{
    const char *side;
    cr_assert(zero(int, guarded_check(&backend_cpu, &memory, &side)));
    return side ? side : "";
}

Test(guarded, what_is_read_beside_the_data_is_no_number)
{
    static const enum dtype dtypes[] = {DTYPE_F32, DTYPE_BF16, DTYPE_F16};
    for (int i = 0; i < 3; i++) {
        const int64_t size = (int64_t)dtype_size(dtypes[i]), behind = BYTES / size;
        for (int64_t far = 0; far < GUARD_BYTES / size; far++) {
            cr_assert(isnan(dtype_load(memory.data, dtypes[i], -1 - far)), "%d", (int)far);
            cr_assert(isnan(dtype_load(memory.data, dtypes[i], behind + far)), "%d", (int)far);
        }
    }
}

Test(guarded, every_byte_of_both_guards_counts)
{
    cr_assert(eq(str, (char *)broken(), ""));
    for (int i = 0; i < GUARD_BYTES; i++)
        for (int side = 0; side < 2; side++) {
            char *const byte = memory.data + (side ? BYTES + i : -1 - i), was = *byte;
            *byte = (char)(was ^ 1);
            cr_assert(eq(str, (char *)broken(), side ? "behind" : "before"), "byte %d", i);
            *byte = was;
        }
    cr_assert(eq(str, (char *)broken(), ""));
}

Test(guarded, bytes_of_an_unwritten_output_are_no_guard)
{
    memset(memory.data + BYTES, 0xFF, 4);
    cr_assert(eq(str, (char *)broken(), "behind"));
}

Test(guarded, the_data_lies_where_the_offset_says)
{
    cr_assert(eq(sz, (size_t)memory.data % 64, OFFSET));
}

static void *has_no_memory(size_t bytes)
{
    (void)bytes;
    return NULL;
}

Test(guarded, without_memory_there_is_no_base)
{
    struct backend small = backend_cpu;
    struct guarded none = {.bytes = BYTES};
    small.allocate = has_no_memory;
    cr_assert(zero(int, guarded_allocate(&small, &none)));
    cr_assert(eq(ptr, none.base, NULL));
}
