"""Figures, tables and sentences keep their role and caption, and show values as they are."""

import base64
import inspect
import json
import re
from types import SimpleNamespace

import nbclient
import nbformat
import numpy as np
import pandas as pd
import pypandoc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_notebook

from genre_lib.display import (
    escape_markdown,
    figure_png,
    pipe_table,
    png_size,
    show_figure,
    show_source,
    show_table,
    show_text,
)


@pytest.fixture
def shown(monkeypatch):
    """Collect what would be displayed, as (data, metadata)."""
    import IPython.display

    calls = []

    def display(data, raw=False, metadata=None):
        assert raw
        calls.append((data, metadata))

    monkeypatch.setattr(IPython.display, "display", display)
    return calls


def read(pipes):
    """Read a pipe table as pandoc does: its texts, header first, and how columns are aligned."""
    # The report's Markdown, in which a long line may not become a table of another kind.
    markdown = "markdown-smart-simple_tables-multiline_tables-grid_tables"
    (table,) = json.loads(pypandoc.convert_text(pipes, "json", format=markdown))["blocks"]
    _, _, columns, head, (body,), _ = table["c"]
    cells = [[text_of(cell[4]) for cell in row[1]] for row in [*head[1], *body[3]]]
    return cells, [column[0]["t"] for column in columns]


def text_of(node):
    if isinstance(node, list):
        return "".join(map(text_of, node))
    content = node.get("c", " " if node["t"] == "Space" else "")
    return content if isinstance(content, str) else text_of(content)


def make_figure(width=4.0, height=2.0):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    fig, ax = plt.subplots(figsize=(width, height))
    ax.plot([0, 1], [1, 0])
    return fig


def test_figure_is_shown_once_with_caption_and_closed(shown):
    from matplotlib import pyplot as plt

    fig = make_figure()
    show_figure(fig, "Loss by *epoch*.")
    (data, metadata), (caption, caption_metadata) = shown
    assert metadata["genre_lib"] == {"role": "figure", "caption": "Loss by *epoch*."}
    wide, _ = png_size(base64.b64decode(data["image/png"]))
    assert metadata["image/png"]["width"] == wide // 2  # twice as dense as displayed
    assert caption["text/markdown"] == "*Loss by *epoch*.*"
    assert caption_metadata["genre_lib"] == {"role": "caption"}
    assert not plt.fignum_exists(fig.number)


def test_runs_that_something_was_computed_from_are_noted_once(shown):
    runs = [SimpleNamespace(name=f"corpus/smoke/normal/rotation-{k}-seed-0") for k in (1, 0)]
    show_figure(make_figure(), "Of a list.", runs=runs)
    show_table(pd.DataFrame({"a": [1]}), "Of a dict.", runs={"normal": runs, "again": runs[:1]})
    noted = [metadata["genre_lib"].get("runs") for _, metadata in shown]
    names = [run.name for run in runs[::-1]]
    assert noted == [names, None, None, names]


def test_same_figure_gives_same_bytes(shown):
    for _ in range(2):
        show_figure(make_figure(), "Again.")
    assert shown[0][0]["image/png"] == shown[2][0]["image/png"]


def test_the_png_of_a_figure_is_shown_like_the_figure(shown):
    show_figure(make_figure(), "Again.")
    show_figure(figure_png(make_figure()), "Again.")
    assert shown[:2] == shown[2:]


def test_figure_must_be_a_figure(shown):
    fig = make_figure()
    with pytest.raises(TypeError, match=r"Figure, got Axes.*\.figure"):
        show_figure(fig.axes[0], "An axes.")


@pytest.mark.parametrize("caption", ["", "  ", None, 3])
def test_caption_is_required(shown, caption):
    with pytest.raises(TypeError, match="expected a caption"):
        show_table(pd.DataFrame({"a": [1]}), caption)


def test_table_cells(shown):
    table = pd.DataFrame(
        {
            "genre": ["blues", None, "r&b | <i>"],
            "n": [1, 20, 300],
            "share": [0.123456, np.nan, 12345.6],
            "ok": [True, False, True],
            "p": [0.00012, 0.5, 1.0],
        }
    )
    show_table(table, "Cells.", formats={"p": "{:.1e}", "n": lambda n: f"#{n}"})
    _, (data, metadata) = shown
    assert metadata["genre_lib"] == {"role": "table", "caption": "Cells."}
    lines = [line.split("\t") for line in data["text/plain"].split("\n")]
    assert lines == [
        ["genre", "n", "share", "ok", "p"],
        ["blues", "#1", "0.1235", "yes", "1.2e-04"],
        ["–", "#20", "–", "no", "5.0e-01"],  # noqa: RUF001
        ["r&b | <i>", "#300", "12346", "yes", "1.0e+00"],
    ]
    assert "<i>" not in data["text/html"]
    assert "r&amp;b | &lt;i&gt;" in data["text/html"]
    aligned = re.findall(r"<t([hd]) style=.text-align: (\w+);.>", data["text/html"])
    sides = ["left", "right", "right", "left", "right"]
    assert aligned == [("h", side) for side in sides] + 3 * [("d", side) for side in sides]
    assert read(data["text/markdown"])[1] == [f"Align{side.title()}" for side in sides]


