"""What explains a result: how many segments a track needs, how far training went too far, and
what the networks say of tracks that they were not trained on.
"""

import dataclasses

import numpy as np
import pandas as pd

from genre_lib.results import scoring, statistics


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
        As for `genre_lib.results.scoring.aggregate`.

    Returns
    -------
    dict of int to pandas.DataFrame
        By the number of segments a track (as from `segment_counts`, chosen as by `thin_out`), the
        scores as from `genre_lib.results.scoring.pool`.
    """
    return {
        count: scoring.pool([thin_out(result, count) for result in results], rule)
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
        an amount whose 95% interval includes zero (`genre_lib.results.statistics.difference`).
    """
    *fewer, fewest = sorted(scores)
    most = scores[fewest]
    for count in reversed(fewer):
        if statistics.difference(scores[count], most).sign:
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
    tables = [scoring.aggregate(p, segments["track_id"]) for segments, p in tested]
    return pd.concat(tables).groupby(level=0).mean()


def describe_runs(results):
    """Sum up some runs, one row each.

    Parameters
    ----------
    results : list of RunResult

    Returns
    -------
    pandas.DataFrame
        ``rotation`` (from 1), ``seed``, ``epochs``, ``best`` (the epoch with the lowest validation
        loss), ``training`` and ``validation`` (accuracy of segments in that epoch), ``minutes``.

    Examples
    --------
    >>> describe_runs([])["epochs"].mean()
    nan
    """
    rows = []
    for result in results:
        best = result.history.loc[result.history["val_loss"].idxmin()]
        rows.append(
            {
                "rotation": result.facts["rotation"] + 1,
                "seed": result.facts["seed"],
                "epochs": len(result.history),
                "best": int(best["epoch"]),
                "training": best["accuracy"],
                "validation": best["val_accuracy"],
                "minutes": result.facts["seconds"] / 60,
            }
        )
    columns = ["rotation", "seed", "epochs", "best", "training", "validation", "minutes"]
    return pd.DataFrame(rows, columns=columns, dtype=None if rows else float)


def on_common_rotations(named_runs):
    """Leave out the runs of rotations that not every group has; empty groups do not count.

    Parameters
    ----------
    named_runs : dict of str to list of RunResult

    Returns
    -------
    dict of str to list of RunResult

    Examples
    --------
    >>> on_common_rotations({"normal": [], "accumulation": []})
    {'normal': [], 'accumulation': []}
    """
    rotations = [{run.facts["rotation"] for run in runs} for runs in named_runs.values() if runs]
    common = set.intersection(*rotations) if rotations else set()
    return {
        name: [run for run in runs if run.facts["rotation"] in common]
        for name, runs in named_runs.items()
    }


def compare(named_runs, to=None):
    """Put groups of runs side by side, and compare each with one of them.

    Parameters
    ----------
    named_runs : dict of str to list of RunResult
        The runs of a phase, say, by its label. A group may be empty.
    to : str, optional
        The group that the others are compared with, on the tracks that both have tested.

    Returns
    -------
    pandas.DataFrame
        One row per group, indexed by its name:

        - ``runs``, ``rotations``, ``test tracks``: how many,
        - ``segments``, ``tracks``: the accuracy on the test partitions, as `accuracy` gives it,
        - ``validation``: the accuracy of tracks on the validation partitions, a share of one,
        - ``epochs``, ``best``, ``training``: means over the runs, as from `describe_runs`,
        - ``seconds``: the median time of an epoch.

        With `to`, also ``difference`` (in the accuracy of tracks, as `difference` gives it; None
        if no track was tested by both), and of `mcnemar`, ``only_reference``, ``only_this`` (tracks
        that only one of the two recognises) and ``p``.

    Raises
    ------
    KeyError
        If `to` is not among the groups.

    Examples
    --------
    >>> runs = workspace.runs(NORMAL, ACCUMULATION)  # doctest: +SKIP
    >>> named = {phase.label: found for phase, found in runs.items()}  # doctest: +SKIP
    >>> compare(named, to="normal")[["tracks", "difference", "p"]]  # doctest: +SKIP
    """
    pools = {name: scoring.pool(runs) for name, runs in named_runs.items()}
    rows = []
    for name, runs in named_runs.items():
        row = _describe_group(runs, pools[name])
        if to is not None:
            row |= _set_against(pools[to], pools[name])
        rows.append(row)
    return pd.DataFrame(rows, index=pd.Index(list(named_runs), name="name"))


def _describe_group(runs, scores):
    described = describe_runs(runs)
    seconds = [second for run in runs for second in run.history["seconds"]]
    return {
        "runs": len(runs),
        "rotations": scores["rotation"].nunique(),
        "test tracks": scores["track_id"].nunique(),
        "segments": statistics.accuracy(scores, "segments"),
        "tracks": statistics.accuracy(scores, "tracks"),
        "validation": scoring.pool(runs, split="valid")["correct"].mean(),
        **described[["epochs", "best", "training"]].mean(),
        "seconds": pd.Series(seconds, dtype=float).median(),
    }


def _set_against(reference, scores):
    if not statistics.comparable(reference, scores):
        return {"difference": None, "only_reference": 0, "only_this": 0, "p": np.nan}
    test = statistics.mcnemar(reference, scores)
    return {
        "difference": statistics.difference(reference, scores),
        "only_reference": test.only_first,
        "only_this": test.only_second,
        "p": test.p_value,
    }
