"""Executed notebooks become one page and one PDF, with nothing that does not belong there."""

import base64
import re
import shutil
import subprocess
import time

import nbformat
import papermill
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from pages import TEMPLATES, TITLE_PAGE, Page, Report, png

from genre_lib.binding import BindingError, bind
from genre_lib.display import pipe_table

NASTY = (
    "<script>alert(1)</script> {{ x }} {% y %} #panic() $z$ \\a @b *c* _d_ [e](f) `g` | "
    "\"h\" 'i' ... --"
)


def markdown(source, *tags):
    return new_markdown_cell(source, metadata={"tags": list(tags)})


def code(source, *tags, outputs=()):
    return new_code_cell(source, metadata={"tags": list(tags)}, outputs=list(outputs))


def shown(role, data, caption=None, **more):
    mark = ({"role": role} if caption is None else {"role": role, "caption": caption}) | more
    return new_output("display_data", data=data, metadata={"genre_lib": mark})


def picture(**size):
    return base64.b64encode(png(**size)).decode()


def figure(caption, runs=(), **size):
    data = {"image/png": picture(**size), "text/plain": "Figure"}
    return shown("figure", data, caption, runs=list(runs))


def table(caption, header=("track", "n"), rows=(("blues.00000", "1"),), runs=()):
    text = pipe_table(list(header), [list(row) for row in rows], [False] * len(header))
    data = {"text/markdown": text, "text/html": "<table></table>"}
    return shown("table", data, caption, runs=list(runs))


def text(sentence):
    return shown("text", {"text/markdown": sentence})


def stream(content, name="stdout"):
    return new_output("stream", name=name, text=content)


@pytest.fixture
def make(tmp_path):
    """Bind notebooks, each given as a list of cells."""

    def make_report(*notebooks, out="out", **changes):
        paths = []
        for number, cells in enumerate(notebooks, start=1):
            paths.append(tmp_path / f"{number:02d}_chapter.ipynb")
            nbformat.write(new_notebook(cells=cells), paths[-1])
        options = {"provenance": [("Profile", "smoke")], "template_dir": TEMPLATES}
        return Report(*bind(paths, tmp_path / out, **options | TITLE_PAGE | changes))

    return make_report


def test_chapters_are_numbered_across_notebooks(make):
    report = make(
        [markdown("# Data\n\nText.\n\n## Tracks")],
        [markdown("## Faults"), markdown("# Training\n\n# Thanks {.unnumbered}")],
    )
    for content in (report.page.text, report.pdf_text):
        for heading in ("1 Data", "1.1 Tracks", "1.2 Faults", "2 Training", "Thanks", "Provenance"):
            assert heading in content
    assert "3 Thanks" not in report.page.text
    assert "3 Provenance" not in report.page.text


def test_figures_and_tables_are_numbered_alike_in_both(make, tmp_path):
    cells = [
        code("a", outputs=[figure("One *emphasis*."), table("First."), text("A sentence.")]),
        markdown("| a | b |\n|---|---|\n| 1 | 2 |\n\n![By hand](picture.png)"),
    ]
    more = [code("b", outputs=[figure("Three, $x_i \\in [0, 1)$ [."), table("Second.")])]
    (tmp_path / "picture.png").write_bytes(png())
    report = make(cells, more)
    assert report.page.count("img") == 3
    assert report.page.count("figure") == 3
    assert report.page.count("table") == 4  # and one written by hand, and the provenance
    for content in (report.page.text, report.pdf_text):
        assert re.findall(r"Figure (\d+):", content) == ["1", "2", "3"]
        assert re.findall(r"Table (\d+):", content) == ["1", "2"]
        assert "Figure 1: One emphasis." in content
        assert "Figure 2: By hand" in content
        assert "Table 2: Second." in content
        assert "A sentence." in content


def test_page_one_has_the_abstract_and_its_figure(make):
    cells = [markdown("# Data"), code("a", outputs=[figure("Second.")])]
    figure_one = (png(), "First, *all*.", ["a/b/c/d"])
    front = {"abstract": ["It was *trained*.", "A name\\_b."], "figure": figure_one}
    report = make(cells, **front, notice="Mind this.")
    header = report.markup.partition("<header")[2].partition("</header>")[0]
    assert "<em>trained</em>" in header and "<img" in header and "runs/a/b/c/d" in header
    first, second = report.pdf_pages[:2]
    for content in (Page(header).text, first):
        parts = ("It was trained.", "A name_b.", "Figure 1: First, all.", "Mind this.")
        places = [content.index(part) for part in parts]
        assert places == sorted(places)
    assert "Contents" in second and "Contents" not in first
    assert "Figure 2: Second." in report.page.text
    assert "Figure 2: Second." in report.pdf_text
    assert report.page.count("img") == 2


