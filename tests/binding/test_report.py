"""The report, made for real with the profile that proves that everything runs."""

import contextlib
import os
import re
import shlex
from unittest.mock import Mock

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from pages import Page

from genre_lib.binding import ReportError, make_report
from genre_lib.binding.report import describe, identify, list_notebooks, suggest
from genre_lib.experiment import ACCUMULATION, NORMAL, get_profile
from genre_lib.files import ROOT
from genre_lib.results import accuracy, pool
from genre_lib.startup import stderr_to
from genre_lib.workspace import open_workspace, publish

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
def printed(tmp_path_factory):
    """The file that holds what making the report printed."""
    return tmp_path_factory.mktemp("log") / "log"


@pytest.fixture(scope="module")
def report(runs_before, printed, tmp_path_factory):
    """Return the paths of the page and the PDF."""
    out = tmp_path_factory.mktemp("report")
    with printed.open("w") as log, stderr_to(log), contextlib.redirect_stdout(log):
        return make_report("smoke", out=out, home=ROOT)


@pytest.fixture(scope="module")
def workspace(report):
    return open_workspace("smoke", home=ROOT)


@pytest.fixture(scope="module")
def text(report):
    return Page(report[0].read_text()).text


def test_the_report_has_the_sections_of_the_original(report):
    headings = re.findall(r"<h[12][^>]*>(.*?)</h[12]>", report[0].read_text(), flags=re.DOTALL)
    plain = [re.sub(r"<[^>]+>", "", heading) for heading in headings]
    places = [next(i for i, h in enumerate(plain) if h.endswith(name)) for name in SECTIONS]
    assert places == sorted(places)


def test_the_folder_holds_the_report_and_nothing_else(report):
    assert report[1].read_bytes().startswith(b"%PDF")
    names = {path.name for path in report[0].parent.iterdir()}
    assert names == {"report.html", "report.pdf", "notebooks"}


def test_the_result_table_is_that_of_the_kept_runs(workspace, text):
    for phase, results in workspace.runs(NORMAL, ACCUMULATION).items():
        shown = [str(accuracy(pool(results), of)) for of in ("segments", "tracks")]
        assert f"{phase.name} {shown[0]} {shown[1]}" in text


def test_page_one_has_the_accuracies_of_the_kept_runs(workspace, report):
    page = Page(report[0].read_text().partition("<nav")[0])
    for phase, results in workspace.runs(NORMAL, ACCUMULATION).items():
        way = "plain training" if phase == NORMAL else phase.label
        scores = pool(results)
        tested = f"{scores['track_id'].nunique()} test tracks with {way}"
        assert f"{accuracy(scores)} of {tested}" in page.text
    assert page.count("img") == 1
    assert "Figure 1: Accuracy with 95% intervals" in page.text
    assert (
        page.text.index("Limits of these results")
        < page.text.index("Figure 1")
        < page.text.index("says nothing about music")
    )


def test_no_sentence_of_the_report_counts_what_is_not_there(text):
    for nonsense in ("nan%", "None", " of the 0 ", "1 runs", "1 tracks", "[]", "0 pairs"):
        assert nonsense not in text.partition("Provenance")[0]


def test_the_report_says_what_it_was_made_from(workspace, text):
    for fact in ("synthetic", workspace.store.fingerprint, workspace.profile.digest(), "keras"):
        assert fact in text


def test_figures_and_tables_of_the_results_name_their_runs(report, workspace):
    page = report[0].read_text()
    results = page[page.index('id="results"') : page.index('id="conclusion"')]
    captions = re.findall(r"<(?:fig)?caption>.*?</(?:fig)?caption>", results, flags=re.DOTALL)
    assert len(captions) >= 10
    assert all('class="runs"' in caption for caption in captions)
    named = set(re.findall(r"<code>runs/([^<]+)</code>", page))
    shown = {run.name for runs in workspace.runs().values() for run in runs}
    assert shown <= named
    assert all((workspace.runs_dir / name / "run.json").is_file() for name in named)


def test_a_log_of_the_report_is_short_and_ends_with_what_came_out(report, printed):
    lines = printed.read_text().replace("\r", "\n").splitlines()
    assert len(lines) <= 25
    place = lines.index(str(report[0]))
    page, pdf, headline, took, *suggestions = lines[place:]
    assert (page, pdf) == tuple(map(str, report))
    assert re.match(r"Plain training \d+\.\d% \[.*\] of \d+ tracks; ", headline)
    assert re.match(r"It took 0:\d\d:\d\d\. Next:", took)
    assert [" ".join(line.split()[:2]) for line in suggestions] == ["make lab", "make report"]


