"""Find tracks that repeat each other: equal audio, or the same recording in another version."""

from functools import lru_cache
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from genre_lib.corpus.store import track_reader
from genre_lib.corpus.tracks import usable
from genre_lib.faults.coherence import coherence
from genre_lib.faults.landmarks import find_landmarks, match_all
from genre_lib.progress import thread_map

# Landmarks in common at one offset, coherence there, and seconds during which both tracks sound.
_SAME_RECORDING = "matches >= 20 and score >= 0.25 and overlap_s >= 4"
_WORTH_LISTING = 10  # landmarks: more than by chance; it lets a reader see the near misses


def find_exact_repetitions(corpus):
    """Find tracks whose decoded audio is equal, in any container and genre.

    One row per pair: ``track_id``, ``other_track_id`` (later in the corpus), ``score`` (1.0),
    ``verdict`` (True) and ``group`` (the first of the tracks that are all equal).
    """
    equal = usable(corpus).groupby("sha256", sort=False)["track_id"]
    pairs = [(*pair, ids.iloc[0]) for _, ids in equal for pair in combinations(ids, 2)]
    table = pd.DataFrame(pairs, columns=["track_id", "other_track_id", "group"])
    return table.assign(score=1.0, verdict=True)


def find_same_recordings(corpus, *, progress=True):
    """Find tracks that hold the same recording, even if shifted, re-encoded or filtered.

    One row per pair with enough in common, the most alike first: ``track_id``, ``other_track_id``
    (later in the corpus), ``matches`` (landmarks in common), ``offset_s`` (when the other track
    begins on the clock of the first, in seconds), ``overlap_s`` (how long both sound), ``score``
    (coherence, 0 to 1), ``verdict`` and ``group`` (the first of the tracks that verdicts join).
    """
    # Landmarks name the candidates and their offsets; the coherence of the waveforms decides. Not
    # found: another performance of a song, and a copy faster or slower by more than 0.05%.
    tracks = usable(corpus)
    bar = {"desc": "Fingerprints", "unit": "track", "progress": progress}
    read = track_reader(tracks)
    marks = thread_map(lambda name: find_landmarks(read(name)), tracks["track_id"], **bar)
    pairs = match_all(marks, min_matches=_WORTH_LISTING, progress=progress)
    pairs.insert(0, "track_id", pairs["first"].map(tracks["track_id"]))
    pairs.insert(1, "other_track_id", pairs["second"].map(tracks["track_id"]))
    read = lru_cache(maxsize=64)(read)
    ends = [pairs[column] for column in ("track_id", "other_track_id", "offset_s")]
    bar = {"desc": "Coherence", "unit": "pair", "progress": progress}
    pairs["score"] = thread_map(lambda a, b, at: coherence(read(a), read(b), at), *ends, **bar)
    pairs["verdict"] = pairs.eval(_SAME_RECORDING)
    pairs["group"] = pairs["first"].map(repetition_groups(tracks, pairs)).where(pairs["verdict"])
    pairs = pairs.drop(columns=["first", "second"])
    order = ["verdict", "score", "track_id", "other_track_id"]
    return pairs.sort_values(order, ascending=[False, False, True, True], ignore_index=True)


def repetition_groups(corpus, pairs):
    """Name the group of repetitions of each track of a corpus; missing if it has none."""
    ids = corpus["track_id"].drop_duplicates()
    ids = ids.set_axis(ids)
    pairs = pairs[pairs["verdict"].astype(bool)]
    ends = [ids.index.get_indexer(pairs[side]) for side in ("track_id", "other_track_id")]
    graph = coo_array((np.ones(len(pairs)), ends), shape=(len(ids), len(ids)))
    members = ids.groupby(connected_components(graph, directed=False)[1])
    first = members.transform("first").where(members.transform("size") > 1)
    return corpus["track_id"].map(first).rename("group")


def same_recordings(corpus, recordings):
    """Select pairs of the same recording, and mark those that are exact or cross genres.

    Parameters
    ----------
    corpus, recordings : pandas.DataFrame from `load_corpus` and from `find_same_recordings`

    Returns
    -------
    pandas.DataFrame, the rows with a verdict, with ``exact`` and ``across_genres`` (bool)

    Examples
    --------
    >>> same_recordings(corpus, find_same_recordings(corpus))["exact"].sum()  # doctest: +SKIP
    """
    same = recordings[recordings["verdict"]].reset_index(drop=True)
    ends = ["track_id", "other_track_id"]
    exact = pd.MultiIndex.from_frame(find_exact_repetitions(corpus)[ends])
    genre = usable(corpus).set_index("track_id")["genre"]
    return same.assign(
        exact=pd.MultiIndex.from_frame(same[ends]).isin(exact),
        across_genres=same["track_id"].map(genre) != same["other_track_id"].map(genre),
    )
