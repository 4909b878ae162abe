#include "errors.h"
#include "message.h"

#include <math.h>

/* Significand bits after the point, exponent of the smallest normal number, largest finite. */
static const struct format {
    int bits, exponent_min;
    double largest;
} FORMATS[] = {
    [DTYPE_F32] = {23, -126, 3.4028234663852886e38},
    [DTYPE_BF16] = {7, -126, 3.3895313892515355e38},
    [DTYPE_F16] = {10, -14, 65504},
};

/* Half the spacing of the type's numbers around `value`. */
static double half_ulp(const struct format *format, double value)
{
    int above; /* one more than the exponent of value */
    frexp(value, &above);
    const bool subnormal = value == 0 || above - 1 < format->exponent_min;
    const int exponent = subnormal ? format->exponent_min : above - 1;
    return ldexp(0.5, exponent - format->bits);
}

/* |out - ref| of one element by the rule; infinite when one of them is not finite and they differ.
 */
static double distance(enum dtype dtype, double out, double reference)
{
    const struct format *format = &FORMATS[dtype];
    const bool overflows = fabs(reference) >= format->largest + half_ulp(format, format->largest);
    if (!isfinite(reference))
        return isfinite(out) ? INFINITY : 0;
    if (overflows)
        return out == copysign(INFINITY, reference) ? 0 : INFINITY;
    if (!isfinite(out))
        return INFINITY;
    const double all = fabs(out - reference);
    if (dtype == DTYPE_F32)
        return all;
    /* Just below a power of two the numbers lie closer: the spacing is that of the smaller one. */
    const double allowed = half_ulp(format, fmin(fabs(out), fabs(reference)));
    return all > allowed ? all - allowed : 0;
}

static bool is_unwritten(const void *out, enum dtype dtype, int64_t i)
{
    return dtype == DTYPE_F32 ? ((const uint32_t *)out)[i] == UINT32_MAX
                              : ((const uint16_t *)out)[i] == UINT16_MAX;
}

/* Folds the row that starts at `first`, `length` elements `stride` apart, into `e`. `scale` is at
 * least max |ref| of the row. */
static void compare_row(enum dtype dtype, const void *out, const double *reference, double scale,
                        int64_t first, int64_t length, int64_t stride, struct tensor_error *e)
{
    double largest = -1;
    int64_t at = first;
    for (int64_t i = 0; i < length; i++) {
        const int64_t element = first + i * stride;
        const double value = dtype_load(out, dtype, element), wanted = reference[element];
        const double d = distance(dtype, value, wanted);
        if (isfinite(wanted) && fabs(wanted) > scale)
            scale = fabs(wanted);
        if (!(d <= largest)) {
            largest = d;
            at = element;
        }
        e->unwritten += !(d < INFINITY) && is_unwritten(out, dtype, element);
        e->nonfinite += !(d < INFINITY) && !isfinite(value);
    }
    const double error = largest == 0 ? 0 : scale > 0 ? largest / scale : INFINITY;
    if (!(error <= e->error)) {
        e->error = error;
        e->worst = at;
        e->got = dtype_load(out, dtype, at);
        e->wanted = reference[at];
    }
}

struct tensor_error tensor_compare(const struct tensor *tensor, const void *out,
                                   const double *reference, const double *scale)
{
    const int64_t elements = tensor_elements(tensor);
    int64_t length = scale ? 1 : elements, stride = 1;
    if (!scale && tensor->row_axis != WHOLE) {
        length = tensor->dim[tensor->row_axis];
        for (int axis = tensor->row_axis + 1; axis < tensor->rank; axis++)
            stride *= tensor->dim[axis];
    }
    const int64_t rows = length ? elements / length : 0;
    struct tensor_error worst = {.error = -1};
#pragma omp parallel
    {
        struct tensor_error mine = {.error = -1};
#pragma omp for nowait
        for (int64_t row = 0; row < rows; row++)
            compare_row(tensor->dtype, out, reference, scale ? scale[row] : 0,
                        row / stride * stride * length + row % stride, length, stride, &mine);
#pragma omp critical
        {
            const int64_t unwritten = worst.unwritten + mine.unwritten;
            const int64_t nonfinite = worst.nonfinite + mine.nonfinite;
            if (!(mine.error <= worst.error))
                worst = mine;
            worst.unwritten = unwritten;
            worst.nonfinite = nonfinite;
        }
    }
    return worst;
}

void tensor_element_name(const struct tensor *tensor, int64_t element, char *text, size_t size)
{
    int64_t index[MAX_RANK];
    for (int axis = tensor->rank - 1; axis >= 0; axis--) {
        index[axis] = element % tensor->dim[axis];
        element /= tensor->dim[axis];
    }
    append(text, size, "%s[", tensor->name);
    for (int axis = 0; axis < tensor->rank; axis++)
        append(text, size, "%s%lld", axis ? "," : "", (long long)index[axis]);
    append(text, size, "]");
}
