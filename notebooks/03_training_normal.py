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
if repository := "":  # on Colab, the address that you would `git clone`
    import os

    os.system(f"git clone -q --depth 1 {repository} genre; pip install -q -e genre")
    os.chdir("genre")

# %% tags=["parameters"]
profile = None  # "smoke", "demo", "laptop" or "paper"; by default $GENRE_PROFILE, or "demo"
data = None  # a folder of audio or of published results; by default $GENRE_DATA, or the demo corpus

# %%
from genre_lib.workspace import open_workspace

workspace = open_workspace(profile, data)

# %% [markdown]
# # Training Phases
#
# As in the original and in the paper [@allamy2021], three partitions are used at a time: one to train,
# the next to validate (it decides when to stop), the one after to test. Then the partitions rotate,
# until every one has been each.

# %%
import pandas as pd

from genre_lib.corpus import rotations
from genre_lib.display import show_figure, show_table, show_text

profile = workspace.profile
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
from genre_lib.experiment import NORMAL
from genre_lib.results import findings

runs = workspace.runs(NORMAL)[NORMAL]
show_text(findings.on_gaps(profile, {NORMAL: runs}))

# %% tags=["nbval-ignore-output"]
from genre_lib.results import accuracy, pool

scores = pool(runs)
if runs:
    show_text(
        f"Over {len(runs)} runs, **{accuracy(scores, 'segments')}** of the segments and "
        f"**{accuracy(scores, 'tracks')}** of the tracks were recognised (accuracy and 95% interval; "
        f"guessing gives {1 / len(workspace.genres):.1%}). The original reports 52.52% and 55.35% on "
        "GTZAN (quoted)."
    )

# %%
from genre_lib.figures import accuracy_by_rotation
from genre_lib.results import by_rotation

if runs:
    show_figure(
        accuracy_by_rotation(by_rotation(scores), len(workspace.genres), "Normal"),
        "Accuracy of the normal phase on the test partition of each rotation.",
    )

# %% tags=["nbval-ignore-output"]
from genre_lib.results import describe_runs

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

# %%
from genre_lib.figures import learning_curves

if runs:
    show_figure(
        learning_curves([run.history for run in runs], "Normal"),
        "Learning curves of the normal phase, a line a rotation.",
    )

# %% tags=["nbval-ignore-output"]
from genre_lib.results import accuracy_gaps

if runs:
    last = accuracy_gaps(runs).mean()
    show_text(
        f"When training ended, the accuracy of segments was {last['training, last']:.1%} in training and "
        f"{last['validation, last']:.1%} in validation on average, a gap of {last['gap, last']:.1%}: "
        + (
            "the network knows its training tracks far better than others, so in this run it overfits."
            if last["gap, last"] > findings.WIDE
            else "so in this run there is little overfitting."
        )
    )

# %% [markdown]
# The original names four possible causes: a network of four million parameters, the quality of the
# data set, the lack of regularisation, and the batch size. It keeps the architecture and tries the last
# two: a penalty on the weights, and accumulated gradients.
