"""The summary of samples that harness/stats.c makes."""

import math
from dataclasses import dataclass
from typing import Optional, Sequence, Tuple


@dataclass(frozen=True)
class Summary:
    """Of samples; `low` and `high` are the 95 % interval of the median, None below 6 samples."""

    count: int
    min: float
    q1: float
    median: float
    q3: float
    max: float
    low: Optional[float]
    high: Optional[float]

    def settled(self, tolerance: float) -> bool:
        """True when the median is known within `tolerance` of itself either way."""
        if self.low is None or self.high is None:
            return False
        return self.high - self.low <= 2 * tolerance * self.median


def quantile(ordered: Sequence[float], q: float) -> float:
    """Interpolates linearly between the samples beside q*(count - 1)."""
    at = q * (len(ordered) - 1)
    below = int(at)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (at - below) * (ordered[above] - ordered[below])


def median_interval(count: int) -> Optional[Tuple[int, int]]:
    """Ranks, from 0, of the samples between which the median lies with 95 %, by the binomial
    distribution; None when there are too few samples for that.
    """
    tail, k = 0.0, 0
    while k < count // 2:
        tail += math.exp(math.lgamma(count + 1) - math.lgamma(k + 1) - math.lgamma(count - k + 1)
                         - count * math.log(2))
        if not tail <= 0.025:
            break
        k += 1
    return (k - 1, count - k) if k > 0 else None


def summarise(samples: Sequence[float]) -> Summary:
    """The summary of one sample or more."""
    ordered = sorted(samples)
    ranks = median_interval(len(ordered))
    low, high = (ordered[ranks[0]], ordered[ranks[1]]) if ranks else (None, None)
    return Summary(len(ordered), ordered[0], quantile(ordered, 0.25), quantile(ordered, 0.5),
                   quantile(ordered, 0.75), ordered[-1], low, high)
