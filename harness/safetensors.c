#include "safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char METADATA[] = "__metadata__";
enum { LENGTH_BYTES = 8, HEADER_MAX = 100 * 1000 * 1000 };

static const struct word {
    const char *name;
    int size;
} DTYPES[] = {
    {"F32", 4}, {"BF16", 2}, {"F16", 2}, {"F64", 8},     {"I32", 4},
    {"I64", 8}, {"U8", 1},   {"I8", 1},  {"BOOL", 1},    {"I16", 2},
    {"U16", 2}, {"U32", 4},  {"U64", 8}, {"F8_E4M3", 1}, {"F8_E5M2", 1},
};
enum { DTYPE_COUNT = sizeof DTYPES / sizeof DTYPES[0] };

static const struct word *dtype_find(const char *name)
{
    for (int i = 0; i < DTYPE_COUNT; i++)
        if (!strcmp(DTYPES[i].name, name))
            return &DTYPES[i];
    return NULL;
}

int safetensors_element_size(const char *dtype)
{
    const struct word *word = dtype_find(dtype);
    return word ? word->size : 0;
}

/* Reads exactly `bytes` from `offset` on. */
static bool read_at(int file, void *memory, uint64_t bytes, uint64_t offset)
{
    for (uint64_t done = 0; done < bytes;) {
        const ssize_t count =
            pread(file, (char *)memory + done, bytes - done, (off_t)(offset + done));
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return false;
        done += (uint64_t)count;
    }
    return true;
}

/* The shape of `entry`, and in *elements how many elements that makes. */
static bool parse_shape(struct stored_tensor *tensor, const json_t *entry, uint64_t *elements)
{
    const json_t *shape = json_object_get(entry, "shape");
    if (!json_is_array(shape) || json_array_size(shape) > SAFETENSORS_RANK_MAX)
        return false;
    tensor->rank = (int)json_array_size(shape);
    *elements = 1;
    for (int axis = 0; axis < tensor->rank; axis++) {
        const json_t *dim = json_array_get(shape, (size_t)axis);
        if (!json_is_integer(dim) || json_integer_value(dim) < 0)
            return false;
        tensor->dim[axis] = json_integer_value(dim);
        if (__builtin_mul_overflow(*elements, (uint64_t)tensor->dim[axis], elements))
            return false;
    }
    return true;
}

/* The range of `entry`, which has to be within `data_bytes` and as long as its elements take. */
static bool parse_range(struct stored_tensor *tensor, const json_t *entry, uint64_t bytes,
                        uint64_t data_bytes)
{
    const json_t *range = json_object_get(entry, "data_offsets");
    const json_t *begin = json_array_get(range, 0), *end = json_array_get(range, 1);
    if (json_array_size(range) != 2 || !json_is_integer(begin) || !json_is_integer(end) ||
        json_integer_value(begin) < 0 || json_integer_value(end) < json_integer_value(begin))
        return false;
    tensor->offset = (uint64_t)json_integer_value(begin);
    tensor->bytes = (uint64_t)json_integer_value(end) - tensor->offset;
    return tensor->offset + tensor->bytes <= data_bytes && tensor->bytes == bytes;
}

static bool parse_tensor(struct safetensors *file, const char *name, const json_t *entry,
                         uint64_t data_bytes, struct message *message)
{
    struct stored_tensor *tensor = &file->tensor[file->count];
    const char *dtype = json_string_value(json_object_get(entry, "dtype"));
    const struct word *word = dtype ? dtype_find(dtype) : NULL;
    uint64_t elements = 0, bytes = 0;
    *tensor = (struct stored_tensor){0};
    if (!word)
        return refuse(message,
                      "%s: tensor %.200s has dtype %.40s: expected F32, BF16, F16, F64 or "
                      "another of the format's",
                      file->path, name, dtype ? dtype : "(none)");
    if (!parse_shape(tensor, entry, &elements) ||
        __builtin_mul_overflow(elements, (uint64_t)word->size, &bytes))
        return refuse(message,
                      "%s: tensor %.200s: expected a shape of at most %d axes, each 0 or "
                      "more, and a size in bytes below 2^64",
                      file->path, name, SAFETENSORS_RANK_MAX);
    if (!parse_range(tensor, entry, bytes, data_bytes))
        return refuse(message,
                      "%s: tensor %.200s: expected data_offsets that hold its %llu bytes "
                      "within the file's %llu",
                      file->path, name, (unsigned long long)bytes, (unsigned long long)data_bytes);
    tensor->dtype = word->name;
    tensor->name = strdup(name);
    file->count++;
    return tensor->name || refuse(message, "%s: out of memory", file->path);
}

static int by_offset(const void *left, const void *right)
{
    const struct stored_tensor *a = left, *b = right;
    if (a->offset != b->offset)
        return a->offset < b->offset ? -1 : 1;
    return (a->bytes > b->bytes) - (a->bytes < b->bytes);
}

