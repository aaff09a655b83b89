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
# # 9. Speed and memory
#
# <a href="https://colab.research.google.com/github/"><img src="https://colab.research.google.com/assets/colab-badge.svg" alt="Open in Colab"></a>
#
# **What you will do.** Read the measurements that `python -m tests.benchmarks.speed` made and that are kept
# with the project.
#
# **What you will learn.** How fast the network trains here and in other implementations, how close that is to
# the limits of the device, and what more tracks cost.
#
# **What you need.** Neither audio nor runs. To measure your own machine, call `make benchmark`; its results are
# kept beside the others, device by device.

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

# %% [markdown]
# # Appendix: speed and memory
#
# The original ran out of memory and time. What follows was measured once with
# `python -m tests.benchmarks.speed`, on noise of GTZAN's shape, and is read here from
# `report/published/benchmarks/`; making this report does not measure it again. The implementations took turns,
# each in its own process and after a warm-up.

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
    if len(rates) > 1:
        show_figure(
            training_rates(measured["figures"]),
            f"Training speed, with the range of the repeats: {device}.",
        )
if not measurements:
    show_text("Nothing was measured yet: call `make benchmark`.")

# %% [markdown]
# ## What the device allows
#
# The floor is the shortest possible time of the network's convolutions, given the rate of matrix products and
# the memory bandwidth (read and written) measured on the same device. The feeder moves the segments to the
# device. "Memory kept" means that PyTorch's allocator returns no memory to the system between steps.

# %%
for measured in measurements:
    show_table(
        speed.tabulate_limits(measured),
        f"What the device allows and what the store costs: {speed.describe_device(measured)}.",
    )

# %% [markdown]
# ## More tracks
#
# Tracks stay in a memory-mapped file, so the memory of the largest process grows more slowly than the audio.

# %%
import pandas as pd

from genre_lib.figures import growing_cost

for measured in (growth := speed.read_published("growth")):
    show_figure(
        growing_cost(pd.DataFrame(measured["growth"])),
        "Time to build the store and to train two runs of one epoch (1/32 of the filters, 6 short segments per "
        f"track), and memory of the largest process, by number of tracks: {speed.describe_device(measured)}.",
    )
if not growth:
    show_text("Nothing was measured yet: call `python -m tests.benchmarks.speed --growth`.")
