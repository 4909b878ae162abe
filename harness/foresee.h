/* The rows of a campaign as a forecast knows them. */
#ifndef SSMBENCH_FORESEE_H
#define SSMBENCH_FORESEE_H

#include "perform.h"

/* Longest sampling of a row that no budget shortens, in seconds. */
extern const double ROW_LIMIT_S;

/* What is known of a row by its sizes alone; `limit_s` as perform_limit_s(). */
struct awaited foresee_sizes(const struct campaign *c, const struct row *row, double limit_s);

/* Opens the campaign's forecast, with what results/MACHINE/ and the file that it appends to have
 * of this machine. What cannot be read there is left out, with a sentence. */
void foresee(struct campaign *c);
void foresee_close(struct campaign *c);

/* Lists what would be done and what would not, and how long that takes. Returns the exit status. */
int foresee_print(const struct campaign *c);

#endif
