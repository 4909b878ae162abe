/* cuFFT for the .cu variants of stft_loss: loaded when first asked for, so that the binary starts
 * without it, and a cache of plans, which lie in memory of cuFFT's own but for their work areas.
 * Each thread has its own, since a plan holds the stream and the work area of who uses it; they
 * last as long as the process. */
#ifndef SSMBENCH_STFT_LOSS_CUFFT_CUH
#define SSMBENCH_STFT_LOSS_CUFFT_CUH

#include <cufft.h>
#include <stdint.h>
#include <stdlib.h>

#ifdef __CUDACC__
#include <dlfcn.h>
#endif

/* The functions; none of them is there unless all are. */
struct cufft {
    decltype(&cufftCreate) create;
    decltype(&cufftDestroy) destroy;
    decltype(&cufftSetAutoAllocation) set_auto_allocation;
    decltype(&cufftMakePlanMany) make_plan_many;
    decltype(&cufftSetWorkArea) set_work_area;
    decltype(&cufftSetStream) set_stream;
    decltype(&cufftExecR2C) exec_r2c;
    decltype(&cufftExecC2R) exec_c2r;
};

#ifdef __CUDACC__
static inline void *cufft_library(void)
{
    static const char *const folders[] = {"", "/usr/local/cuda/lib64/",
                                          "/usr/local/cuda/targets/x86_64-linux/lib/"};
    static const char *const names[] = {"libcufft.so.12", "libcufft.so.11", "libcufft.so.10"};
    for (const char *folder : folders)
        for (const char *name : names) {
            char path[128] = "";
            strcat(strcat(path, folder), name);
            void *const library = dlopen(path, RTLD_NOW | RTLD_LOCAL); /* GPU only */
            if (library)
                return library;
        }
    return NULL;
}

template <typename Function>
static inline bool cufft_find(void *library, const char *name, Function *function)
{
    *function = (Function)dlsym(library, name);
    return *function != NULL;
}

static inline bool cufft_load(struct cufft *f)
{
    void *const library = cufft_library();
    return library && cufft_find(library, "cufftCreate", &f->create) &&
           cufft_find(library, "cufftDestroy", &f->destroy) &&
           cufft_find(library, "cufftSetAutoAllocation", &f->set_auto_allocation) &&
           cufft_find(library, "cufftMakePlanMany", &f->make_plan_many) &&
           cufft_find(library, "cufftSetWorkArea", &f->set_work_area) &&
           cufft_find(library, "cufftSetStream", &f->set_stream) &&
           cufft_find(library, "cufftExecR2C", &f->exec_r2c) &&
           cufft_find(library, "cufftExecC2R", &f->exec_c2r);
}
#else
static inline bool cufft_load(struct cufft *f)
{
    *f = {cufftCreate,      cufftDestroy,   cufftSetAutoAllocation, cufftMakePlanMany,
          cufftSetWorkArea, cufftSetStream, cufftExecR2C,           cufftExecC2R};
    return true;
}
#endif

/* Null on a machine without cuFFT. */
static inline const struct cufft *cufft_functions(void)
{
    static struct cufft functions;
    static const bool loaded = cufft_load(&functions);
    return loaded ? &functions : NULL;
}

/* `batch` packed transforms of n samples. */
struct cufft_plan {
    int n, device;
    int64_t batch;
    cufftType type;
    cufftHandle handle;
    size_t bytes; /* of its work area */
};

/* The plan on the current device, made unless it is one of the thread's last CUFFT_PLANS; null if
 * it cannot be made. */
enum { CUFFT_PLANS = 32 };
static inline const struct cufft_plan *cufft_plan_for(int n, int64_t batch, cufftType type)
{
    static thread_local struct cufft_plan plans[CUFFT_PLANS];
    static thread_local int next;
    const struct cufft *f = cufft_functions();
    int device = 0;
    if (!f || batch > INT32_MAX || cudaGetDevice(&device))
        return NULL;
    for (const struct cufft_plan &plan : plans)
        if (plan.n == n && plan.batch == batch && plan.type == type && plan.device == device)
            return &plan;
    struct cufft_plan *plan = &plans[next++ % CUFFT_PLANS];
    if (plan->n)
        f->destroy(plan->handle); /* GPU only: or its memory is lost */
    *plan = {};
    if (f->create(&plan->handle))
        return NULL;
    if (f->set_auto_allocation(plan->handle, 0) ||
        f->make_plan_many(plan->handle, 1, &n, NULL, 1, 0, NULL, 1, 0, type, (int)batch,
                          &plan->bytes)) {
        f->destroy(plan->handle);
        return NULL;
    }
    plan->n = n;           /* cost only: else it is not found again */
    plan->batch = batch;   /* cost only: else it is not found again */
    plan->type = type;     /* cost only: else it is not found again */
    plan->device = device; /* GPU only: simt has one */
    return plan;           /* cost only: the next call finds it */
}

/* Enqueues the transforms from `in` to `out`; 0, or an error. */
static inline int cufft_run(const struct cufft_plan *plan, void *in, void *out, void *work,
                            void *stream)
{
    const struct cufft *f = cufft_functions();
    if (!plan || f->set_work_area(plan->handle, work) ||
        f->set_stream(plan->handle, (cudaStream_t)stream))
        return cudaErrorInvalidValue;
    const cufftResult result =
        plan->type == CUFFT_R2C ? f->exec_r2c(plan->handle, (cufftReal *)in, (cufftComplex *)out)
                                : f->exec_c2r(plan->handle, (cufftComplex *)in, (cufftReal *)out);
    return result ? cudaErrorInvalidValue : 0;
}

#endif
