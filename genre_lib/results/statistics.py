"""Numbers with their 95% intervals, and tests between them."""

import functools
import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import binomtest

_RESAMPLES = 10_000


class Accuracy(NamedTuple):
    """An accuracy and its 95% interval, as shares of one; not a number without runs."""

    value: float
    low: float
    high: float

    def __str__(self):
        if math.isnan(self.value):
            return "no run"
        return f"{self.value:.1%} [{self.low:.1%}, {self.high:.1%}]"


class Difference(NamedTuple):
    """A difference of two shares of one and its 95% interval; reads as percentage points."""

    value: float
    low: float
    high: float

    def __str__(self):
        # If no example differs, no resample does: an interval without width says nothing.
        if self.low == self.high:
            return points(self.value)
        return f"{points(self.value)} [{points(self.low)}, {points(self.high)}]"

    @property
    def sign(self):
        """1 or -1 if the whole interval lies on that side of zero, else 0."""
        return int(self.low > 0) - int(self.high < 0)


class McNemar(NamedTuple):
    """The tracks that only the first or only the second gets right, and the p-value."""

    only_first: int
    only_second: int
    p_value: float


def points(difference):
    """Write a difference of shares of one as percentage points, with its sign: ``"+3.1"``."""
    # Adding zero turns -0.0, which would be written with a minus, into 0.0.
    return f"{round(100 * difference, 1) + 0.0:+.1f}".replace("-", "\N{MINUS SIGN}")


def bootstrap_mean(sums, counts, groups):
    """Return a mean and its 95% interval, by the percentile bootstrap over whole groups."""
    # Efron and Tibshirani 1993, chapter 13. A group (the segments of a track, say) is drawn with
    # everything in it, because what belongs to it is not independent.
    table = pd.DataFrame({"sums": np.asarray(sums), "counts": counts})
    sums, counts = table.groupby(np.asarray(groups)).sum().to_numpy().T
    draws = _draw(len(sums))
    low, high = np.quantile((draws @ sums) / (draws @ counts), [0.025, 0.975])
    return float(sums.sum() / counts.sum()), float(low), float(high)


@functools.lru_cache(maxsize=2)
def _draw(n):
    """Return how often each of n groups is drawn in each resample."""
    # Drawing takes far longer than all else, and a report has hundreds of intervals over the same
    # few numbers of tracks. Small integers: 8 MB for 400 tracks.
    shares = np.full(n, 1 / n)
    return np.random.default_rng(0).multinomial(n, shares, size=_RESAMPLES).astype(np.int16)


def accuracy(scores, of="tracks"):
    """Compute an accuracy and its bootstrap interval over tracks.

    Tracks are drawn with replacement, each with all its segments and all its runs, because these
    are not independent (Efron and Tibshirani 1993, chapter 13). The interval speaks of other
    tracks of the same kind; it does not see what other training data would change.

    Parameters
    ----------
    scores : pandas.DataFrame from `pool`
    of : {"tracks", "segments"}

    Returns
    -------
    Accuracy

    Examples
    --------
    >>> print(accuracy(pool(runs), of="segments"))  # doctest: +SKIP
    """
    if scores.empty:
        return Accuracy(np.nan, np.nan, np.nan)
    hits, counts = {
        "tracks": (scores["correct"], 1),
        "segments": (scores["segments_correct"], scores["segments"]),
    }[of]
    return Accuracy(*bootstrap_mean(hits, counts, scores["track_id"]))


def mcnemar(first, second):
    """Compare two groups of runs on the tracks that both have tested (exact, two-sided).

    If both are right equally often, the tracks on which only one is right fall to either with
    probability one half (McNemar 1947). Both tables come from `pool`; a pair has the same track,
    rotation and seed.
    """
    both = _in_both(first, second)
    only_first = int((both["correct_first"] > both["correct_second"]).sum())
    only_second = int((both["correct_first"] < both["correct_second"]).sum())
    differing = only_first + only_second
    p_value = binomtest(only_first, differing).pvalue if differing else 1.0
    return McNemar(only_first, only_second, float(p_value))


def difference(first, second):
    """Return the accuracy of tracks of the second group of runs less that of the first.

    The `Difference` has the interval of the bootstrap of `accuracy`, over the tracks that both
    have tested. A pair stays together, so what makes a track easy or hard for both does not widen
    it.
    """
    both = _in_both(first, second)
    if both.empty:
        raise ValueError(
            "no track was tested by both in the same rotation with the same seed; expected runs "
            "of the same rotations and seeds."
        )
    gains = both["correct_second"] - both["correct_first"]
    return Difference(*bootstrap_mean(gains, 1, both["track_id"]))


def count_shared(first, second):
    """Count the tracks that both have tested in the same rotation with the same seed."""
    return _in_both(first, second)["track_id"].nunique()


def _in_both(first, second):
    keys = ["track_id", "rotation", "seed"]
    return first.merge(second, on=keys, suffixes=("_first", "_second"))
