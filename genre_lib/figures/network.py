"""Figures of the network."""

from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from genre_lib.figures.style import BLUE, ORANGE, WIDTH, styled, subplots


@styled
def residual_block() -> Figure:
    """Draw the residual block of the network.

    Examples
    --------
    >>> residual_block().axes[0].get_title()
    'A residual block: Res1D'
    """
    figure, axis = subplots(figsize=(WIDTH, 2.0))
    axis.set(title="A residual block: Res1D", xlim=(0, 16.4), ylim=(-0.4, 3.3))
    axis.axis("off")
    names = ["Conv1D\nk 3", "Batch\nNorm", "Leaky\nReLU", "Conv1D\nk 3", "Batch\nNorm"]
    boxes = [(2.6 + 2.1 * place, 1.6, name) for place, name in enumerate(names)]
    boxes += [(12.9, 0.8, "+"), (14.7, 1.6, "Leaky\nReLU")]
    last = 0.4
    for x, width, name in boxes:
        _box(axis, x, 2.4, name, BLUE, width)
        _arrow(axis, (last, 2.4), (x - width / 2, 2.4))
        last = x + width / 2
    _arrow(axis, (last, 2.4), (16.3, 2.4))
    axis.text(0.4, 2.75, "input")
    axis.text(15.6, 2.75, "output")
    shortcut = "identity, or, if the number of filters changes,\nConv1D k 1 and Batch Norm"
    _box(axis, 6.8, 0.5, shortcut, ORANGE, 8.2)
    axis.plot([1.2, 1.2], [2.4, 0.5], color="0.2", linewidth=1)
    _arrow(axis, (1.2, 0.5), (2.7, 0.5))
    axis.plot([10.9, 12.9], [0.5, 0.5], color="0.2", linewidth=1)
    _arrow(axis, (12.9, 0.5), (12.9, 1.9))
    return figure


def _box(axis, x, y, text, color, width):
    look = {"boxstyle": "round,pad=0,rounding_size=0.12", "edgecolor": color}
    corner = (x - width / 2, y - 0.5)
    axis.add_patch(FancyBboxPatch(corner, width, 1.0, facecolor=(*color, 0.15), **look))
    axis.text(x, y, text, ha="center", va="center", fontsize="small")


def _arrow(axis, begin, end):
    axis.add_patch(FancyArrowPatch(begin, end, arrowstyle="-|>", mutation_scale=9, color="0.2"))
