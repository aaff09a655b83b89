"""The look of every figure."""

import contextlib
import functools
import unicodedata
import warnings

import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib import rcParamsDefault
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, findSystemFonts, fontManager, get_font
from matplotlib.text import Text

WIDTH = 7.2
"""Width of a figure in inches; that of the text of a page."""

BLUE, ORANGE = sns.color_palette("colorblind")[:2]

# From the defaults of matplotlib, so that what a user has chosen for other figures stays out.
_THEME = {
    **{name: value for name, value in rcParamsDefault.items() if not name.startswith("backend")},
    **sns.plotting_context("paper", font_scale=1.05),
    **sns.axes_style("whitegrid"),
    "font.family": "DejaVu Sans",  # which comes with matplotlib; seaborn prefers Arial, if there
    "axes.prop_cycle": plt.cycler(color=sns.color_palette("colorblind")),
    "patch.facecolor": BLUE,
    "axes.titleweight": "bold",
    "axes.titlesize": 10,
    "figure.constrained_layout.use": True,
    # A genre or a track may be called "$x$": names are not formulas, and no figure has one.
    "text.parse_math": False,
}


@contextlib.contextmanager
def _look():
    with plt.rc_context(_THEME), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # `find_fonts` says it, and once
        yield


def styled(draw):
    """Make a function that returns a figure draw it in the look of the report."""

    @functools.wraps(draw)
    @_look()
    def drawn(*args, **kwargs):
        figure = draw(*args, **kwargs)
        figure.draw_without_rendering()  # the layout comes to rest after a few drawings
        texts = figure.findobj(Text)
        if fonts := find_fonts("".join(text.get_text() for text in texts)):
            for text in texts:
                text.set_fontfamily(["DejaVu Sans", *(font.name for font in fonts)])
            figure.draw_without_rendering()
        return figure

    return drawn


class _StyledFigure(Figure):
    # Ticks are made, and some settings read, when a figure is drawn: whenever that is.
    @_look()
    def draw(self, renderer):
        super().draw(renderer)

    @_look()
    def get_tightbbox(self, *args, **kwargs):
        return super().get_tightbbox(*args, **kwargs)


subplots = functools.partial(plt.subplots, FigureClass=_StyledFigure)


def find_fonts(text, family="DejaVu Sans"):
    """Find installed fonts for the characters that a family lacks; warn of those that none has."""
    has = get_font(findfont(family)).get_charmap()
    return _search_fonts(frozenset(c for c in text if c.isprintable() and ord(c) not in has))


@functools.cache
def _search_fonts(lacking):
    listed = {font.fname for font in fontManager.ttflist}
    for path in sorted({*findSystemFonts()} - listed if lacking else ()):
        with contextlib.suppress(Exception):  # matplotlib's list is old, or it cannot use the font
            fontManager.addfont(path)
    found, plain_first = [], lambda font: (font.style != "normal", font.weight != 400, font.name)
    for font in sorted(fontManager.ttflist, key=plain_first):
        with contextlib.suppress(OSError, RuntimeError):
            has = {c for c in lacking if get_font(font.fname).get_char_index(ord(c))}
            if has and "LastResort" not in font.fname:  # which has boxes for all there is
                found.append(font)
                lacking -= has
    if lacking:
        scripts = ", ".join(sorted({unicodedata.name(c, "?").split()[0] for c in lacking}))
        warnings.warn(
            f"No installed font has {''.join(sorted(lacking)[:40])} ({scripts}): boxes stand for "
            "them. Install one that does, such as Noto Sans for that script.",
            stacklevel=3,
        )
    return found
