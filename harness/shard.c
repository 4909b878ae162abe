#include "shard.h"
#include "foresee.h"

#include <math.h>
#include <stdlib.h>

/* Work of a case whose times can be told apart by 1 %, on a GPU and elsewhere: a tenth of a
 * millisecond or more, where a clock ticks in half a microsecond. */
static const double ANCHOR_WORK_GPU = 1e9, ANCHOR_WORK = 1e7;

/* Timed rows of such a case. */
enum { ANCHOR_ROWS = 3 };

enum { ALL = -1 }; /* the part of a case that is in all of them */

void shard_balance(const double weight[], int count, int shards, int part[])
{
    double *load = must_allocate((size_t)shards, sizeof *load);
    for (int i = 0; i < count; i++)
        part[i] = ALL;
    for (int given = 0; given < count; given++) {
        int heaviest = ALL, least = 0;
        for (int i = 0; i < count; i++)
            if (part[i] == ALL && (heaviest == ALL || weight[i] > weight[heaviest]))
                heaviest = i;
        for (int j = 1; j < shards; j++)
            if (load[j] < load[least])
                least = j;
        part[heaviest] = least;
        load[least] += weight[heaviest];
    }
    free(load);
}

/* What is known of each case that has rows. */
struct share {
    const struct test_case *item;
    double seconds, work;
    bool on_gpu; /* one of its backends */
    int rows, timed;
};

static int list_shares(const struct campaign *c, struct share *share)
{
    struct forecast sizes;
    struct awaited *awaited = must_allocate((size_t)c->rows_all, sizeof *awaited);
    int count = 0;
    for (int i = 0; i < c->rows_all; i++)
        awaited[i] = foresee_sizes(c, &c->row[i],
                                   c->options->bench && c->row[i].backend->timed ? ROW_LIMIT_S : 0);
    forecast_open(&sizes, awaited, c->rows_all);
    for (int i = 0; i < c->rows_all; i++) {
        if (!count || share[count - 1].item != c->row[i].item)
            share[count++] = (struct share){.item = c->row[i].item, .work = awaited[i].work};
        struct share *const mine = &share[count - 1];
        const struct estimate e = forecast_row(&sizes, i);
        mine->seconds += e.prepare_s + e.row_s;
        mine->timed += !awaited[i].skipped && awaited[i].limit_s > 0;
        mine->on_gpu |= c->row[i].backend->memory_free != host_memory_free;
        mine->rows++;
    }
    forecast_close(&sizes);
    free(awaited);
    return count;
}

/* How well the case would do as the one that all parts time. */
static int rank(const struct share *share)
{
    const bool is_long = share->work >= (share->on_gpu ? ANCHOR_WORK_GPU : ANCHOR_WORK);
    return !share->timed ? 0 : !is_long ? 1 : share->timed < ANCHOR_ROWS ? 2 : 3;
}

/* The case that all parts time: the cheapest that takes long enough to be timed well, else the one
 * with most work. ALL when nothing is timed. */
static int find_anchor(const struct share *share, int count)
{
    int found = ALL, best = 0;
    for (int i = 0; i < count; i++) {
        const int mine = rank(&share[i]);
        if (mine > best || (mine && mine == best &&
                            (mine == 1 ? share[i].work > share[found].work
                                       : share[i].seconds < share[found].seconds))) {
            found = i;
            best = mine;
        }
    }
    return found;
}

/* Keeps the rows of the cases that are in part `mine`, or in all. */
static void keep_rows(struct campaign *c, const struct share *share, int count, const int *part,
                      int mine)
{
    int kept = 0, next = 0;
    for (int i = 0; i < count; i++)
        for (int row = 0; row < share[i].rows; row++, next++)
            if (part[i] == mine || part[i] == ALL)
                c->row[kept++] = c->row[next];
    c->rows_all = kept;
}

enum exit_status shard_rows(struct campaign *c)
{
    const struct campaign_options *options = c->options;
    struct share *share = must_allocate((size_t)c->rows_all, sizeof *share);
    const int count = list_shares(c, share), anchor = find_anchor(share, count);
    const int most = anchor == ALL || count == 1 ? count : count - 1;
    if (options->shards > most) {
        free(share);
        return complain(EXIT_BAD_INPUT,
                        "--shard %d/%d: expected at most %d parts, as many as there "
                        "are cases to be shared out",
                        options->shard, options->shards, most);
    }
    double *weight = must_allocate((size_t)count, sizeof *weight);
    int *part = must_allocate((size_t)count, sizeof *part), own = 0;
    for (int i = 0; i < count; i++)
        weight[i] = i == anchor ? 0 : share[i].seconds;
    shard_balance(weight, count, options->shards, part);
    if (anchor != ALL)
        part[anchor] = ALL;
    for (int i = 0; i < count; i++)
        own += part[i] == options->shard - 1;
    keep_rows(c, share, count, part, options->shard - 1);
    complain(EXIT_WELL, "part %d of %d: %d of %d cases", options->shard, options->shards, own,
             count);
    if (anchor != ALL)
        complain(EXIT_WELL, "and %s/%s of %s, which every part times, for `ssmbench merge`",
                 share[anchor].item->suite, share[anchor].item->name, share[anchor].item->op->name);
    free(weight);
    free(part);
    free(share);
    return EXIT_WELL;
}
