/* Parts of a campaign for several machines of one kind. */
#ifndef SSMBENCH_SHARD_H
#define SSMBENCH_SHARD_H

#include "perform.h"

/* Gives each of `count` items to one of `shards` parts, whose weights come out about alike: part[i]
 * is from 0 on. The heaviest item goes first, to the part that has least. */
void shard_balance(const double weight[], int count, int shards, int part[]);

/* Leaves the campaign the rows of its own part: cases with all their rows, and, when it times, one
 * case more that all parts share. What a part has depends on the rows and their sizes, on nothing
 * that was measured. Returns EXIT_WELL, or complains of more parts than there are cases. */
enum exit_status shard_rows(struct campaign *c);

#endif
