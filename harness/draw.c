#include "draw.h"

#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

unsigned draw(unsigned limit)
{
    static unsigned short state[3];
    static bool begun;
    if (!begun) {
        struct timespec time;
        clock_gettime(CLOCK_MONOTONIC, &time);
        state[0] = (unsigned short)time.tv_nsec;
        state[1] = (unsigned short)(time.tv_nsec >> 16);
        state[2] = (unsigned short)time.tv_sec;
        begun = true;
    }
    return (unsigned)(erand48(state) * limit);
}
