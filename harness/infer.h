/* The keys of a problem in a file of tensors: as its metadata, and as what its shapes tell. */
#ifndef SSMBENCH_INFER_H
#define SSMBENCH_INFER_H

#include "cases.h"
#include "safetensors.h"

/* The operation and its keys, all as texts, for a file's metadata. */
json_t *keys_metadata(const struct operation *op, const void *problem);

/* Sets the keys that the metadata of a file (NULL: none) name, if they are of this operation. False
 * with a sentence when a value is not right. */
bool keys_from_metadata(const struct operation *op, const json_t *metadata, void *problem,
                        struct message *message);

/* Sets the keys of `problem` that decide which tensors there are, of which types and sizes, so that
 * they fit those given: given[i] is tensor i of the operation, or null. Keys with fixed[] stay as
 * they are; so does what no tensor tells, such as softplus or reverse. */
void keys_infer(const struct operation *op, const struct stored_tensor *const given[],
                const bool fixed[MAX_KEYS], void *problem);

/* Whether the given tensors are those of the problem: all inputs, and of outputs any. Else a
 * sentence, which `path` begins. */
bool tensors_fit(const struct operation *op, const struct stored_tensor *const given[],
                 const void *problem, const char *path, struct message *message);

/* Whether elements of the format's dtype can become `dtype`: the same, or F64, which is rounded. */
bool dtype_fits(const char *stored, enum dtype dtype);

/* The format's word for a type, of which DTYPE_I32 is one. */
const char *dtype_word(enum dtype dtype);

#endif
