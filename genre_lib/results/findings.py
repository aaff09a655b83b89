"""What the results of a run say, as sentences: each is computed, none is written in advance."""

import pandas as pd

from genre_lib.display import escape_markdown
from genre_lib.experiment.runs import plan
from genre_lib.results import scoring, statistics
from genre_lib.results.calibration import calibration_error, overconfidence, reliability
from genre_lib.results.diagnostics import fewest_segments
from genre_lib.results.statistics import points

WIDE = 0.1
"""A gap of accuracy in training and in validation above which this report speaks of overfitting."""

FEWEST = 6
"""Tracks that must differ for McNemar's exact test to reach 5%: 2 / 2**6 = 0.031, 2 / 2**5 not."""


def on_gaps(profile, runs):
    """Name the phases that lack runs of the plan.

    Parameters
    ----------
    profile : Profile
    runs : dict of Phase to list of RunResult
        As from `Workspace.runs`.

    Returns
    -------
    str
        Empty where nothing is missing.
    """
    counts = {phase.name: (len(found), len(plan(profile, phase))) for phase, found in runs.items()}
    gaps = [
        f"{name} ({found or 'no run'} of {planned})"
        for name, (found, planned) in counts.items()
        if found < planned
    ]
    if not gaps:
        return ""
    return (
        f"**Not every run of the plan is there**: {', '.join(gaps)}. What follows is of those that "
        "are."
    )


def on_phases(compared):
    """Say which phases can be told apart from normal, and what the intervals leave open.

    Parameters
    ----------
    compared : pandas.DataFrame
        The other phases, as from `genre_lib.results.compare` with normal.

    Returns
    -------
    str

    Examples
    --------
    >>> compared = compare(named_runs, to="normal").drop("normal")  # doctest: +SKIP
    >>> on_phases(compared)  # doctest: +SKIP
    """
    if compared.empty:
        return "No other phase shares a run with the normal one, so that none can be compared."
    apart = list(compared.index[compared["p"] < 0.05])
    sentences = [
        f"At the 5% level, {' and '.join(apart)} can be told apart from the normal phase here."
        if apart
        else "At the 5% level, no other phase can be told apart from normal here, which is no "
        "evidence that they are equal."
    ]
    for name, number in (compared["only_reference"] + compared["only_this"]).items():
        if number < FEWEST:
            sentences.append(
                f"With {name} the two differ on {number or 'none'} of the tracks, too few for any "
                "outcome of the test to be significant."
            )
    room = [
        f"{points(gain.low)} to {points(gain.high)} points ({name})"
        for name, gain in compared["difference"].items()
        if gain.low < gain.high
    ]
    if room:
        sentences.append(f"The intervals leave room for {' and for '.join(room)}.")
    return " ".join(sentences)


def on_overfitting(gaps):
    """Say whether the gap that the original calls overfitting is there.

    Parameters
    ----------
    gaps : dict of str to pandas.DataFrame
        By the phase, ``"normal"`` among them, as from `genre_lib.results.diagnostics.accuracy_gaps`.

    Returns
    -------
    str
    """
    normal, mean = gaps["normal"], gaps["normal"].mean()
    training = points(mean["training, last"] - mean["training, best"])
    validation = points(mean["validation, last"] - mean["validation, best"])
    wide = [name for name, table in gaps.items() if table["gap, last"].mean() > WIDE]
    return (
        "When the normal phase ends, accuracy in training less that in validation is "
        f"{points(mean['gap, last'])} points on average, and above {100 * WIDE:.0f} points in "
        f"{(normal['gap, last'] > WIDE).sum()} of {len(normal)} runs: the gap that the original "
        f"calls overfitting {'is' if 'normal' in wide else 'is not'} there. From the best epoch to "
        f"the last, accuracy changes by {training} points in training and by {validation} in "
        f"validation. A mean gap of more than {100 * WIDE:.0f} points is found in {len(wide)} of "
        f"the {len(gaps)} phases" + (f" ({'; '.join(wide)})." if 0 < len(wide) < len(gaps) else ".")
    )


