/* Reads the stems of a batch with threads of its own, for .c and .cu variants, and for whoever
 * overlaps that with other work:
 *
 *     struct loader loader;                       // its owner's, until loader_finish()
 *     loader_begin(&loader, problem, stems)       // starts to read, and returns at once
 *     ... other work ...
 *     loader_item(&loader, 0)                     // waits until item 0 is there
 *     loader_finish(&loader)                      // waits for the threads
 *
 * `stems` has room for (batch, stems, length, 2) floats in host memory: channels side by side, as
 * audio_read_item() leaves them. Threads take stem after stem in the order of items, so that the
 * first item is there first; what they read does not depend on their number. One thread calls these
 * functions. A loader that has begun has to be finished, whatever became of its items.
 */
#ifndef SSMBENCH_AUDIO_LOADER_H
#define SSMBENCH_AUDIO_LOADER_H

#include "../../reference/audio.h"
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>

struct loader {
    struct audio p;
    float *stems;
    pthread_t thread[AUDIO_THREADS_MAX];
    int64_t started;             /* threads that have to be joined */
    int64_t next;                /* the stem to be read next, of batch*stems */
    int left[AUDIO_BATCH_MAX];   /* stems of an item that are not read yet */
    int broken[AUDIO_BATCH_MAX]; /* stems of an item that could not be */
    sem_t done;                  /* one for each stem that is done with */
};

/* The place of an item in `stems`. */
static inline float *loader_place(const struct loader *loader, int64_t item)
{
    return loader->stems + item * audio_item_floats(&loader->p);
}

/* A thread: reads one stem after another until none is left. */
static inline void *loader_read(void *argument)
{
    struct loader *const loader = (struct loader *)argument;
    for (;;) {
        const int64_t unit = __atomic_fetch_add(&loader->next, 1, __ATOMIC_RELAXED);
        const int64_t item = unit / AUDIO_STEMS;
        if (item >= loader->p.batch)
            return 0;
        __atomic_add_fetch(&loader->broken[item],
                           !audio_read_stem(&loader->p, item, (enum audio_stem)(unit % AUDIO_STEMS),
                                            loader_place(loader, item)),
                           __ATOMIC_RELAXED);
        __atomic_sub_fetch(&loader->left[item], 1, __ATOMIC_RELEASE);
        sem_post(&loader->done);
    }
}

/* Lets threads run where any of OpenMP's may, as each of these may have a processor of its own,
 * which its children inherit. Found out once: OpenMP's threads look for work for a while. */
static inline void loader_spread(pthread_attr_t *attributes)
{
    static cpu_set_t all;
    if (!CPU_COUNT(&all)) { /* cost only */
#pragma omp parallel
        {
            cpu_set_t mine;
            CPU_ZERO(&mine);                          /* cost only */
            sched_getaffinity(0, sizeof mine, &mine); /* cost only */
#pragma omp critical(loader)
            CPU_OR(&all, &all, &mine); /* cost only */
        }
    }
    pthread_attr_setaffinity_np(attributes, sizeof all, &all); /* cost only */
}

/* Starts p->threads threads that read into `stems`, or as many as the system allows; returns how
 * many, 0 when it allows none. There is nothing to finish then. */
static inline int64_t loader_begin(struct loader *loader, const struct audio *p, float *stems)
{
    pthread_attr_t attributes;
    loader->p = *p;
    loader->stems = stems;
    loader->next = 0;
    for (int64_t item = 0; item < p->batch; item++) {
        loader->left[item] = AUDIO_STEMS;
        loader->broken[item] = 0;
    }
    sem_init(&loader->done, 0, 0);
    pthread_attr_init(&attributes);
    loader_spread(&attributes); /* cost only */
    loader->started = 0;
    while (loader->started < p->threads &&
           !pthread_create(&loader->thread[loader->started], &attributes, loader_read, loader))
        loader->started++;
    pthread_attr_destroy(&attributes); /* cost only: what they take */
    return loader->started;
}

/* Waits until item `item` is read, and returns where it is; null when no track could be. Reads it
 * here, from the next track, when a stem was broken. */
static inline const float *loader_item(struct loader *loader, int64_t item)
{
    float *const stems = loader_place(loader, item);
    while (__atomic_load_n(&loader->left[item], __ATOMIC_ACQUIRE) > 0)
        sem_wait(&loader->done); /* cost only: it asks again at once */
    if (loader->broken[item] > 0 && !audio_read_item(&loader->p, item, stems))
        return 0;
    return stems;
}

/* Waits for the threads, which read what is left. */
static inline void loader_finish(struct loader *loader)
{
    while (loader->started > 0)
        pthread_join(loader->thread[--loader->started], 0);
    sem_destroy(&loader->done); /* cost only: what it takes */
}

#endif
