/* Where threads wait for each other: barriers, warp collectives, polling; and how they fail. */
#include "executor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

namespace simt
{

void leave(enum state state)
{
    self->threads[self->current].state = state;
    fiber_switch(&self->threads[self->current].fiber, &self->scheduler);
}

void fail(site where, const char *format, ...)
{
    char sentence[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    report(where, self->current, sentence);
    RELEASE(self);
    leave(STATE_DONE);
    abort();
}

void yield(site where)
{
    self->threads[self->current].where = where;
    leave(STATE_POLLING);
}

void fence(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

bool same_place(site a, site b)
{
    return a.line == b.line && (a.file == b.file || !strcmp(a.file, b.file)) &&
           (a.what == b.what || !strcmp(a.what, b.what));
}

void barrier(site where)
{
    self->threads[self->current].where = where;
    if (self->done)
        fail(where, "waits for %d threads that have left the kernel", self->done);
    /* Two addresses in turn: who leaves this barrier late must not see who is early at the next. */
    char *const turn = &self->barrier_turn[self->barriers % 2];
    RELEASE(turn);
    if (++self->waiting == self->count) {
        for (int i = 0; i < self->count; i++) {
            thread &other = self->threads[i];
            if (i != self->current && !same_place(other.where, where))
                fail(where, "is not where thread %d of the block waits, %s at %s:%d", i,
                     other.where.what, other.where.file, other.where.line);
            other.state = STATE_READY;
        }
        self->waiting = 0;
        self->barriers++;
        leave(STATE_READY);
    } else {
        leave(STATE_AT_BARRIER);
    }
    (void)turn;
    ACQUIRE(turn);
}

/* Lanes of the warp that have not left the kernel. */
static uint32_t alive(const warp &w)
{
    return ~w.left;
}

/* Runs collective `c` of a warp and lets its lanes go on. */
static void complete(warp &w, int first, size_t c)
{
    const void *input[WARP] = {};
    void *output[WARP] = {};
    const pending p = w.pendings[c];
    w.pendings.erase(w.pendings.begin() + (long)c);
    for (int lane = 0; lane < WARP; lane++)
        if (p.arrived >> lane & 1) {
            thread &other = self->threads[first + lane];
            input[lane] = other.input;
            output[lane] = other.output;
            other.state = STATE_READY;
        }
    ACQUIRE(p.turn); /* what all lanes brought; then give them what comes out */
    if (p.function)
        p.function(p.arrived, input, output, p.common, p.where);
    RELEASE(p.turn);
}

void collective(site where, uint32_t mask, const void *input, void *output, const void *common,
                combine function)
{
    const int first = self->current / WARP * WARP;
    warp &w = self->warps[first / WARP];
    thread &mine = self->threads[self->current];
    mine.where = where;
    mine.input = input;
    mine.output = output;
    if (!(mask >> lane() & 1))
        fail(where, "has a mask, %08x, without the lane that calls it, %u", mask, lane());
    size_t c = 0;
    while (c < w.pendings.size() && !(w.pendings[c].mask & mask))
        c++;
    if (c == w.pendings.size())
        w.pendings.push_back({where, mask, 0, &w.turn[w.collectives++ % TURNS], common, function});
    pending &p = w.pendings[c];
    if (p.mask != mask || !same_place(p.where, where))
        fail(where, "with mask %08x meets lanes %08x at %s with mask %08x, %s:%d", mask, p.arrived,
             p.where.what, p.mask, p.where.file, p.where.line);
    p.arrived |= 1u << lane();
    char *const turn = p.turn;
    RELEASE(turn);
    mine.state = STATE_AT_COLLECTIVE;
    if (p.arrived == (mask & alive(w)))
        complete(w, first, c);
    leave(mine.state);
    (void)turn;
    ACQUIRE(turn);
}

void leave_warp(void)
{
    const int first = self->current / WARP * WARP;
    warp &w = self->warps[first / WARP];
    w.left |= 1u << lane();
    for (size_t c = w.pendings.size(); c-- > 0;)
        if (w.pendings[c].arrived == (w.pendings[c].mask & alive(w)))
            complete(w, first, c);
}

} // namespace simt
