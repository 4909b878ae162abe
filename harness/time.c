#include "time.h"
#include "draw.h"
#include "message.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

enum { WINDOWS = 5, FIRST_LOOK = 30, LEAST = 3, MOST = 7680, SPOTS = 3 };
static const double WINDOW_MS = 50, STEADY = 0.005, WARMUP_LIMIT_S = 3;
static const double INTERVAL = 0.005, SAMPLING_LEAST_S = 0.2, SLOW = 0.9;

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

/* Which of the first samples are checked: one of those that there always are, others at random. */
static void draw_spots(int spot[SPOTS])
{
    for (int i = 0; i < SPOTS; i++)
        spot[i] = (int)draw(i ? FIRST_LOOK : LEAST);
}

/* One cold run, as sample `count`. */
static int take_sample(const struct backend *backend, const struct launch *launch,
                       const struct spot_check *spot, int count, struct timing *timing)
{
    struct latest latest = {.queued = true};
    if (spot && !spot->before(spot->context))
        return -2;
    const int error = backend->run(launch, true, &timing->sample_ms[count]);
    if (error)
        return error;
    if (backend->latest)
        backend->latest(&latest);
    timing->clock_mhz[count] = latest.clock_mhz;
    timing->fed += !latest.queued;
    if (spot && !spot->after(spot->context))
        return -2;
    timing->looked_at += spot != NULL;
    return 0;
}

/* Until the median is known, or time is up. */
static int sample(const struct backend *backend, const struct launch *launch, double limit_s,
                  const struct spot_check *spot, const volatile sig_atomic_t *interrupted,
                  struct timing *timing)
{
    const double start = now_s();
    int count = 0, look = FIRST_LOOK, spots[SPOTS];
    draw_spots(spots);
    timing->stop = "limit";
    while (count < MOST && (count < LEAST || now_s() - start < limit_s)) {
        bool looks = false;
        for (int i = 0; i < SPOTS; i++)
            looks |= spots[i] == count;
        const int error =
            *interrupted ? -1 : take_sample(backend, launch, looks ? spot : NULL, count, timing);
        if (error)
            return error;
        if (++count != look)
            continue;
        look *= 2;
        if (now_s() - start >= SAMPLING_LEAST_S && settled(timing->sample_ms, count)) {
            timing->stop = "interval";
            break;
        }
    }
    timing->summary = summarise(timing->sample_ms, count);
    return 0;
}

int time_launch(const struct backend *backend, const struct launch *launch, double limit_s,
                const struct spot_check *spot, const volatile sig_atomic_t *interrupted,
                struct timing *timing)
{
    *timing = (struct timing){.sample_ms = must_allocate(MOST, sizeof(double)),
                              .clock_mhz = must_allocate(MOST, sizeof(double))};
    int error =
        warm_up(backend, launch, fmin(WARMUP_LIMIT_S, limit_s / 2), interrupted, &timing->warmup);
    if (!error)
        error = sample(backend, launch, limit_s, spot, interrupted, timing);
    if (!error)
        error = aside_measure(backend, launch, timing->summary.median, interrupted, &timing->aside);
    if (error) {
        timing_free(timing);
        return error;
    }
    const int count = timing->summary.count;
    timing->tick_ms = smallest_step(timing->sample_ms, count);
    timing->median_mhz = summarise(timing->clock_mhz, count).median;
    for (int i = 0; i < count; i++)
        timing->slow += timing->clock_mhz[i] < SLOW * timing->median_mhz;
    return 0;
}

void time_foresee(double run_s, double limit_s, double *least_s, double *most_s)
{
    const double warmup_limit_s = fmin(WARMUP_LIMIT_S, limit_s / 2);
    const double warmup_s = fmax(warmup_limit_s + run_s / 2, run_s); /* ends with a run */
    const double sampling_s = fmax(limit_s + run_s / 2, LEAST * run_s);
    const double aside_s = aside_foresee(run_s);
    *most_s = warmup_s + sampling_s + aside_s;
    *least_s = fmin(warmup_s, WINDOWS * fmax(WINDOW_MS * 1e-3, run_s)) +
               fmin(sampling_s, fmax(SAMPLING_LEAST_S, FIRST_LOOK * run_s)) + aside_s;
}

void timing_free(struct timing *timing)
{
    free(timing->sample_ms);
    free(timing->clock_mhz);
    *timing = (struct timing){0};
}
