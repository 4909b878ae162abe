/* Rows in the order of the suites that they name. */
#ifndef SSMBENCH_SUITE_ORDER_H
#define SSMBENCH_SUITE_ORDER_H

#include <jansson.h>

/* An array of the rows in an object: by the order of cases in their suites, as far as these can be
 * found, and in that of the object where that says nothing. */
json_t *suite_order(const json_t *rows);

#endif
