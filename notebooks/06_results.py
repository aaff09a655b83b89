# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] tags=["notebook-only"]
# # 6. Results
#
# **What you will do.** Put the three trainings side by side, with intervals and tests, next to the
# original's table.
#
# **What you will learn.** Which differences are real at this size, which are noise, and what explains the
# accuracy of a track: overfitting, the number of its segments, and how far a probability can be believed.
#
# **What you need.** The runs of the notebooks before; those that are missing are trained first.

# %% tags=["notebook-only"]
# Outside of the project's own environment (on Colab, say) the project is fetched first.
import importlib.util

repository = ""  # the address that you would `git clone`
if importlib.util.find_spec("genre_lib") is None:
    assert repository, "Set `repository` to the address of the project's git repository."
    # !git clone --quiet --depth 1 {repository} genre-report
    # %cd genre-report/notebooks
    # %pip install --quiet --editable ..

# %% tags=["parameters"]
import os

profile = os.environ.get("GENRE_PROFILE", "demo")
data = os.environ.get("GENRE_DATA", "")
home = ".."
results = os.environ.get("GENRE_RESULTS", "")  # a folder of published results, in place of data

# %% tags=["nbval-ignore-output"]
import pandas as pd
from genre_lib.phases import ACCUMULATION, NORMAL, l2_phase

from genre_lib import (
    calibration,
    diagnostics,
    evaluation,
    figures,
    findings,
    open_workspace,
    result_figures,
)
from genre_lib.display import escape_markdown, show_figure, show_table, show_text

workspace = open_workspace(profile, data, home, results)
profile, genres = workspace.profile, workspace.genres
runs = workspace.runs()
normal = runs[NORMAL]

# %% [markdown]
# # Results
#
# Every accuracy has a 95% interval: the percentile bootstrap over tracks [@efron1993]. Tracks are drawn
# with replacement, each with all its segments, since the segments of a track are no independent evidence.
# The interval tells how far the number could move with other test tracks of the same kind; it does not
# see what other training tracks would change.
#
# For the table the original chose one $\lambda$; here it is the one with the best accuracy of tracks in
# *validation*, so that the test partitions take no part in the choice.

# %% tags=["nbval-ignore-output"]
if missing := findings.on_gaps(profile, runs):
    show_text(missing)
validation = {
    weight: evaluation.accuracy(
        evaluation.pool(runs[l2_phase(weight)], split="valid"), "tracks"
    ).value
    for weight in profile.l2_lambdas
    if runs[l2_phase(weight)]
}
chosen = max(profile.l2_lambdas, key=lambda weight: validation.get(weight, -1))
scores = {
    "normal": evaluation.pool(normal),
    f"L2, λ = {chosen:g}": evaluation.pool(runs[l2_phase(chosen)]),
    "accumulation": evaluation.pool(runs[ACCUMULATION]),
}
original = {
    "normal": (52.52, 55.35),
    f"L2, λ = {chosen:g}": (35.88, 38.32),
    "accumulation": (37.31, 37.92),
}

# %% tags=["nbval-ignore-output"]
rows = [
    {
        "phase": name,
        "segments": str(evaluation.accuracy(of_phase, "segments")),
        "tracks": str(evaluation.accuracy(of_phase, "tracks")),
        "rotations": of_phase["rotation"].nunique(),
        "test tracks": of_phase["track_id"].nunique(),
        "original": f"{original[name][0]:.2f}%, {original[name][1]:.2f}%",
    }
    for name, of_phase in scores.items()
]
show_table(
    pd.DataFrame(rows),
    f"Accuracy on the test partitions of the {escape_markdown(workspace.corpus_name)} with 95% intervals; on the right "
    "what the original reports for segments and tracks of all of GTZAN (quoted, without intervals).",
)

# %% tags=["nbval-ignore-output"]
rows = [
    {
        "phase": name,
        "of": of,
        **evaluation.accuracy(of_phase, of)._asdict(),
        "original": quoted / 100,
    }
    for name, of_phase in scores.items()
    if not of_phase.empty
    for of, quoted in zip(("segments", "tracks"), original[name], strict=True)
]
if rows:
    show_figure(
        figures.accuracies(pd.DataFrame(rows)),
        "Accuracy of the three phases with 95% intervals; hollow: what the original reports (quoted).",
    )

