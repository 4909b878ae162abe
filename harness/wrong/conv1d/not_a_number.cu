#include "not_a_number.c"
