"""What may stand on both sides of a partition: three protocols, and what leaks under each."""

from itertools import pairwise

import pandas as pd
from joblib import Memory

from genre_lib.corpus import usable
from genre_lib.faults import find_distortions, find_same_recordings, repetition_groups
from genre_lib.partitions import rotations
from genre_lib.published import catalogue, with_catalogue

PROTOCOLS = ("original", "no_repetitions", "artist_filtered")
"""``original``: every track, as reported. ``no_repetitions``: of tracks that repeat each other the
first alone, and no distorted one. ``artist_filtered``: the same tracks, and those of an artist are
all in one partition, so that no artist is on both sides.
"""


def find_faults(corpus, cache, progress=True):
    """Run the detectors on a corpus, or read what they found when it was the same.

    Parameters
    ----------
    corpus : pandas.DataFrame
        As from `genre_lib.corpus.load_corpus`.
    cache : str or Path
        Folder in which the tables are kept.
    progress : bool
        Show progress bars.

    Returns
    -------
    tuple of pandas.DataFrame
        As from `genre_lib.faults.find_same_recordings` and `genre_lib.faults.find_distortions`.
    """
    memory = Memory(cache, verbose=0)
    # By what the tables depend on: another folder or file name with the same audio finds them too.
    corpus = usable(corpus)[["track_id", "genre", "label", "path", "status", "sha256"]]
    return tuple(
        memory.cache(find, ignore=["jobs", "progress"])(corpus, jobs=-1, progress=progress)
        for find in (find_same_recordings, find_distortions)
    )


def is_gtzan(tracks):
    """Say whether all track ids are GTZAN's, so that what is published can be joined to them.

    Parameters
    ----------
    tracks : pandas.DataFrame
        With the column ``track_id``.

    Returns
    -------
    bool
    """
    return bool(tracks["track_id"].isin(catalogue()["track_id"]).all())


def annotate(tracks, repetitions, distortions, published):
    """Add what the protocols go by to a table of tracks.

    Parameters
    ----------
    tracks : pandas.DataFrame
        With the column ``track_id``.
    repetitions, distortions : pandas.DataFrame
        As from `find_faults`.
    published : bool
        Join GTZAN's catalogue too (see `is_gtzan`; the demo corpus has ids like GTZAN's, and is
        other music).

    Returns
    -------
    pandas.DataFrame
        The rows of `tracks` with the further columns ``repetition_group`` (tracks that repeat each
        other, found or published; missing where alone), ``distorted`` (bool) and ``artist``
        (missing where nobody knows).
    """
    pairs = repetitions[["track_id", "other_track_id", "verdict"]]
    table = tracks.assign(artist=pd.NA, distorted=False)
    if published:
        known = with_catalogue(tracks[["track_id"]])
        pairs = pd.concat([pairs, _chain(known, "exact_repetition_group")])
        table["artist"] = known["artist"]
        table["distorted"] = known["distorted"]
    present = pairs[["track_id", "other_track_id"]].isin(set(tracks["track_id"])).all(axis=1)
    table["repetition_group"] = repetition_groups(table, pairs[present])
    found = set(distortions.loc[distortions["verdict"], "track_id"])
    table["distorted"] |= tracks["track_id"].isin(found)
    return table


def _chain(tracks, column):
    """Return the pairs of neighbours within each group, which join it as all pairs would."""
    groups = tracks.dropna(subset=column).groupby(column)["track_id"]
    pairs = [(first, second, True) for _, members in groups for first, second in pairwise(members)]
    return pd.DataFrame(pairs, columns=["track_id", "other_track_id", "verdict"])


def apply_protocol(tracks, protocol):
    """Choose the tracks of a protocol, and what its partitions must not tear apart.

    Parameters
    ----------
    tracks : pandas.DataFrame
        As from `annotate`; for ``"original"`` any table of tracks.
    protocol : str
        One of `PROTOCOLS`.

    Returns
    -------
    pandas.DataFrame
        The rows of `tracks` that take part.
    pandas.Series or None
        A group for each, for `genre_lib.partitions.make_partitions`.

    Raises
    ------
    ValueError
        If the protocol is not known, or goes by artists and none is known.
    """
    if protocol not in PROTOCOLS:
        raise ValueError(f"protocol {protocol!r} is not one of {', '.join(PROTOCOLS)}.")
    if protocol == "original":
        return tracks, None
    repeated = tracks["repetition_group"].notna() & tracks.duplicated("repetition_group")
    kept = tracks[~repeated & ~tracks["distorted"]]
    if protocol == "no_repetitions":
        return kept, None
    if kept["artist"].isna().all():
        raise ValueError(
            "artist_filtered: no artist of these tracks is known. The catalogue names those of "
            "GTZAN, by its track ids (blues.00000); use the protocol no_repetitions."
        )
    return kept, kept["artist"]


def leakage(tracks, partition):
    """Count the test tracks of each rotation that have a relative among those it was trained on.

    Parameters
    ----------
    tracks : pandas.DataFrame
        As from `annotate`.
    partition : pandas.Series
        As from `genre_lib.partitions.make_partitions`; tracks that are not in it take no part.

    Returns
    -------
    pandas.DataFrame
        One row a rotation: ``rotation`` (from 1), ``test`` (test tracks), ``repeated`` (those with
        a repetition in training), ``same_artist`` (those with their artist there).
    """
    tracks = tracks[tracks["track_id"].isin(partition.index)].reset_index(drop=True)
    part = partition.loc[tracks["track_id"]].to_numpy()
    rows = []
    for number, rotation in enumerate(rotations(int(part.max()) + 1), start=1):
        train, test = tracks[part == rotation.train], tracks[part == rotation.test]
        row = {"rotation": number, "test": len(test)}
        for name, column in (("repeated", "repetition_group"), ("same_artist", "artist")):
            row[name] = int(test[column].isin(set(train[column].dropna())).sum())
        rows.append(row)
    return pd.DataFrame(rows)
