#include "writes_beyond.c"