/* Whether the ranges cover the data without gap or overlap; sorts the tensors by offset. */
static bool ranges_cover(struct safetensors *file, uint64_t data_bytes, struct message *message)
{
    uint64_t at = 0;
    qsort(file->tensor, (size_t)file->count, sizeof *file->tensor, by_offset);
    for (int i = 0; i < file->count; i++) {
        const struct stored_tensor *tensor = &file->tensor[i];
        if (tensor->offset != at)
            return refuse(message,
                          "%s: tensor %.200s begins at byte %llu of the data: expected "
                          "%llu, where the one before it ends",
                          file->path, tensor->name, (unsigned long long)tensor->offset,
                          (unsigned long long)at);
        at += tensor->bytes;
    }
    return at == data_bytes ||
           refuse(message, "%s: %llu bytes behind the last tensor: expected none", file->path,
                  (unsigned long long)(data_bytes - at));
}

static bool parse_metadata(struct safetensors *file, json_t *metadata, struct message *message)
{
    const char *name;
    json_t *text;
    bool good = json_is_object(metadata);
    json_object_foreach(metadata, name, text)
    {
        good = good && json_is_string(text);
    }
    if (!good)
        return refuse(message, "%s: %s: expected an object of texts", file->path, METADATA);
    file->metadata = json_incref(metadata);
    return true;
}

static bool parse_header(struct safetensors *file, const json_t *header, uint64_t data_start,
                         uint64_t data_bytes, struct message *message)
{
    const char *name;
    json_t *entry;
    if (json_object_size(header) > SAFETENSORS_MAX)
        return refuse(message, "%s: %zu tensors: expected at most %d", file->path,
                      json_object_size(header), SAFETENSORS_MAX);
    file->tensor = calloc(json_object_size(header) + 1, sizeof *file->tensor);
    if (!file->tensor)
        return refuse(message, "%s: out of memory", file->path);
    json_object_foreach((json_t *)header, name, entry)
    {
        const bool good = strcmp(name, METADATA)
                              ? parse_tensor(file, name, entry, data_bytes, message)
                              : parse_metadata(file, entry, message);
        if (!good)
            return false;
    }
    if (!ranges_cover(file, data_bytes, message))
        return false;
    for (int i = 0; i < file->count; i++)
        file->tensor[i].offset += data_start;
    return true;
}

/* The header as an object, and where the data starts; NULL with a sentence otherwise. */
static json_t *read_header(const struct safetensors *file, uint64_t size, uint64_t *data_start,
                           struct message *message)
{
    unsigned char length_bytes[LENGTH_BYTES];
    uint64_t length = 0;
    json_error_t error;
    if (size < LENGTH_BYTES || !read_at(file->file, length_bytes, LENGTH_BYTES, 0)) {
        refuse(message, "%s: %llu bytes: expected a .safetensors file, of 8 at least", file->path,
               (unsigned long long)size);
        return NULL;
    }
    for (int i = LENGTH_BYTES - 1; i >= 0; i--)
        length = length << 8 | length_bytes[i];
    if (length > size - LENGTH_BYTES || length > HEADER_MAX) {
        refuse(message,
               "%s: a header of %llu bytes in a file of %llu: expected one that is in the "
               "file, of %d at most",
               file->path, (unsigned long long)length, (unsigned long long)size, HEADER_MAX);
        return NULL;
    }
    char *text = malloc(length + 1);
    const bool good = text && read_at(file->file, text, length, LENGTH_BYTES);
    json_t *header = good ? json_loadb(text, length, JSON_REJECT_DUPLICATES, &error) : NULL;
    if (!good)
        refuse(message, "%s: its header cannot be read", file->path);
    else if (!header || !json_is_object(header))
        refuse(message, "%s: its header: %s: expected a JSON object, each name once", file->path,
               header ? "no object" : error.text);
    free(text);
    if (header && !json_is_object(header)) {
        json_decref(header);
        header = NULL;
    }
    *data_start = LENGTH_BYTES + length;
    return header;
}

bool safetensors_open(struct safetensors *file, const char *path, struct message *message)
{
    struct stat status;
    uint64_t data_start = 0;
    *file = (struct safetensors){.path = strdup(path), .file = -1};
    /* O_NONBLOCK: a FIFO must not make us wait for a writer. */
    file->file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool good = file->file >= 0 && !fstat(file->file, &status);
    if (!good)
        refuse(message, "%s: %s: expected a .safetensors file", path, strerror(errno));
    else if (!S_ISREG(status.st_mode))
        good = refuse(message, "%s: expected a regular file", path);
    if (good) {
        json_t *header = read_header(file, (uint64_t)status.st_size, &data_start, message);
        good = header && parse_header(file, header, data_start,
                                      (uint64_t)status.st_size - data_start, message);
        json_decref(header);
    }
    if (!good)
        safetensors_close(file);
    return good;
}

const struct stored_tensor *safetensors_find(const struct safetensors *file, const char *name)
{
    for (int i = 0; i < file->count; i++)
        if (!strcmp(file->tensor[i].name, name))
            return &file->tensor[i];
    return NULL;
}

bool safetensors_read(const struct safetensors *file, const struct stored_tensor *tensor,
                      void *memory, struct message *message)
{
    return read_at(file->file, memory, tensor->bytes, tensor->offset) ||
           refuse(message, "%s: tensor %s cannot be read: the file changed", file->path,
                  tensor->name);
}

void safetensors_close(struct safetensors *file)
{
    for (int i = 0; i < file->count; i++)
        free(file->tensor[i].name);
    json_decref(file->metadata);
    free(file->tensor);
    free(file->path);
    if (file->file >= 0)
        close(file->file);
    *file = (struct safetensors){.file = -1};
}
