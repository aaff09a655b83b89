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
# **What you will learn.** Which differences are real at this size, and which are noise.
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

# %% tags=["nbval-ignore-output"]
import pandas as pd

from genre_lib import evaluation, figures, open_workspace
from genre_lib.display import show_figure, show_table, show_text
from genre_lib.runs import ACCUMULATION, NORMAL, l2_phase

workspace = open_workspace(profile, data, home)
profile, genres = workspace.profile, workspace.genres
runs = workspace.runs()

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
validation = {
    weight: evaluation.accuracy(
        evaluation.pool(runs[l2_phase(weight)], split="valid"), "tracks"
    ).value
    for weight in profile.l2_lambdas
}
chosen = max(validation, key=validation.get)
scores = {
    "normal": evaluation.pool(runs[NORMAL]),
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
    f"Accuracy on the test partitions of the {workspace.corpus_name} with 95% intervals; on the right "
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
    for of, quoted in zip(("segments", "tracks"), original[name], strict=True)
]
show_figure(
    figures.accuracies(pd.DataFrame(rows)),
    "Accuracy of the three phases with 95% intervals; hollow: what the original reports (quoted).",
)

# %% [markdown]
# ## Are the phases different?
#
# The phases were tested on the same tracks, so they can be compared track by track. McNemar's exact test
# [@mcnemar1947] looks only at the tracks that one phase gets right and the other does not: if the two
# were equally good, these would fall to either side like the tosses of a coin.

# %% tags=["nbval-ignore-output"]
others = [name for name in scores if name != "normal"]
tests = {name: evaluation.mcnemar(scores["normal"], scores[name]) for name in others}
rows = [
    {
        "compared with normal": name,
        "only normal right": test.only_first,
        "only the other right": test.only_second,
        "p": test.p_value,
    }
    for name, test in tests.items()
]
show_table(
    pd.DataFrame(rows),
    "McNemar's exact test on the tracks that both phases tested (two-sided, not corrected for two "
    "comparisons).",
    formats={"p": "{:.3g}"},
)

# %% tags=["nbval-ignore-output"]
told_apart = [name for name, test in tests.items() if test.p_value < 0.05]
show_text(
    f"At the 5% level, {' and '.join(told_apart)} can be told apart from the normal phase here."
    if told_apart
    else "At the 5% level, neither can be told apart from the normal phase here: with so few tracks on "
    "which the phases differ, that is no evidence that they are equal."
)

# %% [markdown]
# ## Which genres are taken for which?

# %% tags=["nbval-ignore-output"]
counts = evaluation.confusion(scores["normal"], genres)
show_figure(
    figures.confusion_matrix(counts, "Normal"),
    "Confusion matrix of the normal phase: numbers are tracks, colours their share of the true genre.",
)

# %% tags=["nbval-ignore-output"]
table = evaluation.by_genre(scores["normal"], genres)
show_table(
    table,
    "Precision, recall and F1 of the tracks of each genre, normal phase.",
    formats={"precision": "{:.2f}", "recall": "{:.2f}", "F1": "{:.2f}"},
)

# %% tags=["nbval-ignore-output"]
true, predicted, number = evaluation.most_confused(counts)
best, worst = table.loc[table["F1"].idxmax()], table.loc[table["F1"].idxmin()]
show_text(
    f"The best recognised genre is {best['genre']} (F1 {best['F1']:.2f}), the worst {worst['genre']} "
    f"(F1 {worst['F1']:.2f}). The most frequent confusion is {true} taken for {predicted} ({number} tracks)."
)

# %% [markdown]
# ## Does it matter how segments are put together?
#
# The original takes the mean of the probabilities. The alternatives: a vote of the segments, the largest
# probability in any segment, and the mean of the logarithms.

# %% tags=["nbval-ignore-output"]
rows = [
    {
        "rule": rule,
        "tracks": str(evaluation.accuracy(evaluation.pool(runs[NORMAL], rule), "tracks")),
    }
    for rule in evaluation.RULES
]
show_table(
    pd.DataFrame(rows), "Accuracy of tracks by the rule that joins their segments, normal phase."
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
normal = evaluation.accuracy(scores["normal"], "tracks")
show_text(
    f"On the {workspace.corpus_name}, with the profile *{profile.name}*, the plainly trained network recognised "
    f"{normal} of {scores['normal']['track_id'].nunique()} tracks; the original reports 55.35% (quoted) on "
    "the 1000 of GTZAN, for which its own authors give no interval. "
    + " ".join(
        f"{name[0].upper() + name[1:]} reached {evaluation.accuracy(scores[name], 'tracks')} on "
        f"{scores[name]['rotation'].nunique()} of {profile.n_partitions} rotations."
        for name in others
    )
)

# %% [markdown]
# The original could not improve its result with regularisation or with gradient accumulation, and could not
# say whether the differences meant anything. Here each difference comes with a test, each number with an
# interval, and each run with everything that defines it. Change a hyper-parameter in one place, call
# `make report` again, and the report says what it changed.
