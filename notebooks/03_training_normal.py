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
# <a href="https://colab.research.google.com/github/"><img src="https://colab.research.google.com/assets/colab-badge.svg" alt="Open in Colab"></a>
#
# **What you will do.** Train the network on each rotation of the partitions, look at the learning
# curves, and compute the accuracy of segments and of tracks.
#
# **What you will learn.** How much a result changes from one rotation to the next, and what
# overfitting looks like.
#
# **What you need.** A few minutes for the demo corpus on two cores. Runs are kept: the second time, this
# notebook takes seconds.

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
# # Training Phases
#
# As in the original and in the paper
# ([Allamy and Koerich, 2021](https://doi.org/10.1109/SSCI50451.2021.9659979)), three partitions are used at a time: one to train,
# the next to validate (to decide when to stop), and a third to test. Then the partitions rotate, until
# each has played every part.

# %%
import pandas as pd

from genre_lib.corpus import rotations
from genre_lib.display import show_figure, show_table, show_text

profile = workspace.profile
table = pd.DataFrame(rotations(profile.n_partitions)) + 1
table.columns = ["rotation", "train", "validate", "test"]
show_table(table, "The rotations: which partition trains, validates and tests.")

# %% tags=["nbval-ignore-output"]
from genre_lib.results import findings, premises

show_text(premises.on_rotations(profile))

# %% [markdown]
# Three phases are compared: plain training, an L2 penalty, and accumulated gradients.
#
# ## First training: normal
#
# Plain training: Adam, batches of segments in random order, early stopping. The original trained for
# at most 100 epochs with batches of 32, and averaged the predictions over the segments of a song.

# %% tags=["nbval-ignore-output"]
from genre_lib.experiment import NORMAL

runs = workspace.runs(NORMAL)[NORMAL]
show_text(premises.on_gaps(profile, {NORMAL: runs}))

# %% tags=["nbval-ignore-output"]
from genre_lib.results import accuracy, pool, wording

scores = pool(runs)
if runs:
    show_text(
        f"In {wording.count(len(runs), 'run')}, **{accuracy(scores, 'segments')}** of the segments and "
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
        runs=runs,
    )

# %% tags=["nbval-ignore-output"]
from genre_lib.results import describe_runs

if runs:
    show_table(
        describe_runs(runs),
        "The runs of the normal phase: epochs until training stopped, the best epoch (whose weights are "
        "kept), accuracy of segments in that epoch, and the time of the run.",
        formats={"training": "{:.1%}", "validation": "{:.1%}", "minutes": "{:.1f}"},
        runs=runs,
    )

# %% [markdown]
# ### Considerations
#
# In the original, training accuracy kept rising while validation accuracy stopped near 60%, which it
# called overfitting. The learning curves show whether that happens here.

# %%
from genre_lib.figures import learning_curves

if runs:
    show_figure(
        learning_curves([run.history for run in runs], "Normal"),
        "Learning curves of the normal phase, one line per run.",
        runs=runs,
    )

# %% tags=["nbval-ignore-output"]
from genre_lib.results import accuracy_gaps

if runs:
    show_text(findings.on_overfitting({"normal": accuracy_gaps(runs)}))

# %% [markdown]
# The original names four possible causes: a network of four million parameters, the quality of the
# data set, the lack of regularisation, and the batch size. It keeps the architecture and addresses the
# last two: with a penalty on the weights, and with accumulated gradients.

# %% [markdown] tags=["notebook-only"]
# ## References
#
# - Safaa Allamy and Alessandro Lameiras Koerich, “1D CNN Architectures for Music Genre Classification,” *2021 IEEE Symposium Series on Computational Intelligence (SSCI)*, pp. 1–7, IEEE, 2021. arXiv:2105.07302. <https://doi.org/10.1109/SSCI50451.2021.9659979>.