def addresses(report):
    """Return where links in captions lead, each to a figure or a table that is there."""
    ids = {attrs.get("id") for tag, attrs in report.page.tags if tag in ("figure", "table")}
    links = [a["href"] for tag, a in report.page.tags if a.get("title", "").startswith("Link to")]
    assert {link.removeprefix("#") for link in links} <= ids
    return links


def test_figures_and_tables_have_addresses_that_outlast_their_numbers(make):
    curves = [figure("Curves with $\\lambda = 0.1$."), figure("Curves with $\\lambda = 0.2$.")]
    outputs = [*curves, table("The ten best of 134."), plain := table("1 2")]
    before = addresses(make([code("a", outputs=outputs)], out="before"))
    assert len(set(before)) == 4
    outputs = [figure("New."), table("The ten best of 67, and more."), plain, *curves]
    after = addresses(make([code("a", outputs=outputs)], out="after"))
    assert set(before) - set(after) <= {"#table-the-ten-best-of"}
    assert len(set(after)) == 5


def test_the_runs_behind_a_figure_and_a_table_are_folded_beside_them(make):
    runs = [f"bf52/smoke-1/normal/rotation-{k}-seed-0" for k in range(2)]
    outputs = [figure("Two.", runs), table("One.", runs=runs[:1]), figure("None.")]
    report = make([code("a", "hide-code", outputs=outputs)])
    assert report.page.text.count("Two. 2 runs runs/" + " runs/".join(runs)) == 1
    assert f"One. 1 run runs/{runs[0]} track n" in report.page.text
    folded = [a.get("class") for tag, a in report.page.tags if tag == "details"]
    assert folded.count("runs") == 2
    assert "rotation-0" not in report.pdf_text


def test_page_stands_alone(make):
    audio = '<audio controls><source src="data:audio/wav;base64,UklGRg==" type="audio/wav"></audio>'
    kept = new_output("execute_result", data={"text/html": audio, "text/plain": "<Audio object>"})
    cells = [
        markdown("# A\n\n$$ \\frac{a}{b} $$ and a [link](https://example.org)."),
        code("play()", "keep-output", outputs=[kept, figure("One.")]),
    ]
    report = make(cells)
    loading = ("src", "srcset", "poster", "data")
    for tag, attributes in report.page.tags:
        for name in loading:
            assert attributes.get(name, "data:").startswith("data:"), (tag, name)
        assert tag not in ("script", "link", "iframe")
    assert "url(" not in report.markup
    assert "@import" not in report.markup
    assert report.page.count("math") == 1
    assert audio in report.markup
    assert "Audio object" not in report.page.text
    assert "Audio object" not in report.pdf_text


def test_code_is_folded_in_the_page_and_absent_from_the_pdf(make):
    cells = [
        code("visible_name = 1"),
        code("hidden_name = 1", "hide-code", outputs=[text("Shown all the same.")]),
        code("parameter_name = 1", "parameters"),
        code("injected_name = 1", "injected-parameters"),
        code("gone_name = 1", "notebook-only", outputs=[text("Gone sentence.")]),
        markdown("Gone paragraph.", "notebook-only"),
        code("fences = '''\n```\n````\n'''"),
    ]
    report = make(cells)
    assert report.page.tags.count(("details", {"class": "code"})) == 2
    assert "visible_name = 1" in report.page.text
    assert "````" in report.page.text
    for absent in ("hidden_name", "parameter_name", "injected_name", "gone_name", "Gone"):
        assert absent not in report.page.text
        assert absent not in report.pdf_text
    assert "visible_name" not in report.pdf_text
    assert "Shown all the same." in report.pdf_text


def test_outputs_without_a_role_stay_out_unless_kept(make):
    widget = {"application/vnd.jupyter.widget-view+json": {}, "text/plain": "WidgetText"}
    outputs = [
        stream("10%\r"),
        stream("\x1b[31m100%\x1b[0m\n# no heading\n"),
        stream("StderrText", "stderr"),
        new_output("execute_result", data={"text/plain": "PlainText"}),
        new_output("display_data", data=widget),
        new_output(
            "execute_result", data={"text/html": "<b id=kept>HtmlText</b>", "text/plain": "Instead"}
        ),
    ]
    dropped = make([code("a", "hide-code", outputs=outputs)], out="dropped")
    for absent in ("100%", "StderrText", "PlainText", "WidgetText", "HtmlText", "Instead"):
        assert absent not in dropped.page.text
    kept = make([code("a", "hide-code", "keep-output", outputs=outputs)], out="kept")
    for present in ("100% # no heading", "StderrText", "PlainText", "HtmlText"):
        assert present in kept.page.text
    assert " 10%" not in kept.page.text  # the progress bar as it ended
    assert "WidgetText" not in kept.page.text
    assert "Instead" not in kept.page.text
    assert "<b id=kept>HtmlText</b>" in kept.markup
    assert "Instead" in kept.pdf_text
    assert "HtmlText" not in kept.pdf_text


