/* libssmbench: the variants of this project for other programs, as a shared library.
 *
 * A program asks what there is, describes a problem by the keys of its operation, learns from it
 * which tensors to bring and how much scratch memory a variant needs, and runs it on pointers and a
 * stream of its own:
 *
 *     char why[SSMBENCH_MESSAGE_SIZE];
 *     ssmbench_problem *problem = ssmbench_problem_new(
 *         "selscan", "batch = 2, channels = 96, length = 1000, state = 16", why, sizeof why);
 *     size_t bytes;
 *     ssmbench_workspace(problem, "selscan/chunked@cuda", &bytes, why, sizeof why);
 *     ssmbench_run(problem, "selscan/chunked@cuda", tensor, workspace, stream, why, sizeof why);
 *     ssmbench_problem_free(problem);
 *
 * Operations, their keys and their tensors: `ssmbench list ops`, reference/OP.h. docs/python.md
 * shows the same from Python.
 *
 * Calls from several threads at once are safe, also with one problem, as a call only reads it. What
 * a call has to say goes into the caller's buffer; nothing is printed. Symbols carry the version
 * SSMBENCH_1: what stands here keeps its meaning as long as ssmbench_abi() is 1.
 */
#ifndef SSMBENCH_H
#define SSMBENCH_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { SSMBENCH_ABI = 1, SSMBENCH_RANK = 4, SSMBENCH_MESSAGE_SIZE = 1024 };

/* What a call that can fail returns; it then writes one sentence, cut to `size` bytes, to `why`. */
enum ssmbench_status {
    SSMBENCH_OK = 0,
    SSMBENCH_FAILED = 1, /* the run returned an error of its backend */
    SSMBENCH_BAD_INPUT =
        2, /* a name, key, pointer or value is not right: the sentence says what is */
    SSMBENCH_NOT_ACCEPTED =
        3 /* the variant does not take this problem: the sentence says what it takes */
};

/* An operation with all its keys. */
typedef struct ssmbench_problem ssmbench_problem;

/* A tensor of a problem. Its elements lie without gaps, the last axis fastest. */
struct ssmbench_tensor {
    const char *name;  /* "u"; lives as long as the library is loaded */
    const char *dtype; /* "f32", "bf16", "f16" or "i32" */
    int32_t present;   /* 0: the problem has none: its pointer is null */
    int32_t output;    /* 1: written by the run, 0: only read */
    int32_t rank;
    int32_t reserved;
    int64_t dim[SSMBENCH_RANK]; /* slowest axis first, 1 behind the last */
    int64_t bytes;
};

/* SSMBENCH_ABI of the library that is loaded. */
int ssmbench_abi(void);

/* The commit that the library was built from. */
const char *ssmbench_version(void);

/* The name of variant `index`, from 0 on, such as "selscan/chunked@cuda"; null behind the last one.
 * A @cuda variant wants pointers and a stream of the calling thread's current device; @cpu and
 * @simt ones, pointers to main memory, and they return when the result is there. */
const char *ssmbench_variant(int index);

/* A problem of operation `op` from text: "key = value, key = value". Keys that are not named have
 * the values that `ssmbench list ops` shows. Null, with a sentence, when the text is not right. */
ssmbench_problem *ssmbench_problem_new(const char *op, const char *keys, char *why, size_t size);
void ssmbench_problem_free(ssmbench_problem *problem);

/* Describes tensor `index`, from 0 on, in the order in which ssmbench_run() takes the pointers.
 * Returns SSMBENCH_BAD_INPUT behind the last one. */
int ssmbench_tensor(const ssmbench_problem *problem, int index, struct ssmbench_tensor *tensor);

/* SSMBENCH_OK when the variant takes the problem. */
int ssmbench_accepts(const ssmbench_problem *problem, const char *variant, char *why, size_t size);

/* Bytes of scratch memory that a run needs, into *bytes. */
int ssmbench_workspace(const ssmbench_problem *problem, const char *variant, size_t *bytes,
                       char *why, size_t size);

/* Enqueues one run on `stream`, a cudaStream_t or null; ignored but for @cuda. `tensor` holds a
 * pointer for each tensor of the problem, aligned to its elements at least, null where it is not
 * present or has no elements. `workspace` has the bytes of ssmbench_workspace() and is aligned to
 * 256 bytes; it may be null when that is 0. Runs that may overlap need workspaces of their own. */
int ssmbench_run(const ssmbench_problem *problem, const char *variant, void *const tensor[],
                 void *workspace, void *stream, char *why, size_t size);

#ifdef __cplusplus
}
#endif

#endif