def test_columns_of_two_levels_have_both_names(shown):
    columns = pd.MultiIndex.from_product([["accuracy"], ["mean", "sd"]])
    show_table(pd.DataFrame([[1, 2], [3, 4]], columns=columns), "Two levels.")
    assert shown[1][0]["text/plain"].splitlines() == ["accuracy mean\taccuracy sd", "1\t2", "3\t4"]


def test_a_table_without_rows_has_its_header(shown):
    show_table(pd.DataFrame({"a": [], "b": []}), "Empty.")
    assert read(shown[1][0]["text/markdown"])[0] == [["a", "b"]]
    assert shown[1][0]["text/html"].count("</th>") == 2


def test_table_refuses_what_it_does_not_know(shown):
    table = pd.DataFrame({"a": [1]})
    with pytest.raises(KeyError, match="'b'"):
        show_table(table, "Wrong name.", formats={"b": "{:d}"})
    with pytest.raises(TypeError, match="DataFrame, got Series"):
        show_table(table["a"], "A series.")


def test_text(shown):
    show_text("In all **3** tracks.")
    [(data, metadata)] = shown
    assert data["text/markdown"] == "In all **3** tracks."
    assert metadata == {"genre_lib": {"role": "text"}}


def test_an_empty_text_is_not_shown(shown):
    show_text("")
    assert shown == []


NASTY = [
    "blues.00000",
    "<script>alert(1)</script>",
    "{{ x }} {% y %}",
    "$x^2$ #strong[a] @key [b](c)",
    "a|b\\|c",
    "*a* _b_ `c` ~d~ ^e^",
    'don\'t "quote" ... -- ---',
    "&amp; &lt;",
    "![x](http://a.example/b.png)",
    "",
    "-",
    ":-:",
    "---",
    "+1.0",
    "001",
    "1e5",
    "0123456789" * 12,
]


def test_escaped_values_are_read_back_by_pandoc_unchanged():
    columns = [NASTY, NASTY[::-1]]
    for names in (["value"], ["a|b", ""]):
        used = columns[: len(names)]
        rows = [list(row) for row in zip(*used, strict=True)]
        cells, _ = read(pipe_table(names, rows, [False] * len(names)))
        assert cells == [names, *rows]


def test_what_cannot_be_written_is_replaced():
    assert read(pipe_table(["a"], [["\udcff"], ["b\x00\n  c "]], [True]))[0] == [
        ["a"],
        ["?"],
        ["b\N{REPLACEMENT CHARACTER} c"],
    ]


@settings(max_examples=100, deadline=None)
@given(st.text())
def test_escaped_value_is_one_line_that_can_be_written(value):
    escaped = escape_markdown(value)
    assert "\n" not in escaped
    assert "\r" not in escaped
    escaped.encode("utf-8")
    for special in "<|$`[@#":
        assert escaped.count(special) == escaped.count("\\" + special)


def test_png_size_refuses_other_data():
    with pytest.raises(ValueError, match="expected a PNG"):
        png_size(b"GIF89a" + bytes(30))


def test_roles_survive_execution_and_reading(tmp_path):
    source = """
import pandas as pd
from matplotlib import pyplot as plt
from genre_lib.display import show_figure, show_table, show_text
fig, ax = plt.subplots(figsize=(2, 1))
show_figure(fig, "A figure.")
show_table(pd.DataFrame({"a": [1]}), "A table.")
show_text("A sentence.")
"""
    notebook = new_notebook(cells=[new_code_cell(source)])
    nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    nbformat.write(notebook, tmp_path / "a.ipynb")
    outputs = nbformat.read(tmp_path / "a.ipynb", as_version=4).cells[0].outputs
    nbformat.validate(nbformat.read(tmp_path / "a.ipynb", as_version=4))
    roles = [output.metadata["genre_lib"]["role"] for output in outputs]
    assert roles == ["figure", "caption", "caption", "table", "text"]  # and no figure twice
    assert outputs[0].metadata["genre_lib"]["caption"] == "A figure."
    assert base64.b64decode(outputs[0].data["image/png"]).startswith(b"\x89PNG")


def test_source_is_shown_as_it_stands_in_the_library_without_docstrings(shown):
    show_source(show_text, text_of)
    ((data, metadata),) = shown
    assert metadata == {"genre_lib": {"role": "text"}}
    begin, *code, end = data["text/markdown"].splitlines()
    assert (begin, end) == ("```python", "```")
    first, second = "\n".join(code).split("\n\n")
    lines = inspect.getsource(show_text).splitlines()
    assert first.splitlines() == [lines[0], *lines[-2:]]  # what stands before and after it
    assert second == inspect.getsource(text_of).strip()  # which has no docstring