def test_texts_are_shown_and_never_executed(make):
    cells = [
        markdown("# Title <script>alert(2)</script>\n\n<script>alert(3)</script>"),
        code("x = '</code></details><script>alert(4)</script>'"),
        code(
            "y",
            outputs=[
                table("Caption <script>alert(5)</script> {{ y }} #panic()", rows=[[NASTY, "1"]]),
                text("Sentence <img src=x onerror=alert(6)> and [a](javascript:alert(7))."),
                figure("]) #panic() <script>alert(8)</script>\n\n::::::\n\n# Not a heading"),
            ],
        ),
        code("z", "keep-output", outputs=[stream("<script>alert(9)</script>\n```\n#panic()")]),
    ]
    plain = dict.fromkeys(("title", "subtitle", "date", "notice"), NASTY)
    report = make(cells, authors=[NASTY], provenance=[(NASTY, NASTY)], **plain)
    assert report.page.count("script") == 0
    assert all(not name.startswith("on") for _, attrs in report.page.tags for name in attrs)
    assert "javascript:" not in report.markup
    assert report.page.count("img") == 1
    assert report.page.text.count(NASTY) >= 8  # title twice, and every place above
    for number in (2, 3, 4, 5, 8, 9):
        assert f"<script>alert({number})</script>" in report.page.text
    squeezed = report.pdf_text.replace(" ", "")
    assert squeezed.count(NASTY.replace(" ", "")) >= 6
    assert "2 Not a heading" not in report.page.text


def test_references_and_provenance_close_the_report(make):
    provenance = [(f"Name{i}", f"Value{i}") for i in range(6)]
    report = make([markdown("# A\n\nAs in [@sturm2012].")], provenance=provenance)
    for content in (report.page.text, report.pdf_text):
        assert "[1] Bob L. Sturm" in content
        assert content.rindex("Provenance") > content.rindex("References & Bibliography")
        assert content.count("Value3") == 2  # title page and appendix
        assert content.count("Value4") == 1
    without = make([markdown("# A")], out="without")
    assert "References" not in without.page.text


def test_a_link_to_a_work_of_the_bibliography_cites_it(make):
    sturm, other = "https://doi.org/10.1145/2390848.2390851", "https://doi.org/10.1145/1"
    report = make([markdown(f"# A\n\nOf [Sturm (2012)]({sturm}), and [else]({other}).")])
    for content in (report.page.text, report.pdf_text):
        assert "Of Sturm (2012) [1], and else." in content.replace("\N{NO-BREAK SPACE}", " ")
        assert "[1] Bob L. Sturm" in content
        assert "[2]" not in content
    assert f'href="{other}"' in report.markup


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (
            code("fit()", outputs=[new_output("error", ename="MemoryError", evalue="12 GB")]),
            r"01_chapter\.ipynb, cell 2.*fit\(\).*MemoryError: 12 GB.*run it again",
        ),
        (
            code("fit()", "notebook-only", outputs=[new_output("error", ename="E", evalue="v")]),
            "cell 2.*E: v",
        ),
        (
            code("a", outputs=[shown("figure", {"text/plain": "no image"}, "A caption.")]),
            "cell 2: a figure output has no PNG",
        ),
        (
            code(
                "a",
                "keep-output",
                outputs=[
                    new_output(
                        "display_data",
                        data={"text/html": '<script src="https://cdn.example/p.js">'},
                    )
                ],
            ),
            "cell 2.*loads https://cdn.example/p.js from the network",
        ),
        (markdown("[@nobody1900]"), "nobody1900"),
        (
            code("a", outputs=[shown("figure", {"image/png": picture()[:60]}, "Cut off.")]),
            "typst could not make the PDF.*image",
        ),
    ],
)
def test_what_cannot_be_bound_says_so_and_leaves_nothing(make, tmp_path, cell, message):
    with pytest.raises(BindingError, match=re.compile(message, re.DOTALL)):
        make([markdown("# A"), cell])
    assert list((tmp_path / "out").iterdir()) == []


def test_a_failed_binding_keeps_the_report_before_it(make, tmp_path):
    before = make([markdown("# A")]).html_path.read_bytes()
    with pytest.raises(BindingError):
        make([markdown("[@nobody1900]")])
    assert (tmp_path / "out" / "report.html").read_bytes() == before
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "report.html",
        "report.pdf",
    ]


