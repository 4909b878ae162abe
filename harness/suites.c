#include "cases.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool suite_directory(char *path, size_t size)
{
    char executable[PATH_MAX] = "";
    const char *const below[] = {"", "/.."};
    struct stat status;
    snprintf(path, size, "cases");
    if (!stat(path, &status) && S_ISDIR(status.st_mode))
        return true;
    if (readlink("/proc/self/exe", executable, sizeof executable - 1) < 0)
        return false;
    *strrchr(executable, '/') = '\0';
    for (int i = 0; i < 2; i++) {
        snprintf(path, size, "%s%s/cases", executable, below[i]);
        if (!stat(path, &status) && S_ISDIR(status.st_mode))
            return true;
    }
    return false;
}

bool suite_path(const char *name, char *path, size_t size, struct message *message)
{
    const char *dot = strrchr(name, '.');
    char directory[PATH_MAX];
    if (strchr(name, '/') || (dot && !strcmp(dot, ".ini"))) {
        snprintf(path, size, "%s", name);
        return true;
    }
    if (!suite_directory(directory, sizeof directory))
        return refuse(message,
                      "no folder cases/ here or beside the executable: expected one with "
                      "%s.ini in it, or the path of an .ini file",
                      name);
    snprintf(path, size, "%s/%s.ini", directory, name);
    if (!access(path, R_OK))
        return true;
    return refuse(message, "no suite '%s': expected a file %s; `ssmbench list suites` names them",
                  name, path);
}
