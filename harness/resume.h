/* Rows that an earlier run has left in the file that this one appends to. */
#ifndef SSMBENCH_RESUME_H
#define SSMBENCH_RESUME_H

#include "perform.h"

/* Takes the rows out of the campaign that its file holds already, and counts them: rows with the
 * same case, keys and variant, of the same sources, build and machine, that were timed if this
 * campaign times. What crashed, took too long or did not fit is done again. A file that is not
 * there holds none. False with a sentence when it is no file of rows. */
bool resume(struct campaign *c, struct message *message);

#endif
