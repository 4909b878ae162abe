"""Time as docs/measuring.md takes it: warm-up, cold samples, and the rule of harness/time.c for
when to stop.
"""

import time
from dataclasses import dataclass
from typing import Callable, List

from .stats import Summary, summarise

WINDOWS, WINDOW_MS, STEADY, WARMUP_LIMIT_S = 5, 50.0, 0.005, 3.0
FIRST_LOOK, LEAST, MOST, INTERVAL, SAMPLING_LEAST_S = 30, 3, 7680, 0.005, 0.2

# Milliseconds of one run; with True, twice the last-level cache is written before it.
Run = Callable[[bool], float]


@dataclass(frozen=True)
class Timing:
    """`warmup` is "steady" or "limit", `stop` is "interval" or "limit"."""

    samples_ms: List[float]
    summary: Summary
    warmup: str
    stop: str


def warm_up(run: Run, limit_s: float) -> str:
    """Runs without pause until the mean times of five windows agree within 0.5 %."""
    means: List[float] = []
    start = time.monotonic()
    while time.monotonic() - start < limit_s:
        total, runs, window = 0.0, 0, time.monotonic()
        while runs == 0 or (time.monotonic() - window) * 1e3 < WINDOW_MS:
            total += run(False)
            runs += 1
        means = (means + [total / runs])[-WINDOWS:]
        if len(means) == WINDOWS and 0 < max(means) <= min(means) * (1 + STEADY):
            return "steady"
    return "limit"


def measure(run: Run, limit_s: float) -> Timing:
    """Warms up, then samples until the median is known within 0.5 %, or `limit_s` is over."""
    warmup = warm_up(run, min(WARMUP_LIMIT_S, limit_s / 2))
    samples: List[float] = []
    start, look = time.monotonic(), FIRST_LOOK
    while len(samples) < MOST and (len(samples) < LEAST or time.monotonic() - start < limit_s):
        samples.append(run(True))
        if len(samples) != look:
            continue
        look *= 2
        if time.monotonic() - start >= SAMPLING_LEAST_S and summarise(samples).settled(INTERVAL):
            return Timing(samples, summarise(samples), warmup, "interval")
    return Timing(samples, summarise(samples), warmup, "limit")
