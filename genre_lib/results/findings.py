"""What results say, as computed sentences, which read well for none, one, some and all.

Notebooks write ``findings.on_phases(...)``. Of the arguments, `runs` is what `Workspace.runs`
returns; `gaps` is a dict of phase label (``"normal"`` among them) to a table of
`genre_lib.results.accuracy_gaps`; and `compared` is the table of ``genre_lib.results.compare``
without the row of the group that the others are compared with.
"""

import pandas as pd

from genre_lib.display import escape_markdown
from genre_lib.results import scoring, statistics
from genre_lib.results.calibration import calibration_error, overconfidence, reliability
from genre_lib.results.diagnostics import fewest_segments, set_against
from genre_lib.results.original import WIDE
from genre_lib.results.statistics import points
from genre_lib.results.wording import among, count, join

FEWEST = 6
"""Tracks that must differ for McNemar's exact test to reach 5%: 2 / 2**6 = 0.031, 2 / 2**5 not."""

OUTCOMES = {1: "significantly better", -1: "significantly worse", 0: "no difference detected"}
"""What `compare` says of a group's ``outcome``, in words."""


def on_outcomes(compared):
    """List the groups that are significantly better, worse, or neither; none may be left."""
    parts = []
    for outcome, words in OUTCOMES.items():
        gains = compared.loc[compared["outcome"] == outcome, "difference"]
        if len(gains):
            named = [f"{name} ({gain} points)" for name, gain in gains.items()]
            parts.append(f"{words}: {join(named)}")
    return "; ".join(parts)


def on_phases(compared):
    """Say which phases differ from normal, and what the test leaves open."""
    compared = compared.dropna(subset="difference")
    if compared.empty:
        return "No other phase shares a run with the normal one, so there is nothing to compare."
    sentences = [f"Compared with the normal phase on the same tracks, {on_outcomes(compared)}."]
    if (compared["outcome"] == 0).any():
        sentences.append(
            "A difference that is not detected may still exist; the interval shows how large it "
            "can be."
        )
    for name, number in (compared["only_reference"] + compared["only_this"]).items():
        if number < FEWEST:
            sentences.append(
                f"Normal and {name} differ on {number or 'none'} of the tracks, too few for the "
                "test to find a significant difference."
            )
    return " ".join(sentences)


def on_overfitting(gaps):
    """Say whether the gap that the original calls overfitting is there."""
    normal, mean = gaps["normal"], gaps["normal"].mean()
    n, limit = len(normal), f"{100 * WIDE:.0f} points"
    training = points(mean["training, last"] - mean["training, best"])
    validation = points(mean["validation, last"] - mean["validation, best"])
    spread = f" on average, and above {limit} in " if n > 1 else ""
    spread += among((normal["gap, last"] > WIDE).sum(), n, "runs") if n > 1 else ""
    sentences = [
        "At the end of the normal phase, training accuracy minus validation accuracy is "
        f"{points(mean['gap, last'])} points{spread}: the gap that the original calls overfitting "
        f"{'is' if mean['gap, last'] > WIDE else 'is not'} there. From the best epoch to the last, "
        f"accuracy changes by {training} points in training and by {validation} in validation."
    ]
    wide = [name for name, table in gaps.items() if table["gap, last"].mean() > WIDE]
    if len(gaps) > 1:
        named = f" ({'; '.join(wide)})" if 0 < len(wide) < len(gaps) else ""
        found = among(len(wide), len(gaps), "phases")
        sentences.append(f"A mean gap of more than {limit} is found in {found}{named}.")
    return " ".join(sentences)


def on_final_gaps(gaps):
    """List the mean gap at the end of each phase, and name the smallest if there are several."""
    last = {name: table["gap, last"].mean() for name, table in gaps.items()}
    if not last:
        return ""
    listed = join([f"{points(gap)} points ({name})" for name, gap in last.items()])
    smallest = f"; the smallest is that of {min(last, key=last.get)}" if len(last) > 1 else ""
    return (
        "At the end of training, training accuracy minus validation accuracy is "
        f"{listed}{smallest}."
    )


def on_confusions(counts):
    """Name the most frequent mistake of each phase; takes a `confusion` per phase label."""
    parts, without = [], []
    for phase, table in counts.items():
        true, predicted, number = scoring.most_confused(table)
        taken = f"{escape_markdown(true)} taken for {escape_markdown(predicted)}"
        if number:
            parts.append(f"in {phase}, {taken} ({number} of {table.loc[true].sum()} tracks)")
        else:
            without.append(phase)
    sentences = [f"The most frequent confusion: {'; '.join(parts)}."] if parts else []
    if without:
        sentences.append(f"No track is taken for another genre in {join(without)}.")
    return " ".join(sentences)


def on_segments(scores):
    """Say what joining the segments of a track is worth; takes `scores_by_segments` of normal."""
    few, most = min(scores), max(scores)
    if few == most:
        return "The tracks have one segment each; there is nothing to join."
    row = set_against(scores[few], scores[most])
    verdict = ("makes no detectable difference", "helps", "hurts")[row["outcome"]]
    alone, joined = (statistics.accuracy(scores[number]) for number in (few, most))
    needed = " No smaller number that was tried does as well as all segments."
    if (enough := fewest_segments(scores)) < most:
        needed = f" With {enough} or more, no difference from all segments is detected."
    return (
        f"With {count(few, 'segment')} per track, the normal phase recognises {alone} of the "
        f"tracks; with all (up to {most}), {joined}. This is a difference of {row['difference']} "
        f"points, so joining segments {verdict} here.{needed * (enough > few)}"
    )


