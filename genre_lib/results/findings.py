"""What results say, as sentences: each is computed, none is written in advance.

Notebooks write ``findings.on_phases(...)``. Of the arguments, `runs` is what `Workspace.runs`
returns; `gaps` is a dict of phase label (``"normal"`` among them) to a table of
`genre_lib.results.accuracy_gaps`; and `compared` is the table of
``genre_lib.results.compare(named_runs, to="normal")`` without the row of normal itself.
"""

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

ORIGINAL = {
    "normal": (0.5252, 0.5535),
    "L2": (0.3588, 0.3832),
    "accumulation": (0.3731, 0.3792),
}
"""What the original reports for segments and tracks of all of GTZAN; quoted, without intervals."""

_CHOICES = {
    "window": ("samples in a segment", "110 250"),
    "width": ("factor on the number of filters", "1"),
    "n_partitions": ("partitions", "6"),
    "batch_size": ("segments in an update (normal, L2)", "32"),
    "accumulated_batch_size": ("segments in an update (accumulation)", "80"),
    "micro_batch_size": ("segments in a micro-batch", "10"),
    "epochs": ("most epochs", "100"),
    "patience": ("patience in epochs", "5"),
    "learning_rate": ("learning rate of Adam", "not given"),
    "bn_momentum": ("momentum of batch normalisation", "not given"),
}


def describe_profile(profile):
    """List the choices of a profile beside what the original reports, quoted."""
    rows = [(what, f"{getattr(profile, n):g}", quoted) for n, (what, quoted) in _CHOICES.items()]
    return pd.DataFrame(rows, columns=["choice", "this report", "original (quoted)"])


def on_gaps(profile, runs):
    """Name the phases that lack runs of the plan; an empty text if none does."""
    gaps = []
    for phase, found in runs.items():
        if len(found) < (planned := len(plan(profile, phase))):
            gaps.append(f"{phase.name} ({len(found) or 'no run'} of {planned})")
    if not gaps:
        return ""
    return (
        f"**Runs of the plan are missing**: {', '.join(gaps)}. What follows is computed from the "
        "runs that are there."
    )


