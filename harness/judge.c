#include "judge.h"

#include <stdio.h>

double error_limit(const struct operation *op, const void *problem, const struct tensor *tensor)
{
    return tensor->dtype == DTYPE_F32 && op->exact && op->exact(problem) ? 0 : ERROR_LIMIT;
}

struct judgement judge(const struct tensor *tensor, const void *out, const double *reference,
                       const double *scale, double limit)
{
    const struct tensor_error e = tensor_compare(tensor, out, reference, scale);
    struct judgement j = {.status = STATUS_PASS, .error = e.error};
    char element[128] = "";
    if (e.error <= limit && !e.unwritten && !e.nonfinite)
        return j;
    tensor_element_name(tensor, e.worst, element, sizeof element);
    if (e.unwritten) {
        j.status = STATUS_UNWRITTEN;
        append(j.detail, sizeof j.detail, "%lld elements of %s, such as %s, were not written",
               (long long)e.unwritten, tensor->name, element);
    } else if (e.nonfinite) {
        j.status = STATUS_NONFINITE;
        append(j.detail, sizeof j.detail, "%s = %g, expected %.9g, and %lld more like it", element,
               e.got, e.wanted, (long long)e.nonfinite - 1);
    } else {
        j.status = STATUS_WRONG;
        append(j.detail, sizeof j.detail, "%s = %.9g, expected %.9g: error %.2e, limit %.0e",
               element, e.got, e.wanted, e.error, limit);
    }
    return j;
}
