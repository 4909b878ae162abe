/* Chance for the harness itself, other in each process: which samples are checked, whose turn it
 * is, what a cache is filled with. Inputs of cases are not drawn here. */
#ifndef SSMBENCH_DRAW_H
#define SSMBENCH_DRAW_H

#ifdef __cplusplus
extern "C" {
#endif

/* A number from 0 to limit - 1, each as likely. */
unsigned draw(unsigned limit);

#ifdef __cplusplus
}
#endif

#endif
