/* The error rule: how far an output is from the reference, and whether that is correct. */
#ifndef SSMBENCH_ERRORS_H
#define SSMBENCH_ERRORS_H

#include "../reference/operation.h"

/* The one tolerance of the project. */
#define ERROR_LIMIT 1e-5

/* What one output tensor was found to be. */
struct tensor_error {
    /* Over all rows: max |out - ref| / max |ref of the row|. For bf16 and f16 half an ulp of the
     * output type is taken off each difference first. A row whose reference is all zero has error
     * 0 when it is all zero and infinity otherwise. NaN and infinity are infinitely wrong, except
     * where the reference is one of them too. */
    double error;
    int64_t worst; /* element with that error */
    double got, wanted;
    int64_t unwritten; /* elements that still hold the 0xFF bytes they were filled with */
    int64_t nonfinite; /* elements that are NaN or infinite and should not be */
};

/* `out` holds the tensor's dtype, `reference` and `scale` doubles, all in the tensor's memory
 * order. `scale` is null, or, for a tensor that ends_rows, max |ref of the row| of each element. */
struct tensor_error tensor_compare(const struct tensor *tensor, const void *out,
                                   const double *reference, const double *scale);

/* "out[0,3,17]" */
void tensor_element_name(const struct tensor *tensor, int64_t element, char *text, size_t size);

#endif
