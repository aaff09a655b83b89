"""Page one: what came out, in a few paragraphs, a line, and the rows of a figure.

All of it is computed from the runs that a workspace has kept; nothing is trained.
"""

from fractions import Fraction
from typing import NamedTuple

import pandas as pd

from genre_lib.display import escape_markdown
from genre_lib.experiment.phases import (
    BASELINES,
    NORMAL,
    improvement_phases,
    main_phases,
    variant_phases,
)
from genre_lib.experiment.protocols import count_leaks
from genre_lib.results.data import compare_improved, on_improved
from genre_lib.results.diagnostics import accuracy_gaps, compare, original_groups
from genre_lib.results.findings import OUTCOMES, on_outcomes, on_ways
from genre_lib.results.original import judge_statements, quote
from genre_lib.results.wording import among, count, join
from genre_lib.waveform import SAMPLE_RATE, WINDOW

PHASES, WAYS, APART = "as the original", "instead of accumulation", "stricter protocol"
SIMPLE, BETTER = "baselines", "improved"
"""Groups of rows; a further one has its place in `gather`, and in the figure by itself."""

_EXPLAINING = ("whole-batch", "group-norm")  # the variants that page one shows


class Headline(NamedTuple):
    """What page one shows.

    Attributes
    ----------
    line : str, the accuracies of the original's three ways to train, plain text
    paragraphs : list of str, Markdown: training, accuracies, statements, leakage, limits
    rows : pandas.DataFrame as from `compare`, a row per way to train that has runs, with ``group``
    original : dict of str to tuple of float, what the original reports for some of the rows
    chance : float, the accuracy of guessing
    runs : list of str, names of the runs behind the rows
    """

    line: str
    paragraphs: list[str]
    rows: pd.DataFrame
    original: dict[str, tuple[float, float]]
    chance: float
    runs: list[str]


def gather(workspace, runs):
    """Return the groups of rows, each a dict of label to runs; `runs` is a function of a phase."""
    profile = workspace.profile
    variants, improvements = variant_phases(profile), improvement_phases(profile)
    normal = [p for size in profile.train_partitions for p in workspace.protocol_phases(size)]
    normal = [phase for phase in normal if phase != NORMAL]
    further = {
        WAYS: [phase for name in _EXPLAINING for phase in variants.get(name, ())],
        APART: [phase for phase in normal if phase.train_partitions == 1][-1:],  # the strictest
        SIMPLE: [phase for phase in BASELINES if phase.baseline != "majority"],  # about guessing
        BETTER: [phase for phase in normal if phase.protocol == "original"][-1:]  # the most data
        + ([phase for phase in improvements if phase.name == "improved"] or improvements),
    }
    original = original_groups(profile, {phase: runs(phase) for phase in main_phases(profile)})
    groups = {group: {p.label: runs(p) for p in phases} for group, phases in further.items()}
    return {PHASES: original} | groups


def summarize(workspace):
    """Compute what page one shows, as a `Headline`.

    Examples
    --------
    >>> summarize(open_workspace("laptop", data="~/gtzan/genres")).line  # doctest: +SKIP
    """
    planned = workspace.planned()
    kept = workspace.kept.load_all(planned)
    networks = [run for run in planned if not run.phase.baseline]
    n_missing = sum(run not in kept for run in networks)

    def runs(phase):
        return [result for run, result in kept.items() if run.phase == phase]

    groups = gather(workspace, runs)
    named = {label: found for group in groups.values() for label, found in group.items()}
    rows = compare(named, to="normal")
    rows["group"] = [group for group, members in groups.items() for _ in members]
    phases, ways, apart = (rows[rows["group"] == group] for group in (PHASES, WAYS, APART))
    others = rows[rows["group"].isin([SIMPLE, BETTER])]
    against = compare({name: named[name] for name in ["accumulation", *ways.index]}, "accumulation")
    chance = 1 / len(workspace.genres)
    paragraphs = [
        _on_training(workspace, len(networks) - n_missing, len(networks)),
        _on_accuracies(phases, chance) + _on_others(others),
        _on_statements(phases, named["normal"]) + _on_harm(phases, against.drop("accumulation")),
        _on_leakage(workspace, apart, named["normal"]) + _on_improved_apart(workspace, runs),
        _on_limits(workspace, phases, n_missing),
    ]
    shown = rows[rows["runs"] > 0]
    original = {name: quote(name) for name in shown.index.intersection(phases.index)}
    names = sorted({run.name for found in named.values() for run in found})
    return Headline(_line(phases), paragraphs, shown, original, chance, names)


def _way(name):
    return "plain training" if name == "normal" else name


def _line(phases):
    parts = []
    for name, row in phases[phases["runs"] > 0].iterrows():
        told = f"{_way(name)} {row['tracks']} of {row['test tracks']} tracks"
        if name != "normal" and row["shared"]:
            told += f" ({OUTCOMES[row['outcome']]})"
        parts.append(told)
    return "; ".join(parts) or "no run of the original's three ways to train"


def _on_training(workspace, n_kept, n_planned):
    profile, part = workspace.profile, f"1/{workspace.profile.n_partitions}"
    unless = ", unless more partitions are named" if max(profile.train_partitions) > 1 else ""
    runs = among(n_kept, n_planned, "planned runs")
    return (
        "A one-dimensional residual network that reads raw waveforms was trained on "
        f"{len(workspace.tracks)} tracks of {len(workspace.genres)} genres "
        f"({escape_markdown(workspace.corpus_name)}) in the original's three ways: plain training, "
        f"an L2 penalty, and gradient accumulation. The numbers come from {runs} of the profile "
        f"*{escape_markdown(profile.name)}*; each trains on {part} of the tracks and tests on "
        f"another {part}{unless}."
    )


