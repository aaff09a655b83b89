"""What the detectors and the catalogue say of each track, in one table."""

from itertools import pairwise

import pandas as pd
from joblib import Memory

from genre_lib.corpus.tracks import usable
from genre_lib.faults.catalogue import read_catalogue, with_catalogue
from genre_lib.faults.distortions import find_distortions
from genre_lib.faults.repetitions import find_same_recordings, repetition_groups


def find_faults(corpus, cache, progress=True):
    """Run the detectors on a corpus, or read what they found when it was the same.

    Parameters
    ----------
    corpus : pandas.DataFrame
        As from `genre_lib.corpus.tracks.load_corpus`.
    cache : str or Path
        Folder in which the tables are kept.
    progress : bool
        Show progress bars.

    Returns
    -------
    tuple of pandas.DataFrame
        As from `genre_lib.faults.repetitions.find_same_recordings` and `genre_lib.faults.distortions.find_distortions`.
    """
    memory = Memory(cache, verbose=0)
    corpus = usable(corpus)[["track_id", "genre", "label", "path", "status", "sha256"]]
    return tuple(
        memory.cache(find, ignore=["progress"])(corpus, progress=progress)
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
    return bool(tracks["track_id"].isin(read_catalogue()["track_id"]).all())


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
        other, found or published; missing where alone), ``distorted`` (bool), ``artist`` and
        ``fault_filtered_split`` (``"train"``, ``"valid"``, ``"test"``, ``"excluded"``), which are
        missing where nobody knows.
    """
    pairs = repetitions[["track_id", "other_track_id", "verdict"]]
    table = tracks.assign(artist=pd.NA, fault_filtered_split=pd.NA, distorted=False)
    if published:
        known = with_catalogue(tracks[["track_id"]])
        pairs = pd.concat([pairs, _chain(known, "exact_repetition_group")])
        for column in ("artist", "fault_filtered_split", "distorted"):
            table[column] = known[column]
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
