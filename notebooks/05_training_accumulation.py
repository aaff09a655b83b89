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
import itertools

import numpy as np
import pandas as pd
from genre_lib.phases import ACCUMULATION, NORMAL, variant_phases
from genre_lib.runs import describe_runs

from genre_lib import GradientAccumulationModel, evaluation, figures, findings, open_workspace
from genre_lib.display import show_figure, show_table, show_text

workspace = open_workspace(profile, data, home, results)
profile = workspace.profile

# %% [markdown]
# ## Third training: gradient accumulation
#
# A batch of 80 segments did not fit into the memory that the original had. Gradient accumulation
# [@rotenberg2020] splits it into micro-batches that are worked off one after the other: their gradients
# are added up, and only then are the weights updated, once,
#
# $$w_t = w_{t-1} - \eta \sum_{i=1}^{N} \mathrm{grad}_i$$
#
# The original changed an optimizer from a forum [@so56946898] to do it, with 8 steps of 10 segments. Here
# it is the training step of the model, and any optimizer does. Each micro-batch counts by its size, so
# the sum is the gradient of the mean loss over the whole batch: for a network without batch
# normalisation, the update is that of the full batch. A small network shows it:


# %% tags=["nbval-ignore-output"]
import keras


def train(way, make_optimizer, n_examples):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8,))
    hidden = keras.layers.Dense(16, activation="tanh")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(hidden))
    optimizer, batch_size = make_optimizer(), 80
    if way in ("mean", "sum"):
        model = GradientAccumulationModel(
            model.inputs, model.outputs, micro_batch_size=10, reduction=way
        )
    elif way == "Keras":
        optimizer, batch_size = make_optimizer(gradient_accumulation_steps=8), 10
    model.compile(optimizer, "sparse_categorical_crossentropy")
    first = model.get_weights()
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(n_examples, 8)).astype("float32"), rng.integers(3, size=n_examples)
    model.fit(x, y, batch_size=batch_size, epochs=4, shuffle=False, verbose=0)
    return np.concatenate(
        [(w - v).ravel() for w, v in zip(model.get_weights(), first, strict=True)]
    )


# %% tags=["nbval-ignore-output"]
rows = []
for name, make_optimizer in {"SGD": keras.optimizers.SGD, "Adam": keras.optimizers.Adam}.items():
    for n_examples in (400, 427):
        whole = train("whole", make_optimizer, n_examples)
        moved = {w: train(w, make_optimizer, n_examples) for w in ("mean", "sum", "Keras")}
        distances = {w: np.linalg.norm(m - whole) / np.linalg.norm(whole) for w, m in moved.items()}
        rows.append({"optimizer": name, "examples in an epoch": n_examples, **distances})
