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
# # 7. Results
#
# <a href="https://colab.research.google.com/github/"><img src="https://colab.research.google.com/assets/colab-badge.svg" alt="Open in Colab"></a>
#
# **What you will do.** Compare the three phases, with intervals and tests, with one another, with simple
# baselines and with the original's table; see which genres are confused, and what repetitions and artists
# add.
#
# **What you will learn.** Which differences can be detected with this many tracks, and which cannot.
#
# **What you need.** The runs of the earlier notebooks; missing ones are trained first.

# %% tags=["notebook-only"]
import sys

if "google.colab" in sys.modules:  # get this project, and what Colab lacks of what it needs
    import shlex
    import tomllib
    from pathlib import Path

    repository = ""  # the address that you would `git clone`
    assert repository, "put the address of this project between the quotes above"
    # !test -d genre || git clone -q --depth 1 "{repository}" genre
    project = tomllib.loads(Path("genre/pyproject.toml").read_text())["project"]
    needs = shlex.join(project["dependencies"])
    # %pip install -q {needs}
    sys.path.insert(0, str(Path("genre").absolute()))

# %% tags=["parameters"]
profile = None  # a name, such as "laptop", or a TOML file; by default $GENRE_PROFILE, or "demo"
data = None  # a folder of audio or of published results; by default $GENRE_DATA, or the demo corpus

# %%
from genre_lib.workspace import open_workspace

workspace = open_workspace(profile, data)

# %% [markdown]
# # Results
#
# Every accuracy has a 95% interval from the percentile bootstrap over tracks
# ([Efron and Tibshirani, 1993](https://doi.org/10.1201/9780429246593)). Tracks are drawn with replacement, each with all its segments, because the segments of a track are not independent.
# The interval says how far the number could move with other test tracks of the same kind; it does not
# cover the effect of other training tracks.
#
# For its table, the original chose one $\lambda$. Here it is the one with the best accuracy of tracks in
# *validation*, so that the test partitions play no part in the choice.
#
# Is a network needed at all? Three **baselines** are trained and tested on the same tracks: the *majority
# class* of the training tracks; *logistic regression* on the means of 20 MFCCs; and a *support vector
# machine* (standardised features, $C = 10$) on the means and standard deviations of MFCCs and their
# changes, chroma, spectral contrast, centroid, bandwidth, roll-off, zero crossings and level, computed by
# librosa ([McFee et al., 2015](https://doi.org/10.25080/Majora-7b98e3ed-003)) from the first 30 seconds. They classify whole tracks, so they have no accuracy of
# segments. Each is fitted quickly, so they run every rotation.

# %%
import pandas as pd

from genre_lib.display import escape_markdown, show_figure, show_table, show_text
from genre_lib.results import compare, findings, on_baselines, original, original_groups, premises

profile, runs = workspace.profile, workspace.runs()
show_text(premises.on_gaps(profile, runs))
named = original_groups(profile, runs)
compared = compare(named, to="normal")
baselines = {"normal": named["normal"], **workspace.baselines()}
simple = compare(baselines, to="normal").drop("normal").query("runs > 0")

# %% tags=["nbval-ignore-output"]
columns = ["segments", "tracks", "rotations", "test tracks", "original"]
show_table(
    original.with_original(pd.concat([compared, simple]))[columns]
    .rename_axis("phase")
    .reset_index(),
    f"Accuracy on the test partitions of the {escape_markdown(workspace.corpus_name)} with 95% intervals; on the "
    "right, what the original reports for segments and tracks of all of GTZAN (quoted, without intervals).",
    runs=named | baselines,
)

# %%
from genre_lib.figures import accuracies

if (found := pd.concat([compared[compared["runs"] > 0], simple])).size:
    show_figure(
        accuracies(found, {n: quoted for n in found.index if (quoted := original.quote(n))}),
        "Accuracy of the phases and the baselines with 95% intervals; hollow markers: what the original "
        "reports (quoted).",
        runs=named | baselines,
    )

# %% [markdown]
# ## Are the phases different?
#
# The phases were tested on the same tracks, so they can be compared track by track. McNemar's exact test
# ([McNemar, 1947](https://doi.org/10.1007/BF02295996)) looks only at the tracks that one phase gets right and the other does not: if the two
# were equally good, each of these would fall to either side like the toss of a coin. Five of five on one
# side still give $p = 0.063$, six of six $p = 0.031$: if fewer than six tracks differ, no outcome can be
# significant at the 5% level.
#
# A $p$-value does not say how large a difference is. The table therefore also gives the difference in
# accuracy on the tracks that both tested, with its interval from the same bootstrap over tracks, the two
# results of a track kept together. No value inside the interval can be ruled out. If few tracks differ, the
# interval is somewhat too narrow; if a track was tested with several seeds, the test counts it more than
# once. So this report calls a difference significant only if both agree: $p$ is below 5%, and the interval
# does not include zero.

# %% tags=["nbval-ignore-output"]
others = compared.drop("normal").dropna(subset="difference")
names = {
    "only_reference": "only normal right",
    "only_this": "only the other right",
    "p": "p",
    "difference": "difference / points",
}
tested = pd.concat([others, simple.dropna(subset="difference")])
if len(tested):
    show_table(
        tested[list(names)].rename(columns=names).rename_axis("compared with normal").reset_index(),
        "McNemar's exact test on the tracks that both tested (two-sided, not corrected for the number of "
        "comparisons), and the difference in their accuracy (the other phase or baseline minus normal) in "
        "percentage points, with its 95% interval.",
        formats={"p": "{:.3g}"},
        runs=named | baselines,
    )

