/* A variant that leaves its work to another, which CHOSEN finds by the problem alone. */
#ifndef SSMBENCH_DEVICE_CHOSEN_CUH
#define SSMBENCH_DEVICE_CHOSEN_CUH

#include "../choose.h"

typedef const struct variant *chosen_of(const void *problem);

template <chosen_of *CHOSEN>
static const char *chosen_accepts(const void *problem)
{
    const struct variant *const variant = CHOSEN(problem);
    return variant->accepts ? variant->accepts(problem) : NULL;
}

template <chosen_of *CHOSEN>
static size_t chosen_workspace(const void *problem)
{
    const struct variant *const variant = CHOSEN(problem);
    return variant->workspace ? variant->workspace(problem) : 0;
}

template <chosen_of *CHOSEN>
static int chosen_run(const void *problem, void *const tensor[], void *workspace, void *stream)
{
    return CHOSEN(problem)->run(problem, tensor, workspace, stream);
}

#endif
