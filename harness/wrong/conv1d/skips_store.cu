#include "skips_store.c"
