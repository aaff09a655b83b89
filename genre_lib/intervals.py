"""Numbers with their 95% intervals: how they are estimated, and how they read."""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd


class Accuracy(NamedTuple):
    """An accuracy and its 95% interval, as shares of one; not a number where there is no run."""

    value: float
    low: float
    high: float

    def __str__(self):
        if math.isnan(self.value):
            return "no run"
        return f"{self.value:.1%} [{self.low:.1%}, {self.high:.1%}]"


class Difference(NamedTuple):
    """A difference of two shares of one and its 95% interval; reads as percentage points.

    Where no example differs, no resample does: an interval without width says nothing, and is not
    written.
    """

    value: float
    low: float
    high: float

    def __str__(self):
        if self.low == self.high:
            return points(self.value)
        return f"{points(self.value)} [{points(self.low)}, {points(self.high)}]"

    @property
    def sign(self):
        """1 or -1 where the whole interval lies on that side of zero, else 0."""
        return int(self.low > 0) - int(self.high < 0)


def points(difference):
    """Write a difference of shares of one as percentage points, with its sign: ``"+3.1"``."""
    # Adding zero turns -0.0, which would be written with a minus, into 0.0.
    text = f"{round(100 * difference, 1) + 0.0:+.1f}"
    return text.replace("-", "\N{MINUS SIGN}")


def bootstrap_mean(sums, counts, groups, n_resamples=10_000, level=0.95, seed=0):
    """Give a mean with the percentile bootstrap interval of whole groups.

    Efron and Tibshirani 1993, chapter 13. Groups are drawn with replacement, each with all that
    belongs to it, because what belongs to a group (the segments of a track, say) is not
    independent.

    Parameters
    ----------
    sums : array-like
        Shape (n,): of the quantity, in each row.
    counts : array-like or int
        Shape (n,): how many values each row sums up.
    groups : array-like
        Shape (n,): the group of each row.
    n_resamples : int
        Bootstrap samples.
    level : float
        Of the interval.
    seed : int
        Of the resampling.

    Returns
    -------
    tuple of float
        The mean, and the lower and the upper end of its interval.
    """
    table = pd.DataFrame({"sums": np.asarray(sums), "counts": counts})
    sums, counts = table.groupby(np.asarray(groups)).sum().to_numpy().T
    draws = np.random.default_rng(seed).multinomial(
        len(sums), np.full(len(sums), 1 / len(sums)), size=n_resamples
    )
    resampled = (draws @ sums) / (draws @ counts)
    low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2])
    return float(sums.sum() / counts.sum()), float(low), float(high)
