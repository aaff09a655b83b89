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
# # 3. Train: normal
#
# **What you will do.** Train the network on each rotation of the partitions, look at the learning
# curves, and score segments and tracks.
#
# **What you will learn.** How much a result changes from one rotation to the next, and what
# overfitting looks like.
#
# **What you need.** A few minutes for the demo corpus on two cores. Runs are kept: a second time this
# notebook takes seconds.

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
from genre_lib.partitions import rotations
from genre_lib.phases import NORMAL

from genre_lib import evaluation, figures, findings, open_workspace
from genre_lib.display import show_figure, show_table, show_text

workspace = open_workspace(profile, data, home, results)
profile = workspace.profile

# %% [markdown]
# # Training Phases
#
# As in the original and in the paper [@allamy2021], three partitions are used at a time: one to train,
# the next to validate (it decides when to stop), the one after to test. Then the partitions rotate,
# until every one has been each.

# %%
table = pd.DataFrame(rotations(profile.n_partitions)) + 1
table.columns = ["rotation", "train", "validate", "test"]
show_table(table, "The rotations: which partition does what.")

# %% [markdown]
# So each network sees a sixth of the corpus and is tested on another sixth, and over all rotations
# each track is tested exactly once. (Most published results on GTZAN train on nine tenths.)
#
# Three ways to train are compared: plain, with an L2 penalty, and with accumulated gradients.
#
# ## First training: normal
#
# Plain training: Adam, batches of segments in random order, early stopping. The original trained for
# at most 100 epochs with batches of 32, and took the mean of the predictions of a song's segments as
# the song's.

# %% tags=["nbval-ignore-output"]
runs = workspace.runs(NORMAL)[NORMAL]
if gaps := findings.on_gaps(profile, {NORMAL: runs}):
    show_text(gaps)

# %% tags=["nbval-ignore-output"]
if runs:
    scores = evaluation.pool(runs)
    tracks = evaluation.accuracy(scores, "tracks")
    segments = evaluation.accuracy(scores, "segments")
    show_text(
        f"Over {len(runs)} runs, **{segments}** of the segments and **{tracks}** of the tracks were "
        f"recognised (accuracy and 95% interval; guessing gives {1 / len(workspace.genres):.1%}). "
        "The original reports 52.52% and 55.35% on GTZAN (quoted)."
    )

# %% tags=["nbval-ignore-output"]
if runs:
    show_figure(
        figures.accuracy_by_rotation(
            evaluation.by_rotation(scores), len(workspace.genres), "Normal"
        ),
        "Accuracy of the normal phase on the test partition of each rotation.",
    )

# %%
from genre_lib.runs import describe_runs

# %% tags=["nbval-ignore-output"]
if runs:
    show_table(
        describe_runs(runs),
        "The runs of the normal phase: epochs until training stopped, the best of them (whose weights "
        "are kept), accuracy of segments in that epoch, and the time it took.",
        formats={"training": "{:.1%}", "validation": "{:.1%}", "minutes": "{:.1f}"},
    )

# %% [markdown]
# ### Considerations
#
# The original saw the training accuracy rise on while the validation accuracy stopped near 60%, and
# called it overfitting. The curves of this report's runs:

# %% tags=["nbval-ignore-output"]
if runs:
    show_figure(
        figures.learning_curves([run.history for run in runs], "Normal"),
        "Learning curves of the normal phase, a line a rotation.",
    )

# %% tags=["nbval-ignore-output"]
if runs:
    last = pd.concat([run.history.iloc[[-1]] for run in runs])
    gap = (last["accuracy"] - last["val_accuracy"]).mean()
    show_text(
        f"When training ended, the accuracy of segments was {last['accuracy'].mean():.1%} in training and "
        f"{last['val_accuracy'].mean():.1%} in validation on average, a gap of {gap:.1%}: "
        + (
            "the network knows its training tracks far better than others, so in this run it overfits."
            if gap > 0.1
            else "so in this run there is little overfitting."
        )
    )

# %% [markdown]
# The original names four possible causes: a network of four million parameters, the quality of the
# data set, the lack of regularisation, and the batch size. It keeps the architecture and tries the last
# two: a penalty on the weights, and accumulated gradients.
