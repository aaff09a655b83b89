"""Divide tracks into partitions: which ones train, which validate and which test."""

from typing import NamedTuple

import pandas as pd

from genre_lib.corpus.tracks import CorpusError, describe_left_out


class Rotation(NamedTuple):
    """Which partition trains, validates and tests in one rotation, by number from 0."""

    index: int
    train: int
    valid: int
    test: int


def rotations(n_partitions=6):
    """List the rotations: partition k trains, k + 1 validates, k + 2 tests, wrapping around.

    Parameters
    ----------
    n_partitions : int, at least 3

    Returns
    -------
    list of Rotation, one per partition: ``index``, ``train``, ``valid``, ``test``, from 0

    Examples
    --------
    >>> rotations(6)[4]
    Rotation(index=4, train=4, valid=5, test=0)
    """
    if n_partitions < 3:
        raise ValueError(f"n_partitions={n_partitions}: a rotation needs at least 3 partitions.")
    n = n_partitions
    return [Rotation(k, k, (k + 1) % n, (k + 2) % n) for k in range(n)]


def require_divisible(corpus, n_partitions, where):
    """Raise CorpusError, naming the folder `where`, if the corpus cannot be divided like this."""
    counts = (corpus["status"] == "ok").groupby(corpus["genre"]).sum().to_dict()
    if reason := indivisible(counts, n_partitions):
        raise CorpusError(f"{where}: cannot be trained on: {reason} ({describe_left_out(corpus)}.)")


def indivisible(counts, n_partitions=6, what="usable tracks"):
    """Say why genres with these counts (a dict) cannot be divided; return "" if they can."""
    if len(counts) < 2:
        return f"{next(iter(counts), 'none')} is the only genre. Add another."
    few = [f"{genre} ({n})" for genre, n in counts.items() if n < n_partitions]
    advice = "Add tracks, remove the folder of the genre, or use fewer partitions."
    message = f"fewer {what} than the {n_partitions} partitions: {', '.join(few)}. {advice}"
    return message if few else ""


def make_partitions(tracks, n_partitions=6, seed=0, groups=None):
    """Divide the tracks into partitions, with the genres evenly represented in each.

    Parameters
    ----------
    tracks : pandas.DataFrame of usable tracks, with ``track_id`` and ``genre``
    n_partitions, seed : int; equal seeds give equal partitions
    groups : str or array-like, a column of `tracks` or one value per track, optional
        Tracks of the same group share a partition; a track without a value is its own group.

    Returns
    -------
    pandas.Series of int, the partition of each track from 0, by track id in the order of `tracks`

    Raises
    ------
    ValueError, if there is only one genre, or one with fewer tracks (or groups) than partitions

    Examples
    --------
    >>> make_partitions(tracks, groups="artist").value_counts()  # doctest: +SKIP
    """
    # Imported here, because it takes longest of all that a notebook without training imports.
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    what = "usable tracks" if groups is None else "groups of usable tracks"
    groups = _group_numbers(tracks, groups)
    counts = pd.Series(groups).groupby(tracks["genre"].to_numpy()).nunique().to_dict()
    if reason := indivisible(counts, n_partitions, what):
        raise ValueError(reason)
    splitter = StratifiedGroupKFold
    if len(set(groups)) == len(tracks):
        splitter, groups = StratifiedKFold, None
    folds = splitter(n_partitions, shuffle=True, random_state=seed)
    partition = pd.Series(0, index=pd.Index(tracks["track_id"], name="track_id"), name="partition")
    for number, (_, members) in enumerate(folds.split(tracks, tracks["genre"], groups)):
        partition.iloc[members] = number
    return partition


def _group_numbers(tracks, groups):
    if groups is None:
        return list(range(len(tracks)))
    values = pd.Series(tracks[groups] if isinstance(groups, str) else groups)
    values = values.reset_index(drop=True).replace("", pd.NA)
    alone = pd.Series([f"alone {row}" for row in range(len(values))])
    return pd.factorize(("group " + values.astype("string")).fillna(alone))[0].tolist()
