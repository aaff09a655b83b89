"""How much of a result is due to the network, and how much to the data."""

import pandas as pd

from genre_lib.experiment.phases import BASELINES
from genre_lib.results import scoring, statistics
from genre_lib.results.findings import on_outcomes


def by_training_size(profile, runs, leaks):
    """Set the accuracy of tracks against the size of the training set.

    Parameters
    ----------
    profile : Profile
    runs : dict of Phase to list of RunResult, the phases of `Workspace.data_phases`
    leaks : dict of int to pandas.DataFrame
        By how many partitions train, the table of `genre_lib.experiment.count_leaks`.

    Returns
    -------
    pandas.DataFrame
        One row per phase with runs, except the majority class and the published split:
        ``classifier``, ``protocol``, ``training tracks`` (on average), ``rotations``, ``tracks``
        (an `Accuracy`), ``gain`` (a `Difference` to the fewest training tracks, or None),
        ``repeated`` and ``same_artist`` (from `leaks`).
    """
    labels, fewest, rows = {phase.baseline: phase.label for phase in BASELINES}, {}, []
    for phase, found in runs.items():
        # That split has partitions of its own, and the majority class learns nothing from more.
        if not found or phase.protocol == "fault_filtered" or phase.baseline == "majority":
            continue
        leaking, scores = leaks[phase.train_partitions].loc[phase.protocol], scoring.pool(found)
        reference = fewest.setdefault((phase.baseline, phase.protocol), scores)
        against = reference is not scores and statistics.count_shared(reference, scores)
        row = {
            "classifier": labels.get(phase.baseline, "network"),
            "protocol": phase.protocol.replace("_", " "),
            "training tracks": leaking["tracks"] * phase.train_partitions / profile.n_partitions,
            "rotations": scores["rotation"].nunique(),
            "tracks": statistics.accuracy(scores),
            "gain": statistics.difference(reference, scores) if against else None,
        }
        rows.append(row | leaking[["repeated", "same_artist"]].to_dict())
    return pd.DataFrame(rows)


def on_baselines(compared):
    """Say how the baselines compare with the network, normally trained."""
    compared = compared.dropna(subset="difference")
    if compared.empty:
        return "No baseline shares a run with the normal phase, so there is nothing to compare."
    return f"Compared with the normal phase on the same tracks, {on_outcomes(compared)}."


def on_data(table):
    """Say what more training tracks add, given the table of `by_training_size`."""
    most = table.dropna(subset="gain").query("protocol == 'original'")
    most = most.drop_duplicates("classifier", keep="last")
    return " ".join(
        f"Under the original protocol with {row['training tracks']:.0f} training tracks, accuracy "
        f"of tracks is {row['tracks']} ({row['classifier']}), a difference of {row['gain']} points "
        "from the smallest training set."
        for _, row in most.iterrows()
    )
