/* Writing files of the format safetensors. */
#include "safetensors.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t bytes_of(const struct stored_tensor *tensor)
{
    uint64_t bytes = (uint64_t)safetensors_element_size(tensor->dtype);
    for (int axis = 0; axis < tensor->rank; axis++)
        bytes *= (uint64_t)tensor->dim[axis];
    return bytes;
}

/* The header's text, padded with spaces to a multiple of 8 bytes; the caller frees it. */
static char *header_text(const struct stored_tensor tensor[], int count, const json_t *metadata,
                         size_t *length)
{
    json_t *header = json_object();
    if (metadata)
        json_object_set_new(header, "__metadata__", json_deep_copy(metadata));
    uint64_t at = 0;
    for (int i = 0; i < count; i++) {
        json_t *shape = json_array();
        const uint64_t end = at + bytes_of(&tensor[i]);
        for (int axis = 0; axis < tensor[i].rank; axis++)
            json_array_append_new(shape, json_integer(tensor[i].dim[axis]));
        json_object_set_new(header, tensor[i].name,
                            json_pack("{s:s, s:o, s:[I, I]}", "dtype", tensor[i].dtype, "shape",
                                      shape, "data_offsets", (json_int_t)at, (json_int_t)end));
        at = end;
    }
    char *text = json_dumps(header, JSON_COMPACT);
    json_decref(header);
    const size_t plain = text ? strlen(text) : 0;
    *length = (plain + 7) / 8 * 8;
    char *padded = text ? malloc(*length + 1) : NULL;
    if (padded) {
        memset(padded, ' ', *length);
        memcpy(padded, text, plain);
    }
    free(text);
    return padded;
}

bool safetensors_write(const char *path, const struct stored_tensor tensor[],
                       const void *const data[], int count, const json_t *metadata,
                       struct message *message)
{
    char unfinished[PATH_MAX];
    unsigned char length_bytes[8];
    size_t length = 0;
    char *header = header_text(tensor, count, metadata, &length);
    const int size = snprintf(unfinished, sizeof unfinished, "%s.%d.part", path, (int)getpid());
    FILE *stream = header && size < (int)sizeof unfinished ? fopen(unfinished, "w") : NULL;
    bool good = stream != NULL;
    for (int i = 0; i < 8; i++)
        length_bytes[i] = (unsigned char)((uint64_t)length >> 8 * i);
    good = good && fwrite(length_bytes, 1, 8, stream) == 8 &&
           fwrite(header, 1, length, stream) == length;
    for (int i = 0; i < count && good; i++)
        good = fwrite(data[i], 1, bytes_of(&tensor[i]), stream) == bytes_of(&tensor[i]);
    good = good && !fflush(stream) && !fsync(fileno(stream));
    int error = errno;
    if (stream && fclose(stream)) {
        good = false;
        error = errno;
    }
    if (good && rename(unfinished, path)) {
        good = false;
        error = errno;
    }
    free(header);
    if (good)
        return true;
    if (stream)
        unlink(unfinished);
    return refuse(message, "%s: %s: expected a file that can be written", path, strerror(error));
}
