#include "wide.c"
