#include "writes_input.c"
