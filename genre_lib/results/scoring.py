"""Segments become tracks, and tracks become scores."""

import numpy as np
import pandas as pd
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

RULES = ("mean", "vote", "max", "log-mean")
"""How the predictions for the segments of a track are joined.

``mean`` of the probabilities, as in the original; ``vote``, the share of segments whose most likely
genre it is; ``max``, the largest probability in any segment; ``log-mean``, the geometric mean. The
last two are scaled to sum to one.
"""

_COUNTS = ("rotation", "seed", "label", "predicted", "correct", "segments", "segments_correct")


def aggregate(probabilities, track_ids, rule="mean"):
    """Join the predictions for segments into a table of shape (n_tracks, n_genres), by track id."""
    probabilities = np.asarray(probabilities, dtype=np.float64)
    if probabilities.ndim != 2 or len(probabilities) != len(track_ids):
        raise ValueError(
            f"probabilities have the shape {probabilities.shape} for {len(track_ids)} track ids; "
            "expected (n_segments, n_genres) with one id per segment."
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
    return tracks.div(tracks.sum(axis=1), axis=0) if rule in ("max", "log-mean") else tracks


def score_tracks(result, rule="mean", split="test"):
    """Score a run track by track, in a table as `pool` describes it."""
    segments, probabilities = result.predictions(split)
    tracks = aggregate(probabilities, segments["track_id"], rule)
    label = segments.drop_duplicates("track_id")["label"].to_numpy()
    predicted = tracks.to_numpy().argmax(axis=1)
    right = (probabilities.argmax(axis=1) == segments["label"]).astype(int)
    by_track = right.groupby(segments["track_id"].to_numpy(), sort=False)
    return pd.DataFrame(
        {
            "track_id": tracks.index,
            "rotation": result.facts["rotation"],
            "seed": result.facts["seed"],
            "label": label,
            "predicted": predicted,
            "correct": (label == predicted).astype(int),
            "segments": by_track.size().to_numpy(),
            "segments_correct": by_track.sum().to_numpy(),
        }
    )


def pool(results, rule="mean", split="test"):
    """Score runs track by track; accuracies, intervals and tests are computed from this table.

    Parameters
    ----------
    results : list of RunResult, which may be empty
    rule : str, one of `RULES`
    split : {"test", "valid"}

    Returns
    -------
    pandas.DataFrame
        One row per track and run: ``track_id``, ``rotation``, ``seed``, ``label``, ``predicted``,
        ``correct`` (0 or 1), ``segments`` and ``segments_correct`` (counts).

    Examples
    --------
    >>> pool(workspace.runs(NORMAL)[NORMAL])["correct"].mean()  # doctest: +SKIP
    """
    if not results:
        return pd.DataFrame(columns=["track_id", *_COUNTS]).astype(dict.fromkeys(_COUNTS, int))
    return pd.concat([score_tracks(r, rule, split) for r in results], ignore_index=True)


def by_rotation(scores):
    """Compute the accuracies of each rotation from a table as `pool` returns it.

    Returns
    -------
    pandas.DataFrame, indexed by ``rotation`` (from 0): ``segments``, ``tracks`` (shares of one)
    """
    sums = scores.groupby("rotation")[["segments_correct", "segments"]].sum()
    return pd.DataFrame(
        {
            "segments": sums["segments_correct"] / sums["segments"],
            "tracks": scores.groupby("rotation")["correct"].mean(),
        }
    )


def confusion(scores, genres):
    """Count the tracks of each genre by the genre that was predicted.

    Parameters
    ----------
    scores : pandas.DataFrame from `pool`
    genres : list of str, in the order of their labels

    Returns
    -------
    pandas.DataFrame, shape (n_genres, n_genres): true genres down, predicted genres across
    """
    counts = confusion_matrix(scores["label"], scores["predicted"], labels=range(len(genres)))
    true, predicted = (pd.Index(genres, name=f"{kind} genre") for kind in ("true", "predicted"))
    return pd.DataFrame(counts, true, predicted)


def most_confused(counts):
    """Find the most frequent mistake in a `confusion`: true genre, predicted genre, and tracks."""
    mistakes = counts.to_numpy().copy()
    np.fill_diagonal(mistakes, 0)
    true, predicted = np.unravel_index(mistakes.argmax(), mistakes.shape)
    return counts.index[true], counts.columns[predicted], int(mistakes.max())


def by_genre(scores, genres):
    """Compute precision, recall and F1 of the tracks of each genre.

    Parameters
    ----------
    scores : pandas.DataFrame from `pool`
    genres : list of str, in the order of their labels

    Returns
    -------
    pandas.DataFrame
        ``genre``, ``precision`` (0 without a prediction), ``recall``, ``F1``, ``tracks``.
    """
    precision, recall, f1, support = precision_recall_fscore_support(
        scores["label"], scores["predicted"], labels=range(len(genres)), zero_division=0
    )
    return pd.DataFrame(
        {"genre": genres, "precision": precision, "recall": recall, "F1": f1, "tracks": support}
    )