toy = pd.DataFrame(rows)
show_table(
    toy.rename(columns={"mean": "mean (ours)", "sum": "sum", "Keras": "Keras' own steps"}),
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

# %% tags=["nbval-ignore-output"]
even = toy[toy["examples in an epoch"] == 400].set_index("optimizer")["sum"]
show_text(
    f"Here the sum ends {even['SGD']:.1f} times the way of the whole batches from them with SGD, and "
    f"{even['Adam']:.1g} times with Adam, with which the original trained: sum or mean "
    f"{'does not explain' if even['Adam'] < 0.05 else 'may explain'} its third training."
)

# %% [markdown]
# Batch normalisation is the exception. It normalises with the mean and the variance of what it is given,
# and it is given 10 segments at a time, not 80: no accumulation mends that. So the third training differs
# from the first in three ways at once: larger batches, noisier normalisation, and fewer updates an epoch.

# %% tags=["nbval-ignore-output"]
variants = {name: found for name, found in variant_phases(profile).items() if name != "l2-mean"}
# The variants are for the end of this section; together, all can be trained side by side.
runs = workspace.runs(NORMAL, ACCUMULATION, *itertools.chain(*variants.values()))
if gaps := findings.on_gaps(profile, runs):
    show_text(gaps)

# %% tags=["nbval-ignore-output"]
accumulated = runs[ACCUMULATION]
same = {run.facts["rotation"] for run in accumulated or runs[NORMAL]}
compared = {
    f"normal (batches of {profile.batch_size})": [
        run for run in runs[NORMAL] if run.facts["rotation"] in same
    ],
    f"accumulation ({profile.accumulated_batch_size} in parts of {profile.micro_batch_size})": accumulated,
}
rows = [
    {
        "phase": name,
        "segments": str(evaluation.accuracy(evaluation.pool(of_phase), "segments")),
        "tracks": str(evaluation.accuracy(evaluation.pool(of_phase), "tracks")),
        "epochs": describe_runs(of_phase)["epochs"].mean(),
        "runs": len(of_phase),
    }
    for name, of_phase in compared.items()
]
show_table(
    pd.DataFrame(rows),
    "Accuracy on the test partitions with 95% intervals, and epochs until training stopped; the "
    "normal phase on the same rotations.",
    formats={"epochs": "{:.1f}"},
)

# %% tags=["nbval-ignore-output"]
if accumulated:
    show_figure(
        figures.learning_curves([run.history for run in accumulated], "Accumulation"),
        "Learning curves with accumulated gradients.",
    )
    show_table(
        describe_runs(accumulated),
        "The runs of the accumulation phase.",
        formats={"training": "{:.1%}", "validation": "{:.1%}", "minutes": "{:.1f}"},
    )

# %% [markdown]
# ### What it saves
#
# The peak of memory during one update of the whole batch, and its time: in micro-batches, in one piece, and
# in one piece with the residual blocks computed a second time in the backward pass (rematerialised) in
# place of being kept.

# %% tags=["nbval-ignore-output"]
from pathlib import Path

from genre_lib.step_memory import measure_updates

updates = workspace.derived("updates", lambda: measure_updates(profile, Path(home) / "cache"))
show_table(
    updates.rename(columns={"memory": "memory / MiB", "seconds": "time / s"}),
    f"One update of {profile.accumulated_batch_size} segments, each measured in a process of its own: memory "
    "of the host above what the process had before, and time of the next update.",
    formats={"memory / MiB": "{:.0f}", "time / s": "{:.2f}"},
)
saved = updates["memory"].iloc[1] / updates["memory"].iloc[0]
show_text(f"Accumulation took {saved:.1f} times less memory here than the batch in one piece.")

# %% [markdown]
# ### What it cannot do
#
# How far is what batch normalisation sees in a micro-batch from what it would see in the whole batch? Below
# for one batch of training segments, at the first and at the last normalisation of a trained network.

# %% tags=["nbval-ignore-output"]
from genre_lib.batch_statistics import compare_statistics
from genre_lib.kept_network import load_network
from genre_lib.runs import Run

from genre_lib.experiment import split_segments


def statistics_of(run):
    training = split_segments(Run(profile, ACCUMULATION, run.facts["rotation"]), workspace.store)[
        "train"
    ]
    batch = training.sample(min(profile.accumulated_batch_size, len(training)), random_state=0)
    samples = workspace.store.read(batch["start"], profile.window)[..., np.newaxis]
    return compare_statistics(load_network(run), samples, profile.micro_batch_size).assign(
        segments=len(batch)
    )


# %% tags=["nbval-ignore-output"]
if accumulated:
    statistics = workspace.derived("batch_statistics", lambda: statistics_of(accumulated[0]))
    show_table(
        statistics.drop(columns="segments").rename(
            columns={
                "mean": "error of the mean / deviations",
                "deviation": "error of the deviation",
            }
        ),
        f"Statistics of micro-batches of {profile.micro_batch_size} segments against those of the batch of "
        f"{statistics['segments'].iloc[0]}: root mean square over filters and micro-batches. The mean is "
        "compared in standard deviations of the batch, the standard deviation relatively.",
        formats={"error of the mean / deviations": "{:.2f}", "error of the deviation": "{:.0%}"},
    )

# %% [markdown]
# No accumulation mends that exactly, since the statistics in one layer depend on those in every layer
# below. Two things do: the whole batch in one piece, with rematerialised blocks where memory is short, and a
# normalisation that does not look at the batch, like group normalisation [@wu2018].
#
# ### Is it the batch, or how training ends?
#
# The moving statistics that validation uses follow the weights with a delay of about $1 / (1 - m)$ updates,
# a hundred at Keras' momentum $m = 0.99$, and batches of 80 make two and a half times fewer updates an epoch
# than those of 32. So validation may look bad early, and patience, counted in epochs, may end the training of
# a network that has hardly begun. Each variant below changes one thing: the momentum, the statistics
# (estimated anew over the training segments before each validation), or patience (counted in updates of the
# normal phase).

# %% tags=["nbval-ignore-output"]
names = {
    "whole-batch": [f"whole batches of {profile.accumulated_batch_size}"],
    "group-norm": ["accumulation, group normalisation"],
    "momentum": ["normal, momentum {:g}", "accumulation, momentum {:g}"],
    "statistics": ["normal, statistics anew", "accumulation, statistics anew"],
    "patience": ["accumulation, patience in updates"],
}
ways = {"normal": NORMAL, "accumulation": ACCUMULATION} | {
    text.format(phase.bn_momentum or 0): phase
    for name, phases in variants.items()
    for text, phase in zip(names[name], phases, strict=True)
}
rows = []
for name, phase in ways.items():
    of_way = [r for r in runs[phase] if r.facts["rotation"] in same]
    scores, described = evaluation.pool(of_way), describe_runs(of_way)
    seconds = [second for run in of_way for second in run.history["seconds"]]
    rows.append(
        {
            "way to train": name,
            "segments": str(evaluation.accuracy(scores, "segments")),
            "tracks": str(evaluation.accuracy(scores, "tracks")),
            "epochs": described["epochs"].mean(),
            "best": described["best"].mean(),
            "training": described["training"].mean(),
            "s / epoch": pd.Series(seconds, dtype=float).median(),
        }
    )
table = pd.DataFrame(rows)
show_table(
    table,
    "Accuracy on the test partitions with 95% intervals, epochs until training stopped, the best of them, "
    "accuracy in training then, and the median time of an epoch; all on the same rotations, with a momentum "
    f"of {profile.bn_momentum:g} where none is named.",
    formats={"epochs": "{:.1f}", "best": "{:.1f}", "training": "{:.1%}", "s / epoch": "{:.2f}"},
)

# %% tags=["nbval-ignore-output"]
pools = {
    name: evaluation.pool([r for r in runs[p] if r.facts["rotation"] in same])
    for name, p in ways.items()
}
gains = {
    name: evaluation.difference(pools["accumulation"], scores)
    for name, scores in pools.items()
    if name != "accumulation" and evaluation.comparable(pools["accumulation"], scores)
}
better = [f"{name} ({gain} points)" for name, gain in gains.items() if gain.low > 0]
worse = [f"{name} ({gain} points)" for name, gain in gains.items() if gain.high < 0]
show_text(
    "Against accumulation as the original did it, on the same tracks: better by more than chance explains: "
    f"{'; '.join(better) or 'none'}; worse: {'; '.join(worse) or 'none'}."
    if gains
    else "No way to train shares a run with accumulation, so that none can be compared with it."
)

# %% [markdown]
# The original reports 37.31% of segments and 37.92% of songs for this training (quoted).
