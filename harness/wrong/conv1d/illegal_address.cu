#include "illegal_address.c"
