#include "narrow.c"
