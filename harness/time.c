#include "time.h"
#include "message.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

enum { WINDOWS = 5, FIRST_LOOK = 30, LEAST = 3, MOST = 7680 };
static const double WINDOW_MS = 50, STEADY = 0.005, WARMUP_LIMIT_S = 3;
static const double INTERVAL = 0.005, SAMPLING_LEAST_S = 0.2;

double now_s(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

int warm_up(const struct backend *backend, const struct launch *launch, double limit_s,
            const volatile sig_atomic_t *interrupted, const char **how)
{
    double mean[WINDOWS];
    const double start = now_s();
    *how = "limit";
    for (int window = 0; now_s() - start < limit_s; window++) {
        double total = 0, time_ms;
        int runs = 0;
        const double window_start = now_s();
        do {
            const int error = *interrupted ? -1 : backend->run(launch, false, &time_ms);
            if (error)
                return error;
            total += time_ms;
            runs++;
        } while ((now_s() - window_start) * 1e3 < WINDOW_MS);
        mean[window % WINDOWS] = total / runs;
        double least = INFINITY, most = 0;
        for (int i = 0; i < WINDOWS && window + 1 >= WINDOWS; i++) {
            least = fmin(least, mean[i]);
            most = fmax(most, mean[i]);
        }
        if (most > 0 && most <= least * (1 + STEADY)) {
            *how = "steady";
            break;
        }
    }
    return 0;
}

/* True when the median is known within 0.5 % either way. */
static bool settled(const double sample[], int count)
{
    const struct summary s = summarise(sample, count);
    return s.high - s.low <= 2 * INTERVAL * s.median;
}

int time_launch(const struct backend *backend, const struct launch *launch, double limit_s,
                const volatile sig_atomic_t *interrupted, struct timing *timing)
{
    *timing = (struct timing){.stop = "limit"};
    int error =
        warm_up(backend, launch, fmin(WARMUP_LIMIT_S, limit_s / 2), interrupted, &timing->warmup);
    if (error)
        return error;

    double *sample = must_allocate(MOST, sizeof *sample);
    const double start = now_s();
    int count = 0, look = FIRST_LOOK;
    while (count < MOST && (count < LEAST || now_s() - start < limit_s)) {
        error = *interrupted ? -1 : backend->run(launch, true, &sample[count]);
        if (error) {
            free(sample);
            return error;
        }
        if (++count != look)
            continue;
        look *= 2;
        if (now_s() - start >= SAMPLING_LEAST_S && settled(sample, count)) {
            timing->stop = "interval";
            break;
        }
    }
    timing->sample_ms = sample;
    timing->summary = summarise(sample, count);
    return 0;
}

void timing_free(struct timing *timing)
{
    free(timing->sample_ms);
    *timing = (struct timing){0};
}
