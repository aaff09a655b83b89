"""Numbers with their 95% intervals, and tests between them."""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import binomtest


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


def accuracy(scores, of="tracks", n_resamples=10_000, level=0.95, seed=0):
    """Give an accuracy with a bootstrap interval.

    The percentile bootstrap (Efron and Tibshirani 1993, chapter 13) over tracks: tracks are drawn
    with replacement, each with all its segments and all its runs, because the segments of a track
    and the runs that tested it are not independent. It speaks of other tracks of the same kind;
    it does not see what other training data would change.

    Parameters
    ----------
    scores : pandas.DataFrame
        As from `score_tracks` or `pool`.
    of : str
        ``"tracks"`` or ``"segments"``.
    n_resamples : int
        Bootstrap samples.
    level : float
        Of the interval.
    seed : int
        Of the resampling.

    Returns
    -------
    Accuracy
        Not a number where there are no scores.
    """
    if scores.empty:
        return Accuracy(np.nan, np.nan, np.nan)
    hits, counts = {
        "tracks": (scores["correct"], 1),
        "segments": (scores["segments_correct"], scores["segments"]),
    }[of]
    return Accuracy(*bootstrap_mean(hits, counts, scores["track_id"], n_resamples, level, seed))


class McNemar(NamedTuple):
    """Tracks that only the first gets right, that only the second does, and the p-value."""

    only_first: int
    only_second: int
    p_value: float


def mcnemar(first, second):
    """Compare two phases on the tracks that both have tested (exact, two-sided).

    Under the hypothesis that both are right equally often, the tracks on which just one is right
    fall to either with probability one half (McNemar 1947; exact binomial form).

    Parameters
    ----------
    first, second : pandas.DataFrame
        As from `pool`; compared where track, rotation and seed agree.

    Returns
    -------
    McNemar
        With a p-value of 1 where the two never differ.
    """
    both = _in_both(first, second)
    only_first = int((both["correct_first"] > both["correct_second"]).sum())
    only_second = int((both["correct_first"] < both["correct_second"]).sum())
    differing = only_first + only_second
    p_value = binomtest(only_first, differing).pvalue if differing else 1.0
    return McNemar(only_first, only_second, float(p_value))


def difference(first, second, n_resamples=10_000, level=0.95, seed=0):
    """Give the accuracy of tracks of the second less that of the first, with its interval.

    The bootstrap of `accuracy`, of the tracks that both have tested: a pair stays together, so
    what makes a track easy or hard for both does not widen the interval.

    Parameters
    ----------
    first, second : pandas.DataFrame
        As from `pool`; compared where track, rotation and seed agree.
    n_resamples, level, seed
        As for `accuracy`.

    Returns
    -------
    Difference

    Raises
    ------
    ValueError
        If there is no track that both have tested.
    """
    both = _in_both(first, second)
    if both.empty:
        raise ValueError(
            "no track was tested by both in the same rotation with the same seed; expected runs "
            "of the same rotations and seeds."
        )
    gains = both["correct_second"] - both["correct_first"]
    return Difference(*bootstrap_mean(gains, 1, both["track_id"], n_resamples, level, seed))


def comparable(first, second):
    """Say whether two tables as from `pool` have a track, rotation and seed in common."""
    return not _in_both(first, second).empty


def _in_both(first, second):
    keys = ["track_id", "rotation", "seed"]
    return first.merge(second, on=keys, suffixes=("_first", "_second"))
