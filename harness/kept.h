/* The outputs of variants that passed, to compare those of another backend with. */
#ifndef SSMBENCH_KEPT_H
#define SSMBENCH_KEPT_H

#include "trial.h"

/* Compares `first`, the outputs of `entry`, with those of the same variant on another backend and
 * says so in `outcome`; or keeps them for one to come, and then takes them: the pointers are NULL
 * afterwards. */
void kept_meet(struct prepared *prepared, const struct entry *entry, void *first[MAX_TENSORS],
               struct outcome *outcome);

void kept_free(struct kept *kept);

#endif
