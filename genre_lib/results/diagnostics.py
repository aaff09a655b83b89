"""Phases side by side, and what explains a result: the number of segments per track, overfitting,
and predictions for tracks that a network was not trained on.
"""

import dataclasses

import numpy as np
import pandas as pd

from genre_lib.experiment.phases import ACCUMULATION, NORMAL, l2_phase
from genre_lib.results import scoring, statistics


def thin_out(result, count):
    """Keep up to `count` segments of each track of a run, evenly spread and not drawn at random."""
    if count < 1:
        raise ValueError(f"count={count}; expected at least one segment per track.")
    tracks = result.segments.groupby(["split", "track_id"])["segment"]
    place = tracks.rank(method="first").to_numpy(int) - 1
    size = tracks.transform("size").to_numpy()
    # A track of m segments is cut into `count` stretches of equal length, and the segment in the
    # middle of each is kept; in whole numbers, that of stretch i is (2 i + 1) m / (2 count).
    middles = (2 * np.arange(count) + 1) * size[:, np.newaxis] // (2 * count)
    kept = (place[:, np.newaxis] == middles).any(axis=1)
    return dataclasses.replace(
        result,
        segments=result.segments[kept].reset_index(drop=True),
        probabilities=result.probabilities[kept],
    )


def segment_counts(results):
    """List the numbers of segments to try: 1, 2, 4 and so on, and all that the tracks have."""
    most = max(r.segments.groupby(["split", "track_id"]).size().max() for r in results)
    doubled = [2**k for k in range(int(most).bit_length())]
    # A power of two that is close to all says nothing new.
    return [*(count for count in doubled if count <= 0.8 * most), int(most)]


def scores_by_segments(results):
    """Score a list of RunResult as if their tracks had fewer segments, evenly spread over them.

    Returns
    -------
    dict of segments per track (1, 2, 4 and so on, and all) to pandas.DataFrame, as from `pool`
    """
    return {
        count: scoring.pool([thin_out(result, count) for result in results])
        for count in segment_counts(results)
    }


def fewest_segments(scores):
    """Find the number of segments from which on no difference to all of them is detected."""
    *fewer, fewest = sorted(scores)
    most = scores[fewest]
    for count in reversed(fewer):
        if set_against(scores[count], most)["outcome"]:
            break
        fewest = count
    return fewest


def accuracy_gaps(results):
    """Set accuracy in training against that in validation, for each of a list of RunResult.

    Returns
    -------
    pandas.DataFrame
        One row per run: ``training``, ``validation`` (accuracy of segments, shares of one) and
        ``gap`` (their difference), each followed by ``", best"`` (the epoch with the lowest
        validation loss, whose weights are kept) or by ``", last"``.
    """
    rows = []
    for result in results:
        row = {}
        for name, epoch in {"best": _best_epoch(result), "last": result.history.iloc[-1]}.items():
            row[f"training, {name}"] = epoch["accuracy"]
            row[f"validation, {name}"] = epoch["val_accuracy"]
            row[f"gap, {name}"] = epoch["accuracy"] - epoch["val_accuracy"]
        rows.append(row)
    return pd.DataFrame(rows)


def _best_epoch(result):
    return result.history.loc[result.history["val_loss"].idxmin()]


def out_of_fold(results):
    """Average the probabilities of each track over the networks that were tested on it.

    Takes a list of RunResult of one phase: rotations test other tracks, seeds the same ones.

    Returns
    -------
    pandas.DataFrame, shape (n_tracks, n_genres)
        Indexed and sorted by track id: means over the segments, then over the runs.
    """
    tested = [result.predictions() for result in results]
    tables = [scoring.aggregate(p, segments["track_id"]) for segments, p in tested]
    return pd.concat(tables).groupby(level=0).mean()


def describe_runs(results):
    """Describe a list of RunResult, one row each.

    Returns
    -------
    pandas.DataFrame
        ``rotation`` (from 1), ``seed``, ``epochs``, ``best`` (the epoch with the lowest validation
        loss), ``training`` and ``validation`` (accuracy of segments in that epoch), ``minutes``.
    """
    best = [_best_epoch(result) for result in results]
    columns = {
        "rotation": [result.facts["rotation"] + 1 for result in results],
        "seed": [result.facts["seed"] for result in results],
        "epochs": [len(result.history) for result in results],
        "best": [int(epoch["epoch"]) for epoch in best],
        "training": [epoch["accuracy"] for epoch in best],
        "validation": [epoch["val_accuracy"] for epoch in best],
        "minutes": [result.facts["seconds"] / 60 for result in results],
    }
    return pd.DataFrame(columns, dtype=None if results else float)


