#include "slower.c"