# %% [markdown]
# ## Are the phases different?
#
# The phases were tested on the same tracks, so they can be compared track by track. McNemar's exact test
# [@mcnemar1947] looks only at the tracks that one phase gets right and the other does not: if the two
# were equally good, these would fall to either side like the tosses of a coin. Five of five on one side
# still have a $p$ of 0.063, six of six 0.031: where fewer than six tracks differ, no outcome whatsoever
# would be significant at the 5% level.
#
# A $p$-value does not say how large a difference is. Beside it stands the difference in accuracy on the
# tracks that both tested, with the interval of the same bootstrap over tracks, a pair kept together: what
# lies inside cannot be ruled out here. Where few tracks differ the interval is rather too narrow; should it
# disagree with the exact test, the test is the one to trust.

# %% tags=["nbval-ignore-output"]
others = [
    name
    for name in scores
    if name != "normal" and evaluation.comparable(scores["normal"], scores[name])
]
tests = {name: evaluation.mcnemar(scores["normal"], scores[name]) for name in others}
gains = {name: evaluation.difference(scores["normal"], scores[name]) for name in others}
rows = [
    {
        "compared with normal": name,
        "only normal right": test.only_first,
        "only the other right": test.only_second,
        "p": test.p_value,
        "difference / points": str(gains[name]),
    }
    for name, test in tests.items()
]
if rows:
    show_table(
        pd.DataFrame(rows),
        "McNemar's exact test on the tracks that both phases tested (two-sided, not corrected for two "
        "comparisons), and the accuracy of the other phase less that of normal on them, in percentage "
        "points with its 95% interval.",
        formats={"p": "{:.3g}"},
    )

# %% tags=["nbval-ignore-output"]
show_text(
    findings.on_phases(tests, gains)
    if others
    else "No other phase shares a run with the normal one, so that none can be compared with it."
)

# %% [markdown]
# ## Does the network overfit?
#
# The original explains its result by overfitting: accuracy in training went on rising while that in
# validation stopped. The gap between the two is taken at the best epoch, the one with the lowest loss in
# validation, whose weights make all predictions here, and at the last. Accuracy in training is measured
# during the epoch, before the weights are what they become, so that the gap is rather understated.

# %% tags=["nbval-ignore-output"]
of_phases = {
    "normal": normal,
    **{f"L2, λ = {weight:g}": runs[l2_phase(weight)] for weight in profile.l2_lambdas},
    "accumulation": runs[ACCUMULATION],
}
gaps = {name: diagnostics.accuracy_gaps(found) for name, found in of_phases.items() if found}
rows = [{"phase": name, "runs": len(table), **table.mean()} for name, table in gaps.items()]
if rows:
    show_table(
        pd.DataFrame(rows),
        "Overfitting: accuracy of segments in training and in validation and the gap between them, at the "
        "best epoch and at the last, mean over the runs of each phase.",
        formats=dict.fromkeys(next(iter(gaps.values())), "{:.1%}"),
    )

# %% tags=["nbval-ignore-output"]
if normal:
    show_text(findings.on_overfitting(gaps))

# %% [markdown]
# ## Which genres are taken for which?

# %% tags=["nbval-ignore-output"]
counts = {
    name: evaluation.confusion(of_phase, genres)
    for name, of_phase in scores.items()
    if not of_phase.empty
}
if normal:
    show_figure(
        figures.confusion_matrix(counts["normal"], "Normal"),
        "Confusion matrix of the normal phase: numbers are tracks, colours their share of the true genre.",
    )

# %% tags=["nbval-ignore-output"]
if normal:
    table = evaluation.by_genre(scores["normal"], genres)
    show_table(
        table,
        "Precision, recall and F1 of the tracks of each genre, normal phase.",
        formats={"precision": "{:.2f}", "recall": "{:.2f}", "F1": "{:.2f}"},
    )

# %% tags=["nbval-ignore-output"]
if other_counts := {name: table for name, table in counts.items() if name != "normal"}:
    show_figure(
        result_figures.confusion_matrices(other_counts),
        "Confusion matrices of the other phases, on the rotations that they ran.",
    )

# %% tags=["nbval-ignore-output"]
if normal:
    best, worst = table.loc[table["F1"].idxmax()], table.loc[table["F1"].idxmin()]
    show_text(
        f"In the normal phase the best recognised genre is {escape_markdown(best['genre'])} (F1 "
        f"{best['F1']:.2f}), the worst {escape_markdown(worst['genre'])} (F1 {worst['F1']:.2f}). "
        f"{findings.on_confusions(counts)}"
    )

