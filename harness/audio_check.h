/* The verb audio-check: what a folder of tracks holds, and what of it the operation audio would
 * use. */
#ifndef SSMBENCH_AUDIO_CHECK_H
#define SSMBENCH_AUDIO_CHECK_H

/* Prints a line a track, and totals. Returns the exit status: EXIT_BAD_INPUT, with a sentence, when
 * no track can be used. */
int audio_check(const char *path);

#endif
