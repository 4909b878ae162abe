#include "backend.h"
#include "draw.h"
#include "message.h"
#include "stats.h"

#include <ctype.h>
#include <errno.h>
#include <omp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { ALIGNMENT = 64, FALLBACK_CACHE = 32 << 20, FLOOR_ROUNDS = 101 };

static double now_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec * 1e-6;
}

static double cache_bytes(void)
{
    const long level3 = sysconf(_SC_LEVEL3_CACHE_SIZE), level2 = sysconf(_SC_LEVEL2_CACHE_SIZE);
    const long largest = level3 > level2 ? level3 : level2;
    return largest > 0 ? (double)largest : FALLBACK_CACHE;
}

/* Each OpenMP thread on a processor of its own, as long as there are enough. */
static void pin_threads(void)
{
    static bool pinned;
    cpu_set_t allowed;
    if (pinned || sched_getaffinity(0, sizeof allowed, &allowed))
        return;
    pinned = true;
    if (omp_get_max_threads() > CPU_COUNT(&allowed))
        return;
#pragma omp parallel
    {
        int left = omp_get_thread_num(), cpu = 0;
        while (!CPU_ISSET(cpu, &allowed) || left-- > 0)
            cpu++;
        cpu_set_t mine;
        CPU_ZERO(&mine);
        CPU_SET(cpu, &mine);
        sched_setaffinity(0, sizeof mine, &mine);
    }
}

static const char *missing(void)
{
    pin_threads();
    return NULL;
}

/* The value of a field of a "field : value" file of /proc, or "" . */
static void proc_field(const char *path, const char *field, char *value, size_t size)
{
    char line[512], name[128];
    value[0] = '\0';
    FILE *file = fopen(path, "r");
    while (file && !value[0] && fgets(line, sizeof line, file)) {
        char *colon = strchr(line, ':');
        if (!colon || sscanf(line, " %127[^:\t]", name) != 1 || strcmp(name, field))
            continue;
        colon += 1 + strspn(colon + 1, " \t");
        snprintf(value, size, "%.*s", (int)strcspn(colon, "\n"), colon);
    }
    if (file)
        fclose(file);
}

size_t host_memory_free(void)
{
    char text[64];
    proc_field("/proc/meminfo", "MemAvailable", text, sizeof text);
    return (size_t)strtoull(text, NULL, 10) * 1024;
}

void machine_slug(const char *name, char *slug, size_t size)
{
    char word[64];
    slug[0] = '\0';
    for (const char *at = name; *at;) {
        size_t length = 0, letters = 0;
        for (; *at && !isspace((unsigned char)*at) && *at != '(' && *at != ')'; at++)
            if (length + 1 < sizeof word && (isalnum((unsigned char)*at) || *at == '-')) {
                word[length++] = (char)tolower((unsigned char)*at);
                letters += !isdigit((unsigned char)*at);
            }
        word[length] = '\0';
        at += *at != '\0';
        const bool memory_size = length > 2 && letters == 2 && !strcmp(word + length - 2, "gb");
        if (memory_size || !strcmp(word, "@"))
            break;
        if (length && strcmp(word, "r") && strcmp(word, "tm") && strcmp(word, "nvidia") &&
            strcmp(word, "cpu") && strcmp(word, "processor"))
            append(slug, size, "%s%s", slug[0] ? "-" : "", word);
    }
    if (!slug[0])
        append(slug, size, "unknown");
}

static void machine(struct machine *m)
{
    *m = (struct machine){.units = omp_get_max_threads(), .cache_bytes = cache_bytes()};
    proc_field("/proc/cpuinfo", "model name", m->name, sizeof m->name);
    if (!m->name[0])
        snprintf(m->name, sizeof m->name, "unknown CPU");
    machine_slug(m->name, m->slug, sizeof m->slug);
    m->memory_bytes = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGE_SIZE);
}

static void *allocate(size_t bytes)
{
    void *memory = NULL;
    return posix_memalign(&memory, ALIGNMENT, bytes ? bytes : 1) ? NULL : memory;
}

static int set(void *memory, int byte, size_t bytes)
{
    const int64_t pages = (int64_t)(bytes / 4096);
#pragma omp parallel for
    for (int64_t page = 0; page < pages; page++)
        memset((char *)memory + page * 4096, byte, 4096);
    memset((char *)memory + pages * 4096, byte, bytes % 4096);
    return 0;
}

static int copy(void *to, const void *from, size_t bytes)
{
    memcpy(to, from, bytes);
    return 0;
}

static int generate(void *memory, const struct fill *fill, enum dtype dtype, int64_t elements,
                    uint64_t key)
{
    inputs_generate(memory, fill, dtype, elements, key);
    return 0;
}

static void flush_cache(void)
{
    static char *flush;
    static size_t bytes;
    if (!flush) {
        bytes = (size_t)(2 * cache_bytes());
        flush = must_allocate(bytes, 1);
    }
    set(flush, (int)draw(256), bytes);
}

static int run(const struct launch *launch, bool cold, double *time_ms)
{
    if (cold)
        flush_cache();
    const double start = now_ms();
    const int error =
        launch->variant->run(launch->problem, launch->tensor, launch->workspace, NULL);
    *time_ms = now_ms() - start;
    return error;
}

static int batch(const struct launch *launch, int count, bool graph, double *time_ms)
{
    int error = graph ? ENOTSUP : 0;
    const double start = now_ms();
    for (int i = 0; i < count && !error; i++)
        error = launch->variant->run(launch->problem, launch->tensor, launch->workspace, NULL);
    *time_ms = (now_ms() - start) / count;
    return error;
}

static int floors(struct floors *floors)
{
    double pair_ms[FLOOR_ROUNDS];
    for (int i = 0; i < FLOOR_ROUNDS; i++) {
        const double start = now_ms();
        pair_ms[i] = now_ms() - start;
    }
    *floors = (struct floors){.pair_ms = summarise(pair_ms, FLOOR_ROUNDS).median};
    return 0;
}

static int spin(int64_t ticks, void *stream)
{
    (void)stream;
    const double end = now_ms() + (double)ticks * 1e-6;
    while (now_ms() < end)
        ;
    return 0;
}

static const char *describe(int error)
{
    return strerror(error);
}

const struct backend backend_cpu = {
    .name = "cpu",
    .timed = true,
    .runs = 2,
    .missing = missing,
    .machine = machine,
    .memory_free = host_memory_free,
    .allocate = allocate,
    .release = free,
    .set = set,
    .upload = copy,
    .download = copy,
    .generate = generate,
    .run = run,
    .batch = batch,
    .floors = floors,
    .spin = spin,
    .roofs = roofs_cpu,
    .describe = describe,
};