# %% tags=["nbval-ignore-output"]
show_text(f"{findings.on_phases(others)} {on_baselines(simple)}")

# %% [markdown]
# ## Which genres are confused?

# %%
from genre_lib.figures import confusion_matrices
from genre_lib.results import confusion, pool

genres = workspace.genres
counts = {name: confusion(pool(found), genres) for name, found in named.items() if found}
if "normal" in counts:
    show_figure(
        confusion_matrices({"normal": counts["normal"]}),
        "Confusion matrix of the normal phase: numbers of tracks; colours show their share of the true genre.",
        runs=named["normal"],
    )

# %% tags=["nbval-ignore-output"]
from genre_lib.results import by_genre

if "normal" in counts:
    table = by_genre(pool(named["normal"]), genres)
    show_table(
        table,
        "Precision, recall and F1 of the tracks of each genre, normal phase.",
        formats={"precision": "{:.2f}", "recall": "{:.2f}", "F1": "{:.2f}"},
        runs=named["normal"],
    )

# %%
if other_counts := {name: matrix for name, matrix in counts.items() if name != "normal"}:
    show_figure(
        confusion_matrices(other_counts),
        "Confusion matrices of the other phases, on the rotations that they ran.",
        runs={name: named[name] for name in other_counts},
    )

# %% tags=["nbval-ignore-output"]
if "normal" in counts:
    show_text(f"{findings.on_genres(table)} {findings.on_confusions(counts)}")

# %% [markdown]
# ## What do repetitions and artists add?
#
# All of the above follows the original: a test track may repeat a training track, or be by the same
# artist. Stricter protocols keep them apart. The normal phase was also run under those that the profile
# names and the corpus allows.

# %% tags=["nbval-ignore-output"]
from genre_lib.experiment import NORMAL, count_leaks

protocols = workspace.runs(*dict.fromkeys([NORMAL, *workspace.protocol_phases()]))
show_text(premises.on_gaps(profile, protocols))
by_protocol = {phase.protocol: found for phase, found in protocols.items()}
tested = {name: {run.facts["rotation"] for run in found} for name, found in by_protocol.items()}

# %% tags=["nbval-ignore-output"]
table = compare(by_protocol, to="original")
leaks, _ = count_leaks(workspace.annotated, profile, tested)
names = {"test": "test tracks", "same_artist": "same artist"}
columns = ["segments", "tracks", "rotations", "test tracks", "repeated", "same artist"]
show_table(
    table[columns[:3]]
    .join(leaks.drop(columns="tracks").rename(columns=names))[columns]
    .rename(lambda name: name.replace("_", " "))
    .rename_axis("protocol")
    .reset_index(),
    "Accuracy of the normal phase under each protocol, with 95% intervals, and the number of test tracks with "
    "a repetition, or with their artist, among the training tracks of their rotation.",
    runs=by_protocol,
)

# %% tags=["nbval-ignore-output"]
show_text(findings.on_protocols(table.drop("original")))

# %% [markdown]
# ## How much depends on the amount of data?
#
# As in the original, one partition trains. If there are more than three, two partitions can train,
# or all except those that validate and test. The latter stay the same, so that all are tested on the same
# tracks. With more training tracks, more test tracks also have a repetition
# or their artist in training, which only the stricter protocols prevent; the table counts them over all
# rotations.

# %% tags=["nbval-ignore-output"]
from genre_lib.results import by_training_size, on_data

data_runs = workspace.runs(*workspace.data_phases())
leaks = {
    size: count_leaks(workspace.annotated, profile, train_partitions=size)[0]
    for size in {phase.train_partitions for phase in data_runs}
}
table = by_training_size(profile, data_runs, leaks)
if len(leaks) == 1:
    show_text(
        f"Of {profile.n_partitions} partitions, one trains, one validates and one tests; this report "
        "tries no other size of the training set."
    )
elif len(table):
    show_table(
        table.rename(columns={"gain": "gain / points", "same_artist": "same artist"}),
        "Accuracy of tracks by the number of training tracks, with 95% intervals; the gain over the smallest "
        "training set, on the same test tracks; test tracks with a repetition, or with their artist, in training.",
        formats={"training tracks": "{:.0f}"},
        runs=data_runs,
    )

# %%
from genre_lib.figures import accuracy_by_data

if len(leaks) > 1 and len(table):
    show_figure(
        accuracy_by_data(table, len(genres)),
        "Accuracy of tracks against the number of training tracks, with 95% intervals.",
        runs=data_runs,
    )

# %% tags=["nbval-ignore-output"]
if len(leaks) > 1 and len(table):
    show_text(on_data(table))

# %% [markdown] tags=["notebook-only"]
# ## References
#
# - Bradley Efron and Robert J. Tibshirani, *An Introduction to the Bootstrap*, Chapman & Hall, 1993. <https://doi.org/10.1201/9780429246593>.
# - Brian McFee, Colin Raffel, Dawen Liang, Daniel P. W. Ellis, Matt McVicar, Eric Battenberg, and Oriol Nieto, “Librosa: Audio and Music Signal Analysis in Python,” *Proceedings of the 14th Python in Science Conference*, pp. 18–24, 2015. <https://doi.org/10.25080/Majora-7b98e3ed-003>.
# - Quinn McNemar, “Note on the Sampling Error of the Difference Between Correlated Proportions or Percentages,” *Psychometrika*, 12 (2), pp. 153–157, 1947. <https://doi.org/10.1007/BF02295996>.
