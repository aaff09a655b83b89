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
# # 5. Train: gradient accumulation
#
# <a href="https://colab.research.google.com/github/"><img src="https://colab.research.google.com/assets/colab-badge.svg" alt="Open in Colab"></a>
#
# **What you will do.** Train with batches of 80 segments of which only 10 are in memory at a time.
#
# **What you will learn.** What gradient accumulation computes, when it is exact, and where it fails.
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
# ## Third training: gradient accumulation
#
# A batch of 80 segments did not fit into the memory that the original had. Gradient accumulation
# ([Rotenberg, 2020](https://towardsdatascience.com/what-is-gradient-accumulation-in-deep-learning-ec034122cfa)) splits it into micro-batches that are processed one after the other. Their gradients
# are summed, and the weights are updated once per batch:
#
# $$w_t = w_{t-1} - \eta \sum_{i=1}^{N} \mathrm{grad}_i$$
#
# For this, the original adapted an optimizer from a forum
# ([Stack Overflow, answer 56946898](https://stackoverflow.com/a/56946898)), with 8 steps of 10 segments. Here
# the training step of the model does it, so it works with any optimizer. These are the lines that the
# library runs on TensorFlow (`genre_lib/network/jax_update.py` does the same on JAX). The branch for losses
# that need the whole batch is not used here: cross-entropy is a mean over the segments.

# %%
from genre_lib.display import show_figure, show_source, show_table, show_text
from genre_lib.network import GradientAccumulationModel

show_source(GradientAccumulationModel.tensorflow_step)

# %% [markdown]
# Each micro-batch is weighted by its size, so the sum is the gradient of the mean loss over the whole batch.
# Without batch normalisation, the update is exactly that of the whole batch. A small network shows this:

# %% tags=["nbval-ignore-output"]
from genre_lib.experiment import compare_reductions

reductions = compare_reductions()
show_table(
    reductions.rename(columns={"mean": "mean (ours)", "keras": "Keras' own steps"}),
    "Four epochs of a small network in micro-batches of 10, eight per update: the distance of its final "
    "weights from those after whole batches of 80, relative to the distance that the latter moved.",
    formats=dict.fromkeys(("mean (ours)", "sum", "Keras' own steps"), "{:.1e}"),
)

# %% [markdown]
# The last 27 of 427 examples make an update of their own, in micro-batches of 10, 10 and 7. Keras'
# `gradient_accumulation_steps` instead carries micro-batches over into the next epoch, and weights a small
# one like a full one. So it is exact only if every update consists of eight full micro-batches.
#
# The formula above *sums* the gradients of the micro-batches, each of which is already a mean: the result is
# eight times the gradient of the batch. For plain gradient descent this means a learning rate eight times as
# large. Adam divides the gradient by its typical size, so the factor has almost no effect as long as every
# update has the same number of micro-batches (with 427 examples the last has three, and counts for less):

# %%
even = reductions[reductions["examples in an epoch"] == 400].set_index("optimizer")["sum"]
show_text(
    f"With the sum, the distance is {even['SGD']:.1f} for SGD, and {even['Adam']:.1g} for Adam, which the "
    "original used: the choice of sum or mean "
    f"{'does not explain' if even['Adam'] < 0.05 else 'may explain'} the result of its third training."
)

# %% [markdown]
# Batch normalisation is the exception. It normalises with the mean and the variance of its input, which is
# 10 segments at a time, not 80, and accumulating gradients does not change that. So the third training
# differs from the first in three ways at once: larger batches, noisier normalisation, and fewer updates per
# epoch.

# %% tags=["nbval-ignore-output"]
import itertools

from genre_lib.experiment import ACCUMULATION, NORMAL, variant_phases
from genre_lib.results import findings, premises

profile = workspace.profile
variants = {name: found for name, found in variant_phases(profile).items() if name != "l2-mean"}
ways = [NORMAL, ACCUMULATION, *itertools.chain(*variants.values())]
# The variants are for the end of this section; together, all can be trained side by side.
runs = workspace.runs(*ways)
show_text(premises.on_gaps(profile, runs))

# %% tags=["nbval-ignore-output"]
from genre_lib.results import compare, on_common_rotations

# Compared with accumulation, on the rotations that it ran.
two = on_common_rotations({phase.label: runs[phase] for phase in (NORMAL, ACCUMULATION)})
named = {
    f"normal (batches of {profile.batch_size})": two["normal"],
    f"accumulation ({profile.accumulated_batch_size} in parts of {profile.micro_batch_size})": two[
        "accumulation"
    ],
}
show_table(
    compare(named)[["segments", "tracks", "epochs", "runs"]].rename_axis("phase").reset_index(),
    "Accuracy on the test partitions with 95% intervals, and epochs until training stopped; both on the "
    "same rotations.",
    formats={"epochs": "{:.1f}"},
    runs=named,
)

# %%
from genre_lib.figures import learning_curves

