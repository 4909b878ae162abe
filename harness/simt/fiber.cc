#include "fiber.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(SIMT_TSAN)
#include <sanitizer/tsan_interface.h>
#endif
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

enum { STACK_BYTES = 256 << 10, GUARD_BYTES = 4096, OUTERMOST_BYTES = 4096 };

/* The fiber that is being left, for the one that is being entered. */
static thread_local struct fiber *left;

#if defined(__x86_64__)
/* Saves the callee-saved registers of the System V ABI on the stack that is left, keeps its pointer
 * in *from, and takes them from the stack `to`. */
extern "C" void fiber_swap_stacks(void **from, void *to);
__asm__(".text\n"
        ".globl fiber_swap_stacks\n"
        ".type fiber_swap_stacks, @function\n"
        "fiber_swap_stacks:\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    ret\n"
        ".size fiber_swap_stacks, . - fiber_swap_stacks\n");

static void prepare_stack(struct fiber *fiber, void (*entry)(void))
{
    /* What fiber_swap_stacks() pops: six registers and a return address. A function finds its stack
     * 8 bytes off a multiple of 16. */
    void **top = (void **)(fiber->stack + fiber->size) - 1;
    *--top = (void *)entry;
    for (int i = 0; i < 6; i++)
        *--top = NULL;
    fiber->stack_pointer = top;
}

static void swap_stacks(struct fiber *from, struct fiber *to)
{
    fiber_swap_stacks(&from->stack_pointer, to->stack_pointer);
}
#else
static ucontext_t *context_of(struct fiber *fiber)
{
    if (!fiber->stack_pointer)
        fiber->stack_pointer = calloc(1, sizeof(ucontext_t));
    return (ucontext_t *)fiber->stack_pointer;
}

static void prepare_stack(struct fiber *fiber, void (*entry)(void))
{
    ucontext_t *context = context_of(fiber);
    getcontext(context);
    context->uc_stack.ss_sp = fiber->stack;
    context->uc_stack.ss_size = fiber->size;
    context->uc_link = NULL;
    makecontext(context, entry, 0);
}

static void swap_stacks(struct fiber *from, struct fiber *to)
{
    swapcontext(context_of(from), context_of(to));
}
#endif

/* The first thing that runs on a stack after a switch to it. */
static void arrived(struct fiber *self)
{
#if defined(__SANITIZE_ADDRESS__)
    const void *bottom;
    size_t size;
    __sanitizer_finish_switch_fiber(self->fake_stack, &bottom, &size);
    if (!left->stack) { /* the thread's own stack, whose place only the sanitizer knows */
        left->stack = (char *)(uintptr_t)bottom;
        left->size = size;
    }
#endif
    (void)self;
}

static thread_local struct fiber *entering;
static thread_local void (*entry_point)(void);

static void first_entry(void)
{
    arrived(entering);
    entry_point();
    abort();
}

void fiber_start(struct fiber *fiber, void (*entry)(void))
{
    if (!fiber->stack) {
        fiber->size = STACK_BYTES;
        void *memory = mmap(NULL, STACK_BYTES + GUARD_BYTES, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED || mprotect(memory, GUARD_BYTES, PROT_NONE))
            abort();
        fiber->stack = (char *)memory + GUARD_BYTES;
    }
#if defined(__SANITIZE_ADDRESS__)
    /* Frames that never returned are still marked: all when it was abandoned in the middle, else
     * only the outermost. */
    const size_t marked = fiber->running ? fiber->size : (size_t)OUTERMOST_BYTES;
    __asan_unpoison_memory_region(fiber->stack + fiber->size - marked, marked);
#endif
    fiber->running = true;
#if defined(SIMT_TSAN)
    if (!fiber->tsan)
        fiber->tsan = __tsan_create_fiber(0);
#endif
    fiber->fake_stack = NULL;
    entry_point = entry;
    prepare_stack(fiber, first_entry);
}

void fiber_switch(struct fiber *from, struct fiber *to)
{
    left = from;
    entering = to;
#if defined(SIMT_TSAN)
    if (!from->tsan)
        from->tsan = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(to->tsan, __tsan_switch_to_fiber_no_sync);
#endif
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(&from->fake_stack, to->stack, to->size);
#endif
    swap_stacks(from, to);
    arrived(from);
}
