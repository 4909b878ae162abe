/* Outputs that others computed, against the reference. */
#ifndef SSMBENCH_CHECK_H
#define SSMBENCH_CHECK_H

/* Compares the tensors in `outputs` with those of an exported case, both files of safetensors.h, by
 * the rule of docs/numerics.md, and prints what a result row has as `check`: status, detail, error,
 * errors. Returns the exit status. */
int check_outputs(const char *exported, const char *outputs);

#endif
