/* Fibers: stacks that one thread switches between. Sanitizers are told of every switch. */
#ifndef SSMBENCH_FIBER_H
#define SSMBENCH_FIBER_H

#include <stddef.h>

struct fiber {
    void *stack_pointer; /* of a fiber that does not run */
    char *stack;         /* null for the fiber that the thread started on */
    size_t size;
    bool running;     /* set at its start; to be cleared by who lets entry() come to its end */
    void *fake_stack; /* AddressSanitizer's */
    void *tsan;       /* ThreadSanitizer's */
};

/* Makes `fiber` run entry(), which must not return, when it is switched to for the first time after
 * this. Its stack is kept from earlier use. */
void fiber_start(struct fiber *fiber, void (*entry)(void));

/* Leaves `from`, the running fiber, and goes on with `to`. */
void fiber_switch(struct fiber *from, struct fiber *to);

#endif
