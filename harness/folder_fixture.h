/* A folder of its own for each test, gone with all its files afterwards. */
#ifndef SSMBENCH_FOLDER_FIXTURE_H
#define SSMBENCH_FOLDER_FIXTURE_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FOLDER_PATH = 64 };

static char folder[] = "/tmp/ssmbench-test-XXXXXX";

static inline void folder_make(void)
{
    cr_assert(ne(ptr, mkdtemp(folder), NULL));
}

/* The path of a file in it. */
static inline void folder_path(char path[FOLDER_PATH], const char *name)
{
    snprintf(path, FOLDER_PATH, "%s/%s", folder, name);
}

static inline void folder_remove(void)
{
    DIR *const entries = opendir(folder);
    cr_assert(ne(ptr, entries, NULL));
    for (struct dirent *entry; (entry = readdir(entries));)
        unlinkat(dirfd(entries), entry->d_name, 0); /* not . and .., which are folders */
    closedir(entries);
    cr_assert(eq(int, rmdir(folder), 0), "only files in %s", folder);
}

#endif