# %% [markdown]
# ## Does it matter how segments are put together?
#
# A track is heard through all its segments, which overlap by three quarters. How many of them are needed?
# To find out, only 1, 2, 4 … of them are kept, evenly spread: a track is cut into as many stretches of
# equal length, and the segment in the middle of each is taken. The network stays as it is; only what is
# averaged changes.
#
# The original takes the mean of the probabilities. The alternatives: a vote of the segments, the largest
# probability in any segment, and the mean of the logarithms.

# %% tags=["nbval-ignore-output"]
if normal:
    by_count = diagnostics.scores_by_segments(normal)
    by_rule = {rule: evaluation.pool(normal, rule) for rule in evaluation.RULES}
    show_figure(
        result_figures.joined_segments(
            {count: evaluation.accuracy(table) for count, table in by_count.items()},
            {rule: evaluation.accuracy(table) for rule, table in by_rule.items()},
        ),
        "Accuracy of tracks in the normal phase with 95% intervals. Left: by the number of segments whose "
        "probabilities are averaged, evenly spread over the track. Right: by the rule that joins all segments.",
    )

# %% tags=["nbval-ignore-output"]
if normal:
    show_text(findings.on_segments(by_count))

# %% tags=["nbval-ignore-output"]
if normal:
    rows = [
        {
            "rule": rule,
            "tracks": str(evaluation.accuracy(table)),
            "difference to the mean / points": str(evaluation.difference(by_rule["mean"], table)),
        }
        for rule, table in by_rule.items()
    ]
    show_table(
        pd.DataFrame(rows),
        "Accuracy of tracks by the rule that joins their segments, normal phase; the difference is paired, "
        "track by track.",
    )

# %% tags=["nbval-ignore-output"]
if normal:
    show_text(findings.on_rules(by_rule))

# %% [markdown]
# ## Can its probabilities be believed?
#
# A network that says 80% should be right in 80% of the cases. A reliability diagram puts this to the test
# [@guo2017]: examples are sorted into ten bins by their confidence, the probability of the predicted
# genre, and in each bin the share that is correct is set against the mean confidence. The expected
# calibration error (ECE) is the mean distance of the two; where a bin holds few examples, chance alone
# lifts it above zero. Whether confidence is too high or too low on the whole, the mean of confidence less
# accuracy says, with the interval of the bootstrap over tracks.
#
# The probabilities of a track are the mean of those of its segments. They cannot be more confident than the
# segments are on average: where these disagree confidence falls, whether or not the genre is right.

# %% tags=["nbval-ignore-output"]
if normal:
    examples = {of: calibration.confidences(normal, of) for of in ("segments", "tracks")}
    bins = {of: calibration.reliability(table) for of, table in examples.items()}
    show_figure(
        result_figures.reliability_diagrams(bins),
        "Reliability of the probabilities in the normal phase. Above: the share correct against the mean "
        "confidence in ten bins; below the dotted line the network is over-confident. Below: the number of "
        "examples in each bin.",
    )

# %% tags=["nbval-ignore-output"]
if normal:
    rows = [
        {
            "of": of,
            "examples": len(table),
            "confidence": table["confidence"].mean(),
            "accuracy": table["correct"].mean(),
            "confidence less accuracy / points": str(calibration.overconfidence(table)),
            "ECE": calibration.calibration_error(bins[of]),
        }
        for of, table in examples.items()
    ]
    show_table(
        pd.DataFrame(rows),
        "Calibration of the normal phase on the test partitions.",
        formats=dict.fromkeys(("confidence", "accuracy", "ECE"), "{:.1%}"),
    )

# %% tags=["nbval-ignore-output"]
if normal:
    show_text(findings.on_calibration(examples))

# %% [markdown]
# ## What do repetitions and artists add?
#
# All of the above follows the original: a test track may repeat a training track, or be by the same
# artist. The normal phase again, under the protocols that keep them apart (the first notebook counts what
# leaks under each):

# %% tags=["nbval-ignore-output"]
from genre_lib.protocols import divide, leakage

protocol_runs = workspace.runs(*workspace.protocol_phases())
if missing := findings.on_gaps(profile, protocol_runs):
    show_text(missing)
rows = []
for phase, found in protocol_runs.items():
    tested = evaluation.pool(found)
    parts = divide(
        workspace.annotated, phase.protocol, profile.n_partitions, profile.partition_seed
    )
    leaks = leakage(workspace.annotated, parts)
    leaks = leaks[leaks["rotation"].isin(tested["rotation"] + 1)].sum()
    rows.append(
        {
            "protocol": phase.protocol.replace("_", " "),
            "segments": str(evaluation.accuracy(tested, "segments")),
            "tracks": str(evaluation.accuracy(tested, "tracks")),
            "rotations": tested["rotation"].nunique(),
            "test tracks": leaks["test"],
            "repeated": leaks["repeated"],
            "same artist": leaks["same_artist"],
        }
    )
