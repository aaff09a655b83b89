"""Figures, tables and computed sentences: shown in Jupyter, and recognised by the report.

Each output says in its metadata, under the key ``"genre_lib"``, what it is (its *role*) and which
caption it has. `genre_lib.binding.markdown` reads that and nothing else, so that whatever a cell prints
besides (progress bars, warnings, the value of its last line) never gets into the report by chance.
"""

import base64
import io
import math
import re
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any

from PIL import Image
from tabulate import tabulate

# Characters that mean something to Markdown, and the second of ".." or "--", which the report's
# typography would otherwise turn into an ellipsis or a dash.
_MARKDOWN_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$^@\"'&]|(?<=[-.])[-.])")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_PIXELS_PER_INCH = 96  # of a browser
_DENSITY = 2  # image pixels per displayed pixel, for high-density screens and print
_MISSING = "\N{EN DASH}"

CellFormat = str | Callable[[Any], str]


def escape_markdown(value: object) -> str:
    r"""Make any value harmless inside Markdown: one line that shows exactly its characters.

    For file names, track ids and other computed values in a sentence of `show_text`; the cells of
    `show_table` are escaped already.

    Examples
    --------
    >>> escape_markdown("blues_<b>1</b>")
    'blues\\_\\<b\\>1\\</b\\>'
    """
    return _MARKDOWN_SPECIAL.sub(r"\\\1", _one_line(value))


def show_figure(fig: Any, caption: str) -> None:
    """Show a matplotlib figure once, with its caption below, and close it.

    Parameters
    ----------
    fig : matplotlib.figure.Figure or bytes
        Drawn at two image pixels per displayed pixel. Closed afterwards, because Jupyter would
        show an open figure a second time at the end of the cell. Or what `figure_png` made of one.
    caption : str
        Markdown, emphasis and ``$formulas$`` allowed, without "Figure 3:" (the report numbers).

    Raises
    ------
    TypeError
        If `fig` is something else (an Axes has its figure in ``.figure``, a seaborn grid too).
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


def figure_png(fig: Any) -> bytes:
    """Return a matplotlib figure as PNG, as `show_figure` shows it, and close it.

    Raises
    ------
    TypeError
        If `fig` is something else.
    """
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
    plt.close(fig)
    return _with_palette(buffer)


def _with_palette(png):
    """Return a PNG in 256 colours: a third of the size, and notebooks keep it for ever."""
    image = Image.open(png).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    smaller = io.BytesIO()
    image.save(smaller, format="PNG", optimize=True)
    return smaller.getvalue()


def show_table(
    table: Any,
    caption: str,
    formats: Mapping[str, CellFormat] | None = None,
    index: bool = False,
) -> None:
    """Show a pandas table with its caption above.

    Parameters
    ----------
    table : pandas.DataFrame
        Missing values are shown as a dash, truth values as yes and no, floats without a format
        with four significant digits. Every cell is escaped: none is read as Markdown or HTML.
    caption : str
        Markdown, emphasis and ``$formulas$`` allowed, without "Table 2:" (the report numbers).
    formats : mapping of str to str or callable, optional
        By column name: a format as for `str.format` (``"{:.1%}"``), or a function of the value.
    index : bool
        Whether the index is shown, as the first column or columns.

    Raises
    ------
    TypeError
        If `table` is not a DataFrame.
    KeyError
        If `formats` names a column that the table does not have.
    """
    import pandas as pd
    from IPython.display import display

    if not isinstance(table, pd.DataFrame):
        raise TypeError(
            f"show_table expects a pandas DataFrame, got {type(table).__name__}; "
            "a Series has to_frame(), a Styler has its table in .data"
        )
    caption = _checked_caption(caption)
    header, rows, numeric = _table_texts(table, dict(formats or {}), index)
    _show_caption(caption)
    display(
        {
            "text/html": _tabulate(rows, header, numeric, "html"),
            "text/markdown": pipe_table(header, rows, numeric),
            "text/plain": "\n".join("\t".join(cells) for cells in [header, *rows]),
        },
        raw=True,
        metadata={"genre_lib": {"role": "table", "caption": caption}},
    )


def show_text(markdown: str) -> None:
    """Show a computed sentence (Markdown), which the report sets as a paragraph.

    Values that may hold any character (file names, say) go through `escape_markdown` first.
    """
    from IPython.display import display

    display(
        {"text/markdown": markdown, "text/plain": markdown},
        raw=True,
        metadata={"genre_lib": {"role": "text"}},
    )


def pipe_table(header: list[str], rows: list[list[str]], numeric: list[bool]) -> str:
    """Return a Markdown pipe table of plain texts (escaped here), numeric columns to the right."""
    escaped = [[escape_markdown(cell) for cell in cells] for cells in rows]
    names = [escape_markdown(name) for name in header]
    return _tabulate(escaped, names, numeric, "pipe")


def _tabulate(rows, header, numeric, format_):
    align = ["right" if right else "left" for right in numeric]
    return tabulate(
        rows,
        header,
        tablefmt=format_,
        disable_numparse=True,
        preserve_whitespace=True,
        colalign=align,
        headersalign=align,
    )


def png_size(png: bytes) -> tuple[int, int]:
    """Return width and height of a PNG in pixels."""
    try:
        with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
            return image.size
    except OSError as error:
        came = f"{len(png)} bytes that begin with {png[:8]!r}"
        raise ValueError(f"expected a PNG image, got {came}") from error


def _show_caption(caption: str) -> None:
    from IPython.display import display

    display(
        {"text/markdown": f"*{caption}*", "text/plain": caption},
        raw=True,
        metadata={"genre_lib": {"role": "caption"}},
    )


def _checked_caption(caption: str) -> str:
    if not isinstance(caption, str) or not caption.strip():
        raise TypeError(f"expected a caption, a text that is not empty, got {caption!r}")
    return _one_line(caption)


def _one_line(value: object) -> str:
    # File names that are no valid UTF-8 arrive as lone surrogates, which no output file can hold.
    text = str(value).encode("utf-8", "replace").decode("utf-8")
    return " ".join(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", text).split())


def _table_texts(table: Any, formats: dict[str, CellFormat], index: bool):
    """Return header (n_columns), rows (n_rows x n_columns) and which columns hold numbers."""
    from pandas.api import types

    if unknown := set(formats) - set(table.columns):
        raise KeyError(f"formats names {sorted(unknown)}; the columns are {list(table.columns)}")
    columns = [(name, table.iloc[:, i]) for i, name in enumerate(table.columns)]
    if index:
        levels = [table.index.get_level_values(i) for i in range(table.index.nlevels)]
        columns = [("" if level.name is None else level.name, level) for level in levels] + columns
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


def _cell_text(value: Any, cell_format: CellFormat | None) -> str:
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
