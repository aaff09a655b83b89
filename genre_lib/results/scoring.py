"""Segments become tracks, and tracks become scores."""

import numpy as np
import pandas as pd
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

RULES = ("mean", "vote", "max", "log-mean")
_COUNTS = ("rotation", "seed", "label", "predicted", "correct", "segments", "segments_correct")


def aggregate(probabilities, track_ids, rule="mean"):
    """Make one prediction a track out of those of its segments.

    Parameters
    ----------
    probabilities : array-like
        Shape (n_segments, n_genres).
    track_ids : sequence
        Shape (n_segments,): the track of each segment.
    rule : str
        ``"mean"`` of the probabilities, as in the original; ``"vote"``, the share of segments
        whose most likely genre it is; ``"max"``, the largest probability in any segment;
        ``"log-mean"``, the geometric mean. The last two are scaled to sum to one.

    Returns
    -------
    pandas.DataFrame
        Shape (n_tracks, n_genres), indexed by track id in the order of their first segments.

    Raises
    ------
    ValueError
        If the shapes do not fit or the rule is not known.
    """
    probabilities = np.asarray(probabilities, dtype=np.float64)
    if probabilities.ndim != 2 or len(probabilities) != len(track_ids):
        raise ValueError(
            f"probabilities have the shape {probabilities.shape} for {len(track_ids)} track ids; "
            "expected (n_segments, n_genres) with one id a segment."
        )
    if rule == "vote":
        probabilities = np.eye(probabilities.shape[1])[probabilities.argmax(axis=1)]
    elif rule == "log-mean":
        # A probability that float32 has rounded to zero must not rule a genre out by itself.
        probabilities = np.log(np.maximum(probabilities, 1e-7))
    elif rule not in RULES:
        raise ValueError(f"rule {rule!r} is not known; expected one of {', '.join(RULES)}.")
    groups = pd.DataFrame(probabilities).groupby(pd.Index(track_ids, name="track_id"), sort=False)
    tracks = groups.max() if rule == "max" else groups.mean()
    if rule == "log-mean":
        tracks = np.exp(tracks)
    if rule in ("max", "log-mean"):
        tracks = tracks.div(tracks.sum(axis=1), axis=0)
    return tracks


def score_tracks(result, rule="mean", split="test"):
    """Score a run track by track: what every accuracy, interval and test is made from.

    Parameters
    ----------
    result : RunResult
        A kept run.
    rule : str
        As for `aggregate`.
    split : str
        ``"test"`` or ``"valid"``.

    Returns
    -------
    pandas.DataFrame
        One row a track: ``track_id``, ``rotation``, ``seed``, ``label``, ``predicted``,
        ``correct`` (the track, 0 or 1), ``segments`` and ``segments_correct`` (counts).
    """
    segments, probabilities = result.predictions(split)
    predicted = aggregate(probabilities, segments["track_id"], rule)
    right = (probabilities.argmax(axis=1) == segments["label"]).astype(int)
    by_track = right.groupby(segments["track_id"].to_numpy(), sort=False)
    labels = segments.drop_duplicates("track_id")["label"].to_numpy()
    table = pd.DataFrame(
        {
            "track_id": predicted.index,
            "rotation": result.facts["rotation"],
            "seed": result.facts["seed"],
            "label": labels,
            "predicted": predicted.to_numpy().argmax(axis=1),
            "segments": by_track.size().to_numpy(),
            "segments_correct": by_track.sum().to_numpy(),
        }
    )
    table.insert(5, "correct", (table["label"] == table["predicted"]).astype(int))
    return table


def pool(results, rule="mean", split="test"):
    """Score several runs, one below the other; arguments and columns as of `score_tracks`.

    Of no run at all it is a table without rows.
    """
    if not results:
        return pd.DataFrame(columns=["track_id", *_COUNTS]).astype(dict.fromkeys(_COUNTS, int))
    return pd.concat([score_tracks(r, rule, split) for r in results], ignore_index=True)


def by_rotation(scores):
    """Give the accuracies of each rotation.

    Parameters
    ----------
    scores : pandas.DataFrame
        As from `pool`.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``rotation``: ``segments`` and ``tracks``, shares of one.
    """
    groups = scores.groupby("rotation")
    return pd.DataFrame(
        {
            "segments": groups["segments_correct"].sum() / groups["segments"].sum(),
            "tracks": groups["correct"].mean(),
        }
    )


def confusion(scores, genres):
    """Count the tracks of each genre by the genre that was predicted.

    Parameters
    ----------
    scores : pandas.DataFrame
        As from `pool`.
    genres : list of str
        In the order of their labels.

    Returns
    -------
    pandas.DataFrame
        Counts; true genres down, predicted genres across.
    """
    counts = confusion_matrix(scores["label"], scores["predicted"], labels=range(len(genres)))
    return pd.DataFrame(
        counts,
        index=pd.Index(genres, name="true genre"),
        columns=pd.Index(genres, name="predicted genre"),
    )


def most_confused(counts):
    """Find the most frequent mistake.

    Parameters
    ----------
    counts : pandas.DataFrame
        As from `confusion`.

    Returns
    -------
    tuple of str, str, int
        The true genre, the predicted one, and how many tracks.
    """
    mistakes = counts.to_numpy().copy()
    np.fill_diagonal(mistakes, 0)
    true, predicted = np.unravel_index(mistakes.argmax(), mistakes.shape)
    return counts.index[true], counts.columns[predicted], int(mistakes.max())


def by_genre(scores, genres):
    """Give precision, recall and F1 of the tracks of each genre.

    Parameters
    ----------
    scores : pandas.DataFrame
        As from `pool`.
    genres : list of str
        In the order of their labels.

    Returns
    -------
    pandas.DataFrame
        ``genre``, ``precision``, ``recall``, ``F1``, ``tracks``; a precision without a
        prediction is 0.
    """
    precision, recall, f1, support = precision_recall_fscore_support(
        scores["label"], scores["predicted"], labels=range(len(genres)), zero_division=0
    )
    return pd.DataFrame(
        {"genre": genres, "precision": precision, "recall": recall, "F1": f1, "tracks": support}
    )
