"""The look of every figure."""

import functools

import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib import rcParamsDefault
from matplotlib.figure import Figure

WIDTH = 7.2
"""Width of a figure in inches; that of the text of a page."""

BLUE, ORANGE = sns.color_palette("colorblind")[:2]

# From the defaults of matplotlib, so that what a user has chosen for other figures stays out.
_THEME = {
    **{name: value for name, value in rcParamsDefault.items() if not name.startswith("backend")},
    **sns.plotting_context("paper", font_scale=1.05),
    **sns.axes_style("whitegrid"),
    "axes.prop_cycle": plt.cycler(color=sns.color_palette("colorblind")),
    "patch.facecolor": BLUE,
    "axes.titleweight": "bold",
    "axes.titlesize": 10,
    "figure.constrained_layout.use": True,
    # A genre or a track may be called "$x$": names are not formulas, and no figure has one.
    "text.parse_math": False,
}


def styled(draw):
    """Make a function that returns a figure draw it in the look of the report."""

    @functools.wraps(draw)
    def drawn(*args, **kwargs):
        with plt.rc_context(_THEME):
            figure = draw(*args, **kwargs)
            figure.draw_without_rendering()  # the layout comes to rest after a few drawings
        return figure

    return drawn


class _StyledFigure(Figure):
    # Ticks are made, and some settings read, when a figure is drawn: whenever that is.
    def draw(self, renderer):
        with plt.rc_context(_THEME):
            super().draw(renderer)

    def get_tightbbox(self, *args, **kwargs):
        with plt.rc_context(_THEME):
            return super().get_tightbbox(*args, **kwargs)


subplots = functools.partial(plt.subplots, FigureClass=_StyledFigure)
