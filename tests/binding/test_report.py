"""The report, made for real with the profile that proves that everything runs."""

import html
import re
import shutil
from pathlib import Path

import nbformat
import papermill
import pytest
from click.testing import CliRunner
from nbformat.v4 import new_code_cell, new_notebook

from genre_lib.__main__ import main
from genre_lib.binding.execution import ReportError, run_notebooks
from genre_lib.binding.report import make_report
from genre_lib.experiment.phases import ACCUMULATION, NORMAL
from genre_lib.results import scoring, statistics
from genre_lib.workspace.opening import open_workspace
from genre_lib.workspace.publishing import publish

ROOT = Path(__file__).parents[1]
SECTIONS = [
    "Problem Specification",
    "Approach",
    "Dataset",
    "Architecture",
    "Choices",
    "Training Phases",
    "Results",
    "Conclusion",
]


def kept_runs():
    """Paths and times of all runs, trained if they are not there, where notebooks look for them."""
    phases = open_workspace("smoke", home=ROOT).runs().values()
    paths = [result.folder / "run.json" for results in phases for result in results]
    return {path: path.stat().st_mtime_ns for path in paths}


@pytest.fixture(scope="module")
def runs_before():
    return kept_runs()


@pytest.fixture(scope="module")
def report(runs_before, tmp_path_factory):
    """Return the paths of the page and the PDF."""
    return make_report("smoke", out=tmp_path_factory.mktemp("report"), home=ROOT)


@pytest.fixture(scope="module")
def text(report):
    return text_of(report[0])


def text_of(page):
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page.read_text())))


def test_the_report_has_the_sections_of_the_original(report):
    page = report[0].read_text()
    headings = re.findall(r"<h[12][^>]*>(.*?)</h[12]>", page, flags=re.DOTALL)
    plain = [re.sub(r"<[^>]+>", "", heading) for heading in headings]
    places = [next(i for i, h in enumerate(plain) if h.endswith(name)) for name in SECTIONS]
    assert places == sorted(places)


def test_the_pdf_is_there(report):
    assert report[1].read_bytes().startswith(b"%PDF")


def test_the_result_table_is_that_of_the_kept_runs(report, text):
    workspace = open_workspace("smoke", home=ROOT)
    runs = workspace.runs(NORMAL, ACCUMULATION)
    for phase, results in runs.items():
        scores = scoring.pool(results)
        shown = [str(statistics.accuracy(scores, of)) for of in ("segments", "tracks")]
        assert f"{phase.name} {shown[0]} {shown[1]}" in text


def test_the_report_says_what_it_was_made_from(text):
    workspace = open_workspace("smoke", home=ROOT)
    for fact in ("synthetic", workspace.store.fingerprint, workspace.profile.digest(), "keras"):
        assert fact in text


def test_a_report_of_kept_runs_trains_nothing(report, runs_before):
    assert kept_runs() == runs_before


def test_published_results_give_the_same_report_without_audio(report, text, tmp_path):
    publish(open_workspace("smoke", home=ROOT), tmp_path / "results")
    benchmarks = Path("report", "published", "benchmarks")
    shutil.copytree(ROOT / benchmarks, tmp_path / "home" / benchmarks)
    out = tmp_path / "out"
    page, pdf = make_report(out=out, home=tmp_path / "home", results=tmp_path / "results")
    rendered = text_of(page)
    assert pdf.read_bytes().startswith(b"%PDF")
    for fact in ("rendered from published results in results", "audio is not distributed"):
        assert fact in rendered
        assert fact not in text
    assert "<audio" not in page.read_text()
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["report"]
    workspace = open_workspace("smoke", home=ROOT)
    for phase, results in workspace.runs().items():
        accuracy = str(statistics.accuracy(scoring.pool(results)))
        assert rendered.count(accuracy) == text.count(accuracy) > 0, phase


def test_a_notebook_that_fails_is_named_with_its_cell(tmp_path):
    notebook = new_notebook(
        cells=[new_code_cell("x = 1"), new_code_cell("raise RuntimeError('no disk')")],
        metadata={"kernelspec": {"name": "python3", "display_name": "", "language": "python"}},
    )
    path = tmp_path / "bad.ipynb"
    nbformat.write(notebook, path)
    with pytest.raises(ReportError, match=r"bad.ipynb, cell \d: RuntimeError: no disk"):
        run_notebooks([path], tmp_path / "out", {})
    assert isinstance(
        papermill.iorw.load_notebook_node(str(tmp_path / "out" / "notebooks" / "bad.ipynb")),
        nbformat.NotebookNode,
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--profile", "full"], "'full' is not one of"),
        (["--data", "no/such/folder"], "no/such/folder"),
        (["--results", "no/such/folder"], "no/such/folder/results.json: is not there"),
    ],
)
def test_a_wrong_argument_is_told_without_a_traceback(arguments, expected):
    result = CliRunner().invoke(main, ["report", *arguments])
    assert result.exit_code != 0
    assert isinstance(result.exception, SystemExit)
    assert expected in result.output + str(result.exception)
