"""Tracks that repeat each other: equal audio, and the same recording in another guise."""

from functools import lru_cache

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from genre_lib.corpus.audio import read_audio
from genre_lib.corpus.tracks import usable
from genre_lib.faults.coherence import coherence
from genre_lib.faults.landmarks import fingerprint_tracks, match_all

MIN_MATCHES, MIN_COHERENCE, MIN_OVERLAP = 20, 0.25, 4.0
"""Two tracks are of one recording from this many landmarks in common at one offset, this coherence
of the waveforms there (see `genre_lib.faults.coherence.coherence`), and this overlap in seconds.
"""

_WORTH_LISTING = 10  # landmarks; more than chance, so that a reader sees the near misses


def find_exact_repetitions(corpus):
    """Find tracks of equal audio after decoding, whatever their containers and genres.

    Parameters
    ----------
    corpus : pandas.DataFrame
        As from `genre_lib.corpus.tracks.load_corpus`; only usable tracks are compared.

    Returns
    -------
    pandas.DataFrame
        One row a pair: ``track_id`` and ``other_track_id`` (in the order of the corpus), ``score``
        (1.0: there is no nearly here), ``verdict`` (True), ``group`` (the first track of those
        that are all equal).
    """
    tracks = usable(corpus)[["track_id", "sha256"]].reset_index(names="row")
    pairs = tracks.merge(tracks.add_prefix("other_"), left_on="sha256", right_on="other_sha256")
    pairs = pairs[pairs["row"] < pairs["other_row"]]
    pairs = pairs.sort_values(["row", "other_row"], ignore_index=True)
    pairs = pairs[["track_id", "other_track_id"]].assign(score=1.0, verdict=True)
    return _with_groups(corpus, pairs)


def find_same_recordings(corpus, *, progress=True):
    """Find tracks that hold the same recording, even shifted, re-encoded or filtered.

    Landmark fingerprints name the candidates and their offsets (`genre_lib.faults.landmarks`), the
    coherence of the waveforms decides (`genre_lib.faults.coherence`). Another performance of the same
    song is another recording, and is not found; nor is a copy played faster or slower by more
    than a twentieth of a percent.

    Parameters
    ----------
    corpus : pandas.DataFrame
        As from `genre_lib.corpus.tracks.load_corpus`; only usable tracks are compared.
    progress : bool
        Show progress bars.

    Returns
    -------
    pandas.DataFrame
        One row a pair with ten landmarks or more in common, the most alike first:
        ``track_id`` and ``other_track_id`` (in the order of the corpus), ``score`` (coherence, 0
        to 1), ``verdict`` (bool; see `MIN_COHERENCE`), ``group`` (the first of the tracks that
        verdicts join; missing where the verdict is False), ``matches`` (landmarks in common),
        ``share`` (of the landmarks, 0 to 1), ``offset_s`` (where the other track begins on the
        clock of the first, in seconds), ``overlap_s`` (how long both sound, in seconds).
    """
    tracks = usable(corpus)
    marks = fingerprint_tracks(tracks["path"], progress=progress)
    pairs = match_all(marks, min_matches=_WORTH_LISTING, progress=progress)
    read = lru_cache(maxsize=64)(read_audio)  # a track can be in many pairs
    pairs["score"] = [
        coherence(
            read(tracks["path"][pair.first]), read(tracks["path"][pair.second]), pair.offset_s
        )
        for pair in pairs.itertuples()
    ]
    pairs["verdict"] = (
        (pairs["matches"] >= MIN_MATCHES)
        & (pairs["score"] >= MIN_COHERENCE)
        & (pairs["overlap_s"] >= MIN_OVERLAP)
    )
    pairs["track_id"] = tracks["track_id"].loc[pairs["first"]].to_numpy()
    pairs["other_track_id"] = tracks["track_id"].loc[pairs["second"]].to_numpy()
    order = ["verdict", "score", "track_id", "other_track_id"]
    pairs = pairs.sort_values(order, ascending=[False, False, True, True], ignore_index=True)
    columns = ["track_id", "other_track_id", "score", "verdict", "group", "matches", "share"]
    return _with_groups(corpus, pairs)[[*columns, "offset_s", "overlap_s"]]


def repetition_groups(corpus, pairs):
    """Turn pairs into groups: what is like the same track is in one group.

    Parameters
    ----------
    corpus : pandas.DataFrame
        With the column ``track_id``.
    pairs : pandas.DataFrame
        As from `find_exact_repetitions` or `find_same_recordings`; only those with a verdict count.

    Returns
    -------
    pandas.Series
        The group of each row of `corpus`, named by its first track; missing where a track is
        alone. It can be given to `genre_lib.corpus.partitions.make_partitions` as its groups.
    """
    pairs = pairs[pairs["verdict"].astype(bool)]
    ids = corpus["track_id"].drop_duplicates().reset_index(drop=True)
    place = pd.Series(ids.index, index=ids)
    ends = [place.loc[pairs[side]].to_numpy() for side in ("track_id", "other_track_id")]
    graph = coo_array((np.ones(len(pairs)), ends), shape=(len(ids), len(ids)))
    _, component = connected_components(graph, directed=False)
    group = ids.groupby(component).transform("first")
    group = group.where(ids.groupby(component).transform("size") > 1)
    return corpus["track_id"].map(group.set_axis(ids)).rename("group")


def _with_groups(corpus, pairs):
    groups = repetition_groups(corpus, pairs).set_axis(corpus["track_id"])
    groups = groups[~groups.index.duplicated()]
    return pairs.assign(group=pairs["track_id"].map(groups).where(pairs["verdict"]))