def on_common_rotations(named_runs):
    """Leave out the runs of rotations that not every group has; empty groups do not count.

    Takes and returns a dict of str to list of RunResult.

    Examples
    --------
    >>> named = on_common_rotations({"normal": normal, "L2": penalised})  # doctest: +SKIP
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
    named_runs : dict of str (of a phase's label, say) to list of RunResult, which may be empty
    to : str, optional group to compare the others with, on the tracks that both have tested

    Returns
    -------
    pandas.DataFrame
        One row per group, indexed by its name: ``runs``, ``rotations``, ``test tracks`` (how many);
        ``segments``, ``tracks`` (each an `Accuracy`; of a baseline, which hears whole tracks, None
        for the segments); ``validation`` (accuracy of tracks in validation); ``epochs``, ``best``,
        ``training`` (means of `describe_runs`); ``seconds`` (the median time of an epoch). With
        `to`, also ``difference`` (a `Difference`, or None if no track was tested by both), of
        `mcnemar`, ``only_reference``, ``only_this`` and ``p``; ``outcome``: 1 or -1 if the group is
        significantly better or worse, else 0; ``shared``, the number of tracks that both tested.

    Examples
    --------
    >>> compare({"normal": some, "L2": others}, to="normal")["difference"]  # doctest: +SKIP
    """
    pools = {name: scoring.pool(runs) for name, runs in named_runs.items()}
    rows = []
    for name, runs in named_runs.items():
        row = _describe_group(runs, pools[name])
        if to is not None:
            row |= set_against(pools[to], pools[name])
        rows.append(row)
    return pd.DataFrame(rows, index=pd.Index(list(named_runs), name="name"))


def _describe_group(runs, scores):
    seconds = [second for run in runs for second in run.history["seconds"]]
    whole = any(run.facts.get("phase", {}).get("baseline") for run in runs)
    return {
        "runs": len(runs),
        "rotations": scores["rotation"].nunique(),
        "test tracks": scores["track_id"].nunique(),
        "segments": None if whole else statistics.accuracy(scores, "segments"),
        "tracks": statistics.accuracy(scores, "tracks"),
        "validation": scoring.pool(runs, split="valid")["correct"].mean(),
        **describe_runs(runs)[["epochs", "best", "training"]].mean(),
        "seconds": pd.Series(seconds, dtype=float).median(),
    }


def set_against(reference, scores):
    """Compare scores, a table as from `pool`, with others: the last columns of `compare`."""
    row = {"difference": None, "only_reference": 0, "only_this": 0, "p": np.nan, "outcome": 0}
    row["shared"] = statistics.count_shared(reference, scores)
    if not row["shared"]:
        return row
    gain = statistics.difference(reference, scores)
    only_reference, only_this, p = statistics.mcnemar(reference, scores)
    # The interval of few tracks is too narrow, and the test takes the seeds of a track for other
    # tracks: a difference is significant where both say so.
    outcome = gain.sign if p < 0.05 else 0
    row |= {"difference": gain, "only_reference": only_reference, "only_this": only_this}
    return row | {"p": p, "outcome": outcome}


def original_groups(profile, runs):
    """Select the runs of the original's phases, by label: normal, one L2 phase, accumulation.

    The L2 phase is the one with the best accuracy of tracks in validation, so that the test
    partitions take no part in the choice.

    Examples
    --------
    >>> list(original_groups(workspace.profile, workspace.runs()))  # doctest: +SKIP
    ['normal', 'L2, λ = 0.0001', 'accumulation']
    """

    def in_validation(phase):
        correct = scoring.pool(runs[phase], split="valid")["correct"]
        return correct.mean() if len(correct) else -1

    penalised = [l2_phase(weight) for weight in profile.l2_lambdas]
    chosen = [max(penalised, key=in_validation)] if penalised else []
    return {phase.label: runs[phase] for phase in (NORMAL, *chosen, ACCUMULATION)}