show_table(
    pd.DataFrame(rows),
    "The normal phase under each protocol, with 95% intervals, and how many of the test tracks have a "
    "repetition, or their artist, among the training tracks of their rotation.",
)

# %% tags=["nbval-ignore-output"]
strict = list(protocol_runs)[-1]
pair = [evaluation.pool(protocol_runs[phase]) for phase in (NORMAL, strict)]
if strict == NORMAL:
    show_text("This corpus allows no other protocol than the original.")
elif evaluation.comparable(*pair):
    show_text(
        f"On the tracks that both tested, {strict.protocol.replace('_', ' ')} and the original differ by "
        f"{evaluation.difference(*pair)} points of accuracy. The networks were trained on different tracks, "
        "and slightly fewer, so that the difference is not of leakage alone."
    )

# %% [markdown]
# ## Which labels do the networks doubt?
#
# Every track was tested by networks that had not been trained on it. Where they are sure of another genre,
# the label may be wrong: confident learning [@northcutt2021] ranks the tracks by the probability of the
# genre that they are filed under. A suspect is an invitation to listen, and no proof.

# %% tags=["nbval-ignore-output"]
from genre_lib.faults import find_label_errors

if normal:
    probabilities = diagnostics.out_of_fold(normal)
    tested = workspace.tracks.set_index("track_id").loc[probabilities.index].reset_index()
    suspects = find_label_errors(tested, probabilities)
    show_table(
        suspects.head(10).rename(
            columns={
                "track_id": "track",
                "suggested_genre": "suggested",
                "score": "probability of its genre",
                "verdict": "called an error",
            }
        ),
        f"The ten most doubted labels of {len(suspects)} ({int(suspects['verdict'].sum())} are called errors).",
        formats={"probability of its genre": "{:.3f}"},
    )

# %% tags=["nbval-ignore-output"]
from pathlib import Path

from genre_lib.demo_corpus import read_truth

if workspace.is_demo and normal:
    truth = workspace.derived("planted", lambda: read_truth(Path(home) / "data" / "demo"))
    planted = set(truth.loc[truth["fault"] == "mislabeled", "track_id"]) & set(suspects["track_id"])
    first = suspects["track_id"].head(2 * len(planted))
    show_text(
        f"Of the {len(planted)} labels that were swapped when this corpus was made, "
        f"{first.isin(planted).sum()} are among the first {len(first)} suspects."
    )

# %% tags=["keep-output", "nbval-ignore-output"]
from genre_lib.listening import play

if normal:
    play(
        workspace,
        {
            f"{suspect.track_id}, rather {suspect.suggested_genre}?": suspect.track_id
            for suspect in suspects.head(5).itertuples()
        },
    )

# %% [markdown]
# ## Possible improvements
#
# The original proposed data augmentation, dropout, and another structure. Before any of them stands what
# this report makes possible: intervals that tell an improvement from luck, partitions that keep
# repetitions apart, and runs that anyone can repeat.

# %% [markdown]
# # Conclusion

# %% tags=["nbval-ignore-output"]
reached = {name: evaluation.accuracy(scores[name], "tracks") for name in ("normal", *others)}
if normal:
    show_text(
        f"On the {escape_markdown(workspace.corpus_name)}, with the profile *{profile.name}*, the plainly trained network recognised "
        f"{reached['normal']} of {scores['normal']['track_id'].nunique()} tracks; the original reports 55.35% (quoted) on "
        "the 1000 of GTZAN, for which its own authors give no interval. "
        + " ".join(
            f"{name[0].upper() + name[1:]} reached {reached[name]} on "
            f"{scores[name]['rotation'].nunique()} of {profile.n_partitions} rotations."
            for name in others
        )
    )
else:
    show_text("Without a run of the normal phase there is nothing to conclude.")

# %% [markdown]
# And the three statements that the original makes of its results? Whether another phase helps or does harm,
# McNemar's exact test decides at the 5% level; where it cannot tell, the statement stays open.

# %% tags=["nbval-ignore-output"]
if normal:
    show_table(
        findings.on_statements(gaps, tests, gains),
        "What the original says of its results, held against the runs of this report.",
    )

# %% [markdown]
# The original could not improve its result with regularisation or with gradient accumulation, and could not
# say whether the differences meant anything. Here each difference comes with a test, each number with an
# interval, and each run with everything that defines it. Change a hyper-parameter in one place, call
# `make report` again, and the report says what it changed.
