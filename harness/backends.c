/* The backends of this binary; without nvcc, cuda is there to say what is missing. */
#include "backend.h"

#include <string.h>

#ifndef SSMBENCH_CUDA
static const char *missing(void)
{
    return "this binary was built without CUDA: expected nvcc on the PATH (CUDA Toolkit 11.8 or "
           "newer), then `make clean all`";
}

const struct backend backend_cuda = {.name = "cuda", .timed = true, .missing = missing};
#endif

const struct backend *const BACKENDS[] = {&backend_cpu, &backend_cuda, &backend_simt, NULL};

const struct backend *backend_find(const char *name)
{
    int i = 0;
    while (BACKENDS[i] && strcmp(BACKENDS[i]->name, name))
        i++;
    return BACKENDS[i];
}