def on_statements(gaps, compared):
    """Hold what the original says of its results against this run.

    Parameters
    ----------
    gaps : dict of str to pandas.DataFrame
        As for `on_overfitting`.
    compared : pandas.DataFrame
        As for `on_phases`.

    Returns
    -------
    pandas.DataFrame
        One row per statement: ``statement``, ``here`` (the number that decides it, with its
        interval if it has one) and ``verdict``. Whether a phase differs from normal, McNemar's
        exact test decides at the 5% level.

    Examples
    --------
    >>> on_statements(gaps, compared)["verdict"]  # doctest: +SKIP
    """
    gap = gaps["normal"]["gap, last"].mean()
    rows = [
        (
            "The plainly trained network overfits.",
            f"gap at the end {points(gap)} points",
            "supported" if gap > WIDE else "not supported",
        )
    ]
    for name, row in compared.iterrows():
        gain = row["difference"]
        verdict = "open: no difference can be told"
        if row["p"] < 0.05:
            verdict = "refuted: it helps" if gain.value > 0 else "supported: it does harm"
        here = f"{gain} points, p = {row['p']:.2g}"
        rows.append((f"{name[0].upper()}{name[1:]} does not help.", here, verdict))
    return pd.DataFrame(rows, columns=["statement", "here", "verdict"])


def on_confusions(counts):
    """Name the most frequent mistake of each phase.

    Parameters
    ----------
    counts : dict of str to pandas.DataFrame
        By the phase, as from `genre_lib.results.scoring.confusion`.

    Returns
    -------
    str
    """
    parts = []
    for phase, table in counts.items():
        true, predicted, number = scoring.most_confused(table)
        share = f"{number} of {table.loc[true].sum()} tracks"
        taken = f"{escape_markdown(true)} taken for {escape_markdown(predicted)}"
        mistake = f"{taken} ({share})" if number else "none"
        parts.append(f"{mistake} in {phase}")
    return f"The most frequent confusion is {'; '.join(parts)}."


def on_segments(scores):
    """Say what joining the segments of a track is worth, and how many are needed.

    Parameters
    ----------
    scores : dict of int to pandas.DataFrame
        As from `genre_lib.results.diagnostics.scores_by_segments`.

    Returns
    -------
    str
    """
    few, most = min(scores), max(scores)
    if few == most:
        return "The tracks have one segment each; there is nothing to join."
    gain = statistics.difference(scores[few], scores[most])
    verdict = ("makes no difference that can be told", "helps", "does harm")[gain.sign]
    enough = fewest_segments(scores)
    return (
        f"With {few} segment a track the normal phase recognises "
        f"{statistics.accuracy(scores[few])} of the tracks, with all (up to {most}) "
        f"{statistics.accuracy(scores[most])}: a difference of {gain} points, so that joining "
        f"segments {verdict} here. "
    ) + (
        f"From {enough} on, the interval of the difference to all of them includes zero."
        if enough < most
        else "No smaller number that was tried can be said to do as well as all of them."
    )


def on_rules(scores):
    """Say whether another rule than the mean is better or worse.

    Parameters
    ----------
    scores : dict of str to pandas.DataFrame
        By the rule, ``"mean"`` among them, as from `genre_lib.results.scoring.pool`.

    Returns
    -------
    str
    """
    others = {rule: table for rule, table in scores.items() if rule != "mean"}
    signs = {r: statistics.difference(scores["mean"], t).sign for r, t in others.items()}
    better = [rule for rule, sign in signs.items() if sign > 0]
    worse = [rule for rule, sign in signs.items() if sign < 0]
    if not better and not worse:
        return "None of the other rules can be told apart from the mean here."
    return (
        f"Better than the mean: {', '.join(better) or 'none'}; worse: "
        f"{', '.join(worse) or 'none'}; for the rest the interval includes zero."
    )


def on_calibration(examples):
    """Say whether confidence is too high or too low on the whole.

    Parameters
    ----------
    examples : dict of str to pandas.DataFrame
        By what is predicted (``"segments"``, ``"tracks"``), as from
        `genre_lib.results.calibration.confidences`.

    Returns
    -------
    str
    """
    parts = []
    for of, table in examples.items():
        excess = overconfidence(table)
        amount = f"{100 * abs(excess.value):.1f} points"
        verdict = (
            "neither over- nor under-confident as far as can be told at this size",
            f"over-confident by {amount}",
            f"under-confident by {amount}",
        )[excess.sign]
        error = calibration_error(reliability(table))
        parts.append(f"the probabilities of {of} are {verdict} (ECE {error:.1%})")
    return f"On the whole, {'; '.join(parts)}."