def _on_accuracies(phases, chance):
    with_runs = phases[phases["runs"] > 0]
    if with_runs.empty:
        return "The original's three ways to train were not run."
    parts = [
        f"**{row['tracks']}** of {row['test tracks']} test tracks with {_way(name)} "
        f"(the original: {quote(name)[1]:.2%})"
        for name, row in with_runs.iterrows()
    ]
    lacking = [_way(name) for name in phases.index if name not in with_runs.index]
    return (
        f"It recognises {join(parts)}; guessing gives {chance:.1%}. Brackets hold 95% intervals; "
        "the original's numbers are quoted, for the 1000 tracks and ten genres of GTZAN."
    ) + (f" Missing: {join(lacking)}." if lacking else "")


def _on_others(rows):
    if (rows := rows[rows["shared"] > 0]).empty:
        return ""
    return f" Compared with plain training on the same tracks, {on_outcomes(rows)}."


def _on_statements(phases, normal):
    table = judge_statements({"normal": accuracy_gaps(normal)} if normal else {}, phases)
    held = []
    for statement, here, verdict in table.itertuples(index=False):
        word, _, why = verdict.partition(": ")
        why = f"{why}, {here}" if why else here
        held.append(f"*{statement.rstrip('.')}*: **{word}** ({why})")
    return f"The original's three statements, compared with these runs: {'; '.join(held)}."


def _on_harm(phases, against):
    """Say which ways differ from accumulation and, if a batch in one piece helps, why."""
    if (against := against.dropna(subset="difference")).empty:
        return ""
    text = f" {on_ways(against)}"
    whole = against[against.index.str.startswith("whole batches")]
    if phases.loc["accumulation", "outcome"] < 0 and (whole["outcome"] > 0).any():
        text += " Whole batches and micro-batches differ only in the statistics of batch "
        text += "normalisation, so these do the harm."
    return text


def _on_leakage(workspace, apart, normal):
    sentences = []
    if rotations := {run.facts["rotation"] for run in normal}:
        leaks, _ = count_leaks(workspace.annotated, workspace.profile, {"original": rotations})
        test, repeated, same = leaks.loc["original", ["test", "repeated", "same_artist"]]
        artists = f"and {_have(same)} their artist there"
        if workspace.annotated["artist"].isna().all():
            artists = "and their artists are not known"
        sentences.append(
            f"Under the original's protocol, of {test} test tracks {_have(repeated)} a repetition "
            f"among the training tracks, {artists}."
        )
    with_runs = apart[apart["runs"] > 0]
    for name, row in with_runs.iterrows():
        told = f"Under the protocol *{name.removeprefix('normal, ')}*, plain training recognises "
        told += f"**{row['tracks']}** of {row['test tracks']} tracks"
        if row["shared"]:
            outcome = OUTCOMES[row["outcome"]]
            found = f"that is {outcome}" if row["outcome"] else "no difference is detected"
            told += f"; on the {row['shared']} that both protocols tested, {found} "
            told += f"({row['difference']} points)"
        sentences.append(f"{told}.")
    if with_runs.empty:
        sentences.append("No stricter protocol was run to show what that adds.")
    return " ".join(sentences)


def _on_improved_apart(workspace, runs):
    """Compare the improved network with the others under the strictest protocol."""
    improved = [p for p in improvement_phases(workspace.profile) if p.name == "improved"]
    kinds = (NORMAL, *improved, *BASELINES)
    strictest = [phase for p in kinds for phase in workspace.protocol_phases(1, p)[-1:]]
    table = compare_improved({phase: runs(phase) for phase in strictest if phase not in kinds})
    if table.empty:
        return ""
    found = table["improved"].iloc[0]
    return f" The improved network recognises **{found}** there. {on_improved(table)}"


def _have(number):
    return f"{number or 'none'} {'have' if number > 1 else 'has'}"


def _on_limits(workspace, phases, n_missing):
    profile, trained = workspace.profile, phases[phases["runs"] > 0]
    limits = ["the sounds are synthetic"] if workspace.is_demo else []
    if n_missing:
        is_missing = "is" if n_missing == 1 else "are"
        limits.append(f"{count(n_missing, 'planned run')} {is_missing} missing")
    if profile.width < 1:
        width = Fraction(profile.width).limit_denominator(99)
        limits.append(f"the network has {width} of the original's filters")
    if profile.window < WINDOW:
        seconds = profile.window / SAMPLE_RATE
        limits.append(f"a segment lasts {seconds:.1f} s instead of the original's 5 s")
    if cut := [_way(name) for name in trained.index[trained["best"] == profile.epochs]]:
        was, last = "were" if cut[1:] else "was", f"the last of the {profile.epochs} epochs allowed"
        last = "the only epoch" if profile.epochs == 1 else last
        limits.append(f"{join(cut)} {was} still improving in {last}")
    if len(trained) and trained["rotations"].min() < profile.n_partitions:
        run = " or ".join(map(str, sorted(set(trained["rotations"]))))
        limits.append(f"each way is run in {run} of the {profile.n_partitions} rotations")
    seeds = ", and there is one seed per run" if len(profile.seeds) == 1 else ""
    limits.append(
        "the intervals show how far other test tracks would move a number, not other training "
        f"tracks or seeds{seeds}"
    )
    return f"Limits of these results: {'; '.join(limits)}."
