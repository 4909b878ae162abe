#include "reads_beyond.c"