def test_notebooks_that_are_not_there_are_named(tmp_path):
    options = {"provenance": [], "template_dir": TEMPLATES} | TITLE_PAGE
    with pytest.raises(FileNotFoundError, match=r"absent\.ipynb"):
        bind([tmp_path / "absent.ipynb"], tmp_path / "out", **options)
    with pytest.raises(ValueError, match="at least one"):
        bind([], tmp_path / "out", **options)


def test_same_input_gives_same_bytes_fast(make):
    chapter = [
        markdown("# A\n\nText [@sturm2013] and $x^2$."),
        *(code("f()", outputs=[figure("F.", width=1400, height=800)]) for _ in range(4)),
        code("t()", outputs=[table("T.", rows=[[f"track {i}", str(i)] for i in range(40)])]),
    ]
    started = time.perf_counter()
    first = make(*[chapter] * 6, out="first")
    assert time.perf_counter() - started < 30
    second = make(*[chapter] * 6, out="second")
    assert first.html_path.read_bytes() == second.html_path.read_bytes()
    pdf = first.pdf_path.read_bytes()
    assert pdf == second.pdf_path.read_bytes()
    assert pdf.startswith(b"%PDF")
    assert str(first.html_path.parent).encode() not in first.html_path.read_bytes()


def test_wide_and_tall_contents_stay_on_the_page(make):
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext (poppler-utils) is not installed")
    header = ["checksum", *(f"a long name {i}" for i in range(12))]
    rows = [["0123456789abcdef" * 4, *["0.123456"] * 12] for _ in range(60)]
    report = make([code("a", outputs=[table("Wide.", header, rows), figure("Tall.", height=900)])])
    boxes = subprocess.run(
        ["pdftotext", "-bbox", report.pdf_path, "-"], capture_output=True, check=True, text=True
    ).stdout
    right = [float(x) for x in re.findall(r'xMax="([\d.]+)"', boxes)]
    bottom = [float(y) for y in re.findall(r'yMax="([\d.]+)"', boxes)]
    assert len(right) > 700
    assert max(right) <= 595.3 - 60  # A4 less most of the margin, in points
    assert max(bottom) <= 841.9 - 30
    assert "Figure 1: Tall." in report.pdf_text


def test_text_fills_the_page_on_which_a_figure_or_a_table_does_not_fit(make):
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext (poppler-utils) is not installed")
    text = "\n\n".join(["A sentence that is long enough for a line of its own. " * 9] * 7)
    tall, long = figure("Tall.", width=700, height=500), table("Long.", rows=[["track", "1"]] * 25)
    cells = [
        cell
        for output in (tall, long, tall) * 2
        for cell in (markdown(text), code("a", outputs=[output]))
    ]
    report = make([markdown("# A"), *cells, markdown(text), markdown("# B")])

    def read(option):
        command = ["pdftotext", option, report.pdf_path, "-"]
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout

    pages = read("-bbox").split("<page ")[3:-1]  # after title and contents, before the last
    assert len(pages) >= 4
    end = 841.9 - 2.6 / 2.54 * 72  # of what stands above the number of the page, in points
    for page in pages:
        lowest = max(y for y in map(float, re.findall(r'yMax="([\d.]+)"', page)) if y < end + 9)
        assert lowest > 0.8 * end
    assert re.findall(r"Figure (\d):", report.pdf_text) == list("1234")
    for number in "12":
        (page,) = [page for page in read("-layout").split("\f") if f"Table {number}:" in page]
        assert len(re.findall(r"track +1\n", page)) == 25


def test_executed_notebook_with_papermill(tmp_path):
    source = """
import pandas as pd
from matplotlib import pyplot as plt
from genre_lib.display import escape_markdown, show_figure, show_table, show_text
print("loading")
fig, ax = plt.subplots(figsize=(2, 1))
show_figure(fig, "A drawing.")
show_table(pd.DataFrame({"track": ["<b>1</b>"], "share": [0.5]}), "A table.", {"share": "{:.0%}"})
show_text(f"For {n} epochs, {escape_markdown('a_b_c')}.")
"""
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = new_notebook(cells=[code("n = 1", "parameters"), code(source)], metadata=kernel)
    nbformat.write(notebook, tmp_path / "in.ipynb")
    papermill.execute_notebook(
        str(tmp_path / "in.ipynb"), str(tmp_path / "a.ipynb"), {"n": 7}, progress_bar=False
    )
    options = {"provenance": [], "template_dir": TEMPLATES} | TITLE_PAGE
    report = Report(*bind([tmp_path / "a.ipynb"], tmp_path / "out", **options))
    assert report.page.count("img") == 1
    assert "Figure 1: A drawing." in report.page.text
    assert report.page.text.count("A drawing.") == 2  # in the folded code and below the figure
    assert "Table 1: A table. track share <b>1</b> 50%" in report.page.text
    assert "For 7 epochs, a_b_c." in report.page.text
    assert "loading" not in report.pdf_text
