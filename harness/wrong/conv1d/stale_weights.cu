#include "stale_weights.c"
