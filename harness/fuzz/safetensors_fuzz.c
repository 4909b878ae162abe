/* The reader of .safetensors files: what it accepts lies in the file, one tensor behind the other,
 * and can be read; what it refuses leaves a sentence and nothing open. */
#include "../safetensors.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* No more than this is read of a tensor, should the checks of its size be wrong. */
enum { READ_MAX = 1 << 20 };

static uint64_t shape_bytes(const struct stored_tensor *tensor)
{
    uint64_t bytes = (uint64_t)safetensors_element_size(tensor->dtype);
    fuzz_must(bytes > 0, "a dtype is one of the format's");
    fuzz_must(tensor->rank >= 0 && tensor->rank <= SAFETENSORS_RANK_MAX, "a rank has its limit");
    for (int axis = 0; axis < tensor->rank; axis++) {
        fuzz_must(tensor->dim[axis] >= 0, "no dimension is negative");
        bytes *= (uint64_t)tensor->dim[axis];
    }
    return bytes;
}

/* `data` are the tensor's bytes as they were written. */
static void read_tensor(const struct safetensors *file, const struct stored_tensor *tensor,
                        const uint8_t *data)
{
    struct message message = {""};
    fuzz_must(tensor->bytes <= READ_MAX, "a tensor is no longer than its file");
    /* As long as the tensor and no longer, so that a sanitizer sees any byte too many. */
    void *memory = malloc(tensor->bytes ? tensor->bytes : 1);
    fuzz_must(safetensors_read(file, tensor, memory, &message), "a tensor can be read");
    fuzz_must(!memcmp(memory, data, tensor->bytes), "what is read is what was written");
    free(memory);
}

static void check_tensors(const struct safetensors *file, const uint8_t *data, size_t size)
{
    uint64_t end = file->count ? file->tensor[0].offset : size;
    for (int i = 0; i < file->count; i++) {
        const struct stored_tensor *tensor = &file->tensor[i];
        fuzz_must(safetensors_find(file, tensor->name) == tensor, "a name finds its tensor");
        fuzz_must(tensor->bytes == shape_bytes(tensor), "bytes are as many as the shape takes");
        fuzz_must(tensor->offset == end, "a tensor begins where the one before it ends");
        fuzz_must(tensor->offset + tensor->bytes <= size, "a tensor lies within the file");
        end = tensor->offset + tensor->bytes;
        read_tensor(file, tensor, data + tensor->offset);
    }
    fuzz_must(end == size, "the file ends with its last tensor");
}

bool safetensors_fuzz(const uint8_t *data, size_t size)
{
    struct safetensors file;
    struct message message = {""};
    char path[64];
    const int bytes = fuzz_file(data, size, path), next = fuzz_next_descriptor();
    const bool accepted = safetensors_open(&file, path, &message);
    if (accepted) {
        fuzz_must(!safetensors_find(&file, "\xff"), "a name that is not UTF-8 finds nothing");
        check_tensors(&file, data, size);
        safetensors_close(&file);
    } else {
        fuzz_must_be_sentence(&message);
    }
    fuzz_must(fuzz_next_descriptor() == next, "nothing is left open");
    close(bytes);
    return accepted;
}

/* The length of the header: up to the last brace. */
void safetensors_mend(uint8_t *data, size_t size)
{
    enum { LENGTH_BYTES = 8 };
    size_t end = size;
    while (end > LENGTH_BYTES && data[end - 1] != '}')
        end--;
    for (size_t i = 0; i < LENGTH_BYTES && end > LENGTH_BYTES; i++)
        data[i] = (uint8_t)((uint64_t)(end - LENGTH_BYTES) >> 8 * i);
}
