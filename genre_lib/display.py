"""Show figures, tables and computed sentences in Jupyter, and mark them for the report.

The metadata of each output holds, under the key ``"genre_lib"``, what it is (its *role*), its
caption, and the runs that it was computed from. `genre_lib.binding` reads nothing else, so whatever
else a cell prints (progress bars, warnings, the value of its last line) never gets into the report
by accident.
"""

import ast
import base64
import inspect
import io
import itertools
import math
import re
import textwrap
from numbers import Integral, Real

from PIL import Image
from tabulate import tabulate

# Characters that Markdown interprets, and the second one of ".." or "--", which typography in the
# report would otherwise turn into an ellipsis or a dash.
_MARKDOWN_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$^@\"'&]|(?<=[-.])[-.])")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_PIXELS_PER_INCH = 96  # in a browser
_DENSITY = 2  # image pixels per displayed pixel, for high-density screens and print
_MISSING = "\N{EN DASH}"


def escape_markdown(value):
    r"""Escape any value for Markdown: return one line that shows exactly its characters.

    Use it for file names, track ids and the like in a sentence; `show_table` escapes its own cells.

    Examples
    --------
    >>> escape_markdown("blues_<b>1</b>")
    'blues\\_\\<b\\>1\\</b\\>'
    """
    return _MARKDOWN_SPECIAL.sub(r"\\\1", _one_line(value))


