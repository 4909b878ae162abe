/* Ctrl-C: the first one asks to end, the second one ends the process at once. */
#ifndef SSMBENCH_INTERRUPT_H
#define SSMBENCH_INTERRUPT_H

#include <signal.h>

/* Set by the first one, from interrupt_watch() on. */
extern volatile sig_atomic_t interrupted;

void interrupt_watch(void);

#endif
