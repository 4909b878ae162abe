#include "stale_outputs.c"
