/* Numbers by chance: within their limit, and all of them. */
#include "draw.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

enum { LIMIT = 5, DRAWS = 1000 };

/* Each comes 200 times of 1000, give or take five standard deviations. */
Test(draw, numbers_are_each_as_likely)
{
    int count[LIMIT] = {0};
    for (int i = 0; i < DRAWS; i++) {
        const unsigned drawn = draw(LIMIT);
        cr_assert(lt(uint, drawn, LIMIT));
        count[drawn]++;
    }
    for (int i = 0; i < LIMIT; i++)
        cr_assert(count[i] > 136 && count[i] < 264, "%d came %d times", i, count[i]);
    cr_assert(zero(uint, draw(1)));
}
