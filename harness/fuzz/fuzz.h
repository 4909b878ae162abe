/* What a fuzzer feeds bytes to: each a reader of files that must hold its promises whatever is in
 * them. `make fuzz` calls them with bytes that libFuzzer invents, corpus_test.c with the files in
 * harness/fuzz/corpus/.
 */
#ifndef SSMBENCH_FUZZ_H
#define SSMBENCH_FUZZ_H

#include "../message.h"
#include <stdint.h>

/* Each opens a file that holds `data`, and returns whether that was accepted. Aborts, with the
 * promise that was broken, when one is. */
bool safetensors_fuzz(const uint8_t *data, size_t size);
bool cases_fuzz(const uint8_t *data, size_t size);

/* Makes a file that was changed at random agree with itself again where any reader looks first. */
void safetensors_mend(uint8_t *data, size_t size);
void cases_mend(uint8_t *data, size_t size);

/* A file in memory and the path that opens it; close() of the descriptor removes it. */
int fuzz_file(const uint8_t *data, size_t size, char path[64]);

/* The descriptor that the next file would get: the same before and after means that none was left
 * open. */
int fuzz_next_descriptor(void);

/* Says which promise was broken, and aborts, unless it holds. */
void fuzz_must(bool holds, const char *promise);

/* What a refusal leaves has to be one line of readable text that was not cut off. */
void fuzz_must_be_sentence(const struct message *message);

#endif