def compare_rules(scores):
    """Compare the rules that join segments with the mean, one row per rule."""
    rows = [
        {"tracks": str(statistics.accuracy(table)), **set_against(scores["mean"], table)}
        for table in scores.values()
    ]
    return pd.DataFrame(rows, index=pd.Index(list(scores), name="rule"))


def on_rules(compared):
    """Say whether another rule is better or worse than the mean, given `compare_rules`."""
    return f"Compared with the mean, {on_outcomes(compared.drop('mean'))}."


def on_calibration(examples):
    """Say whether confidence is too high or too low; takes `confidences` per kind of example."""
    parts = []
    for of, table in examples.items():
        excess = overconfidence(table)
        amount = f"{100 * abs(excess.value):.1f} points"
        verdict = (
            "not detectably over- or under-confident",
            f"over-confident by {amount}",
            f"under-confident by {amount}",
        )[excess.sign]
        error = calibration_error(reliability(table))
        parts.append(f"the probabilities of {of} are {verdict} (ECE {error:.1%})")
    return f"Overall, {'; '.join(parts)}."


def mean_gaps(gaps):
    """Average the gaps over the runs of each phase, one row per phase."""
    rows = [{"phase": name, "runs": len(table), **table.mean()} for name, table in gaps.items()]
    return pd.DataFrame(rows)


def on_readings(compared):
    """Say whether the penalty, in one reading or the other, accounts for the original's drop."""
    compared = compared.dropna(subset="difference")
    if len(compared) < 2:
        return "The two readings cannot be compared, because there are not runs of both."
    lower = list(compared.index[compared["outcome"] < 0])
    told = (
        "neither reading is significantly worse than the normal phase: the penalty by itself, in "
        "whichever reading, does not account for such a drop."
    )
    if lower:
        are, that = ("are", "each") if lower[1:] else ("is", "that")
        told = f"{join(lower)} {are} significantly worse than the normal phase, so {that} reading "
        told += "can account for a drop."
    return f"The original fell from 55.35% to 38.32% of songs (quoted). Here {told}"


def on_ways(compared):
    """Say which ways to train differ from accumulation as the original did it."""
    compared = compared.dropna(subset="difference")
    if compared.empty:
        return "No other phase shares a run with accumulation, so there is nothing to compare."
    return f"Compared with accumulation on the same tracks, {on_outcomes(compared)}."


def on_genres(table):
    """Name the genres that the normal phase recognises best and worst, as from `by_genre`."""
    best, worst = table.loc[table["F1"].idxmax()], table.loc[table["F1"].idxmin()]
    if best["F1"] == worst["F1"]:
        return f"In the normal phase all genres are recognised equally well (F1 {best['F1']:.2f})."
    return (
        f"In the normal phase the best recognised genre is {escape_markdown(best['genre'])} (F1 "
        f"{best['F1']:.2f}), the worst {escape_markdown(worst['genre'])} (F1 {worst['F1']:.2f})."
    )


def on_protocols(compared):
    """Say how the other protocols differ from the original's, given `compare` by protocol."""
    if not compared["runs"].any():
        return (
            "No other protocol was run: the profile names none, this corpus allows "
            "none, or the runs failed."
        )
    compared = compared.dropna(subset="difference")
    if compared.empty:
        return "No track was tested in the same rotation under the original and another protocol."
    named = compared.rename(lambda name: name.replace("_", " "))
    return (
        f"Compared with the original protocol on the tracks that both tested, {on_outcomes(named)}."
        " The networks were trained on different and slightly fewer tracks, so leakage is not the "
        "only possible cause of a difference."
    )


def on_suspects(suspects):
    """Say what the table of the most doubted labels shows, as from `find_label_errors`."""
    return (
        f"The {min(10, len(suspects))} most doubtful of {len(suspects)} labels (called errors: "
        f"{suspects['verdict'].sum() or 'none'})."
    )


def on_swapped_labels(truth, suspects):
    """Say how many of the labels swapped in the demo corpus are among the first suspects."""
    planted = set(truth.loc[truth["fault"] == "mislabeled", "track_id"])
    tested = planted & set(suspects["track_id"])
    if not tested:
        return "None of the tracks whose labels were swapped in this corpus was tested."
    first = suspects["track_id"].head(2 * len(tested))
    found, place = int(first.isin(tested).sum()), f"among the first {len(first)} suspects"
    made = f"Of the {len(planted)} tracks whose labels were swapped in this corpus, "
    if len(tested) == 1:
        return f"{made}1 was tested; it is {'' if found else 'not '}{place}."
    are = "are" if found > 1 else "is"
    return f"{made}{len(tested)} were tested; {found or 'none'} of these {are} {place}."


def on_saved_memory(updates):
    """Say how much less memory accumulation takes than the batch in one piece."""
    times = updates["memory"].iloc[1] / updates["memory"].iloc[0]
    if times < 1.05:
        return "Accumulation took no less memory here than the batch in one piece."
    return f"The batch in one piece took {times:.1f} times as much memory here as accumulation."
