/* A table of kernels/choose.h, as it is measured and as it stands in a file. */
#ifndef SSMBENCH_CHOICES_TABLE_H
#define SSMBENCH_CHOICES_TABLE_H

#include "../kernels/choose.h"
#include "message.h"

enum { CHOICES_MAX = 512, CHOICES_NAME = 96 };

struct choices {
    char candidate[CHOOSE_CANDIDATES][CHOICES_NAME];
    char name[CHOICES_MAX][CHOICES_NAME]; /* of the cases */
    struct choose_measured measured[CHOICES_MAX];
    struct choose_table table; /* of `measured` */
};

/* Adds an empty candidate or problem; NULL when there is no room. */
char *choices_add_candidate(struct choices *choices);
struct choose_measured *choices_add(struct choices *choices);

/* The candidate that is chosen for a problem, of those that `may` be; -1 for none. Measured
 * problems with `skip` set are as if they were not there; NULL skips none. */
int choices_pick(const struct choices *choices, const struct choose_shape *shape,
                 const bool may[CHOOSE_CANDIDATES], const bool *skip);

/* Prints a table as C. */
void choices_write(const struct choices *choices, const char *op);

/* Reads what choices_write() printed. */
bool choices_read(struct choices *choices, const char *path, struct message *message);

#endif