def test_nothing_in_a_notebook_looks_like_an_error(report):
    for path in (report[0].parent / "notebooks").iterdir():
        cells = nbformat.read(path, 4).cells
        assert not [o for c in cells for o in c.get("outputs", ()) if o.get("name") == "stderr"]


@pytest.mark.parametrize("name", ["gtzan_four", "a corpus"])
def test_after_a_report_two_commands_are_suggested_that_fit_it(name, tone_folder, tmp_path):
    data = ROOT / "report" / "published" / name if name == "gtzan_four" else tone_folder
    (lab, _), (further, _) = suggest(open_workspace(None, data, tmp_path), data)
    assert f"GENRE_DATA={data} make lab" in lab
    words = shlex.split(further)
    assert words[:2] == (["make", "report"] if name == "gtzan_four" else ["make", "publish"])
    assert (f"DATA={data}" in words) is (name != "gtzan_four")


def test_a_report_of_kept_runs_trains_nothing(report, runs_before):
    assert kept_runs() == runs_before


def test_a_second_report_executes_nothing_and_says_the_same(report, text):
    executed = sorted((report[0].parent / "notebooks").iterdir())
    times = [path.stat().st_mtime_ns for path in executed]
    page, _ = make_report("smoke", out=report[0].parent, home=ROOT)
    assert [path.stat().st_mtime_ns for path in executed] == times
    again = Page(page.read_text()).text
    times = r"Made on \S+ \S+|Duration of this call [0-9:]+"
    assert re.sub(times, "", again) == re.sub(times, "", text)


def test_other_runs_and_another_backend_are_noticed(workspace, monkeypatch):
    before = identify(workspace)
    assert identify(open_workspace("smoke", home=ROOT)) == before
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert identify(workspace) != before
    monkeypatch.undo()
    (run, *_) = workspace.planned()
    folder = workspace.kept.place(run)
    kept = folder.stat()
    os.utime(folder, ns=(kept.st_atime_ns, kept.st_mtime_ns + 1))
    assert identify(workspace) != before
    os.utime(folder, ns=(kept.st_atime_ns, kept.st_mtime_ns))


def test_published_results_give_the_same_report_without_audio(workspace, text, tmp_path):
    publish(workspace, tmp_path / "results")
    home = tmp_path / "home"
    page, pdf = make_report(out=tmp_path / "out", home=home, data=tmp_path / "results")
    rendered = Page(page.read_text()).text
    assert pdf.read_bytes().startswith(b"%PDF")
    for fact in ("rendered from published results in results", "audio is not distributed"):
        assert fact in rendered
        assert fact not in text
    assert "<audio" not in page.read_text()
    assert not home.exists()
    for phase, results in workspace.runs().items():
        shown = str(accuracy(pool(results)))
        assert rendered.count(shown) == text.count(shown) > 0, phase


def test_what_a_report_is_made_from_is_listed(tone_folder, tmp_path):
    space = open_workspace("smoke", tone_folder, tmp_path)
    (run, *_) = space.planned()
    space.kept.note_failure(run, "MemoryError: no room")
    facts = dict(describe(space, "0:00:07"))
    assert facts["Corpus"] == f"corpus {tone_folder.name}: 14 of 14 tracks used"
    assert facts["Fingerprint of the corpus"] == space.store.fingerprint
    assert facts["Runs"].startswith(f"0 of {len(space.planned())}; failed: {run}: MemoryError")
    assert facts["Duration of this call"] == "0:00:07"
    assert str(tmp_path) not in str(facts)


def test_another_profile_than_that_of_the_results_is_refused(tmp_path):
    results = ROOT / "report" / "published" / "gtzan_four"
    with pytest.raises(ValueError, match=r"'paper': the results in .* have the profile 'laptop'"):
        make_report("paper", results, tmp_path / "out")


