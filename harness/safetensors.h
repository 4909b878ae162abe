/* Tensors in files of the format safetensors: a header in JSON, then the elements.
 *
 * The file: 8 bytes, little-endian, the length of the header; the header, an object that has for
 * each tensor its dtype, shape and the range of its bytes behind the header; the bytes, which the
 * ranges cover without gap or overlap. Nothing in it is believed before it has been checked.
 *
 * Source: the format's own description, huggingface/safetensors, README, "Format".
 */
#ifndef SSMBENCH_SAFETENSORS_H
#define SSMBENCH_SAFETENSORS_H

#include "message.h"
#include <jansson.h>
#include <stdint.h>

enum { SAFETENSORS_RANK_MAX = 8, SAFETENSORS_MAX = 65536 };

/* A tensor of a file. `dtype` is the format's word: F32, BF16, F16, F64, I32 and others. */
struct stored_tensor {
    char *name;
    const char *dtype;
    int rank;
    int64_t dim[SAFETENSORS_RANK_MAX]; /* slowest axis first */
    uint64_t offset, bytes;            /* in the file */
};

struct safetensors {
    char *path;
    int file;
    struct stored_tensor *tensor;
    int count;
    json_t *metadata; /* an object of texts, or whatever else a file has there; NULL when absent */
};

/* Opens a file and checks all of its header. False with a sentence otherwise; nothing is open then.
 */
bool safetensors_open(struct safetensors *file, const char *path, struct message *message);

/* The tensor of that name, or NULL. */
const struct stored_tensor *safetensors_find(const struct safetensors *file, const char *name);

/* Reads all bytes of a tensor of the file into `memory`. */
bool safetensors_read(const struct safetensors *file, const struct stored_tensor *tensor,
                      void *memory, struct message *message);

void safetensors_close(struct safetensors *file);

/* Writes `count` tensors with their elements, data[i] of tensor[i], whose offsets and bytes are not
 * looked at: those follow from shapes. `metadata` is an object of texts, or NULL. The file is put
 * in its place when it is whole. */
bool safetensors_write(const char *path, const struct stored_tensor tensor[],
                       const void *const data[], int count, const json_t *metadata,
                       struct message *message);

/* Bytes of an element of that dtype, or 0 when the format has no such word. */
int safetensors_element_size(const char *dtype);

#endif
