"""What explains a result: how many segments a track needs, how far training went too far, and
what the networks say of tracks that they were not trained on.
"""

import dataclasses

import numpy as np
import pandas as pd

from genre_lib import evaluation


def thin_out(result, count):
    """Keep some segments of each track, evenly spread over it.

    A track of m segments is cut into `count` stretches of equal length, and the segment in the
    middle of each is kept: of 21 segments and a count of 1 the eleventh. It is no random draw.

    Parameters
    ----------
    result : RunResult
        A kept run.
    count : int
        Segments to keep of each track; all where it has no more.

    Returns
    -------
    RunResult
        With fewer rows in ``segments`` and ``probabilities``.

    Raises
    ------
    ValueError
        If the count is below 1.
    """
    if count < 1:
        raise ValueError(f"count={count}; expected at least one segment a track.")
    tracks = result.segments.groupby(["split", "track_id"])["segment"]
    place = tracks.rank(method="first").to_numpy(int) - 1
    size = tracks.transform("size").to_numpy()
    # Whole numbers: the middle of stretch i is at (2 i + 1) m / (2 count).
    middles = (2 * np.arange(count) + 1) * size[:, np.newaxis] // (2 * count)
    kept = (place[:, np.newaxis] == middles).any(axis=1)
    return dataclasses.replace(
        result,
        segments=result.segments[kept].reset_index(drop=True),
        probabilities=result.probabilities[kept],
    )


def segment_counts(results):
    """List the numbers of segments to try: 1, 2, 4 and so on, and all that the tracks have.

    Parameters
    ----------
    results : list of RunResult

    Returns
    -------
    list of int
        Ascending; a power of two that is close to all is left out.
    """
    most = max(r.segments.groupby(["split", "track_id"]).size().max() for r in results)
    doubled = [2**k for k in range(int(most).bit_length())]
    return [*(count for count in doubled if count <= 0.8 * most), int(most)]


def scores_by_segments(results, rule="mean"):
    """Score some runs as if their tracks had fewer segments.

    Parameters
    ----------
    results : list of RunResult
    rule : str
        As for `genre_lib.evaluation.aggregate`.

    Returns
    -------
    dict of int to pandas.DataFrame
        By the number of segments a track (as from `segment_counts`, chosen as by `thin_out`), the
        scores as from `genre_lib.evaluation.pool`.
    """
    return {
        count: evaluation.pool([thin_out(result, count) for result in results], rule)
        for count in segment_counts(results)
    }


def fewest_segments(scores):
    """Find from which number of segments on the rest makes no difference that can be told.

    Parameters
    ----------
    scores : dict of int to pandas.DataFrame
        As from `scores_by_segments`.

    Returns
    -------
    int
        The smallest number from which on every one that was tried differs from all segments by
        an amount whose 95% interval includes zero (`genre_lib.evaluation.difference`).
    """
    *fewer, fewest = sorted(scores)
    most = scores[fewest]
    for count in reversed(fewer):
        if evaluation.difference(scores[count], most).sign:
            break
        fewest = count
    return fewest


def accuracy_gaps(results):
    """Put accuracy in training beside accuracy in validation, at the best epoch and at the last.

    Parameters
    ----------
    results : list of RunResult

    Returns
    -------
    pandas.DataFrame
        One row a run: ``training``, ``validation`` (accuracy of segments, shares of one) and
        ``gap`` (their difference), each followed by ``", best"`` (the epoch with the lowest
        validation loss, whose weights are kept) or by ``", last"``.
    """
    rows = []
    for result in results:
        history = result.history
        epochs = {"best": history.loc[history["val_loss"].idxmin()], "last": history.iloc[-1]}
        row = {}
        for name, epoch in epochs.items():
            row[f"training, {name}"] = epoch["accuracy"]
            row[f"validation, {name}"] = epoch["val_accuracy"]
            row[f"gap, {name}"] = epoch["accuracy"] - epoch["val_accuracy"]
        rows.append(row)
    return pd.DataFrame(rows)


def out_of_fold(results):
    """Give each track the probabilities of the networks that were tested on it.

    Parameters
    ----------
    results : list of RunResult
        Of one phase; rotations test different tracks, seeds the same ones.

    Returns
    -------
    pandas.DataFrame
        Shape (n_tracks, n_genres), indexed by track id: the mean over the segments of a track,
        then over the runs that tested it. Sorted by track id.
    """
    tested = [result.predictions("test") for result in results]
    tables = [evaluation.aggregate(p, segments["track_id"]) for segments, p in tested]
    return pd.concat(tables).groupby(level=0).mean()
