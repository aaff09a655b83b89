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
# # 2. Construct the model
#
# **What you will do.** Build the residual network layer by layer, count its parameters, and send a
# segment through it.
#
# **What you will learn.** What a residual block is and what a shortcut does when the number of
# filters changes; why the input needs at least 59 049 samples; which choices the original left open.
#
# **What you need.** Nothing but this notebook; it takes a few seconds.

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
import numpy as np
import pandas as pd
from genre_lib.published_workspace import read_profile

from genre_lib import build_resnet1d, get_profile
from genre_lib.display import show_figure, show_table, show_text

profile = read_profile(results) if results else get_profile(profile)

# %% [markdown]
# # Architecture
#
# ## Convolutional neural network
#
# The network is the one-dimensional residual network of Allamy and Koerich [@allamy2021], as the
# original report describes it. A first convolution of stride 3 reads the waveform; nine residual
# blocks, each followed by a max-pooling by three, shorten it step by step while the number of filters
# grows; a last convolution and a softmax layer name the genre. Convolutions extract features, pooling
# keeps the strongest and widens what the next layer sees, and after ten divisions by three a segment
# of 110 250 samples has become one vector of 512 features.

# %% tags=["nbval-ignore-output"]
from keras import layers

model = build_resnet1d()


# %%
def shape_of(layer):
    return " × ".join(f"{size:,}" for size in reversed(layer.output.shape[1:]))


kinds = (layers.Conv1D, layers.MaxPooling1D, layers.Dense)
rows = [
    {
        "layer": type(layer).__name__,
        "filters": getattr(layer, "filters", None),
        "kernel": np.max(getattr(layer, "kernel_size", 0)) or None,
        "pool": np.max(getattr(layer, "pool_size", 0)) or None,
        "stride": np.max(getattr(layer, "strides", 1)),
        "output": shape_of(layer),
        "parameters": layer.count_params(),
    }
    for layer in model.layers
    if isinstance(layer, kinds) or type(layer).__name__ == "Res1D"
]
show_table(
    pd.DataFrame(rows),
    "The layers of the network (batch normalisations and activations outside of the blocks left "
    "out); parameters include those that batch normalisation keeps without training.",
    formats={"filters": "{:.0f}", "kernel": "{:.0f}", "pool": "{:.0f}", "parameters": "{:,}"},
)

# %%
trainable = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
show_text(
    f"The network has **{trainable:,} trainable parameters**; the original reports 4,086,794 "
    "(quoted). Only this reading of the table gives that number: the shortcut has a convolution and "
    "a batch normalisation exactly where the number of filters changes, every convolution has a "
    "bias, and the first and the last convolution are followed by batch normalisation."
)

# %% [markdown]
# ## ResNet
#
# A deep plain network can be hard to train even where a shallow one is not. A residual block
# [@he2016] learns what to *add* to its input instead of what to make of it: two convolutions with
# batch normalisation [@ioffe2015] are skipped by a shortcut, the two are summed, and a leaky ReLU
# follows. Where the number of filters changes the two cannot be summed as they are; there the
# shortcut has a convolution of kernel size 1 and a batch normalisation of its own.

# %% tags=["nbval-ignore-output"]
from genre_lib.figures import residual_block

show_figure(residual_block(), "The residual block, as the original describes it.")

# %% [markdown]
# The network takes the samples as 16-bit integers and scales them itself, on the device that computes:
# a quarter of the memory of double precision, half of single, on the way there.

# %%
segment = np.zeros((1, 110_250), dtype=np.int16)
probabilities = model.predict(segment, verbose=0)
print("input", segment.shape, segment.dtype, "-> output", probabilities.shape, probabilities.dtype)

# %% [markdown]
# An input that is too short for the poolings is refused, not padded in silence:

# %% tags=["keep-output"]
try:
    build_resnet1d(input_samples=22_050)
except ValueError as error:
    print(error)

# %% [markdown]
# # Choices
#
# The original followed the paper as far as it could, and had to choose where the paper is silent or
# memory was short. We follow the original; where *it* is silent, we say what we chose.
#
# ## Decisions
#
# - **Optimizer and loss**, as in the original: Adam [@kingma2015] and sparse categorical
#   cross-entropy.
# - **Early stopping**, as in the original: training ends after five epochs without a lower validation
#   loss. Our choice: the weights of the best epoch are kept, not those of the last.
# - **Shorter tracks**, as in the original: what is left behind the last whole segment is dropped.
# - **Shortcut**, as in the original: convolution and batch normalisation where the filters change.
# - **Leaky ReLU**: the original gives no slope. We use 0.3, the default of the Keras layer.
# - **Batch normalisation**: the original gives no momentum, so its default was 0.99. After a
#   hundred updates a third of the moving statistics is then still their first value, which matters
#   when an epoch has few updates. The profile says which momentum was used here.

# %%
shown = {
    "window": ("samples in a segment", "110 250"),
    "width": ("factor on the number of filters", "1"),
    "n_partitions": ("partitions", "6"),
    "batch_size": ("segments in an update (normal, L2)", "32"),
    "accumulated_batch_size": ("segments in an update (accumulation)", "80"),
    "micro_batch_size": ("segments in a micro-batch", "10"),
    "epochs": ("most epochs", "100"),
    "patience": ("patience in epochs", "5"),
    "learning_rate": ("learning rate of Adam", "not given"),
    "bn_momentum": ("momentum of batch normalisation", "not given"),
}
rows = [
    {"choice": what, "this report": f"{getattr(profile, field):g}", "original (quoted)": original}
    for field, (what, original) in shown.items()
]

# %% tags=["nbval-ignore-output"]
show_table(pd.DataFrame(rows), f"The profile *{profile.name}*, and what the original reports.")

# %% [markdown]
# ## Limitations
#
# The original ran on Colab with 12 GB of memory: 21 000 segments of 110 250 values did not fit, the
# partitions were loaded by hand, three at a time, and the batch had to shrink from 80 to 32. None of
# this limits us: the samples lie once on disk, as 16-bit integers in a memory-mapped file (1.3 GB for
# all of GTZAN), a segment is a view of that file, and only the batch in work is in memory.
#
# What does limit this report is time. The profile chooses how wide the network is and how many
# rotations are run; what a number was computed with stands beside it.