def test_a_notebook_of_which_the_report_shows_nothing_is_not_run(tmp_path, monkeypatch):
    names = [path.stem for path in list_notebooks()]
    assert names == sorted(names)
    others = {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")} - {*names}
    assert others == {"10_try_your_own_song"}
    monkeypatch.setattr("genre_lib.binding.report.ROOT", tmp_path)
    (tmp_path / "notebooks").mkdir()
    cells = [new_code_cell("1", metadata={"tags": ["notebook-only"]}), new_code_cell("2")]
    for name, count in {"1_none": 1, "2_some": 2}.items():
        nbformat.write(new_notebook(cells=cells[:count]), tmp_path / "notebooks" / f"{name}.ipynb")
    assert [path.stem for path in list_notebooks()] == ["2_some"]


def test_a_package_without_notebooks_says_so_before_it_writes_anything(tmp_path, monkeypatch):
    monkeypatch.setattr("genre_lib.binding.report.ROOT", tmp_path / "site-packages")
    with pytest.raises(ReportError, match="clone the repository") as told:
        make_report("smoke", out=tmp_path / "out", home=tmp_path / "home")
    assert "\n" not in str(told.value)
    assert not list(tmp_path.iterdir())


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    bound = []
    monkeypatch.setattr("genre_lib.binding.report.run_notebooks", lambda *_: [])
    monkeypatch.setattr(
        "genre_lib.binding.report.bind", lambda _, out, **kw: bound.append(out) or ()
    )
    monkeypatch.setattr("genre_lib.binding.report.summarize", lambda _: Mock(line=""))
    monkeypatch.setattr("genre_lib.binding.report.page_one", lambda _: {})
    make_report(out="~/report", data=ROOT / "report" / "published" / "gtzan_mini")
    assert bound == [tmp_path / "report"]
    assert not (tmp_path / "~").exists()


def test_the_home_of_a_report_is_not_that_of_the_next_call(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "genre_lib.binding.report.run_notebooks",
        lambda *_: seen.append(os.environ["GENRE_HOME"]) or [],
    )
    monkeypatch.setattr("genre_lib.binding.report.bind", lambda *_, **__: ())
    monkeypatch.setattr("genre_lib.binding.report.summarize", lambda _: Mock(line=""))
    monkeypatch.setattr("genre_lib.binding.report.page_one", lambda _: {})
    results = {"data": ROOT / "report" / "published" / "gtzan_mini", "out": tmp_path}
    for given in (None, "before"):
        if given:
            monkeypatch.setenv("GENRE_HOME", given)
        make_report(home=tmp_path / "home", **results)
        assert os.environ.get("GENRE_HOME") == given
    assert seen == [str(tmp_path / "home")] * 2


def test_a_profile_from_a_file_reaches_kernels_and_provenance(tone_folder, tmp_path, monkeypatch):
    (tmp_path / "my-own.toml").write_text('base = "smoke"\nl2_lambdas = [0.001]\n')
    monkeypatch.chdir(tmp_path)
    calls, given = [], {"data": tone_folder, "out": tmp_path / "out", "home": tmp_path}
    monkeypatch.setattr("genre_lib.workspace.Workspace.complete", lambda self: None)
    monkeypatch.setattr("genre_lib.binding.report.summarize", lambda _: Mock(line=""))
    monkeypatch.setattr("genre_lib.binding.report.page_one", lambda _: {})
    monkeypatch.setattr("genre_lib.binding.report.run_notebooks", lambda *a: calls.append(a[2]))
    monkeypatch.setattr("genre_lib.binding.report.bind", lambda *_, **kw: calls.append(kw) or ())
    make_report("my-own.toml", **given)
    parameters, bound = calls
    # Kernels run in another folder, and the file may change before they read it.
    assert parameters["profile"] == {"base": "smoke", "name": "my-own", "l2_lambdas": [0.001]}
    profile = open_workspace(parameters["profile"], tone_folder, tmp_path).profile
    assert profile == get_profile(tmp_path / "my-own.toml")
    expected = 'base = "smoke"; name = "my-own"; l2_lambdas = [0.001]'
    assert dict(bound["provenance"])["Profile"] == f"my-own ({profile.digest()}): {expected}"


def test_after_a_report_with_a_profile_from_a_file_the_file_is_suggested(tone_folder, tmp_path):
    file = tmp_path / "my-own.toml"
    file.write_text('base = "smoke"\n')
    for command, _ in suggest(open_workspace(file, tone_folder, tmp_path), tone_folder, file):
        assert any(word.endswith(f"PROFILE={file}") for word in shlex.split(command))
