"""The look of every figure."""

import functools

import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib import rcParamsDefault

WIDTH = 7.2
"""Width of a figure in inches; that of the text of a page."""

# From the defaults of matplotlib, so that what a user has chosen for other figures stays out.
_THEME = {
    **{name: value for name, value in rcParamsDefault.items() if not name.startswith("backend")},
    **sns.plotting_context("paper", font_scale=1.05),
    **sns.axes_style("whitegrid"),
    "axes.prop_cycle": plt.cycler(color=sns.color_palette("colorblind")),
    "patch.facecolor": sns.color_palette("colorblind")[0],
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
            # Ticks and their labels are made when they are first drawn, by the settings of then.
            figure.draw_without_rendering()
        return figure

    return drawn
