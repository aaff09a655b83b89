"""Figures of the network."""

import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from genre_lib.figures.style import WIDTH, styled


@styled
def residual_block():
    """Draw the residual block of the network.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axis = plt.subplots(figsize=(WIDTH, 2.0))
    axis.set(xlim=(0, 16.4), ylim=(-0.4, 3.3))
    axis.axis("off")
    names = ["Conv1D\nk 3", "Batch\nNorm", "Leaky\nReLU", "Conv1D\nk 3", "Batch\nNorm"]
    blue, orange = sns.color_palette()[0], sns.color_palette()[1]
    centres = [2.6 + 2.1 * place for place in range(5)]
    for centre, name in zip(centres, names, strict=True):
        _box(axis, centre, 2.4, name, blue)
    _box(
        axis,
        centres[2],
        0.5,
        "identity, or, where the filters change,\nConv1D k 1 and Batch Norm",
        orange,
        8.2,
    )
    _box(axis, 12.9, 2.4, "+", blue, 0.8)
    _box(axis, 14.7, 2.4, "Leaky\nReLU", blue)
    stops = [0.4, *centres, 12.9, 14.7, 16.3]
    halves = [0.0, *[0.8] * 5, 0.4, 0.8, 0.0]
    for k in range(len(stops) - 1):
        _arrow(axis, (stops[k] + halves[k], 2.4), (stops[k + 1] - halves[k + 1], 2.4))
    axis.text(0.4, 2.75, "input")
    axis.text(15.6, 2.75, "output")
    axis.plot([1.2, 1.2], [2.4, 0.5], color="0.2", linewidth=1)
    _arrow(axis, (1.2, 0.5), (centres[2] - 4.1, 0.5))
    axis.plot([centres[2] + 4.1, 12.9], [0.5, 0.5], color="0.2", linewidth=1)
    _arrow(axis, (12.9, 0.5), (12.9, 1.9))
    axis.set_title("A residual block: Res1D")
    return figure


def _box(axis, x, y, text, color, width=1.6):
    axis.add_patch(
        FancyBboxPatch(
            (x - width / 2, y - 0.5),
            width,
            1.0,
            boxstyle="round,pad=0,rounding_size=0.12",
            facecolor=(*color, 0.15),
            edgecolor=color,
        )
    )
    axis.text(x, y, text, ha="center", va="center", fontsize="small")


def _arrow(axis, begin, end):
    axis.add_patch(FancyArrowPatch(begin, end, arrowstyle="-|>", mutation_scale=9, color="0.2"))
