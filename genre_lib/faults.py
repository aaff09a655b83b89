"""The faults of a corpus: those published about GTZAN, and detectors that find them untold.

`catalogue`, `with_catalogue` and `compare_with_catalogue` are in `genre_lib.published`; no detector
reads them.
"""

from functools import lru_cache

import joblib
import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from tqdm import tqdm

from genre_lib.alignment import coherence
from genre_lib.audio import read_audio
from genre_lib.corpus import genre_names, usable
from genre_lib.distortions import LIMITS, describe_distortions, measure_distortions
from genre_lib.fingerprints import fingerprint_tracks, match_all
from genre_lib.published import (
    PUBLISHED_COUNTS,
    catalogue,
    compare_with_catalogue,
    with_catalogue,
)

__all__ = [
    "MIN_COHERENCE",
    "MIN_MATCHES",
    "MIN_OVERLAP",
    "PUBLISHED_COUNTS",
    "catalogue",
    "compare_with_catalogue",
    "find_distortions",
    "find_exact_repetitions",
    "find_label_errors",
    "find_same_recordings",
    "repetition_groups",
    "with_catalogue",
]

MIN_MATCHES, MIN_COHERENCE, MIN_OVERLAP = 20, 0.25, 4.0
"""Two tracks are of one recording from this many landmarks in common at one offset, this coherence
of the waveforms there (see `genre_lib.alignment.coherence`), and this overlap in seconds.
"""

_WORTH_LISTING = 10  # landmarks; more than chance, so that a reader sees the near misses


def find_exact_repetitions(corpus):
    """Find tracks of equal audio after decoding, whatever their containers and genres.

    Parameters
    ----------
    corpus : pandas.DataFrame
        As from `genre_lib.corpus.load_corpus`; only usable tracks are compared.

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


def find_same_recordings(corpus, *, jobs=-1, progress=True):
    """Find tracks that hold the same recording, even shifted, re-encoded or filtered.

    Landmark fingerprints name the candidates and their offsets (`genre_lib.fingerprints`), the
    coherence of the waveforms decides (`genre_lib.alignment`). Another performance of the same
    song is another recording, and is not found; nor is a copy played faster or slower by more
    than a twentieth of a percent.

    Parameters
    ----------
    corpus : pandas.DataFrame
        As from `genre_lib.corpus.load_corpus`; only usable tracks are compared.
    jobs : int
        Threads, as joblib counts them.
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
    marks = fingerprint_tracks(tracks["path"], jobs=jobs, progress=progress)
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
        alone. It can be given to `genre_lib.partitions.make_partitions` as its groups.
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


def find_distortions(corpus, *, jobs=-1, progress=True):
    """Find tracks with clipping, dropouts, or long digital noise or silence.

    Parameters
    ----------
    corpus : pandas.DataFrame
        As from `genre_lib.corpus.load_corpus`; only usable tracks are measured.
    jobs : int
        Threads, as joblib counts them.
    progress : bool
        Show a progress bar.

    Returns
    -------
    pandas.DataFrame
        One row a track, the worst first: ``track_id``, ``score`` (the worst measure as a multiple
        of its limit in `genre_lib.distortions.LIMITS`), ``verdict`` (bool: a score of 1 or more),
        ``reason`` (in words, empty where the verdict is False), and the measures ``clipping``,
        ``dropouts``, ``noise_s`` and ``silence_s`` of
        `genre_lib.distortions.measure_distortions`.
    """
    tracks = usable(corpus)
    work = joblib.Parallel(n_jobs=jobs, prefer="threads", return_as="generator")(
        joblib.delayed(_measure)(path) for path in tracks["path"]
    )
    bar = tqdm(work, total=len(tracks), desc="Distortions", unit="track", disable=not progress)
    measures = list(bar)
    table = tracks[["track_id"]].copy()
    table["score"] = [max(m[k] / LIMITS[k] for k in LIMITS) for m in measures]
    table["verdict"] = table["score"] >= 1
    table["reason"] = [describe_distortions(m) for m in measures]
    table = pd.concat([table, pd.DataFrame(measures, columns=list(LIMITS))], axis=1)
    return table.sort_values(["score", "track_id"], ascending=[False, True], ignore_index=True)


def _measure(path):
    return measure_distortions(read_audio(path))


def find_label_errors(tracks, probabilities):
    """Rank the tracks by how little a classifier that never saw them believes their genre.

    Confident learning (Northcutt, Jiang and Chuang, *Confident Learning: Estimating Uncertainty in
    Dataset Labels*, JAIR 2021) as cleanlab does it. A suspect is a suggestion to listen, no proof.

    Parameters
    ----------
    tracks : pandas.DataFrame
        With ``track_id``, ``genre`` and ``label``, every genre at least once.
    probabilities : array-like
        Shape (n_tracks, n_genres), in the order of `tracks` and of the labels: of each track from
        a model that was not trained on it. Rows add up to 1.

    Returns
    -------
    pandas.DataFrame
        One row a track, the most suspect first: ``track_id``, ``genre``, ``suggested_genre`` (the
        most probable one, which may be the genre itself), ``score`` (self-confidence: the
        probability of the genre that the track has, 0 to 1), ``verdict`` (bool: cleanlab counts
        the label among the errors).

    Raises
    ------
    ValueError
        If the shapes do not agree, or `probabilities` are none.
    """
    # Imported here: it takes a second, and the other detectors do without.
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    genres = genre_names(tracks)
    probabilities = np.asarray(probabilities, np.float64)
    if probabilities.shape != (len(tracks), len(genres)):
        raise ValueError(
            f"probabilities of shape {probabilities.shape} for {len(tracks)} tracks of "
            f"{len(genres)} genres. Expected ({len(tracks)}, {len(genres)}), a row for each track."
        )
    total = probabilities.sum(axis=1)
    if not np.allclose(total, 1, atol=1e-3) or (probabilities < 0).any():
        worst = int(np.argmax(np.nan_to_num(np.abs(total - 1), nan=np.inf)))
        raise ValueError(
            f"the probabilities of {tracks['track_id'].iloc[worst]} add up to {total[worst]:g}. "
            "Expected numbers of at least 0 that add up to 1; apply a softmax to the logits."
        )
    labels = tracks["label"].to_numpy()
    table = tracks[["track_id", "genre"]].reset_index(drop=True)
    table["suggested_genre"] = np.array(genres)[probabilities.argmax(axis=1)]
    table["score"] = get_label_quality_scores(labels, probabilities, method="self_confidence")
    table["verdict"] = find_label_issues(labels, probabilities, n_jobs=1)
    return table.sort_values(["score", "track_id"], ignore_index=True)
