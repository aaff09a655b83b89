"""Figures, tables and computed sentences: shown in Jupyter, and recognised by the report.

The metadata of each output holds, under the key ``"genre_lib"``, what it is (its *role*) and its
caption. `genre_lib.binding` reads nothing else, so that whatever a cell prints besides (progress
bars, warnings, the value of its last line) never gets into the report by chance.
"""

import ast
import base64
import inspect
import io
import math
import re
import textwrap
from numbers import Integral, Real

from PIL import Image
from tabulate import tabulate

# Characters that mean something to Markdown, and the second of ".." or "--", which the report's
# typography would otherwise turn into an ellipsis or a dash.
_MARKDOWN_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$^@\"'&]|(?<=[-.])[-.])")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_PIXELS_PER_INCH = 96  # of a browser
_DENSITY = 2  # image pixels per displayed pixel, for high-density screens and print
_MISSING = "\N{EN DASH}"


def escape_markdown(value):
    r"""Make any value harmless inside Markdown: one line that shows exactly its characters.

    For file names, track ids and the like in a sentence; `show_table` escapes its cells itself.

    Examples
    --------
    >>> escape_markdown("blues_<b>1</b>")
    'blues\\_\\<b\\>1\\</b\\>'
    """
    return _MARKDOWN_SPECIAL.sub(r"\\\1", _one_line(value))


def show_figure(fig, caption):
    """Show a matplotlib figure once, with its caption below, and close it.

    Parameters
    ----------
    fig : matplotlib.figure.Figure or bytes
        A figure, drawn at two image pixels per displayed pixel; or what `figure_png` returned.
    caption : str
        Markdown; emphasis and ``$formulas$`` are allowed. The report adds "Figure 3:".

    Raises
    ------
    TypeError
        If `fig` is something else (an Axes and a seaborn grid have their figure in ``.figure``).

    Examples
    --------
    >>> show_figure(learning_curves(histories, "Normal"), "Loss by epoch.")  # doctest: +SKIP
    """
    from IPython.display import display

    caption = _checked_caption(caption)
    png = fig if isinstance(fig, bytes) else figure_png(fig)
    size = {"width": png_size(png)[0] // _DENSITY}
    display(
        {"image/png": base64.b64encode(png).decode(), "text/plain": f"Figure: {caption}"},
        raw=True,
        metadata={"genre_lib": {"role": "figure", "caption": caption}, "image/png": size},
    )
    _show_caption(caption)


def figure_png(fig):
    """Return a matplotlib figure as PNG, as `show_figure` shows it, and close it."""
    from matplotlib import pyplot as plt
    from matplotlib.figure import Figure

    if not isinstance(fig, Figure):
        raise TypeError(
            f"expected a matplotlib Figure, got {type(fig).__name__}; "
            "an Axes or a seaborn grid has its Figure in .figure"
        )
    buffer = io.BytesIO()
    # No "Software" entry: the same figure gives the same bytes under another matplotlib version.
    fig.savefig(
        buffer,
        format="png",
        dpi=_DENSITY * _PIXELS_PER_INCH,
        bbox_inches="tight",
        facecolor="white",
        metadata={"Software": None},
    )
    plt.close(fig)  # Jupyter would show an open figure again at the end of the cell
    # 256 colours take a third of the size, and notebooks keep the image for ever.
    image = Image.open(buffer).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    smaller = io.BytesIO()
    image.save(smaller, format="PNG", optimize=True)
    return smaller.getvalue()


def show_table(table, caption, formats=None):
    """Show a pandas table, without its index, with its caption above.

    Parameters
    ----------
    table : pandas.DataFrame
        Missing values are shown as a dash, truth values as yes and no, floats without a format
        with four significant digits. Every cell is escaped: none is read as Markdown or HTML.
    caption : str
        Markdown; emphasis and ``$formulas$`` are allowed. The report adds "Table 2:".
    formats : mapping of str to str or callable, optional
        By column name: a format as for `str.format` (``"{:.1%}"``), or a function of the value.

    Raises
    ------
    TypeError
        If `table` is not a DataFrame.
    KeyError
        If `formats` names a column that the table does not have.

    Examples
    --------
    >>> show_table(table, "Accuracy.", formats={"accuracy": "{:.1%}"})  # doctest: +SKIP
    """
    import pandas as pd
    from IPython.display import display

    if not isinstance(table, pd.DataFrame):
        raise TypeError(
            f"show_table expects a pandas DataFrame, got {type(table).__name__}; "
            "a Series has to_frame(), a Styler has its table in .data"
        )
    caption = _checked_caption(caption)
    header, rows, numeric = _table_texts(table, dict(formats or {}))
    _show_caption(caption)
    display(
        {
            "text/html": _html_table(header, rows, numeric),
            "text/markdown": pipe_table(header, rows, numeric),
            "text/plain": "\n".join("\t".join(cells) for cells in [header, *rows]),
        },
        raw=True,
        metadata={"genre_lib": {"role": "table", "caption": caption}},
    )


def show_source(*functions):
    """Show the lines of functions as they stand in the library, without their docstrings.

    Examples
    --------
    >>> from genre_lib.network import Res1D  # doctest: +SKIP
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
    """Show a computed sentence (Markdown) as a paragraph; an empty one is not shown.

    Values that may hold any character (file names, say) go through `escape_markdown` first.
    """
    from IPython.display import display

    if not markdown:
        return
    display(
        {"text/markdown": markdown, "text/plain": markdown},
        raw=True,
        metadata={"genre_lib": {"role": "text"}},
    )


def pipe_table(header, rows, numeric):
    """Return a Markdown pipe table of plain texts, which are escaped; numbers to the right."""
    escaped = [[escape_markdown(cell) for cell in cells] for cells in rows]
    names = [escape_markdown(name) for name in header]
    return _tabulate(escaped, names, numeric, "pipe")


def _html_table(header, rows, numeric):
    table = _tabulate(rows, header, numeric, "html")  # which escapes its cells
    # Jupyter aligns to the right what does not say otherwise.
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


def _show_caption(caption):
    from IPython.display import display

    display(
        {"text/markdown": f"*{caption}*", "text/plain": caption},
        raw=True,
        metadata={"genre_lib": {"role": "caption"}},
    )


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
    columns = [(name, table.iloc[:, i]) for i, name in enumerate(table.columns)]
    header = [
        _one_line(" ".join(map(str, name)) if isinstance(name, tuple) else name)
        for name, _ in columns
    ]
    texts = [[_cell_text(value, formats.get(name)) for value in column] for name, column in columns]
    numeric = [
        types.is_numeric_dtype(column.dtype) and not types.is_bool_dtype(column.dtype)
        for _, column in columns
    ]
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
    if isinstance(value, bool) or type(value).__name__ in ("bool_", "bool"):
        return "yes" if value else "no"
    if isinstance(value, Real) and not isinstance(value, Integral):
        number = float(value)
        return f"{number:.0f}" if math.isfinite(number) and abs(number) >= 1000 else f"{number:.4g}"
    return _one_line(value)
