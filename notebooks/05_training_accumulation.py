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
# **What you will do.** Train with batches of 80 segments of which only 10 are in memory at a time.
#
# **What you will learn.** What gradient accumulation computes, that it is exact, and what it cannot do.
#
# **What you need.** A few minutes for the demo corpus on two cores, once.

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
# ## Third training: gradient accumulation
#
# A batch of 80 segments did not fit into the memory that the original had. Gradient accumulation
# ([Rotenberg, 2020](https://towardsdatascience.com/what-is-gradient-accumulation-in-deep-learning-ec034122cfa)) splits it into micro-batches that are worked off one after the other: their gradients
# are added up, and only then are the weights updated, once,
#
# $$w_t = w_{t-1} - \eta \sum_{i=1}^{N} \mathrm{grad}_i$$
#
# The original changed an optimizer from a forum
# ([Stack Overflow, answer 56946898](https://stackoverflow.com/a/56946898)) to do it, with 8 steps of 10 segments. Here
# it is the training step of the model, and any optimizer does. These are the library's own lines for
# TensorFlow (`genre_lib/network/jax_update.py` does the same on JAX). The part for a loss that has to see
# the whole batch is not needed here: cross-entropy is a mean over the segments.

# %%
from genre_lib.display import show_figure, show_source, show_table, show_text
from genre_lib.network import GradientAccumulationModel

show_source(GradientAccumulationModel.tensorflow_step)

# %% [markdown]
# Each micro-batch counts by its size, so the sum is the gradient of the mean loss over the whole batch: for
# a network without batch normalisation, the update is that of the full batch. A small network shows it:

# %% tags=["nbval-ignore-output"]
from genre_lib.experiment import compare_reductions

reductions = compare_reductions()
show_table(
    reductions.rename(columns={"mean": "mean (ours)", "keras": "Keras' own steps"}),
    "Four epochs of a small network in micro-batches of 10, eight to an update: how far its weights end from "
    "those of whole batches of 80, as a multiple of the way that these went.",
    formats=dict.fromkeys(("mean (ours)", "sum", "Keras' own steps"), "{:.1e}"),
)

# %% [markdown]
# The last 27 of 427 examples make an update of their own, in micro-batches of 10, 10 and 7. Keras' own
# `gradient_accumulation_steps` counts micro-batches on into the next epoch instead, and gives a small one the
# weight of a full one: it is exact only where every update is made of eight full ones.
#
# The formula above *adds up* the gradients of the micro-batches, each of which is a mean already: eight times
# the gradient of the batch. For plain gradient descent that is an eight times larger learning rate. Adam divides
# the gradient by its own size, and hardly notices, as long as every update has as many micro-batches as the one
# before (with 427 examples the last has three, and counts for less):

# %%
even = reductions[reductions["examples in an epoch"] == 400].set_index("optimizer")["sum"]
show_text(
    f"Here the sum ends {even['SGD']:.1f} times the way of the whole batches from them with SGD, and "
    f"{even['Adam']:.1g} times with Adam, with which the original trained: sum or mean "
    f"{'does not explain' if even['Adam'] < 0.05 else 'may explain'} its third training."
)

# %% [markdown]
# Batch normalisation is the exception. It normalises with the mean and the variance of what it is given,
# and it is given 10 segments at a time, not 80: no accumulation mends that. So the third training differs
# from the first in three ways at once: larger batches, noisier normalisation, and fewer updates per epoch.

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
    "Accuracy on the test partitions with 95% intervals, and epochs until training stopped; the "
    "normal phase on the same rotations.",
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
# The peak of memory during one update of the whole batch, and its time: in micro-batches, in one piece, and
# in one piece with the residual blocks computed a second time in the backward pass (rematerialised) in
# place of being kept.

# %% tags=["nbval-ignore-output"]
from genre_lib.experiment import measure_updates

updates = workspace.derived("updates", lambda: measure_updates(profile, workspace.cache))
show_table(
    updates.rename(columns={"memory": "memory / MiB", "seconds": "time / s"}),
    f"One update of {profile.accumulated_batch_size} segments, each measured in a process of its own: memory "
    "of the host above what the process had before, and time of the next update.",
    formats={"memory / MiB": "{:.0f}", "time / s": "{:.2f}"},
)

# %% tags=["nbval-ignore-output"]
show_text(findings.on_saved_memory(updates))

# %% [markdown]
# ### What it cannot do
#
# How far is what batch normalisation sees in a micro-batch from what it would see in the whole batch?

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
        f"Statistics of micro-batches of {profile.micro_batch_size} segments against those of the batch of "
        f"{statistics['segments'].iloc[0]} training segments, at the first and at the last normalisation of a "
        f"trained network: root mean square over filters and micro-batches. The mean is "
        "compared in standard deviations of the batch, the standard deviation relatively.",
        formats={"error of the mean / deviations": "{:.2f}", "error of the deviation": "{:.0%}"},
        runs=accumulated[:1],
    )
else:
    show_text("Without a run of the accumulation phase, this was not measured.")

# %% [markdown]
# No accumulation mends that exactly, since the statistics in one layer depend on those in every layer
# below. Two things do: the whole batch in one piece, with rematerialised blocks where memory is short, and a
# normalisation that does not look at the batch, like group normalisation
# ([Wu and He, 2018](https://doi.org/10.1007/978-3-030-01261-8_1)).
#
# ### Is it the batch, or how training ends?
#
# The moving statistics that validation uses follow the weights with a delay of about $1 / (1 - m)$ updates,
# a hundred at Keras' momentum $m = 0.99$, and batches of 80 make two and a half times fewer updates per epoch
# than those of 32. So validation may look bad early, and patience, counted in epochs, may end the training of
# a network that has hardly begun.

# %% tags=["nbval-ignore-output"]
show_text(premises.on_variants(profile))

# %% tags=["nbval-ignore-output"]
named = on_common_rotations({phase.label: runs[phase] for phase in ways})
compared = compare(named, to="accumulation")
columns = ["segments", "tracks", "epochs", "best", "training", "seconds"]
show_table(
    compared[columns]
    .rename(columns={"seconds": "s / epoch"})
    .rename_axis("way to train")
    .reset_index(),
    "Accuracy on the test partitions with 95% intervals, epochs until training stopped, the best of them, "
    "accuracy in training then, and the median time of an epoch; all on the same rotations, with a momentum "
    f"of {profile.bn_momentum:g} where none is named.",
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