if accumulated := runs[ACCUMULATION]:
    show_figure(
        learning_curves([run.history for run in accumulated], "Accumulation"),
        "Learning curves with accumulated gradients.",
        runs=accumulated,
    )

# %% tags=["nbval-ignore-output"]
from genre_lib.results import describe_runs

if accumulated:
    show_table(
        describe_runs(accumulated),
        "The runs of the accumulation phase.",
        formats={"training": "{:.1%}", "validation": "{:.1%}", "minutes": "{:.1f}"},
        runs=accumulated,
    )

# %% [markdown]
# ### What it saves
#
# The peak memory and the time of one update of the whole batch: in micro-batches, in one piece, and in one
# piece with the residual blocks rematerialised (computed again in the backward pass instead of kept).

# %% tags=["nbval-ignore-output", "slow"]
from genre_lib.experiment import measure_updates

updates = workspace.derived("updates", lambda: measure_updates(profile, workspace.cache))
show_table(
    updates.rename(columns={"memory": "memory / MiB", "seconds": "time / s"}),
    f"One update of {profile.accumulated_batch_size} segments, each measured in its own process: host memory "
    "beyond what the process used before, and time of the next update.",
    formats={"memory / MiB": "{:.0f}", "time / s": "{:.2f}"},
)

# %% tags=["nbval-ignore-output"]
show_text(findings.on_saved_memory(updates))

# %% [markdown]
# ### Where it fails
#
# How far are the statistics of a micro-batch, which batch normalisation uses, from those of the whole batch?

# %% tags=["nbval-ignore-output"]
from genre_lib.experiment import measure_statistics

if accumulated:
    statistics = workspace.derived(
        "batch_statistics", lambda: measure_statistics(profile, accumulated[0], workspace.store)
    )

# %% tags=["nbval-ignore-output"]
if accumulated:
    show_table(
        statistics.drop(columns="segments").rename(
            columns={
                "mean": "error of the mean / deviations",
                "deviation": "error of the deviation",
            }
        ),
        f"Errors of the statistics of micro-batches of {profile.micro_batch_size} segments, compared with "
        f"their batch of {statistics['segments'].iloc[0]} training segments, at the first and the last "
        "normalisation of a trained network: root mean square over filters and micro-batches. The error of the "
        "mean is in standard deviations of the batch, that of the standard deviation is relative.",
        formats={"error of the mean / deviations": "{:.2f}", "error of the deviation": "{:.0%}"},
        runs=accumulated[:1],
    )
else:
    show_text("This was not measured, because the accumulation phase has no runs.")

# %% [markdown]
# Accumulation cannot correct this exactly, because the statistics in one layer depend on those in every
# earlier layer. Two things avoid the problem: the whole batch in one piece, with rematerialised blocks if
# memory is short, or a normalisation that does not depend on the batch, such as group normalisation
# ([Wu and He, 2018](https://doi.org/10.1007/978-3-030-01261-8_1)).
#
# ### Is it the batch, or does training stop too early?
#
# The moving statistics used in validation lag behind the weights by about $1 / (1 - m)$ updates: a hundred
# with Keras' momentum $m = 0.99$. Batches of 80 give only two fifths as many updates per
# epoch as batches of 32. So validation may look bad at first, and patience, which counts epochs, may stop a run
# that has hardly begun.

# %% tags=["nbval-ignore-output"]
show_text(premises.on_variants(profile))

# %% tags=["nbval-ignore-output"]
named = on_common_rotations({phase.label: runs[phase] for phase in ways})
compared = compare(named, to="accumulation")
columns = ["segments", "tracks", "epochs", "best", "training", "seconds"]
show_table(
    compared[columns].rename(columns={"seconds": "s / epoch"}).rename_axis("phase").reset_index(),
    "Accuracy on the test partitions with 95% intervals, epochs until training stopped, the best epoch, the "
    "training accuracy in it, and the median time of an epoch; all on the same rotations, with a momentum of "
    f"{profile.bn_momentum:g} unless another is named.",
    formats={"epochs": "{:.1f}", "best": "{:.1f}", "training": "{:.1%}", "s / epoch": "{:.2f}"},
    runs=named,
)

# %% tags=["nbval-ignore-output"]
show_text(findings.on_ways(compared.drop("accumulation")))

# %% [markdown]
# The original reports 37.31% of segments and 37.92% of songs for this training (quoted).

# %% [markdown] tags=["notebook-only"]
# ## References
#
# - Raz Rotenberg, “What Is Gradient Accumulation in Deep Learning?” Towards Data Science, 2020. <https://towardsdatascience.com/what-is-gradient-accumulation-in-deep-learning-ec034122cfa>.
# - Stack Overflow, “Answer 56946898 (a Keras Optimizer That Accumulates Gradients).” <https://stackoverflow.com/a/56946898>.
# - Yuxin Wu and Kaiming He, “Group Normalization,” *European Conference on Computer Vision (ECCV)*, 2018. arXiv:1803.08494. <https://doi.org/10.1007/978-3-030-01261-8_1>.
