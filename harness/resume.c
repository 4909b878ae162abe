#include "resume.h"
#include "history.h"

#include <unistd.h>

static enum status status_of(const json_t *row)
{
    int status = 0;
    while (status < STATUS_COUNT && strcmp(STATUS_NAMES[status], results_text(row, "check.status")))
        status++;
    return (enum status)status;
}

/* Whether the row of the file is what this campaign would write. */
static bool is_kept(const struct campaign *c, const struct row *row, const json_t *found,
                    const json_t *machine)
{
    static const char *const build[] = {"name",     "driver", "cuda", "threads",
                                        "compiler", "flags",  "arch", NULL};
    const enum status status = status_of(found);
    json_t *keys = results_keys(row->item);
    bool kept = json_equal(keys, results_get(found, "keys")) && !results_stale(found) &&
                results_same(results_get(found, "machine"), machine, build);
    json_decref(keys);
    if (status == STATUS_SKIPPED)
        return kept && !strncmp(results_text(found, "check.detail"), "accepts ", 8);
    if (status == STATUS_PASS && c->options->bench && row->backend->timed)
        return kept && results_get(found, "time");
    return kept && status != STATUS_IMPOSSIBLE && status != STATUS_CRASH &&
           status != STATUS_TIMEOUT && status != STATUS_COUNT;
}

static void keep(struct campaign *c, const struct row *row, const json_t *found)
{
    const double run_s = results_number(found, "check.run_s");
    c->count[status_of(found)]++;
    c->rows++;
    junit_add(&c->junit, row->entry->full, row->item->suite, row->item->name, status_of(found),
              results_text(found, "check.detail"), run_s > 0 ? run_s : 0);
}

bool resume(struct campaign *c, struct message *message)
{
    int left = 0;
    if (access(c->options->out, F_OK))
        return true;
    json_t *rows = json_array();
    if (!results_read(rows, c->options->out, message)) {
        json_decref(rows);
        return false;
    }
    json_t *index = history_index(rows);
    for (int i = 0; i < c->rows_all; i++) {
        const json_t *found = history_find(index, c->row[i].entry->full, c->row[i].item);
        if (found && is_kept(c, &c->row[i], found, perform_machine(c, c->row[i].backend))) {
            keep(c, &c->row[i], found);
        } else {
            c->row[left++] = c->row[i];
        }
    }
    json_decref(index);
    json_decref(rows);
    c->kept = c->rows;
    c->rows_all = left;
    return true;
}
