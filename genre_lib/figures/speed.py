"""Figures of speed and memory."""

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from genre_lib.figures.style import WIDTH, styled, subplots


@styled
def training_rates(figures) -> Figure:
    """Draw how many segments per second each implementation trains, with the range of repeats.

    Parameters
    ----------
    figures : list of dict, the ``"figures"`` of one of `genre_lib.results.speed.read_published`

    Examples
    --------
    >>> figure = training_rates(measured["figures"])  # doctest: +SKIP
    """
    rows = [row for row in figures if row["figure"] == "training" and row["value"]]
    table = pd.DataFrame(rows, columns=["what", "batch", "repeats"]).explode("repeats")
    table = table.rename(columns={"batch": "batch size"}).astype({"repeats": float})
    figure, axis = subplots(figsize=(WIDTH, 0.8 + 0.4 * table["what"].nunique()))
    median = {"estimator": "median", "errorbar": ("pi", 100), "err_kws": {"linewidth": 1.2}}
    where = {"x": "repeats", "y": "what", "hue": "batch size", "palette": "colorblind"}
    sns.barplot(table, ax=axis, saturation=1, **where, **median)
    axis.set(title="Training speed", xlabel="segments per second", ylabel="")
    return figure


@styled
def growing_cost(rows) -> Figure:
    """Draw the time of training and the memory against the number of tracks.

    Parameters
    ----------
    rows : pandas.DataFrame with ``tracks``, ``jobs``, ``storing`` and ``training`` (seconds), and
        ``memory`` (bytes)

    Examples
    --------
    >>> figure = growing_cost(pd.DataFrame(measured["growth"]))  # doctest: +SKIP
    """
    figure, (left, right) = subplots(1, 2, figsize=(WIDTH, 2.8))
    for (jobs, found), marker in zip(rows.groupby("jobs"), "osD^v", strict=False):
        line = {"marker": marker, "label": f"{jobs} process{'es' * (jobs > 1)}"}
        left.plot(found["tracks"], found["training"], **line)
        right.plot(found["tracks"], found["memory"] / 2**30, **line)
    storing = rows.groupby("tracks")["storing"].median()
    left.plot(
        storing.index, storing, color="0.4", linestyle="--", marker="x", label="building the store"
    )
    left.set(title="Two runs of one epoch", ylabel="time / s")
    right.set(title="Largest process", ylabel="memory / GiB")
    for axis in (left, right):
        axis.set(xlabel="tracks", xlim=(0, None), ylim=(0, None))
        axis.legend()
    return figure
