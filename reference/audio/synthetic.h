/* The set of tracks that is used where a case names no folder. It is made once, below the folder
 * that the environment variable SSMBENCH_AUDIO names, else $XDG_CACHE_HOME/ssmbench, else
 * ${TMPDIR:-/tmp}/ssmbench-audio-UID, under a temporary name first. All samples come from whole
 * numbers, so that they are the same on every machine.
 */
#ifndef SSMBENCH_AUDIO_SYNTHETIC_H
#define SSMBENCH_AUDIO_SYNTHETIC_H

#include <stdbool.h>
#include <stddef.h>

/* Puts the set's folder in `path`, makes it if it is not there or not whole. With `damaged`, that
 * of the set with files that break off. False with a sentence in `problem` otherwise. */
bool audio_synthetic(bool damaged, char *path, size_t path_size, char *problem,
                     size_t problem_size);

#endif
