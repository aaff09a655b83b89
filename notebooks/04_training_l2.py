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
# # 4. Train: L2 regularisation
#
# <a href="https://colab.research.google.com/github/"><img src="https://colab.research.google.com/assets/colab-badge.svg" alt="Open in Colab"></a>
#
# **What you will do.** Train with a penalty on the weights of the residual blocks, in several strengths.
#
# **What you will learn.** What the penalty adds to the loss, and what it does to the gap between
# training and validation.
#
# **What you need.** A few minutes for the demo corpus on two cores, the first time.

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
# ## Second training: $L^2$ regularisation
#
# Large weights let a network fit the accidents of its training data. The $L^2$ penalty makes large
# weights costly. The original prints the loss as
#
# $$\mathrm{Loss} = \mathrm{Loss}(y - \hat{y}) + \lambda \left[\frac{1}{N} \sum_{i=1}^{N} w_i^2\right]$$
#
# with $\lambda = 0.01, 0.001, 0.0001$, for the kernels of the convolutions in the residual blocks.
# Keras' `L2` regulariser, which it used, adds the *sum* of the squares, not their mean; so do we. With
# about four million weights, the two penalties are very different:

# %%
import math

import keras
import pandas as pd

from genre_lib.display import show_figure, show_table, show_text
from genre_lib.network import build_resnet1d

profile = workspace.profile
keras.utils.set_random_seed(0)
model = build_resnet1d(l2=1.0)
penalty = float(sum(model.losses))
n_weights = sum(math.prod(v.shape) for v in model.trainable_variables if v.regularizer)

# %% tags=["nbval-ignore-output"]
weights = pd.Series(profile.l2_lambdas)
columns = {"sum (Keras)": weights * penalty, "mean (as printed)": weights * penalty / n_weights}
show_table(
    pd.DataFrame({"lambda": weights} | columns),
    "What the penalty adds to the loss of the full network before its first update, as a sum and as a "
    f"mean over {n_weights:,} kernel weights. The cross-entropy of guessing among ten genres is 2.303.",
    formats={"lambda": "{:g}", "sum (Keras)": "{:.3f}", "mean (as printed)": "{:.2e}"},
)

# %% [markdown]
# The network is trained with each strength as in the normal phase: same partitions, seeds and batch size.

# %% tags=["nbval-ignore-output"]
from genre_lib.experiment import NORMAL, l2_phase, variant_phases
from genre_lib.results import findings, premises

penalised = [l2_phase(weight) for weight in profile.l2_lambdas]
# The strongest as printed, with the mean, is for the end of this section.
readings = variant_phases(profile).get("l2-mean", [])
runs = workspace.runs(NORMAL, *penalised, *readings)
show_text(premises.on_gaps(profile, runs))

# %% tags=["nbval-ignore-output"]
from genre_lib.results import compare, on_common_rotations

named = on_common_rotations({phase.label: runs[phase] for phase in [NORMAL, *penalised]})
show_table(
    compare(named)[["segments", "tracks", "validation", "runs"]].rename_axis("phase").reset_index(),
    "Accuracy on the test partitions with 95% intervals, and accuracy of tracks in validation; all on the "
    "same rotations.",
    formats={"validation": "{:.1%}"},
    runs=named,
)

# %% tags=["nbval-ignore-output"]
from genre_lib.figures import learning_curves

for phase in filter(runs.get, penalised):
    show_figure(
        learning_curves([run.history for run in runs[phase]], phase.label),
        f"Learning curves with $\\lambda = {phase.network['l2']:g}$; the loss includes the penalty.",
        runs=runs[phase],
    )

# %% tags=["nbval-ignore-output"]
from genre_lib.results import accuracy_gaps

gaps = {name: accuracy_gaps(found) for name, found in named.items() if found}
show_text(findings.on_final_gaps(gaps))

# %% [markdown]
# ### Sum or mean?
#
# The original prints the mean, but Keras adds the sum. Which of the two did it train with?

# %% tags=["nbval-ignore-output"]
read = max(penalised, key=lambda phase: phase.network["l2"], default=NORMAL)
read_as = {"normal": named["normal"], f"{read.label.removeprefix('L2, ')}, sum": runs[read]}
read_as |= {phase.label: runs[phase] for phase in readings}
compared = compare(read_as, to="normal")
if readings:
    show_table(
        compared[["segments", "tracks", "difference"]]
        .fillna({"difference": "no run in common"})
        .rename(columns={"difference": "difference to normal / points"})
        .rename_axis("penalty")
        .reset_index(),
        "The strongest penalty of the profile, as a sum and as a mean, on the same rotations; the difference "
        "is paired, track by track.",
        runs=read_as,
    )
else:
    show_text(f"The profile *{profile.name}* trains with the sum only, so this report cannot tell.")

# %% tags=["nbval-ignore-output"]
if readings:
    show_text(findings.on_readings(compared.drop("normal")))

# %% [markdown]
# The original found results comparable to its normal phase for $\lambda = 0.001$, with the same
# overfitting; its final table reports 35.88% of segments and 38.32% of songs (quoted).
