"""How much of a result is due to the network, and how much to the data."""

import pandas as pd

from genre_lib.experiment.phases import BASELINES
from genre_lib.results import scoring, statistics
from genre_lib.results.diagnostics import set_against
from genre_lib.results.findings import on_outcomes
from genre_lib.results.wording import count, join

_LABELS = {phase.baseline: phase.label for phase in BASELINES}


def _classifier(phase):
    plain = "improved network" if phase.name.startswith("improved") else "network"
    return _LABELS.get(phase.baseline, plain)


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
    fewest, rows = {}, []
    for phase, found in runs.items():
        # That split has partitions of its own, and the majority class learns nothing from more.
        if not found or phase.protocol == "fault_filtered" or phase.baseline == "majority":
            continue
        leaking, scores = leaks[phase.train_partitions].loc[phase.protocol], scoring.pool(found)
        reference = fewest.setdefault((_classifier(phase), phase.protocol), scores)
        against = reference is not scores and statistics.count_shared(reference, scores)
        row = {
            "classifier": _classifier(phase),
            "protocol": phase.protocol.replace("_", " "),
            "training tracks": leaking["tracks"] * phase.train_partitions / profile.n_partitions,
            "rotations": scores["rotation"].nunique(),
            "tracks": statistics.accuracy(scores),
            "gain": statistics.difference(reference, scores) if against else None,
        }
        rows.append(row | leaking[["repeated", "same_artist"]].to_dict())
    return pd.DataFrame(rows)


def compare_improved(runs):
    """Compare the improved network with the plain one and with the SVM, on the same tracks.

    Takes the runs of `Workspace.data_phases`, as `by_training_size` does.

    Returns
    -------
    pandas.DataFrame
        One row per protocol, size of the training set and rival that has runs: ``protocol``,
        ``partitions`` (that train), ``improved`` (an `Accuracy` of tracks), ``compared with``,
        ``accuracy`` (of the rival), and the columns that `compare` has for differences.

    Examples
    --------
    >>> compare_improved(workspace.runs(*workspace.data_phases()))  # doctest: +SKIP
    """
    pools = {
        (_classifier(phase), phase.protocol, phase.train_partitions): scoring.pool(found)
        for phase, found in runs.items()
        if found
    }
    rows = []
    for (name, protocol, size), scores in pools.items():
        for rival in ("network", _LABELS["svm"]) if name == "improved network" else ():
            reference = pools.get((rival, protocol, size))
            if reference is None or not statistics.count_shared(reference, scores):
                continue
            row = {"protocol": protocol.replace("_", " "), "partitions": size}
            named = "plain network" if rival == "network" else rival
            row |= {"improved": statistics.accuracy(scores), "compared with": named}
            row |= {"accuracy": statistics.accuracy(reference)} | set_against(reference, scores)
            rows.append(row)
    return pd.DataFrame(rows)


def on_improved(table):
    """Say how the improved network compares with its rivals, given `compare_improved`."""
    if table.empty:
        return "The improved network shares no run with the others, so there is nothing to compare."
    words = {1: "significantly better than", -1: "significantly worse than"}
    parts = []
    for (protocol, size), rows in table.groupby(["protocol", "partitions"], sort=False):
        rivals = [
            f"{words.get(row['outcome'], 'not significantly different from')} "
            f"{_the_rival(row['compared with'])} ({row['difference']} points)"
            for _, row in rows.iterrows()
        ]
        where = f"under the protocol *{protocol}* with {count(size, 'training partition')}"
        parts.append(f"{where}, the improved network is {join(rivals)}")
    return f"On the same tracks, {'; '.join(parts)}."


def _the_rival(name):
    return f"the {name}" if name == "plain network" else f"the baseline *{name}*"


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
