"""The figure of what it costs as the corpus grows. It returns a figure and shows nothing."""

import matplotlib.pyplot as plt
import seaborn as sns

from genre_lib.figures import WIDTH

_MARKERS = "osD^v"


def growing_cost(rows):
    """Draw the time of training and the memory against the number of tracks.

    Parameters
    ----------
    rows : pandas.DataFrame
        As from `genre_lib.speed.growth.measure_growth`.

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
    right.set(
        title="Memory", xlabel="tracks", ylabel="peak of the largest process [GiB]", ylim=(0, None)
    )
    for axis in (left, right):
        axis.set_xlim(0, None)
        axis.legend()
    return figure
