#include "no_carry.c"
