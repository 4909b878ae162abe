/* Whether a trial can be made: what the variant accepts, and what memory there is. */
#ifndef SSMBENCH_FIT_H
#define SSMBENCH_FIT_H

#include "trial.h"

/* True for a problem whose sizes in bytes may not fit in 64 bits, and that no machine ends. */
bool beyond_all_machines(const struct operation *op, const void *problem);

/* Bytes of main memory that prepare() will take. */
double prepare_bytes(const struct test_case *item);

/* Bytes of the backend's memory that a trial takes; infinite for a problem beyond all machines. */
double trial_bytes(const struct test_case *item, const struct variant *variant);

/* Whether the backend has that many bytes free, and main memory `host` more. */
bool bytes_fit(const struct backend *backend, double bytes, double host);

/* Whether memory suffices for a trial on `backend`, also for prepare() unless that has been done.
 * False with a sentence. */
bool memory_fits(const struct test_case *item, const struct entry *entry,
                 const struct backend *backend, bool is_prepared, struct message *message);

/* Whether the variant accepts the case and memory suffices, also for prepare() unless that has been
 * done. `outcome` is then that of a trial not yet made, else that of a skipped one. */
bool trial_fits(const struct test_case *item, const struct entry *entry,
                const struct backend *backend, bool is_prepared, struct outcome *outcome);

#endif
