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
# # 7. Speed and memory
#
# **What you will do.** Read what was measured with `python -m genre_lib benchmark`, and kept with the
# project.
#
# **What you will learn.** How fast the network trains here and elsewhere, how far that is from what the device
# allows, and what more tracks cost.
#
# **What you need.** Nothing: neither audio nor runs. To measure your own machine, call `make benchmark`; its
# figures are kept beside those that are here, device by device.

# %% tags=["notebook-only"]
# Outside of the project's own environment (on Colab, say) the project is fetched first.
import importlib.util

repository = ""  # the address that you would `git clone`
if importlib.util.find_spec("genre_lib") is None:
    assert repository, "Set `repository` to the address of the project's git repository."
    # !git clone --quiet --depth 1 {repository} genre-report
    # %cd genre-report/notebooks
    # %pip install --quiet --editable ..

# %% tags=["nbval-ignore-output"]
import pandas as pd
from genre_lib.speed import figures, results

from genre_lib.display import escape_markdown, show_figure, show_table, show_text

# %% [markdown]
# # Appendix: speed and memory
#
# The original ran out of memory and out of time. What follows was measured once with
# `python -m genre_lib benchmark`, on noise of GTZAN's shape, and is read here from
# `report/published/benchmarks/`; making this report does not measure it again. The implementations take turns,
# each in a process of its own, after each has warmed up.

# %%
speed = results.read_published("speed")
for measured in speed:
    machine, options = measured["machine"], measured["options"]
    device = escape_markdown(f"{measured['device']} ({machine['processor']}, {machine['memory']})")
    show_text(
        f"**{device}**, {options['width']:.4g} of the filters. {results.compare_rates(measured)}"
    )
    rates = results.tabulate_rates(measured)
    show_table(
        rates,
        f"Segments a second in training and tracks a second in inference, medians of {options['repeats']}: {device}.",
        formats=dict.fromkeys(rates.columns[1:], "{:.1f}"),
    )
    show_figure(
        figures.training_rates(measured["figures"]),
        f"The speed of training, with the range of {options['repeats']} repeats: {device}.",
    )
if not speed:
    show_text("Nothing was measured yet: call `make benchmark`.")

# %% [markdown]
# ## What the device allows
#
# The floor is the time that the network's convolutions take at least, at the rate of matrix products and the
# bandwidth of copies that were measured on the same device. The feeder brings the segments to where they are
# computed with.

# %%
for measured in speed:
    others = [
        row
        for row in measured["figures"]
        if row["figure"] not in ("training", "inference", "feeder")
    ]
    show_table(
        pd.DataFrame(others)[["figure", "what", "batch", "value", "unit"]],
        f"What the device allows, what the store and an update cost: {escape_markdown(measured['device'])}.",
    )

# %% [markdown]
# ## More tracks
#
# Tracks stay in a file that is mapped into memory, so that the largest process does not grow with their number
# as their audio does.

# %%
growth = results.read_published("growth")
for measured in growth:
    device = escape_markdown(f"{measured['device']} ({measured['machine']['processor']})")
    show_figure(
        figures.growing_cost(pd.DataFrame(measured["growth"])),
        "Time of building the store and of two runs of one epoch (1/32 of the filters, 6 short segments a track), "
        f"and the memory of the largest process, as the number of tracks grows: {device}.",
    )
if not growth:
    show_text("Nothing was measured yet: call `python -m genre_lib benchmark --growth`.")
