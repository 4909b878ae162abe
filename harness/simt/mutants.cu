/* mutants NAME: runs one of the faulty kernels on a GPU, for compute-sanitizer. */
#include "mutants.cuh"

#include <stdio.h>
#include <string.h>

int main(int count, char **argument)
{
    float *x, *y;
    for (const struct mutant &mutant : MUTANTS) {
        if (count != 2 || strcmp(mutant.name, argument[1]))
            continue;
        if (cudaMalloc(&x, sizeof(float) * MUTANT_THREADS) ||
            cudaMalloc(&y, sizeof(float) * MUTANT_THREADS) ||
            cudaMemset(x, 0, sizeof(float) * MUTANT_THREADS))
            return 4;
        const int error = launch(mutant.kernel, 1, MUTANT_THREADS, 0, NULL, x, y);
        const int late = cudaDeviceSynchronize();
        printf("%s: %s\n", mutant.name, cudaGetErrorString((cudaError_t)(error ? error : late)));
        return error || late;
    }
    fprintf(stderr, "mutants: expected one of");
    for (const struct mutant &mutant : MUTANTS)
        fprintf(stderr, " %s", mutant.name);
    fprintf(stderr, "\n");
    return 2;
}
