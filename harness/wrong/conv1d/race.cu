#include "race.c"
