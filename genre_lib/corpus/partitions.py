"""Which tracks train, which validate, which test."""

from typing import NamedTuple

import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from genre_lib.corpus.tracks import CorpusError, describe_left_out


class Rotation(NamedTuple):
    """The partitions that train, validate and test in one rotation, by number from 0."""

    index: int
    train: int
    valid: int
    test: int


def rotations(n_partitions=6):
    """List the rotations: partition k trains, k + 1 validates, k + 2 tests, wrapping around.

    Parameters
    ----------
    n_partitions : int
        At least 3.

    Returns
    -------
    list of Rotation
        One for each partition.

    Raises
    ------
    ValueError
        If there are fewer than three partitions.
    """
    if n_partitions < 3:
        raise ValueError(f"n_partitions={n_partitions}: a rotation needs 3 partitions or more.")
    return [
        Rotation(k, k, (k + 1) % n_partitions, (k + 2) % n_partitions) for k in range(n_partitions)
    ]


def require_divisible(corpus, n_partitions, where):
    """Refuse a corpus that cannot be divided into partitions, before anything is made of it.

    Parameters
    ----------
    corpus : pandas.DataFrame
        As from `genre_lib.corpus.tracks.load_corpus`.
    n_partitions : int
        How many.
    where : str or Path
        Of the corpus, for the message.

    Raises
    ------
    CorpusError
        If there is one genre, or one with fewer usable tracks than partitions.
    """
    counts = (corpus["status"] == "ok").groupby(corpus["genre"]).sum().to_dict()
    reason = indivisible(counts, n_partitions)
    if reason:
        raise CorpusError(f"{where}: cannot be trained on: {reason} ({describe_left_out(corpus)}.)")


def indivisible(counts, n_partitions=6):
    """Say why some genres cannot be divided into partitions.

    Parameters
    ----------
    counts : dict of str to int
        Usable tracks of each genre.
    n_partitions : int
        How many.

    Returns
    -------
    str
        Why, and what to do; empty if they can.
    """
    few = [f"{genre} ({n})" for genre, n in counts.items() if n < n_partitions]
    if len(counts) < 2:
        return f"{next(iter(counts))} is the only genre. Add another."
    if few:
        return (
            f"{', '.join(few)} with fewer usable tracks than the {n_partitions} partitions. Add "
            "tracks, or remove the folder of the genre."
        )
    return ""


def make_partitions(tracks, n_partitions=6, seed=0, groups=None):
    """Divide the tracks into partitions with the genres evenly in each.

    Parameters
    ----------
    tracks : pandas.DataFrame
        Usable tracks with the columns ``track_id`` and ``genre``.
    n_partitions : int
        How many.
    seed : int
        Of the shuffling; equal seeds give equal partitions.
    groups : str or array-like, optional
        A column of `tracks`, or one value a track: tracks of equal value come into the same
        partition. A missing value stands for a group of one track.

    Returns
    -------
    pandas.Series
        The partition of each track, from 0; int, indexed by track id, in the order of `tracks`.

    Raises
    ------
    ValueError
        If a genre has fewer tracks (or, with `groups`, groups) than there are partitions.
    """
    groups = _group_numbers(tracks, groups)
    counted = pd.Series(groups).groupby(tracks["genre"].to_numpy()).nunique()
    if len(counted) < 2:
        raise ValueError(
            f"{len(counted)} genre(s) with usable tracks: {', '.join(counted.index) or 'none'}. "
            "Expected 2 or more."
        )
    if counted.min() < n_partitions:
        raise ValueError(
            f"genre {counted.idxmin()!r} has {counted.min()} usable tracks or groups, fewer than "
            f"the {n_partitions} partitions. Add tracks, or use fewer partitions."
        )
    if len(set(groups)) == len(tracks):
        folds = StratifiedKFold(n_partitions, shuffle=True, random_state=seed)
        parts = folds.split(tracks, tracks["genre"])
    else:
        folds = StratifiedGroupKFold(n_partitions, shuffle=True, random_state=seed)
        parts = folds.split(tracks, tracks["genre"], groups)
    partition = pd.Series(0, index=pd.Index(tracks["track_id"], name="track_id"), name="partition")
    for number, (_, members) in enumerate(parts):
        partition.iloc[members] = number
    return partition


def _group_numbers(tracks, groups):
    if groups is None:
        return list(range(len(tracks)))
    values = pd.Series(tracks[groups] if isinstance(groups, str) else groups)
    values = values.reset_index(drop=True).replace("", pd.NA)
    alone = pd.Series([f"alone {row}" for row in range(len(values))])
    named = "group " + values.astype("string")
    return pd.factorize(named.fillna(alone))[0].tolist()
