"""Figures of speed and memory. Each function returns a figure and shows nothing."""

import matplotlib.pyplot as plt
import seaborn as sns

from genre_lib.figures.style import WIDTH, styled

_MARKERS = "osD^v"


@styled
def training_rates(figures):
    """Draw how many segments a second each implementation trains.

    Parameters
    ----------
    figures : list of dict
        As in `tests.benchmarks.speed.benchmark.run_benchmark`.

    Returns
    -------
    matplotlib.figure.Figure
        A bar is a median, and its line the range of the repeats.
    """
    rows = [row for row in figures if row["figure"] == "training" and row["value"]]
    batches = list(dict.fromkeys(row["batch"] for row in rows))
    names = list(dict.fromkeys(row["what"] for row in rows))
    figure, axis = plt.subplots(figsize=(WIDTH, 0.8 + 0.4 * len(names)))
    height = 0.8 / max(1, len(batches))
    for place, batch in enumerate(batches):
        found = [row for row in rows if row["batch"] == batch]
        values = [row["value"] for row in found]
        spread = [
            [row["value"] - min(row["repeats"]) for row in found],
            [max(row["repeats"]) - row["value"] for row in found],
        ]
        axis.barh(
            [names.index(row["what"]) + place * height for row in found],
            values,
            height,
            xerr=spread,
            color=sns.color_palette("colorblind")[place],
            label=f"batch {batch}",
        )
    axis.set_yticks([k + height * (len(batches) - 1) / 2 for k in range(len(names))], names)
    axis.invert_yaxis()
    axis.grid(visible=False, axis="y")
    axis.set(title="Speed of training", xlabel="segments a second")
    axis.legend()
    return figure


@styled
def growing_cost(rows):
    """Draw the time of training and the memory against the number of tracks.

    Parameters
    ----------
    rows : pandas.DataFrame
        As from `tests.benchmarks.speed.growth.measure_growth`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 2.8))
    colours = sns.color_palette("colorblind")
    for place, (jobs, found) in enumerate(rows.groupby("jobs")):
        line = {
            "color": colours[place],
            "marker": _MARKERS[place % len(_MARKERS)],
            "label": f"{jobs} process{'es' * (jobs > 1)}",
        }
        left.plot(found["tracks"], found["training"], **line)
        right.plot(found["tracks"], found["memory"] / 2**30, **line)
    storing = rows.groupby("tracks")["storing"].median()
    left.plot(storing.index, storing, color="0.4", linestyle="--", marker="x", label="the store")
    left.set(title="Two runs of one epoch", xlabel="tracks", ylabel="time [s]", ylim=(0, None))
    right.set(title="Largest process", xlabel="tracks", ylabel="memory [GiB]", ylim=(0, None))
    for axis in (left, right):
        axis.set_xlim(0, None)
        axis.legend()
    return figure
