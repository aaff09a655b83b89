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
# # 8. Speed and memory
#
# **What you will do.** Read what was measured with `python -m tests.benchmarks.speed`, and kept with the
# project.
#
# **What you will learn.** How fast the network trains here and elsewhere, how far that is from what the device
# allows, and what more tracks cost.
#
# **What you need.** Nothing: neither audio nor runs. To measure your own machine, call `make benchmark`; its
# figures are kept beside those that are here, device by device.

# %% tags=["notebook-only"]
if repository := "":  # on Colab, the address that you would `git clone`
    import os

    os.system(f"git clone -q --depth 1 {repository} genre; pip install -q -e genre")
    os.chdir("genre")

# %% [markdown]
# # Appendix: speed and memory
#
# The original ran out of memory and out of time. What follows was measured once with
# `python -m tests.benchmarks.speed`, on noise of GTZAN's shape, and is read here from
# `report/published/benchmarks/`; making this report does not measure it again. The implementations take turns,
# each in a process of its own, after each has warmed up.

# %%
from genre_lib.display import show_figure, show_table, show_text
from genre_lib.figures import training_rates
from genre_lib.results import speed

for measured in (measurements := speed.read_published("speed")):
    device = speed.describe_device(measured)
    show_text(speed.compare_rates(measured))
    show_table(
        rates := speed.tabulate_rates(measured),
        f"Segments per second in training and tracks per second in inference, medians: {device}.",
        formats=dict.fromkeys(rates.columns[1:], "{:.1f}"),
    )
    show_figure(
        training_rates(measured["figures"]),
        f"The speed of training, with the range of the repeats: {device}.",
    )
if not measurements:
    show_text("Nothing was measured yet: call `make benchmark`.")

# %% [markdown]
# ## What the device allows
#
# The floor is the time that the network's convolutions take at least, at the rate of matrix products and the
# bandwidth of memory (read and written) that were measured on the same device. The feeder brings the segments
# to where they are computed with. A row of PyTorch with its memory kept has an allocator that gives nothing back
# to the system between steps.

# %%
for measured in measurements:
    show_table(
        speed.tabulate_limits(measured),
        f"What the device allows, what the store costs: {speed.describe_device(measured)}.",
    )

# %% [markdown]
# ## More tracks
#
# Tracks stay in a file that is mapped into memory, so that the largest process does not grow with their number
# as their audio does.

# %%
import pandas as pd

from genre_lib.figures import growing_cost

for measured in (growth := speed.read_published("growth")):
    show_figure(
        growing_cost(pd.DataFrame(measured["growth"])),
        "Time of building the store and of two runs of one epoch (1/32 of the filters, 6 short segments per track), "
        f"and the memory of the largest process, as the number of tracks grows: {speed.describe_device(measured)}.",
    )
if not growth:
    show_text("Nothing was measured yet: call `python -m tests.benchmarks.speed --growth`.")