def on_phases(compared):
    """Say which phases differ from normal, and what the intervals leave open."""
    compared = compared.dropna(subset="difference")
    if compared.empty:
        return "No other phase shares a run with the normal one, so there is nothing to compare."
    apart = list(compared.index[compared["p"] < 0.05])
    sentences = [
        f"At the 5% level, {' and '.join(apart)} {'differ' if apart[1:] else 'differs'} "
        "significantly from the normal phase here."
        if apart
        else "At the 5% level, no phase differs significantly from the normal one here, which is "
        "not evidence that they are equal."
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
    """Say whether the gap that the original calls overfitting is there."""
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
    """Hold what the original says against this run: ``statement``, ``here`` and ``verdict``."""
    gap = gaps["normal"]["gap, last"].mean()
    overfits = "supported" if gap > WIDE else "not supported"
    here = f"gap at the end {points(gap)} points"
    rows = [("The plainly trained network overfits.", here, overfits)]
    # McNemar's exact test at the 5% level decides whether a phase differs from normal.
    for name, row in compared.dropna(subset="difference").iterrows():
        gain = row["difference"]
        verdict = "open: no difference detected"
        if row["p"] < 0.05:
            verdict = "refuted: it helps" if gain.value > 0 else "supported: it does harm"
        here = f"{gain} points, p = {row['p']:.2g}"
        rows.append((f"{name[0].upper()}{name[1:]} does not help.", here, verdict))
    return pd.DataFrame(rows, columns=["statement", "here", "verdict"])


def on_confusions(counts):
    """Name the most frequent mistake of each phase; takes a `confusion` per phase label."""
    parts = []
    for phase, table in counts.items():
        true, predicted, number = scoring.most_confused(table)
        taken = f"{escape_markdown(true)} taken for {escape_markdown(predicted)}"
        mistake = f"{taken} ({number} of {table.loc[true].sum()} tracks)" if number else "none"
        parts.append(f"{mistake} in {phase}")
    return f"The most frequent confusion is {'; '.join(parts)}."


def on_segments(scores):
    """Say what joining the segments of a track is worth; takes `scores_by_segments` of normal."""
    few, most = min(scores), max(scores)
    if few == most:
        return "The tracks have one segment each; there is nothing to join."
    gain = statistics.difference(scores[few], scores[most])
    verdict = ("makes no detectable difference", "helps", "does harm")[gain.sign]
    alone, joined = (statistics.accuracy(scores[count]) for count in (few, most))
    needed = "No smaller number that was tried does as well as all of them."
    if (enough := fewest_segments(scores)) < most:
        needed = f"From {enough} on, the interval of the difference to all of them includes zero."
    return (
        f"With {few} segment per track the normal phase recognises {alone} of the tracks, with all "
        f"(up to {most}) {joined}: a difference of {gain} points, so joining segments {verdict} "
        f"here. {needed}"
    )


def _apart(differences):
    """List the names of the differences that are above zero by their intervals, and below it."""
    return [[name for name, d in differences.items() if d.sign == sign] for sign in (1, -1)]


def on_rules(scores):
    """Say whether another rule is better or worse than the mean; takes a `pool` per rule."""
    better, worse = _apart({r: statistics.difference(scores["mean"], t) for r, t in scores.items()})
    if not better and not worse:
        return "No difference between the mean and any other rule is detected here."
    return (
        f"Better than the mean: {', '.join(better) or 'none'}; worse: "
        f"{', '.join(worse) or 'none'}; for the rest the interval includes zero."
    )


def on_calibration(examples):
    """Say whether confidence is too high or too low; takes `confidences` per kind of example."""
    parts = []
    for of, table in examples.items():
        excess = overconfidence(table)
        amount = f"{100 * abs(excess.value):.1f} points"
        verdict = (
            "neither over- nor under-confident as far as can be detected at this size",
            f"over-confident by {amount}",
            f"under-confident by {amount}",
        )[excess.sign]
        error = calibration_error(reliability(table))
        parts.append(f"the probabilities of {of} are {verdict} (ECE {error:.1%})")
    return f"On the whole, {'; '.join(parts)}."


def quote_original(name):
    """Return the original's accuracy of segments and of tracks for a phase, by its label."""
    return ORIGINAL["L2" if name.startswith("L2") else name]


def with_original(compared):
    """Add the original's accuracies, quoted, to a table as from `compare`."""
    quoted = [", ".join(f"{share:.2%}" for share in quote_original(n)) for n in compared.index]
    return compared.assign(original=quoted)


def mean_gaps(gaps):
    """Average the gaps over the runs of each phase, one row per phase."""
    rows = [{"phase": name, "runs": len(table), **table.mean()} for name, table in gaps.items()]
    return pd.DataFrame(rows)


def compare_rules(scores):
    """Compare the rules that join segments with the mean, one row per rule."""
    rows = [
        (rule, str(statistics.accuracy(table)), str(statistics.difference(scores["mean"], table)))
        for rule, table in scores.items()
    ]
    return pd.DataFrame(rows, columns=["rule", "tracks", "difference to the mean / points"])


def on_readings(compared):
    """Say whether the penalty, in one reading or the other, accounts for the original's drop."""
    _, lower = _apart(compared["difference"])
    are, that = ("are", "each") if lower[1:] else ("is", "that")
    return "The original fell from 55.35% to 38.32% of songs (quoted). In this run, " + (
        f"{' and '.join(lower)} {are} below the normal phase by more than chance explains, so "
        f"{that} reading can account for a drop."
        if lower
        else "neither reading is below the normal phase by more than chance explains: the penalty "
        "by itself, in whichever reading, does not account for such a drop here."
    )


def on_ways(compared):
    """Say which ways to train differ from accumulation as the original did it."""
    gains = compared["difference"].dropna()
    if gains.empty:
        return "No way to train shares a run with accumulation, so that none can be compared."
    better, worse = _apart({f"{name} ({gain} points)": gain for name, gain in gains.items()})
    return (
        "Against accumulation as the original did it, on the same tracks: better by more than "
        f"chance explains: {'; '.join(better) or 'none'}; worse: {'; '.join(worse) or 'none'}."
    )


def on_genres(table):
    """Name the genres that the normal phase recognises best and worst, as from `by_genre`."""
    best, worst = table.loc[table["F1"].idxmax()], table.loc[table["F1"].idxmin()]
    return (
        f"In the normal phase the best recognised genre is {escape_markdown(best['genre'])} (F1 "
        f"{best['F1']:.2f}), the worst {escape_markdown(worst['genre'])} (F1 {worst['F1']:.2f})."
    )


def on_protocols(compared):
    """Say how the strictest protocol differs from the original's, given `compare` by protocol."""
    strict, gain = compared.index[-1], compared["difference"].iloc[-1]
    if strict == "original":
        return "This corpus allows no other protocol than the original."
    if gain is None:
        return ""
    return (
        f"On the tracks that both tested, {strict.replace('_', ' ')} and the original differ by "
        f"{gain} points of accuracy. The networks were trained on different tracks, and slightly "
        "fewer, so that the difference is not of leakage alone."
    )


def on_swapped_labels(truth, suspects):
    """Say how many of the labels swapped in the demo corpus are among the first suspects."""
    planted = set(truth.loc[truth["fault"] == "mislabeled", "track_id"]) & set(suspects["track_id"])
    first = suspects["track_id"].head(2 * len(planted))
    return (
        f"Of the {len(planted)} labels that were swapped when this corpus was made, "
        f"{first.isin(planted).sum()} are among the first {len(first)} suspects."
    )


def on_conclusion(compared, profile, corpus_name):
    """Sum up what the three trainings of the original reached here."""
    normal, others = compared.loc["normal"], compared.drop("normal").dropna(subset="difference")
    if not normal["runs"]:
        return "Without a run of the normal phase there is nothing to conclude."
    plain = (
        f"On the {corpus_name}, with the profile *{profile.name}*, the plainly trained network "
        f"recognised {normal['tracks']} of {normal['test tracks']} tracks; the original reports "
        "55.35% (quoted) on the 1000 of GTZAN, for which its own authors give no interval."
    )
    reached = [
        f"{name[0].upper()}{name[1:]} reached {row['tracks']} on {row['rotations']} of "
        f"{profile.n_partitions} rotations."
        for name, row in others.iterrows()
    ]
    return " ".join([plain, *reached])
