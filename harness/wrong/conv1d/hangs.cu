#include "hangs.c"
