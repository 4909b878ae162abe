#include "wrong_tail.c"
