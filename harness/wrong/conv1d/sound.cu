#include "sound.c"