def show_figure(fig, caption, runs=()):
    """Show a matplotlib figure once, with its caption below, and close it.

    Parameters
    ----------
    fig : matplotlib.figure.Figure, or bytes from `figure_png`
    caption : str, Markdown with emphasis and ``$formulas$``; the report adds "Figure 3:"
    runs : list of RunResult, or dict of such lists, optional
        What the figure was computed from; the HTML report names them beside the caption.

    Examples
    --------
    >>> show_figure(learning_curves(histories, "Normal"), "Loss by epoch.")  # doctest: +SKIP
    """
    caption = _checked_caption(caption)
    png = fig if isinstance(fig, bytes) else figure_png(fig)
    data = {"image/png": base64.b64encode(png).decode(), "text/plain": f"Figure: {caption}"}
    size = {"width": png_size(png)[0] // _DENSITY}
    _display("figure", data, caption, runs, **{"image/png": size})
    _show_caption(caption)


def figure_png(fig):
    """Return a matplotlib figure as PNG, two pixels per displayed pixel, and close it."""
    from matplotlib import pyplot as plt
    from matplotlib.figure import Figure

    if not isinstance(fig, Figure):
        raise TypeError(
            f"expected a matplotlib Figure, got {type(fig).__name__}; "
            "an Axes or a seaborn grid has its Figure in .figure"
        )
    buffer = io.BytesIO()
    look = {"dpi": _DENSITY * _PIXELS_PER_INCH, "bbox_inches": "tight", "pad_inches": 0.1}
    # No "Software" entry: the same figure gives the same bytes under another matplotlib version.
    fig.savefig(buffer, format="png", facecolor="white", metadata={"Software": None}, **look)
    plt.close(fig)  # Jupyter would show an open figure again at the end of the cell
    # 256 colours take a third of the space, and notebooks keep the image for ever.
    image = Image.open(buffer).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    smaller = io.BytesIO()
    image.save(smaller, format="PNG", optimize=True)
    return smaller.getvalue()


def show_table(table, caption, formats=None, runs=()):
    """Show a pandas table, without its index, with its caption above.

    Parameters
    ----------
    table : pandas.DataFrame
        Missing values are shown as a dash, truth values as yes and no, floats without a format
        with four significant digits. Every cell is escaped: none is read as Markdown or HTML.
    caption : str, Markdown with emphasis and ``$formulas$``; the report adds "Table 2:"
    formats : dict of str to str or callable, optional
        By column name: a format as for `str.format` (``"{:.1%}"``), or a function of the value.
    runs : as for `show_figure`

    Examples
    --------
    >>> show_table(table, "Accuracy.", formats={"accuracy": "{:.1%}"})  # doctest: +SKIP
    """
    import pandas as pd

    if not isinstance(table, pd.DataFrame):
        raise TypeError(
            f"show_table expects a pandas DataFrame, got {type(table).__name__}; "
            "a Series has to_frame(), a Styler has its table in .data"
        )
    caption = _checked_caption(caption)
    header, rows, numeric = _table_texts(table, dict(formats or {}))
    _show_caption(caption)
    data = {
        "text/html": _html_table(header, rows, numeric),
        "text/markdown": pipe_table(header, rows, numeric),
        "text/plain": "\n".join("\t".join(cells) for cells in [header, *rows]),
    }
    _display("table", data, caption, runs)


def show_source(*functions):
    """Show the source lines of library functions, without their docstrings.

    Examples
    --------
    >>> show_source(Res1D.first_half, Res1D.second_half)  # doctest: +SKIP
    """
    blocks = []
    for function in functions:
        source = textwrap.dedent(inspect.getsource(function))
        (definition,) = ast.parse(source).body
        if ast.get_docstring(definition) is not None:
            docstring, lines = definition.body[0], source.splitlines()
            source = "\n".join(lines[: docstring.lineno - 1] + lines[docstring.end_lineno :])
        blocks.append(source.strip())
    show_text("```python\n" + "\n\n".join(blocks) + "\n```")


def show_text(markdown):
    """Show a computed sentence (Markdown) as a paragraph, unless it is empty.

    Pass values that may contain any character, such as file names, through `escape_markdown` first.

    Examples
    --------
    >>> show_text(f"**{len(tracks)}** tracks are used.")  # doctest: +SKIP
    """
    if markdown:
        _display("text", {"text/markdown": markdown, "text/plain": markdown})


def pipe_table(header, rows, numeric):
    """Return a Markdown pipe table of plain texts, escaped, with numbers aligned right."""
    escaped = [[escape_markdown(cell) for cell in cells] for cells in rows]
    names = [escape_markdown(name) for name in header]
    return _tabulate(escaped, names, numeric, "pipe")


def _html_table(header, rows, numeric):
    table = _tabulate(rows, header, numeric, "html")  # which escapes its cells
    # Jupyter aligns cells right by default.
    return re.sub("<(t[hd])>", r'<\1 style="text-align: left;">', table)


def _tabulate(rows, header, numeric, style):
    align = ["right" if right else "left" for right in numeric]
    options = {"disable_numparse": True, "colalign": align, "headersalign": align}
    return tabulate(rows, header, tablefmt=style, **options)


def png_size(png):
    """Return width and height of a PNG in pixels."""
    try:
        with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
            return image.size
    except OSError as error:
        came = f"{len(png)} bytes that begin with {png[:8]!r}"
        raise ValueError(f"expected a PNG image, got {came}") from error


def _display(role, data, caption=None, runs=(), **metadata):
    from IPython.display import display

    if isinstance(runs, dict):
        runs = itertools.chain(*runs.values())
    names = sorted({run.name for run in runs})
    mark = {"role": role, "caption": caption, "runs": names}
    mark = {key: value for key, value in mark.items() if value}
    display(data, raw=True, metadata={"genre_lib": mark, **metadata})


def _show_caption(caption):
    _display("caption", {"text/markdown": f"*{caption}*", "text/plain": caption})


def _checked_caption(caption):
    if not isinstance(caption, str) or not caption.strip():
        raise TypeError(f"expected a caption, a text that is not empty, got {caption!r}")
    return _one_line(caption)


def _one_line(value):
    # File names that are not valid UTF-8 arrive as lone surrogates, which no file can hold.
    text = str(value).encode("utf-8", "replace").decode("utf-8")
    return " ".join(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", text).split())


def _table_texts(table, formats):
    """Return header (n_columns), rows (n_rows x n_columns) and which columns hold numbers."""
    from pandas.api import types

    if unknown := set(formats) - set(table.columns):
        raise KeyError(f"formats names {sorted(unknown)}; the columns are {list(table.columns)}")
    header, texts, numeric = [], [], []
    for name, column in table.items():
        header.append(_one_line(" ".join(map(str, name)) if isinstance(name, tuple) else name))
        texts.append([_cell_text(value, formats.get(name)) for value in column])
        numeric.append(types.is_numeric_dtype(column) and not types.is_bool_dtype(column))
    rows = [list(row) for row in zip(*texts, strict=True)]
    return header, rows, numeric


def _cell_text(value, cell_format):
    import pandas as pd

    if callable(cell_format):
        return _one_line(cell_format(value))
    if value is None or (pd.api.types.is_scalar(value) and pd.isna(value)):
        return _MISSING
    if cell_format is not None:
        return _one_line(cell_format.format(value))
    if pd.api.types.is_bool(value):
        return "yes" if value else "no"
    if isinstance(value, Real) and not isinstance(value, Integral):
        number = float(value)
        return f"{number:.0f}" if math.isfinite(number) and abs(number) >= 1000 else f"{number:.4g}"
    return _one_line(value)
